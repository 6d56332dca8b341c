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

_ID_IS_TAKEN = frozenset({"600"})
"""The requestid stands for another call: only a look can tell what became of this one."""

_BY_TYPE = {
    "authenticationfault": "HTTP 401",
    "authentication": "HTTP 401",
    "authorizationfault": "HTTP 403",
    "authorization": "HTTP 403",
    "systemfault": "HTTP 5xx",
}
"""The fault types that say more than that a value was wrong (qbo-api, faults), as the statuses that mean the same."""


def is_unknown(answer: Answer) -> bool:
    """Whether QuickBooks may or may not have applied the call.

    A 5xx may come after the write, and so may an answer that was cut or made by something on the way. So may a fault
    that says that QuickBooks broke while it worked on the call: the same bytes go out again under the same id.
    """
    if answer.status >= 500 or answer.status in (408, 499) or not answer.readable:
        return True
    fault = answer.fault
    if fault is None or fault.code in _ID_IS_TAKEN:
        return False
    return fault.type.lower() == "systemfault" or retry_class(fault) is RetryClass.UNKNOWN_OUTCOME


def retry_class(fault: Fault) -> RetryClass:
    """The catalogue's class of a fault; of a code that is not in it, that of its HTTP status or its type."""
    found = explain(fault.code, Edition.ONLINE, text=fault.text)
    if found.known or fault.code.startswith("HTTP "):
        return found.retry
    alike = f"HTTP {fault.status}" if fault.status in (401, 403, 429) else _BY_TYPE.get(fault.type.lower())
    return explain(alike, Edition.ONLINE).retry if alike else found.retry


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
