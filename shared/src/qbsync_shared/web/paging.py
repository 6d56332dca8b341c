"""Lists in pages: a cursor that names the last row seen (keyset), so that page 1,000 costs what page 1 costs."""

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from qbsync_shared.web.problems import ProblemError

T = TypeVar("T")
LIMIT = 100
LONGEST = 1_000

Limit = Annotated[int, Query(ge=1, le=LONGEST, description="how many items at most")]
"""The parameter ``limit``; give it the default ``paging.LIMIT``."""

Cursor = Annotated[str | None, Query(max_length=1_000, description="next_cursor of the page before")]
"""The parameter ``cursor``."""


class Listing(BaseModel, Generic[T]):
    """The form of every list (contracts.md section 7). ``total`` counts all that match, not only these."""

    items: list[T]
    next_cursor: str | None
    total: int


class Keyset:
    """The columns that a list is ordered by, each with the type of its values: ``Keyset(datetime, str)``.

    A cursor is not signed: it can name no more than a place in the order, and its values are parameters of a query that is bound to the tenant anyway.
    Their number and types are checked.
    """

    def __init__(self, *types: type) -> None:
        self._readers = [_READERS[kind] for kind in types]

    def encode(self, values: Sequence[Any]) -> str:
        """The cursor for the row with these values."""
        text = json.dumps([_write(value) for value in values], separators=(",", ":"))
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def decode(self, cursor: str) -> tuple[Any, ...]:
        """The values. Raises :class:`ProblemError` (422) for anything that this list did not give out."""
        try:
            values = json.loads(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
            return tuple(read(value) for read, value in zip(self._readers, values, strict=True))
        except (ValueError, TypeError, InvalidOperation, RecursionError, binascii.Error) as error:
            member = {"in": "query", "name": "cursor", "detail": "not a cursor of this list"}
            raise ProblemError(
                422, "invalid", "The cursor does not fit", "Start again without a cursor.", errors=[member]
            ) from error

    def after(self, cursor: str | None) -> tuple[Any, ...] | None:
        """The same, and ``None`` for the first page."""
        return None if not cursor else self.decode(cursor)

    def page(
        self, rows: Sequence[T], limit: int, total: int, key: Callable[[T], Sequence[Any]]
    ) -> "Listing[T]":
        """A page from at most ``limit + 1`` rows: the one too many says that there is a next page."""
        shown = list(rows[:limit])
        more = len(rows) > limit
        return Listing(items=shown, next_cursor=self.encode(key(shown[-1])) if more else None, total=total)


def _write(value: Any) -> str | int | None:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    assert value is None or isinstance(value, str | int)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError("not a text")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 1 << 63:
        raise ValueError("not a whole number")
    return value


def _time(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment


def _decimal(value: Any) -> Decimal:
    number = Decimal(_text(value))
    if not number.is_finite():
        raise ValueError("not a number")
    return number


_READERS: dict[type, Callable[[Any], Any]] = {str: _text, int: _whole, datetime: _time, Decimal: _decimal}
