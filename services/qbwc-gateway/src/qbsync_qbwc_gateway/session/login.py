"""Who may open a session: the answers of authenticate (Programmer's Guide, chapter 10)."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from qbsync_qbwc_gateway.session.passwords import Passwords

GUESSES_A_MINUTE = 60
"""Wrong passwords from one address after which none is looked at for a minute."""

_ADDRESSES = 10_000


class Answer(StrEnum):
    """The second element of authenticate's answer; ``""`` means: use the company file that is open."""

    OPEN_FILE = ""
    NOTHING_TO_DO = "none"
    BAD_USER = "nvu"
    BUSY = "busy"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What to answer, and why, for the connection page."""

    answer: Answer
    why: str
    postpone: int = 0
    """Seconds by which an Auto-Run is put off."""


class Guesses:
    """Counts wrong passwords per address; in memory, since each replica sees its own share of the guessing."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, list[datetime]] = OrderedDict()

    def too_many(self, address: str, now: datetime) -> bool:
        """Whether this address has guessed too often within the last minute."""
        recent = [at for at in self._failures.get(address, []) if now - at < timedelta(minutes=1)]
        if recent:
            self._failures[address] = recent
        else:
            self._failures.pop(address, None)
        return len(recent) >= GUESSES_A_MINUTE

    def note(self, address: str, now: datetime) -> None:
        """One more."""
        self._failures.setdefault(address, []).append(now)
        while len(self._failures) > _ADDRESSES:
            self._failures.popitem(last=False)


async def is_allowed(
    login: Mapping[str, Any] | None, password: str, passwords: Passwords, now: datetime
) -> bool:
    """Whether user and password are right. While a user is locked only a password verified lately still opens."""
    if login is None:
        return await passwords.verify(None, password)
    stored: str = login["password_hash"]
    locked_until: datetime | None = login["locked_until"]
    if locked_until is not None and locked_until > now:
        return passwords.knows(stored, password)
    return await passwords.verify(stored, password)


def decide(
    login: Mapping[str, Any], *, now: datetime, plans: frozenset[str], read_every: timedelta
) -> Verdict:
    """What a user with the right password is answered."""
    if login["plan"] is None or login["edition"] != "desktop":
        return Verdict(answer=Answer.NOTHING_TO_DO, why="The tenant is not set up for QuickBooks Desktop.")
    if login["plan"] not in plans:
        return Verdict(answer=Answer.NOTHING_TO_DO, why="The plan does not include QuickBooks Desktop.")
    if login["paused"] or login["held"]:
        return Verdict(answer=Answer.BUSY, why="Paused")
    last_read: datetime | None = login["last_read_at"]
    due = last_read is None or now - last_read >= read_every
    if login["work"] or login["unfinished"] or login["busy"] or due:
        return Verdict(answer=Answer.OPEN_FILE, why="", postpone=_quiet_seconds(login, now))
    return Verdict(answer=Answer.NOTHING_TO_DO, why="Nothing to do")


def elements(login: Mapping[str, Any], ticket: str, verdict: Verdict) -> list[str]:
    """The answer of authenticate where there is work: two to four elements (chapter 10; qbwc-protocol.md, section 3).

    The ticket; the file to open, or ``""`` for the one that is open; seconds by which to put off, empty where there is
    work to do now; the least seconds between runs.
    """
    chosen, file = login["qwc"], ""
    if chosen.get("open_file") == "bound" and login["bound_at"] is not None:
        file = login["company_file"] or ""
    minimum = int(chosen.get("minimum_minutes", 0)) * 60
    numbers = [str(number) if number else "" for number in (verdict.postpone, minimum)]
    while numbers and not numbers[-1]:
        numbers.pop()
    return [ticket, file, *numbers]


def _quiet_seconds(login: Mapping[str, Any], now: datetime) -> int:
    """Seconds until the tenant's quiet hours end; 0 outside of them."""
    begin, end = login["qwc"].get("quiet_from"), login["qwc"].get("quiet_until")
    if not begin or not end:
        return 0
    local = now.astimezone(zone_named((login["settings"] or {}).get("time_zone")))
    clock = local.strftime("%H:%M")
    is_quiet = begin <= clock < end if begin < end else clock >= begin or clock < end
    if not is_quiet:
        return 0
    hour, minute = (int(part) for part in end.split(":"))
    until = local.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
    if until <= local:
        until += timedelta(days=1)
    return max(1, int(until.timestamp() - now.timestamp()))


def zone_named(name: object) -> tzinfo:
    """A time zone by its name, UTC where there is none of that name."""
    try:
        return ZoneInfo(str(name or "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


@dataclass(frozen=True, kw_only=True)
class VersionRules:
    """Which Web Connectors are warned (``W:``), told the version that they need (``O:``), or refused (``E:``)."""

    warn_below: str = "2.0"
    require: str = ""
    refuse: tuple[str, ...] = ()


def judge_version(version: str, rules: VersionRules) -> str:
    """The answer of clientVersion (chapter 10). Empty: go on; so does a version that cannot be read."""
    parts = _numbers(version)
    if version.strip() in rules.refuse:
        return f"E:qbsync does not work with version {version.strip()} of the QuickBooks Web Connector. Please install another."
    if parts and parts < _numbers(rules.require):
        return f"O:{rules.require}"
    if parts and parts < _numbers(rules.warn_below):
        return "W:This QuickBooks Web Connector is old. Please install the newest one from Intuit."
    return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
