"""What the wizard says about tenants, and the badge."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from qbsync_shared.kinds import Edition, Kind, Plan
from qbsync_shared.messages.base import Channel, Message, Version


class Mapping(BaseModel):
    """Which entry of a QuickBooks list stands for which word of the app."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Kind
    app_name: str
    quickbooks_id: str | None = None
    quickbooks_name: str | None = None


class TenantConfigured(Message):
    """A tenant was made or its settings or mappings changed. Own stream, last per subject, no age."""

    noun = "tenant"
    verb = "configured"
    fixed_channel = Channel.WIZARD

    version: Version
    name: str
    plan: Plan
    edition: Edition
    paused: bool = False
    settings: dict[str, Any] = Field(default_factory=dict)
    mappings: tuple[Mapping, ...] = ()


class TenantDeleted(Message):
    """A tenant is gone; its rows are to be erased everywhere."""

    noun = "tenant"
    verb = "deleted"
    fixed_channel = Channel.WIZARD

    version: Version


class BadgeChanged(Message):
    """How many review items wait, for the app to show."""

    noun = "badge"
    verb = "changed"
    fixed_channel = Channel.WIZARD

    version: Version
    waiting: int
    imports: int
    exports: int
