"""The gateway's settings."""

import uuid

from pydantic import Field

from qbsync_shared.settings import ServiceSettings, WebUrl

_OWNERS = uuid.UUID("7f3c2d52-6f2b-5d7c-9a53-0d1d3f6f7b11")

VERSION = r"^(\d{1,6}(\.\d{1,6}){0,5})?$"


def _own(data: dict[str, str]) -> str:
    return data.get("public_url", "")


class GatewaySettings(ServiceSettings):
    """What every service needs, and what the Web Connector is told."""

    wizard_url: WebUrl = Field(default_factory=_own)
    gateway_url: WebUrl = Field(default_factory=_own)
    worker_url: WebUrl = Field(default_factory=_own)
    log_url: WebUrl = Field(default_factory=_own)
    read_every_seconds: int = Field(default=60, ge=0, le=86_400)
    """How often QuickBooks is opened only to see what changed in it; a run with work reads as well."""
    session_idle_minutes: int = Field(default=30, ge=1, le=1_440)
    """A run that is silent for so long is over; what it had in flight is in doubt until the next run."""
    keep_sets_days: int = Field(default=30, ge=1, le=365)
    """How long message sets whose outcome is known are kept for support."""

    keep_runs_days: int = Field(default=30, ge=1, le=365)
    """How long runs of the Web Connector and their transcripts are kept; those in which nothing happened one day."""
    connector_warn_below: str = Field(default="2.0", pattern=VERSION)
    """Web Connectors older than this are warned, and go on."""
    connector_require: str = Field(default="", pattern=VERSION)
    """Web Connectors older than this are told that they need this version, and stop."""
    connector_refuse: tuple[str, ...] = ()
    """Versions of the Web Connector that do not work, as a JSON list."""

    @property
    def owner_id(self) -> str:
        """The OwnerID of this installation, in braces: one per application and address, the same for all tenants."""
        return f"{{{uuid.uuid5(_OWNERS, self.public_url)}}}"
