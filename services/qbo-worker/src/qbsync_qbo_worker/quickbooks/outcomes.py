"""From an answer to an outcome, by the catalogue's retry class (qbo-api, error codes)."""

from datetime import datetime, timedelta

from qbsync_qbo_worker.quickbooks.answers import Answer, Fault
from qbsync_shared.catalogue import RetryClass, explain
from qbsync_shared.connector import backoff
from qbsync_shared.kinds import Edition
from qbsync_shared.outcomes import Failed, NotProcessed, Outcome, Unknown, Waiting

THROTTLE_PAUSE = timedelta(seconds=60)
"""How long a realm rests after a 429 that does not say how long."""


_UNREAD = frozenset(
    {RetryClass.THROTTLED, RetryClass.NOT_PROCESSED, RetryClass.REAUTHORISE, RetryClass.CONNECTION}
)
"""The door was closed: it says nothing about the record, so no attempt is charged."""

_UNSURE = frozenset({"1000", "1010", "1020", "10000"})
"""QuickBooks broke while it worked on the call (qbo-api, error codes): to be sent again under the same id."""


def is_unknown(answer: Answer) -> bool:
    """Whether QuickBooks may or may not have applied the call.

    A 5xx may come after the write, and so may an answer that was cut or made by something on the way.
    """
    if answer.status >= 500 or answer.status in (408, 499) or not answer.readable:
        return True
    return answer.fault is not None and answer.fault.code in _UNSURE


def retry_class(fault: Fault) -> RetryClass:
    """The catalogue's class of a fault."""
    return explain(fault.code, Edition.ONLINE, text=fault.text).retry


def outcome_of(answer: Answer, *, now: datetime, attempts: int, spread: float) -> Outcome:
    """What a faulty answer to a write means. Success, and what needs a second look, is the caller's.

    Args:
        attempts: how often this sync was tried.
        spread: 0.0 to 1.0, random; spreads retries.
    """
    if is_unknown(answer):
        return Unknown(
            message=f"QuickBooks answered with HTTP {answer.status}; it may have applied the change."
        )
    fault = answer.fault
    assert fault is not None
    kind = retry_class(fault)
    if kind in _UNREAD:
        return NotProcessed(code=fault.code, message=fault.text)
    if kind is RetryClass.TRANSIENT:
        return Waiting(code=fault.code, message=fault.text, retry_at=now + backoff(attempts, spread))
    if kind is RetryClass.UNKNOWN_OUTCOME:
        return Unknown(message=fault.text)
    return Failed(code=fault.code, message=fault.text)
