"""What became of a write, judged by QuickBooks' status and the catalogue's retry class (qbxml.md, section 10)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from lxml import etree

from qbsync_qbwc_gateway.qbxml.reader import Responses, Result
from qbsync_shared.catalogue import RetryClass, explain
from qbsync_shared.connector import backoff
from qbsync_shared.kinds import Edition
from qbsync_shared.outcomes import Failed, NotProcessed, Outcome, Succeeded, Waiting, Warned

CONNECTION_PAUSE = timedelta(minutes=15)
"""What only an admin can put right is tried again this much later."""


class Why(StrEnum):
    """Why a record is read again before its sync is settled."""

    RECOVERED = "recovered"  # applied, QuickBooks told ids only
    STALE = "stale"  # 3200: somebody else wrote meanwhile
    RECONCILE = "reconcile"  # QuickBooks lost the outcome
    IMPORT = "import"  # an approved import is read at sync time
    CHECK = "check"  # link, or a Resync that has nothing to write


@dataclass(frozen=True, kw_only=True)
class ReadFirst:
    """Nothing can be settled before the record was read."""

    why: Why
    quickbooks_id: str | None = None
    token: str | None = None


class Read(Protocol):
    """Reads a ``*Ret``: id, EditSequence, entity."""

    def __call__(self, ret: etree._Element, /) -> tuple[str, str | None, dict[str, Any]]: ...


def judge(
    result: Result | None, *, first: bool, attempts: int, read: Read, now: datetime
) -> Outcome | ReadFirst:
    """What became of one write.

    Args:
        result: QuickBooks' answer; None where the response has none for this member.
        first: whether it is the first member of its set.
        attempts: how often the sync was tried, this time included.
        read: reads the record that came back.
        now: for the time of the next try.
    """
    if result is None:
        return ReadFirst(why=Why.RECONCILE)
    if result.applied:
        return _applied(result, read)
    return _refused(result, first=first, attempts=attempts, now=now)


def _refused(result: Result, *, first: bool, attempts: int, now: datetime) -> Outcome | ReadFirst:
    code, message = result.code, result.message
    guidance = explain(code, Edition.DESKTOP, text=message)
    if guidance.retry is RetryClass.NOT_PROCESSED and first:
        return Failed(code="QS-NOT-SUPPORTED", message=message or "QuickBooks does not process this request.")
    waits = {
        RetryClass.TRANSIENT: now + backoff(attempts),
        RetryClass.CONNECTION: now + CONNECTION_PAUSE,
    }
    if guidance.retry in waits:
        return Waiting(code=code, message=message, retry_at=waits[guidance.retry])
    others: dict[RetryClass, Outcome | ReadFirst] = {
        RetryClass.NOT_PROCESSED: NotProcessed(code=code, message=message),
        RetryClass.STALE: ReadFirst(why=Why.STALE),
        RetryClass.UNKNOWN_OUTCOME: ReadFirst(why=Why.RECONCILE),
    }
    return others.get(guidance.retry) or Failed(code=code, message=message or guidance.title)


def _applied(result: Result, read: Read) -> Outcome | ReadFirst:
    warnings: tuple[Warned, ...] = ()
    if result.severity == "Warn":
        warnings = (Warned(code=result.code, message=result.message),)
    if result.records:
        quickbooks_id, token, entity = read(result.records[0])
        return Succeeded(quickbooks_id=quickbooks_id, token=token, returned=entity, warnings=warnings)
    if result.recovery is not None:
        found = result.recovery
        return ReadFirst(why=Why.RECOVERED, quickbooks_id=found.quickbooks_id, token=found.token)
    return ReadFirst(why=Why.RECOVERED if result.code == "0" else Why.RECONCILE)


class SetFate(StrEnum):
    """What a refusal of a whole set means for its members."""

    SPLIT = "split"  # one member cannot be read: find it
    NOT_APPLIED = "not_applied"  # nothing was done; the session ends, all goes again later
    UNKNOWN = "unknown"  # recover


def set_fate(hresult: str) -> SetFate:
    """What follows from the HRESULT with which QuickBooks' request processor threw a set back."""
    guidance = explain(normal_hresult(hresult), Edition.DESKTOP)
    if not guidance.known or guidance.retry is RetryClass.UNKNOWN_OUTCOME:
        return SetFate.UNKNOWN
    return SetFate.SPLIT if guidance.retry is RetryClass.OURS else SetFate.NOT_APPLIED


def normal_hresult(text: str) -> str:
    """An HRESULT as the catalogue writes it: ``0x80040400``; a signed or unsigned number is converted."""
    text = text.strip()
    try:
        code = int(text, 16) if text.lower().startswith("0x") else int(text)
    except ValueError:
        return text[:40]
    return f"0x{code & 0xFFFFFFFF:08X}"


def kept_outcome_lost(responses: Responses) -> bool:
    """Whether QuickBooks says that it has no outcome of the set: all its members are then looked up."""
    return responses.set_status in ("600", "9001", "9002", "9005") and not responses.results
