"""What a mapping of one kind offers, and what it may refuse."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qbsync_shared.kinds import Kind

Json = dict[str, Any]


class IncompleteError(Exception):
    """QuickBooks Online demands what the record does not have. The text says what, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Mapper:
    """How one kind is written, read, and found again.

    ``write(entity, fields, lines, creating=...)`` gives the properties to send, without Id, SyncToken and sparse;
    ``read(record)`` gives the contract's entity as JSON values.

    Args:
        found_by: the property that holds its name or number, by which QuickBooks can be asked for it.
        party: the property of whom it is about; with the date it finds a transaction that has no number.
        void_by_update: voided by an update with ``include=void``, and not by an operation of its own (qbo-api, void).
    """

    kind: Kind
    resource: str
    write: Callable[..., Json]
    read: Callable[[Json], Json]
    found_by: str | None = "DocNumber"
    party: str | None = None
    void_by_update: bool = False
