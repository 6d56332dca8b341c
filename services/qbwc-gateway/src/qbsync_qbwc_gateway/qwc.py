"""The .qwc file, by which an application is added to the Web Connector (Programmer's Guide, chapter 4)."""

from datetime import timedelta
from typing import Annotated, Any, Literal
from xml.sax.saxutils import escape

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from qbsync_qbwc_gateway.session.model import Connector


def _plain(text: str) -> str:
    if any(ord(char) < 32 or 0xD800 <= ord(char) < 0xE000 or char in "\ufffe\uffff\x7f" for char in text):
        raise ValueError("has characters that cannot be shown")
    return text


Words = Annotated[
    str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True), AfterValidator(_plain)
]
Hour = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class QwcChoices(BaseModel):
    """What an admin may choose; all else is fixed by the connection. Guide, chapter 4; the last four: chapter 10.

    ``auth_flags`` adds up editions: 1 Simple Start, 2 Pro, 4 Premier, 8 Enterprise; 0 is all. ``run_every_seconds`` is
    for tests and demonstrations, and takes the place of the minutes. ``open_file``: a run takes the file that is open
    (``any``), or tells QuickBooks to open the bound one (``bound``). ``minimum_minutes`` is a lower limit for Auto-Run
    that needs no new file; from ``quiet_from`` to ``quiet_until`` (the tenant's time) Auto-Run is put off.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    app_name: Words | None = None
    app_id: Words | None = None
    app_display_name: Words | None = None
    app_unique_name: Words | None = None
    app_description: Words | None = None
    run_every_minutes: int = Field(default=30, ge=1, le=10_080)
    run_every_seconds: int | None = Field(default=None, ge=5, le=3_600)
    notify: bool = False
    is_read_only: bool = False
    auth_flags: str = Field(default="0x0", pattern=r"^0x[0-9A-Fa-f]$")
    personal_data: Literal["pdpNotNeeded", "pdpOptional", "pdpRequired"] = "pdpNotNeeded"
    unattended_mode: Literal["umpRequired", "umpOptional"] = "umpOptional"
    style: Literal["Document", "DocWrapped", "RPC"] = "Document"
    open_file: Literal["any", "bound"] = "any"
    minimum_minutes: int = Field(default=0, ge=0, le=1_440)
    quiet_from: Hour | None = None
    quiet_until: Hour | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> "QwcChoices":
        if (self.quiet_from is None) != (self.quiet_until is None) or (
            self.quiet_from is not None and self.quiet_from == self.quiet_until
        ):
            raise ValueError("Quiet hours need a beginning and another end.")
        return self

    @property
    def run_every(self) -> timedelta:
        """The time between two runs that the Web Connector is asked for."""
        asked = (
            timedelta(seconds=self.run_every_seconds)
            if self.run_every_seconds
            else timedelta(minutes=self.run_every_minutes)
        )
        return max(asked, timedelta(minutes=self.minimum_minutes))


def app_names(choices: QwcChoices, tenant: str) -> tuple[str, str]:
    """AppName and AppUniqueName: of the tenant's id unless chosen, so that several tenants fit on one PC, and stable."""
    name = f"qbsync {tenant}"
    return choices.app_name or name, choices.app_unique_name or name


def qwc_file(connector: Connector, choices: QwcChoices, *, public_url: str, tenant_name: str) -> str:
    """The file. Elements may stand in any order; IsReadOnly false means that qbsync writes."""
    name, unique_name = app_names(choices, connector.tenant)
    values: dict[str, Any] = {
        "AppName": name,
        "AppID": choices.app_id or "",
        "AppURL": f"{public_url}/qbwc",
        "AppDescription": choices.app_description or "Carries approved changes to and from QuickBooks.",
        "AppSupport": f"{public_url}/support/{connector.tenant}",
        "AppDisplayName": choices.app_display_name or choices.app_name or f"qbsync {tenant_name}"[:80],
        "AppUniqueName": unique_name,
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
    lines = [f"  <{tag}>{escape(str(value))}</{tag}>" for tag, value in values.items()]
    if choices.run_every_seconds is not None:
        every = f"<RunEveryNSeconds>{choices.run_every_seconds}</RunEveryNSeconds>"
    else:
        every = f"<RunEveryNMinutes>{choices.run_every_minutes}</RunEveryNMinutes>"
    schedule = f"  <Scheduler>{every}</Scheduler>"
    return "\n".join(['<?xml version="1.0"?>', "<QBWCXML>", *lines, schedule, "</QBWCXML>", ""])


def choices_of(connector: Connector) -> QwcChoices:
    """What was chosen for this connector."""
    return QwcChoices.model_validate(connector.qwc)


def _word(value: bool) -> str:
    return "true" if value else "false"
