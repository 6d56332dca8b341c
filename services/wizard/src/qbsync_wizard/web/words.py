"""Values as people read them."""

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from qbsync_shared.entities import parse_entity
from qbsync_shared.ids import EntityKey
from qbsync_shared.kinds import Kind
from qbsync_shared.web.filters import amount as written_amount
from qbsync_shared.web.filters import day, things
from qbsync_wizard.domain.records import Json

Names = Mapping[EntityKey, str]
"""The names of records that others refer to by app id."""

_AMOUNTS = frozenset({"amount", "unit_price", "purchase_cost", "total", "tax_total"})
_DATES = frozenset({"date", "due_date", "service_date", "start_date", "end_date"})
_ADDRESS = ("line1", "line2", "line3", "line4", "line5", "city", "state", "postal_code", "country")
_REFERS = {
    "customer": Kind.CUSTOMER,
    "job": Kind.JOB,
    "vendor": Kind.VENDOR,
    "employee": Kind.EMPLOYEE,
    "item": Kind.ITEM,
    "invoice": Kind.INVOICE,
}


def value(field: str, given: Any, names: Names) -> str:
    """One value as text: ``Dec 2, 2026``, ``1,240.00``, the name of who is referred to, ``Yes``."""
    last = field.rpartition(".")[2]
    match given:
        case None | "":
            text = ""
        case bool():
            text = "Yes" if given else "No"
        case dict():
            text = _mapping(last, given, names)
        case list():
            text = things(len(given), "line")
        case _ if last in _AMOUNTS:
            text = written_amount(Decimal(str(given)))
        case _ if last in _DATES:
            text = written_date(str(given))
        case _:
            text = str(given)
    return text


def written_date(text: str) -> str:
    """``Dec 2, 2026``, always with its year."""
    found = dt.date.fromisoformat(text[:10])
    return day(found, dt.date(found.year + 1, 1, 1))


def _mapping(field: str, given: Json, names: Names) -> str:
    if given.get("name"):
        return str(given["name"])
    kind = _REFERS.get(field)
    if given.get("app_id"):
        return names.get(EntityKey(kind, given["app_id"]), given["app_id"]) if kind else str(given["app_id"])
    if given.get("quickbooks_id"):
        return str(given["quickbooks_id"])
    return ", ".join(str(given[part]) for part in _ADDRESS if given.get(part))


def references(*entities: Json | None) -> Iterator[EntityKey]:
    """The records of the app that these refer to."""
    for entity in entities:
        if entity:
            yield from parse_entity(entity).depends_on()
