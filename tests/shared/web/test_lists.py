"""Cursors and CSV."""

import base64
import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbsync_shared.web import ProblemError
from qbsync_shared.web.csv import cell, csv_response
from qbsync_shared.web.paging import Keyset

ORDER = Keyset(datetime, int, Decimal, str)
TIMES = st.datetimes(timezones=st.just(UTC))
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=2)
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


@given(st.tuples(TIMES, st.integers(-(1 << 62), 1 << 62), NUMBERS, TEXTS))
def test_a_cursor_comes_back_as_it_was(values: tuple[Any, ...]) -> None:
    cursor = ORDER.encode(values)
    assert cursor.isascii()
    assert not set(cursor) & set("=+/ ")
    assert ORDER.decode(cursor) == values


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_nonsense_is_a_problem_and_never_an_error(cursor: str) -> None:
    with pytest.raises(ProblemError) as caught:
        ORDER.decode(cursor)
    assert caught.value.status == 422


@pytest.mark.parametrize(
    "values",
    [
        [],
        ["2026-11-12T00:00:00+00:00", 1, "1.00"],
        ["2026-11-12T00:00:00", 1, "1.00", "a"],
        ["2026-11-12T00:00:00+00:00", 1.5, "1.00", "a"],
        ["2026-11-12T00:00:00+00:00", True, "1.00", "a"],
        ["2026-11-12T00:00:00+00:00", 1 << 70, "1.00", "a"],
        ["2026-11-12T00:00:00+00:00", 1, "NaN", "a"],
        ["2026-11-12T00:00:00+00:00", 1, "1.00", "a\x00"],
        {"a": 1},
    ],
    ids=str,
)
def test_values_of_another_kind_are_refused(values: Any) -> None:
    with pytest.raises(ProblemError, match="cursor does not fit"):
        ORDER.decode(base64.urlsafe_b64encode(json.dumps(values).encode()).decode())


def test_a_page_knows_whether_there_is_more() -> None:
    order = Keyset(int)
    page = order.page([1, 2, 3], limit=2, total=7, key=lambda row: (row,))
    assert (page.items, page.total) == ([1, 2], 7)
    assert order.after(page.next_cursor) == (2,)
    last = order.page([6, 7], limit=2, total=7, key=lambda row: (row,))
    assert last.model_dump() == {"items": [6, 7], "next_cursor": None, "total": 7}
    assert order.after(None) is None


@given(st.text())
def test_no_text_is_a_formula(text: str) -> None:
    written = cell(text)
    assert written.lstrip()[:1] not in {"=", "+", "-", "@"}
    assert written.removeprefix("'") == text or written == text


def test_numbers_stay_numbers() -> None:
    assert [cell(value) for value in (Decimal("-12.50"), -3, None, True)] == ["-12.50", "-3", "", "yes"]
    assert cell("-12.50") == "'-12.50"
    assert cell(datetime(2026, 11, 12, 9, 16, tzinfo=UTC)) == "2026-11-12 09:16:00+00:00"


async def test_a_long_table_is_streamed() -> None:
    async def rows() -> AsyncIterator[Sequence[Any]]:
        for number in range(1_201):
            yield (number, '=cmd|"/c calc"', 'Oak, "Sons"\nLLC')

    response = csv_response("syncs-2026-11-12.csv", ["Number", "Name", "Note"], rows())
    chunks = [chunk async for chunk in response.body_iterator]
    assert len(chunks) == 4
    table = list(csv.reader(io.StringIO(b"".join(map(bytes, chunks)).decode("utf-8-sig"), newline="")))
    assert table[0] == ["Number", "Name", "Note"]
    assert table[-1] == ["1200", '\'=cmd|"/c calc"', 'Oak, "Sons"\nLLC']
    assert len(table) == 1_202
    assert response.headers["content-disposition"] == 'attachment; filename="syncs-2026-11-12.csv"'


def test_a_file_name_cannot_break_out_of_its_header() -> None:
    async def none() -> AsyncIterator[Sequence[Any]]:
        return
        yield ()

    with pytest.raises(ValueError, match="file name"):
        csv_response('a"\r\nx: y.csv', [], none())
