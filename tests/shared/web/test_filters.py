"""How things are written on a page."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from markupsafe import Markup
from tests.browser.gallery import Settings

from qbsync_shared.clock import FrozenClock
from qbsync_shared.kinds import Edition, Kind, Operation
from qbsync_shared.web import Page, Pages, filters

NOW = datetime(2026, 11, 12, 9, 16, tzinfo=ZoneInfo("America/Los_Angeles"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (Decimal(0), "$0.00"),
        (Decimal("1240"), "$1,240.00"),
        (Decimal("-12.5"), "-$12.50"),
        (Decimal("0.005"), "$0.01"),
        (Decimal("1234567.894"), "$1,234,567.89"),
    ],
)
def test_money(value: Decimal | None, text: str) -> None:
    assert filters.money(value) == text


@pytest.mark.parametrize(
    ("count", "word", "text"),
    [
        (0, "invoice", "0 invoices"),
        (1, Kind.TIME_ENTRY, "1 time entry"),
        (7, Kind.TIME_ENTRY, "7 time entries"),
        (1_240, "entity", "1,240 entities"),
        (2, Kind.CLASS, "2 classes"),
        (2, Kind.TAX_CODE, "2 tax codes"),
    ],
)
def test_things(count: int, word: str, text: str) -> None:
    assert filters.things(count, word) == text


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_its_words(kind: Kind) -> None:
    assert "_" not in filters.kind(kind.value)
    assert filters.kind_title(kind)[0].isupper()


def test_words() -> None:
    assert [filters.operation(one) for one in Operation] == [
        "Create",
        "Update",
        "Void",
        "Delete",
        "Make inactive",
        "Link",
    ]
    assert filters.edition(Edition.ONLINE) == "QuickBooks Online"


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=4), "4 min ago"),
        (timedelta(hours=2), "2 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=3), "3 days ago"),
        (timedelta(days=9), "Nov 3"),
        (timedelta(days=400), "Oct 8, 2025"),
        (timedelta(seconds=-20), "in a moment"),
        (timedelta(minutes=-26), "in 26 min"),
    ],
)
def test_distance(before: timedelta, text: str) -> None:
    assert filters.distance(NOW - before, NOW) == text


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (timedelta(minutes=4), "Today, 09:12"),
        (timedelta(hours=16), "Yesterday, 17:16"),
        (timedelta(days=2), "Nov 10, 09:16"),
        (timedelta(days=-1), "Tomorrow, 09:16"),
    ],
)
def test_moment(before: timedelta, text: str) -> None:
    assert filters.moment(NOW - before, NOW) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.86, "0.9 s"), (2, "2 s"), (14, "14 s"), (200, "3 min"), (57_600, "16 h"), (200_000, "2 days")],
)
def test_duration(seconds: float, text: str) -> None:
    assert filters.duration(seconds) == text


def test_times_are_in_the_zone_of_the_page_and_say_when_exactly() -> None:
    pages = Pages("test", Settings(), clock=FrozenClock(NOW))
    at = datetime(2026, 11, 12, 6, 30, 5, tzinfo=UTC)
    template = pages.environment.from_string(
        "{{ at|when }} {{ at|date }} {{ day|date }} {{ none|when }}|{{ at|clock_seconds }}"
    )
    written = template.render(
        page=Page(title="", zone=ZoneInfo("America/Los_Angeles")),
        now=NOW,
        at=at,
        day=date(2026, 1, 2),
        none=None,
    )
    exact = 'datetime="2026-11-11T22:30:05-08:00" title="Nov 11, 2026, 22:30:05 PST"'
    assert written == f"<time {exact}>Yesterday, 22:30</time> Nov 11 Jan 2 |<time {exact}>22:30:05</time>"


def test_attributes_are_escaped() -> None:
    written = filters.attributes({"required": True, "hidden": False, "title": '"><script>', "id": None})
    assert written == Markup(' required title="&#34;&gt;&lt;script&gt;"')


def test_templates_escape_what_they_show() -> None:
    pages = Pages("test", Settings())
    template = pages.environment.from_string(
        '{{ ui.badge(evil) }}{{ ui.entity("invoice", evil, href=evil) }}{{ ui.field("a", evil, evil, error=evil) }}'
        '{{ ui.diff(evil, [{"label": evil, "before": evil, "after": evil}]) }}{{ ui.code_block("x", evil, evil, evil) }}'
    )
    written = template.render(evil='"><img src=x>')
    assert "<img" not in written
    assert '""' not in written.replace('value=""', "")
