"""What became of one try. Expected failures are values; exceptions are for bugs and I/O."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Warned:
    """Something a person should know about a write that went through."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Succeeded:
    """QuickBooks has it.

    ``quickbooks_id`` is the ListID, TxnID or Id; ``token`` the EditSequence or SyncToken; ``returned`` what
    QuickBooks returned in the form of the contract's entity (``None`` where it returned ids only).
    """

    quickbooks_id: str
    token: str | None
    returned: dict[str, Any] | None = None
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Failed:
    """QuickBooks, or a rule, refused it; nothing was applied. A person acts, then presses Resync."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Nothing was applied; it goes again by itself at ``retry_at``, or when its cause is gone (``None``)."""

    code: str
    message: str
    retry_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Cancelled:
    """Nothing was applied and it goes back for review."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class NotProcessed:
    """QuickBooks never looked at it (Desktop's 3231, a throttled call): back to the queue, no attempt charged."""

    code: str = ""
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """It may or may not have been applied: it stays in flight and in doubt until that is settled."""

    message: str


@dataclass(frozen=True, kw_only=True)
class HandedOver:
    """An import was given to the app; its answer is awaited."""

    entity: dict[str, Any] = field(default_factory=dict)
    changed: tuple[str, ...] = ()


Outcome = Succeeded | Failed | Waiting | Cancelled | NotProcessed | Unknown | HandedOver
