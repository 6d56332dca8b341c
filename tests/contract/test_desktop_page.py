"""The page on QuickBooks Desktop says of each field of each kind which elements carry it, no more and no less."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pytest

from qbsync_qbwc_gateway.mapping import MAPPERS
from qbsync_qbwc_gateway.mapping.base import ADDRESS_PARTS, Books
from qbsync_qbwc_gateway.mapping.item import _READ, _WRITTEN
from qbsync_qbwc_gateway.mapping.lists import LISTS
from qbsync_shared import entities as records
from qbsync_shared.connector import LinkRow
from qbsync_shared.entities import AnyEntity, Entity, Reference
from qbsync_shared.kinds import Direction, Kind, matrix
from qbsync_shared.qbxml import load_elements
from tests.contract.forms import COMMON, fields_of
from tests.contract.markdown import names, page, rows

PAGE = page("docs/integrator/desktop.md")
WRITTEN = [kind for kind in MAPPERS if Direction.EXPORT in matrix()[kind].directions]
MODELS: dict[Kind, type[Entity]] = {
    model.model_fields["kind"].default: model
    for model in AnyEntity.__origin__.__args__  # type: ignore[attr-defined]
}
BOOKS = Books(non_taxable={"FullName": "Non"})
ALWAYS = {"ListID", "TxnID", "EditSequence", "TxnLineID", "FullName", "ExternalGUID"}
"""Identity and references' own parts: said once for all kinds."""
SHAPES = {f"Sales{one}Purchase{form}" for one in ("Or", "And") for form in ("", "Mod")}
"""What QuickBooks puts around the prices of items."""
PARTS: dict[str, Any] = {"sales line": records.SalesLine, "purchase line": records.PurchaseLine}


def values(**more: Any) -> dict[str, Any]:
    """A value of each form."""
    address = records.Address(**dict.fromkeys(records.Address.model_fields, "x"))
    named = Reference(quickbooks_id="1", name="one")
    plain = {"text": "1", "decimal": "1.00", "date": date(2026, 11, 2), "yes or no": True, "word": "service"}
    return {"reference": named, "address": address, **plain, **more}


def full_line(form: str) -> dict[str, Any]:
    line = {name: values()[of] for name, of, _ in fields_of(PARTS[form])}
    return {**line, "line_id": "1"}


def full(kind: Kind, **more: Any) -> Entity:
    """A record with every field; a purchase order has lines by item only."""
    known = values(word=more.pop("type", "non_inventory"))
    known |= {f"list of {form}": (full_line(form),) for form in PARTS}
    if kind is Kind.PURCHASE_ORDER:
        known["list of purchase line"] = ({**full_line("purchase line"), "account": None},)
    known["list of applied"] = ({"invoice": Reference(quickbooks_id="1"), "amount": "1.00"},)
    given = {name: known[form] for name, form, _ in fields_of(MODELS[kind])}
    given |= {"currency": "USD"} if "currency" in given else {}
    return MODELS[kind].model_validate({"app_id": "1", "revision": "1", **given, **more})


def link(entity: Entity) -> LinkRow:
    return LinkRow(
        tenant="oak", kind=entity.of_kind, app_id="1", quickbooks_id="1", version=1, token="1",
        sent=entity.to_json(), returned=entity.to_json(),
    )  # fmt: skip


def keys(content: Any) -> Iterator[str]:
    """Every element at any depth, but the parts of addresses, which are described once."""
    if isinstance(content, Mapping):
        for key, inner in content.items():
            if inner is not None and key not in ADDRESS_PARTS.values():
                yield key
                yield from keys(inner)
    elif isinstance(content, list | tuple):
        for member in content:
            yield from keys(member)


def created(entity: Entity) -> set[str]:
    return set(keys(MAPPERS[entity.of_kind].create(entity, BOOKS, "guid").content))


def carried(kind: Kind, field: str) -> set[str]:
    """The elements that say a field: those that a change of it alone puts into a Mod."""
    if kind is Kind.ITEM and field != "type":
        return set().union(*(_in_mod(entity, field) for entity in items())) - SHAPES
    entity = full(kind)
    if kind is Kind.TIME_ENTRY and field in ("hours", "employee", "vendor"):  # a Mod says them each time
        return {"Duration"} if field == "hours" else {"EntityRef"}
    if field in ("lines", "applied"):
        return {key.replace("Add", "Mod") for key in created(entity) if key.endswith(("LineAdd", "TxnAdd"))}
    if field == "type":
        return {f"{element}Add" for element in _WRITTEN.values()}
    return _in_mod(entity, field)


def _in_mod(entity: Entity, field: str) -> set[str]:
    update, was = MAPPERS[entity.of_kind].update, link(entity)
    said = set(keys(update(entity, (field,), was, BOOKS).content))
    return said - set(keys(update(entity, (), was, BOOKS).content)) - ALWAYS


def items() -> list[Entity]:
    """One of each sort that is written, and one that is only sold."""
    sold = {"purchase_description": None, "purchase_cost": None, "expense_account": None}
    return [*(full(Kind.ITEM, type=sort) for sort in _WRITTEN), full(Kind.ITEM, type="service", **sold)]


LINES: dict[str, tuple[Kind, str]] = {
    "invoices, sales receipts, credit memos": (Kind.INVOICE, "sales line"),
    "estimates": (Kind.ESTIMATE, "sales line"),
    "purchase orders": (Kind.PURCHASE_ORDER, "purchase line"),
    "bills, by item": (Kind.BILL, "purchase line"),
    "bills, by account": (Kind.BILL, "purchase line"),
}


def carried_by_line(name: str) -> dict[str, set[str]]:
    """Field -> elements, found by values that no other field has."""
    kind, form = LINES[name]
    drop = (
        "account"
        if name.endswith("item") or kind is Kind.PURCHASE_ORDER
        else "item"
        if kind is Kind.BILL
        else ""
    )
    said = {"quantity": "2", "unit_price": "3.00", "amount": "6.00", "service_date": "2026-11-03"}
    line: dict[str, Any] = {"line_id": "1"}
    for field, of, _ in fields_of(PARTS[form]):
        if field not in ("line_id", drop):
            line[field] = {"quickbooks_id": field} if of == "reference" else said.get(field, field)
    found: dict[str, set[str]] = {
        field: set() for field, _, _ in fields_of(PARTS[form]) if field != "line_id"
    }
    for rid in ("customer", "job"):  # one element for both: the job where there is one
        written = {**line, **({"job": None} if rid == "customer" and "job" in line else {})}
        request = MAPPERS[kind].create(full(kind, lines=[written]), BOOKS, "guid")
        (content,) = request.content.values()
        (block,) = next(inner for key, inner in content.items() if key.endswith("LineAdd") and inner)
        for element, value in block.items():
            shown = str(value.get("ListID") if isinstance(value, Mapping) else value)
            for field, given in line.items():
                if field in found and shown == str(
                    given.get("quickbooks_id") if isinstance(given, Mapping) else given
                ):
                    found[field].add(element)
    return found


def described(kind: Kind) -> dict[str, set[str]]:
    return {
        name: set(names(row[1])) for row in rows(PAGE.section(f"### {kind.value}")) for name in names(row[0])
    }


def tables(kind: Kind) -> dict[str, set[str]]:
    """Field -> elements, as the mappings have it."""
    return {name: carried(kind, name) for name, _, _ in fields_of(MODELS[kind]) if name not in COMMON}


@pytest.mark.parametrize("kind", WRITTEN)
def test_each_field_is_carried_by_the_elements_that_the_page_names(kind: Kind) -> None:
    assert described(kind) == tables(kind)


@pytest.mark.parametrize("name", LINES)
def test_each_field_of_a_line_is_carried_by_the_elements_that_the_page_names(name: str) -> None:
    table = rows(PAGE.section(f"### Lines of {name}"))
    assert {names(row[0])[0]: set(names(row[1])) for row in table} == carried_by_line(name)


@pytest.mark.parametrize("kind", WRITTEN)
def test_every_element_that_is_written_is_on_the_page(kind: Kind) -> None:
    said = set().union(*described(kind).values(), names(PAGE.section("## How it is sent")))
    for name in LINES:
        said |= set(names(PAGE.section(f"### Lines of {name}")))
    for entity in items() if kind is Kind.ITEM else [full(kind)]:
        request = MAPPERS[kind].create(entity, BOOKS, "guid")
        missing = {key for key in created(entity) - said if not key.endswith("LineAdd")}
        assert missing - set(names(PAGE.section(f"### {kind.value}"))) == set(), request.name


def test_every_element_on_the_page_exists_in_qbxml() -> None:
    known = set(load_elements().names()) | {
        field.name for name in load_elements().names() for field in load_elements().order(name)
    }
    for kind in WRITTEN:
        for field, elements in described(kind).items():
            assert elements <= known, (kind, field, elements - known)


def test_what_is_only_read_is_named() -> None:
    text = set(names(PAGE.section("## What is only read")))
    assert set(LISTS) | set(_READ) | {"EmployeeRet"} <= text
