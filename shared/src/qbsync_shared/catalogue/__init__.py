"""The error catalogue: what a code of QuickBooks, or of qbsync itself, means and what to do about it.

The codes are data (``desktop.toml``, ``online.toml``, ``any.toml``), shared by the retry policy, the guidance in the UI
and the docs. An unknown code falls back by its severity or fault type, visibly.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from qbsync_shared.kinds import Edition


class RetryClass(StrEnum):
    """What the queue does with a sync that got this code."""

    OK = "ok"
    WARNING = "warning"  # written, with a note
    TRANSIENT = "transient"  # again by itself, later, with back-off
    NOT_PROCESSED = "not_processed"  # back to the queue, no attempt charged
    UNKNOWN_OUTCOME = "unknown_outcome"  # in doubt: recover, never resend blindly
    STALE = "stale"  # re-read; repeat or back for review
    DEPENDENCY = "dependency"  # waits for, or fails with, a reference
    PERSON = "person"  # an office manager or bookkeeper acts, then Resync
    GONE = "gone"  # the linked object is gone: Clear ID or link
    NAME_TAKEN = "name_taken"  # rename, or link to the existing one
    CONNECTION = "connection"  # an admin acts on the connection; the queue is held
    THROTTLED = "throttled"  # the realm is paused, no attempt charged
    REAUTHORISE = "reauthorise"  # refresh the token, repeat once
    OURS = "ours"  # our bug or our validation gap: quarantined


class Action(StrEnum):
    """The buttons that fit."""

    RESYNC = "resync"
    CLEAR_ID = "clear_id"
    LINK = "link"
    OPEN_APP = "open_app"
    REVIEW = "review"
    CONNECTION = "connection"
    MAPPINGS = "mappings"
    SUPPORT = "support"


Scope = Literal["desktop", "online", "any"]


@dataclass(frozen=True, kw_only=True)
class Guidance:
    """One code: ``title`` and ``cause`` in plain words, numbered ``steps``, the ``actions`` that fit.

    ``known`` is false where the code is not in the catalogue and this is the fallback. ``verified`` is false where
    Intuit's own text could not be checked.
    """

    code: str
    scope: Scope
    title: str
    cause: str
    steps: tuple[str, ...]
    actions: tuple[Action, ...]
    retry: RetryClass
    verified: bool = True
    known: bool = True

    @property
    def needs_person(self) -> bool:
        """Whether somebody has to act before it can go through."""
        return self.retry not in (
            RetryClass.OK,
            RetryClass.TRANSIENT,
            RetryClass.NOT_PROCESSED,
            RetryClass.THROTTLED,
            RetryClass.UNKNOWN_OUTCOME,
            RetryClass.REAUTHORISE,
        )


@cache
def entries(scope: Scope) -> Mapping[str, Guidance]:
    """All codes of one edition, or qbsync's own under ``any``, in the order of the file."""
    table = tomllib.loads(files(__package__).joinpath(f"{scope}.toml").read_text("utf-8"))
    return {code: _guidance(code, scope, row) for code, row in table.items()}


def explain(code: str, edition: Edition, *, text: str = "") -> Guidance:
    """What a code means for an edition.

    Args:
        code: as QuickBooks gave it (``3100``, ``0x80040400``, ``6240``), or one of qbsync's own (``QS-...``).
        edition: whose code it is.
        text: QuickBooks' message; some codes mean different things by their wording.

    Returns:
        The entry; else, with ``known=False``, the entry of the range that holds the code (``500-999``, ``HTTP 5xx``)
        or the fallback entry ``*`` of the edition.
    """
    if code.startswith("QS-"):
        return entries("any")[code]
    table = entries(edition.value)
    wording = next((found for found in _by_wording(table, code) if found[1] in text.lower()), None)
    if wording is not None:
        return wording[0]
    found = table.get(code)
    if found is not None:
        return found
    fallback = _by_range(table, code) or table["*"]
    return Guidance(**{**fallback.__dict__, "code": code, "known": False})


def _by_wording(table: Mapping[str, Guidance], code: str) -> list[tuple[Guidance, str]]:
    """Entries such as ``3180~could not be locked``: this code with that wording."""
    prefix = f"{code}~"
    return [(entry, key.removeprefix(prefix)) for key, entry in table.items() if key.startswith(prefix)]


def _by_range(table: Mapping[str, Guidance], code: str) -> Guidance | None:
    """The entry of a range: Intuit gave the thousands of Desktop's codes a meaning, and HTTP its hundreds."""
    if code.startswith("HTTP 5"):
        return table.get("HTTP 5xx")
    if not code.isdecimal():
        return None
    for key, entry in table.items():
        low, dash, high = key.partition("-")
        if dash and low.isdecimal() and high.isdecimal() and int(low) <= int(code) <= int(high):
            return entry
    return None


def _guidance(key: str, scope: Scope, row: dict[str, Any]) -> Guidance:
    return Guidance(
        code=key.split("~", 1)[0],
        scope=scope,
        title=row["title"],
        cause=row["cause"],
        steps=tuple(row["steps"]),
        actions=tuple(Action(name) for name in row["actions"]),
        retry=RetryClass(row["retry"]),
        verified=row.get("verified", True),
    )
