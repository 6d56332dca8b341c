"""Read a .qwc file as the Web Connector does (QBWC Programmer's Guide, chapter 4)."""

import re
from dataclasses import dataclass

from qbsync_shared.qbxml import XmlRefusedError, parse_xml

_GUID = re.compile(r"\{[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}")
_REQUIRED = ("AppName", "AppURL", "AppDescription", "AppSupport", "UserName", "OwnerID", "FileID", "QBType")


class QwcRefusedError(ValueError):
    """The Web Connector would not add this application; the text says why, with the QBWC code where there is one."""


@dataclass(frozen=True, slots=True)
class Qwc:
    """What a .qwc file says. `run_every_seconds` is None without a Scheduler."""

    app_name: str
    app_id: str
    app_url: str
    app_support: str
    user_name: str
    owner_id: str
    file_id: str
    read_only: bool
    run_every_seconds: int | None


def read_qwc(text: str) -> Qwc:
    """The content of a .qwc file. Raises QwcRefusedError for a missing element, a bad GUID or an address that QBWC refuses."""
    try:
        root = parse_xml(re.sub(r"^\s*<\?xml[^>]*\?>", "", text).encode(), max_bytes=100_000)
    except XmlRefusedError as error:
        raise QwcRefusedError(f"The .qwc file cannot be read: {error}") from error
    if root.tag != "QBWCXML":
        raise QwcRefusedError("The .qwc file is not a QBWCXML document.")
    values = {str(child.tag): (child.text or "").strip() for child in root if not len(child)}
    for name in _REQUIRED:
        if not values.get(name):
            raise QwcRefusedError(f"The .qwc file has no {name}.")
    if root.find("AppID") is None:
        raise QwcRefusedError("The .qwc file has no AppID (it may be empty).")
    for name in ("OwnerID", "FileID"):
        if _GUID.fullmatch(values[name]) is None:
            raise QwcRefusedError(f"{name} is not a GUID in braces.")
    if values["QBType"] != "QBFS":
        raise QwcRefusedError("QBType is not QBFS: this is QuickBooks, not the point of sale.")
    _check_addresses(values["AppURL"], values["AppSupport"])
    minutes, seconds = (
        root.findtext("Scheduler/RunEveryNMinutes"),
        root.findtext("Scheduler/RunEveryNSeconds"),
    )
    every = int(minutes) * 60 if minutes else int(seconds) if seconds else None
    return Qwc(
        values["AppName"], values.get("AppID", ""), values["AppURL"], values["AppSupport"], values["UserName"], values["OwnerID"],
        values["FileID"], read_only=values.get("IsReadOnly", "false").lower() == "true", run_every_seconds=every,
    )  # fmt: skip


def _check_addresses(app_url: str, support: str) -> None:
    """The URL rules of the guide's Appendix A; the loopback address counts as localhost here."""
    hosts = []
    for address in (app_url, support):
        match = re.match(r"(https?)://([^/:?#]+)", address)
        if match is None:
            raise QwcRefusedError("QBWC1010: AppURL and AppSupport must be web addresses.")
        if match[1] == "http" and match[2] not in ("localhost", "127.0.0.1"):
            raise QwcRefusedError("QBWC1010: the address must be https unless it is localhost.")
        if re.fullmatch(r"[0-9.]+", match[2]) and match[2] != "127.0.0.1":
            raise QwcRefusedError("QBWC1001: an IP address is not allowed.")
        hosts.append(match[2])
    if hosts[0] != hosts[1]:
        raise QwcRefusedError("QBWC1000: AppURL and AppSupport must be of the same domain.")
