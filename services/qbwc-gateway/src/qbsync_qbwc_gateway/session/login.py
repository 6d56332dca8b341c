"""Who may open a session: the answers of authenticate (Programmer's Guide, chapter 10)."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

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
        return Verdict(answer=Answer.OPEN_FILE, why="")
    return Verdict(answer=Answer.NOTHING_TO_DO, why="Nothing to do")
