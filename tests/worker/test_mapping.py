"""Every payload is one that QuickBooks Online takes, and what it holds reads back as it was written."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from qbsync_local.sandbox.online.jsonio import loads
from qbsync_qbo_worker.mapping import MAPPERS, payload_of
from qbsync_qbo_worker.quickbooks.client import encode
from qbsync_qbo_worker.quickbooks.matching import holds
from qbsync_shared.diff import IDENTITY, same
from qbsync_shared.entities import (
    Bill,
    CreditMemo,
    Customer,
    Entity,
    Estimate,
    Invoice,
    Item,
    Job,
    Payment,
    PurchaseOrder,
    RefundReceipt,
    SalesReceipt,
    TimeEntry,
    Vendor,
    parse_entity,
)
from qbsync_shared.kinds import Kind
from tests.sandbox.online.office import Office

DATA = Path(__file__).parents[1] / "data"
ENTITIES: dict[str, Any] = json.loads((DATA / "qbo-entities.json").read_text())
ENUMS: dict[str, Any] = json.loads((DATA / "qbo-enums.json").read_text())

words = st.text("abcdefgh äß-&'", min_size=1, max_size=20).map(str.strip).filter(bool)
maybe = st.none() | words
cents = st.integers(0, 10_000_00).map(lambda number: Decimal(number) / 100)
days = st.dates(date(2020, 1, 1), date(2030, 12, 31))
entry = st.sampled_from(["1", "2", "77"]).map(lambda number: {"quickbooks_id": number})
address = st.none() | st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("line1", "line2", "city", "state", "postal_code", "country"), words)
)
CONTACT = {
    "app_id": st.just("C-1"),
    "name": words,
    "company_name": maybe,
    "given_name": maybe,
    "family_name": maybe,
    "email": st.none() | st.just("office@oak.example"),
    "phone": st.none() | st.just("555-0100"),
    "mobile": st.none() | st.just("555-0101"),
    "fax": st.none() | st.just("555-0102"),
    "billing_address": address,
    "shipping_address": address,
    "notes": maybe,
    "active": st.booleans(),
}
customers = st.builds(
    Customer,
    **CONTACT,
    account_number=maybe,
    terms=st.none() | entry,
    tax_code=st.none() | entry,
)
jobs = st.builds(Job, **CONTACT, customer=entry)
items = st.builds(
    Item,
    app_id=st.just("I-1"),
    type=st.sampled_from(["service", "non_inventory", "other_charge", "inventory"]),
    name=words,
    description=maybe,
    unit_price=st.none() | cents,
    purchase_description=maybe,
    purchase_cost=st.none() | cents,
    sku=maybe,
    income_account=entry,
    expense_account=entry,
    asset_account=entry,
    tax_code=st.none() | entry | st.sampled_from(["TAX", "NON"]).map(lambda code: {"quickbooks_id": code}),
    active=st.booleans(),
)
lines = st.builds(
    lambda quantity, price, **given: {
        **given,
        "quantity": quantity,
        "unit_price": price,
        "amount": (quantity * price).quantize(Decimal("0.01"), ROUND_HALF_UP),
    },
    quantity=st.integers(1, 40).map(lambda number: Decimal(number) / 4),
    price=cents,
    line_id=st.uuids().map(str),
    item=entry,
    description=maybe,
    tax_code=st.none() | st.sampled_from([{"quickbooks_id": "TAX"}, {"quickbooks_id": "NON"}]),
    service_date=st.none() | days,
)
invoices = st.builds(
    Invoice,
    app_id=st.just("V-1"),
    number=maybe,
    customer=entry,
    job=st.none() | entry,
    date=days,
    due_date=st.none() | days,
    terms=st.none() | entry,
    memo=maybe,
    customer_message=maybe,
    billing_address=address,
    shipping_address=address,
    tax_total=st.none() | cents,
    lines=st.lists(lines, min_size=1, max_size=4, unique_by=lambda line: line["line_id"]),
)
SALE = {
    "number": maybe,
    "customer": entry,
    "job": st.none() | entry,
    "date": days,
    "memo": maybe,
    "customer_message": maybe,
    "billing_address": address,
    "shipping_address": address,
    "tax_total": st.none() | cents.filter(bool),
    "lines": st.lists(lines, min_size=1, max_size=4, unique_by=lambda line: line["line_id"]),
}
MONEY = {"method": st.none() | entry, "deposit_to": entry}
TEXTS = {"app_id": st.just("X-1")}
estimates = st.builds(Estimate, **TEXTS, **SALE, due_date=st.none() | days, terms=st.none() | entry)
receipts = st.builds(SalesReceipt, **TEXTS, **SALE, **MONEY, reference_number=maybe)
credit_memos = st.builds(CreditMemo, **TEXTS, **SALE)
refunds = st.builds(RefundReceipt, **TEXTS, **SALE, **MONEY)
payments = st.builds(
    Payment,
    **TEXTS,
    **MONEY,
    number=maybe,
    customer=entry,
    job=st.none() | entry,
    date=days,
    memo=maybe,
    amount=cents,
    applied=st.lists(st.fixed_dictionaries({"invoice": entry, "amount": cents}), max_size=3),
)
bought = st.builds(
    lambda by, **given: {**given, **by},
    by=entry.flatmap(lambda one: st.sampled_from([{"item": one}, {"account": one}])),
    line_id=st.uuids().map(str),
    description=maybe,
    amount=cents,
    customer=st.none() | entry,
    job=st.none() | entry,
)
PURCHASE = {
    "number": maybe,
    "vendor": entry,
    "date": days,
    "due_date": st.none() | days,
    "terms": st.none() | entry,
    "memo": maybe,
    "lines": st.lists(bought, min_size=1, max_size=4, unique_by=lambda line: line["line_id"]),
}
orders = st.builds(PurchaseOrder, **TEXTS, **PURCHASE, vendor_message=maybe, shipping_address=address)
bills = st.builds(Bill, **TEXTS, **PURCHASE)
times = st.builds(
    TimeEntry,
    **TEXTS,
    date=days,
    hours=st.integers(1, 24 * 60).map(lambda minutes: Decimal(minutes) / 60),
    employee=entry,
    customer=entry,
    item=st.none() | entry,
    billable=st.booleans(),
    notes=maybe,
)
vendors = st.builds(
    Vendor,
    **{key: value for key, value in CONTACT.items() if key not in ("notes", "shipping_address")},
    terms=st.none() | entry,
    account_number=maybe,
)
entities = st.one_of(
    customers,
    jobs,
    vendors,
    items,
    estimates,
    invoices,
    receipts,
    credit_memos,
    refunds,
    payments,
    orders,
    bills,
    times,
)


def fields_of(entity: Entity) -> set[str]:
    names = {field.alias or name for name, field in type(entity).model_fields.items()}
    return names - IDENTITY


def faults(payload: Any, kind: str, path: str) -> Iterator[str]:
    """Every property that QuickBooks does not know at its place, and every value outside its list."""
    for name, value in payload.items():
        if name == "sparse":
            continue
        rule = ENTITIES[kind].get(name)
        if rule is None:
            yield f"{path}.{name} is unknown to {kind}"
            continue
        if bool(rule.get("many")) != isinstance(value, list):
            yield f"{path}.{name} is {'not ' if rule.get('many') else ''}a list"
            continue
        for one in value if isinstance(value, list) else [value]:
            yield from value_faults(one, str(rule["type"]), f"{path}.{name}")


def value_faults(value: Any, kind: str, path: str) -> Iterator[str]:
    if kind == "ReferenceType":
        if set(value) - {"value", "name"}:
            yield f"{path} is no reference: {value}"
    elif kind in ENUMS:
        if value not in ENUMS[kind]:
            yield f"{path} may not be {value!r}"
    elif isinstance(value, dict):
        if kind not in ENTITIES:
            yield f"{path} is of a type that nobody knows: {kind}"
        else:
            yield from faults(value, kind, path)


def checked(entity: Entity, payload: dict[str, Any]) -> None:
    resource = MAPPERS[entity.of_kind].resource
    found = list(faults(payload, resource, resource))
    assert not found, found


@given(entity=entities)
def test_every_payload_of_a_create_is_known_to_quickbooks(entity: Entity) -> None:
    checked(entity, payload_of(entity, fields_of(entity), {}, creating=True))


@given(entity=entities, data=st.data())
def test_every_payload_of_an_update_is_known_to_quickbooks(entity: Entity, data: st.DataObject) -> None:
    fields = data.draw(st.sets(st.sampled_from(sorted(fields_of(entity)))))
    known = {line.line_id: str(n) for n, line in enumerate(getattr(entity, "lines", ()), 1)}
    checked(entity, payload_of(entity, fields, known, creating=False))


def test_the_check_itself_finds_an_unknown_property_and_a_wrong_value() -> None:
    assert list(faults({"Nickname": "x"}, "Customer", "Customer"))
    assert list(faults({"Line": [{"DetailType": "NoSuchDetail"}]}, "Invoice", "Invoice"))
    assert list(faults({"Line": [{"SalesItemLineDetail": {"Colour": "red"}}]}, "Invoice", "Invoice"))


numbers = count(1)
REFERENCES = {"customer", "job", "terms", "tax_code", "class"}


def kept(entity: Entity, read: dict[str, Any], leave: set[str]) -> None:
    """Every field that was written reads back the same."""
    written = entity.to_json()
    for field in written.keys() - IDENTITY - leave - {"lines"}:
        assert same(written[field], read.get(field), field=field), (field, written[field], read.get(field))
    for mine, theirs in zip(written.get("lines", []), read.get("lines", []), strict=True):
        for field in mine.keys() - {"line_id", "item", "tax_code", "customer", "job"}:
            assert same(mine[field], theirs.get(field), field=field), (field, mine, theirs)


quick = settings(
    max_examples=25,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@quick
@given(entity=customers.filter(lambda one: one.active))
def test_a_customer_reads_back_as_it_was_written(office: Office, entity: Customer) -> None:
    number = next(numbers)
    whole = entity.model_copy(update={"name": f"{entity.name} {number}", "terms": None, "tax_code": None})
    payload = payload_of(whole, fields_of(whole), {}, creating=True)
    made = office.create("Customer", **office_json(payload))
    read = MAPPERS[Kind.CUSTOMER].read(made)
    kept(whole, read, REFERENCES | {"account_number"})
    assert holds(made, payload)
    assert parse_entity(read)


@quick
@given(entity=invoices)
def test_an_invoice_reads_back_as_it_was_written(office: Office, entity: Invoice) -> None:
    number = next(numbers)
    customer = office.create("Customer", DisplayName=f"Customer {number}")
    account = office.create("Account", Name=f"Sales {number}"[:90], AccountType="Income")
    item = office.create(
        "Item", Name=f"Item {number}", Type="Service", IncomeAccountRef={"value": account["Id"]}
    )
    data = entity.to_json()
    data |= {"customer": {"quickbooks_id": customer["Id"]}, "number": str(number)[:21]}
    data = {key: value for key, value in data.items() if key not in ("job", "terms", "tax_total")}
    data["lines"] = [
        {**line, "item": {"quickbooks_id": item["Id"]}, "tax_code": {"quickbooks_id": "NON"}}
        for line in data["lines"]
    ]
    whole = parse_entity(data)
    payload = payload_of(whole, fields_of(whole), {}, creating=True)
    made = office.create("Invoice", **office_json(payload))
    read = MAPPERS[Kind.INVOICE].read(made)
    kept(whole, read, REFERENCES)
    assert holds(made, payload)
    other = {**payload, "TxnDate": "1999-01-01"}
    assert not holds(made, other)
    assert parse_entity(read)


@quick
@given(entity=st.one_of(estimates, receipts, credit_memos, refunds, payments, orders, bills, times, vendors))
def test_the_other_kinds_read_back_as_they_were_written(entity: Entity) -> None:
    """Without the simulator, whose references would have to exist: what is written is what a reading finds."""
    payload = office_json(payload_of(entity, fields_of(entity), {}, creating=True))
    for number, line in enumerate(payload.get("Line", []), 1):
        line["Id"] = str(number)
    read = MAPPERS[entity.of_kind].read({"Active": True, **payload})
    given_to_the_job = {"customer", "job"} if getattr(entity, "job", None) else set()
    rounded = {"hours"}
    kept(
        entity, read, given_to_the_job | rounded | {"total", "applied", "shipping_address", "billing_address"}
    )
    assert parse_entity(read).of_kind is entity.of_kind
    if isinstance(entity, TimeEntry):
        assert abs(Decimal(read["hours"]) - entity.hours) <= Decimal("0.0001")
    if isinstance(entity, Payment):
        assert [one["amount"] for one in read["applied"]] == [f"{one.amount:.2f}" for one in entity.applied]


def office_json(payload: dict[str, Any]) -> dict[str, Any]:
    """As it goes over the wire: numbers exact."""
    found: dict[str, Any] = loads(encode(payload).decode())
    return found
