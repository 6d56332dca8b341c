"""Tables as CSV, streamed row by row, so that a million rows need no memory."""

import csv
import io
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from starlette.responses import StreamingResponse

_FORMULA = re.compile(r"^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]")
_CHUNK = 500


def cell(value: Any) -> str:
    """One value as text. What a spreadsheet would run as a formula gets an apostrophe in front; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    text = str(value)
    return f"'{text}" if _FORMULA.match(text) else text


def write(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as CSV (RFC 4180) in UTF-8."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows([cell(value) for value in row] for row in rows)
    return buffer.getvalue().encode()


async def _stream(columns: Sequence[str], rows: AsyncIterable[Sequence[Any]]) -> AsyncIterator[bytes]:
    # the mark tells Excel that it is UTF-8
    yield b"\xef\xbb\xbf" + write([columns])
    waiting: list[Sequence[Any]] = []
    async for row in rows:
        waiting.append(row)
        if len(waiting) == _CHUNK:
            yield write(waiting)
            waiting.clear()
    if waiting:
        yield write(waiting)


def csv_response(
    filename: str, columns: Sequence[str], rows: AsyncIterable[Sequence[Any]]
) -> StreamingResponse:
    """A download. ``filename`` has only letters, digits, ``.``, ``_`` and ``-`` (``ValueError``); ``columns`` are the headings of the page."""
    if not re.fullmatch(r"[\w.-]+", filename, re.ASCII):
        raise ValueError(f"not a safe file name: {filename!r}")
    headers = {"content-disposition": f'attachment; filename="{filename}"', "cache-control": "no-store"}
    return StreamingResponse(_stream(columns, rows), media_type="text/csv; charset=utf-8", headers=headers)
