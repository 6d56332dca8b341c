"""The .qwc file, by which an application is added to the Web Connector (Programmer's Guide, chapter 4)."""

from typing import Annotated, Any, Literal
from xml.sax.saxutils import escape

from pydantic import BaseModel, ConfigDict, Field

from qbsync_qbwc_gateway.session.model import Connector

Words = Annotated[str, Field(min_length=1, max_length=80)]


class QwcChoices(BaseModel):
    """What an admin may choose; all else is fixed by the connection."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    app_name: Words | None = None
    app_display_name: Words | None = None
    app_unique_name: Words | None = None
    app_description: Words | None = None
    run_every_minutes: int = Field(default=30, ge=1, le=10_080)
    notify: bool = False
    is_read_only: bool = False
    auth_flags: str = Field(default="0x0", pattern=r"^0x[0-9A-Fa-f]$")
    personal_data: Literal["pdpNotNeeded", "pdpOptional", "pdpRequired"] = "pdpNotNeeded"
    unattended_mode: Literal["umpRequired", "umpOptional"] = "umpOptional"
    style: Literal["Document", "DocWrapped", "RPC"] = "Document"


def qwc_file(connector: Connector, choices: QwcChoices, *, public_url: str, tenant_name: str) -> str:
    """The file. Elements may stand in any order; IsReadOnly false means that qbsync writes."""
    name = choices.app_name or f"qbsync {tenant_name}"[:80]
    values: dict[str, Any] = {
        "AppName": name,
        "AppID": "",
        "AppURL": f"{public_url}/qbwc",
        "AppDescription": choices.app_description or "Carries approved changes to and from QuickBooks.",
        "AppSupport": f"{public_url}/support/{connector.tenant}",
        "AppDisplayName": choices.app_display_name,
        "AppUniqueName": choices.app_unique_name,
        "UserName": connector.username,
        "OwnerID": connector.owner_id,
        "FileID": connector.file_id,
        "QBType": "QBFS",
        "PersonalDataPref": choices.personal_data,
        "UnattendedModePref": choices.unattended_mode,
        "AuthFlags": choices.auth_flags,
        "Notify": _word(choices.notify),
        "IsReadOnly": _word(choices.is_read_only),
        "Style": choices.style,
        "CertURL": f"{public_url}/qbwc",
    }
    lines = [f"  <{tag}>{escape(str(value))}</{tag}>" for tag, value in values.items() if value is not None]
    schedule = f"  <Scheduler><RunEveryNMinutes>{choices.run_every_minutes}</RunEveryNMinutes></Scheduler>"
    return "\n".join(['<?xml version="1.0"?>', "<QBWCXML>", *lines, schedule, "</QBWCXML>", ""])


def choices_of(connector: Connector) -> QwcChoices:
    """What was chosen for this connector."""
    return QwcChoices.model_validate(connector.qwc)


def _word(value: bool) -> str:
    return "true" if value else "false"
