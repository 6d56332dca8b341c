"""How numbers, money, times and kinds are written on a page. The words are those of the design (``sentence case``, US English)."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from qbsync_shared.kinds import Edition, Kind, Operation
from qbsync_shared.money import cents

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_IRREGULAR = {"entity": "entities", "time entry": "time entries", "entry": "entries", "class": "classes"}
_OPERATIONS = {Operation.DEACTIVATE: "Make inactive"}


def money(value: Decimal | None) -> str:
    """``$1,240.00``, ``-$12.50``; nothing for no amount."""
    if value is None:
        return ""
    return f"{'-' if value < 0 else ''}${amount(abs(value))}"


def amount(value: Decimal | None) -> str:
    """``1,240.00``, for columns whose heading already says dollars."""
    return "" if value is None else f"{cents(value):,f}"


def number(value: int | Decimal) -> str:
    """``1,284``."""
    return f"{value:,}"


def plural(word: str) -> str:
    """``invoice`` to ``invoices``, ``time entry`` to ``time entries``."""
    return _IRREGULAR.get(word, f"{word}s")


def things(count: int, word: str | Kind) -> str:
    """A count with its word: ``7 invoices``, ``1 change``, ``1,240 entities``."""
    word = word.label if isinstance(word, Kind) else word
    return f"{count:,} {word if count == 1 else plural(word)}"


def kind(value: Kind | str) -> str:
    """The word for a kind inside a sentence: ``sales receipt``."""
    return Kind(value).label


def kind_title(value: Kind | str) -> str:
    """The word for a kind at the start of a line: ``Sales receipt``."""
    return kind(value).capitalize()


def operation(value: Operation | str) -> str:
    """What will happen, as a button says it: ``Create``, ``Update``, ``Make inactive``."""
    value = Operation(value)
    return _OPERATIONS.get(value, value.value.capitalize())


def edition(value: Edition | str) -> str:
    """``QuickBooks Desktop`` or ``QuickBooks Online``."""
    return f"QuickBooks {Edition(value).value.capitalize()}"


def day(value: date | None, today: date) -> str:
    """``Nov 2``, with the year if it is another one than today's."""
    if value is None:
        return ""
    text = f"{value:%b} {value.day}"
    return text if value.year == today.year else f"{text}, {value.year}"


def exact(value: datetime) -> str:
    """``Nov 12, 2026, 08:55:31 PST``: the form that is never ambiguous."""
    return f"{value:%b} {value.day}, {value.year}, {value:%H:%M:%S %Z}"


def moment(value: datetime, now: datetime) -> str:
    """The clock today (``Today, 09:12``), the date before (``Nov 10, 14:12``). Both in the same zone."""
    if value.date() == now.date():
        return f"Today, {value:%H:%M}"
    if value.date() == now.date() - timedelta(days=1):
        return f"Yesterday, {value:%H:%M}"
    if value.date() == now.date() + timedelta(days=1):
        return f"Tomorrow, {value:%H:%M}"
    return f"{day(value.date(), now.date())}, {value:%H:%M}"


def distance(value: datetime, now: datetime) -> str:
    """How long ago or how far ahead: ``4 min ago``, ``in 26 min``, ``yesterday``; a date beyond a week."""
    seconds = round((now - value).total_seconds())
    ahead, seconds = seconds < 0, abs(seconds)
    if seconds < _MINUTE:
        return "in a moment" if ahead else "just now"
    if seconds < _HOUR:
        span = f"{seconds // _MINUTE} min"
    elif seconds < _DAY:
        span = f"{seconds // _HOUR} h"
    elif seconds < 7 * _DAY:
        span = things(seconds // _DAY, "day")
    else:
        return day(value.date(), now.date())
    return f"in {span}" if ahead else f"{span} ago"


def duration(seconds: float) -> str:
    """``0.9 s``, ``14 s``, ``3 min``, ``16 h``, ``2 days``."""
    if seconds < 10:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min"
    if seconds < _DAY:
        return f"{seconds // _HOUR:.0f} h"
    return things(int(seconds // _DAY), "day")


def _zone(context: Context) -> tzinfo:
    page = context.get("page")
    return page.zone if page else UTC


def _now(context: Context) -> datetime:
    now = context["now"]
    assert isinstance(now, datetime)
    return now.astimezone(_zone(context))


def _tag(value: datetime, text: str) -> Markup:
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        value.isoformat(timespec="seconds"), exact(value), text
    )


def _in_zone(write: Callable[[datetime, datetime], str]) -> Callable[[Context, datetime | None], Markup]:
    @pass_context
    def filter_(context: Context, value: datetime | None) -> Markup:
        if value is None:
            return Markup("")
        local = value.astimezone(_zone(context))
        return _tag(local, write(local, _now(context)))

    return filter_


@pass_context
def date_filter(context: Context, value: date | None) -> str:
    """A date, or the day of a moment in the page's zone."""
    if isinstance(value, datetime):
        value = value.astimezone(_zone(context)).date()
    return day(value, _now(context).date())


def attributes(values: dict[str, Any] | None) -> Markup:
    """HTML attributes from a mapping; ``True`` makes a bare one, ``None`` and ``False`` leave it out."""
    written = Markup()
    for name, value in (values or {}).items():
        if value is True:
            written += Markup(" {}").format(name)
        elif value is not None and value is not False:
            written += Markup(' {}="{}"').format(name, value)
    return written


FILTERS: dict[str, Callable[..., Any]] = {
    "money": money,
    "amount": amount,
    "number": number,
    "plural": plural,
    "things": things,
    "kind": kind,
    "kind_title": kind_title,
    "operation": operation,
    "edition": edition,
    "duration": duration,
    "date": date_filter,
    "when": _in_zone(moment),
    "ago": _in_zone(distance),
    "clock": _in_zone(lambda value, _: f"{value:%H:%M}"),
    "clock_seconds": _in_zone(lambda value, _: f"{value:%H:%M:%S}"),
    "exact": _in_zone(lambda value, _: exact(value)),
    "attributes": attributes,
}
"""All filters by the name that templates use. ``when``, ``ago``, ``clock`` and ``exact`` give a ``<time>`` with the exact time in its
title, in the zone of the page; ``None`` gives nothing."""
