"""Every document that is written fits Intuit's schema, and what QuickBooks returns reads back as what was sent."""

import os
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from qbsync_local.sandbox.desktop.seeding import run_requests
from qbsync_qbwc_gateway.mapping import MAPPERS, Books, guid_of
from qbsync_qbwc_gateway.mapping import read as read_record
from qbsync_qbwc_gateway.qbxml.reader import covers, read_responses
from qbsync_qbwc_gateway.qbxml.writer import Request, message_set, problems, unstorable
from qbsync_shared.connector import LinkRow
from qbsync_shared.entities import (
    Address,
    Applied,
    Bill,
    CreditMemo,
    Customer,
    Entity,
    Estimate,
    Invoice,
    Item,
    ItemType,
    Job,
    Payment,
    PurchaseLine,
    PurchaseOrder,
    Reference,
    SalesLine,
    SalesReceipt,
    TimeEntry,
    Vendor,
    parse_entity,
)
from qbsync_shared.kinds import Kind
from tests.gateway.desktop import Desktop

SCHEMA_FOLDER = os.environ.get("QBXML_XSD_DIR")
quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
BOOKS = Books(version=(16, 0), non_taxable={"FullName": "Non"})
LATIN = st.characters(
    min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=("Cc",), exclude_characters=":"
)


def words(longest: int) -> st.SearchStrategy[str]:
    return st.text(LATIN, min_size=1, max_size=longest).map(str.strip).filter(bool)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


money = st.decimals(Decimal("0"), Decimal("99999999.99"), places=2)
days = st.dates(date(2000, 1, 1), date(2099, 12, 31))
addresses = st.builds(
    Address,
    line1=maybe(words(41)),
    line2=maybe(words(41)),
    city=maybe(words(31)),
    state=maybe(words(21)),
    postal_code=maybe(words(13)),
)
contact: dict[str, Any] = {
    "name": words(41),
    "company_name": maybe(words(41)),
    "given_name": maybe(words(25)),
    "family_name": maybe(words(25)),
    "email": maybe(words(60)),
    "phone": maybe(words(21)),
    "mobile": maybe(words(21)),
    "fax": maybe(words(21)),
    "billing_address": maybe(addresses),
    "active": st.booleans(),
}
some_terms = maybe(st.just(Reference(name="Net 30")))
customers = st.builds(
    Customer,
    **contact,
    shipping_address=maybe(addresses),
    account_number=maybe(words(99)),
    notes=maybe(words(200)),
    terms=some_terms,
)
jobs = st.builds(
    Job,
    **contact,
    customer=st.just(Reference(quickbooks_id="80000001-1")),
    description=maybe(words(99)),
    start_date=maybe(days),
)
vendors = st.builds(Vendor, **contact, account_number=maybe(words(99)), terms=some_terms)
items = st.builds(
    Item,
    type=st.sampled_from([ItemType.SERVICE, ItemType.NON_INVENTORY, ItemType.OTHER_CHARGE]),
    name=words(31),
    description=maybe(words(200)),
    unit_price=maybe(money),
    income_account=st.just(Reference(name="Landscaping Services")),
    purchase_description=maybe(words(200)),
    purchase_cost=maybe(money),
    expense_account=maybe(st.just(Reference(name="Cost of Goods Sold"))),
    tax_code=maybe(st.just(Reference(name="Tax"))),
)


@st.composite
def lines(draw: st.DrawFn, line_id: str) -> SalesLine:
    quantity, price = draw(st.decimals("0.01", "999", places=2)), draw(st.decimals("0.01", "9999", places=2))
    exact = (quantity * price).quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")
    return SalesLine(
        line_id=line_id,
        item=Reference(quickbooks_id="80000002-1"),
        description=draw(maybe(words(200))),
        quantity=draw(maybe(st.just(quantity))),
        unit_price=price,
        amount=draw(st.just(exact) | money),
        tax_code=draw(maybe(st.just(Reference(name="Tax")))),
        service_date=draw(maybe(days)),
    )


@st.composite
def invoices(draw: st.DrawFn) -> Invoice:
    return Invoice(
        number=draw(maybe(words(11))),
        date=draw(days),
        due_date=draw(maybe(days)),
        customer=Reference(quickbooks_id="80000001-1"),
        memo=draw(maybe(words(200))),
        customer_message=draw(maybe(words(101))),
        po_number=draw(maybe(words(25))),
        billing_address=draw(maybe(addresses)),
        lines=tuple(draw(lines(str(n))) for n in range(draw(st.integers(1, 4)))),
    )


some_invoice = Reference(quickbooks_id="1A0-1234567890")


@st.composite
def sales(draw: st.DrawFn, model: type[Any] = Invoice) -> Any:
    """An estimate, sales receipt or credit memo: what an invoice has, as far as the kind knows it."""
    like = draw(invoices())
    own = {name: getattr(like, name) for name in Invoice.model_fields if name in model.model_fields}
    del own["kind"]
    if model is SalesReceipt:
        own |= {"method": Reference(name="Check"), "reference_number": draw(maybe(words(25)))}
        own["deposit_to"] = draw(maybe(st.just(Reference(name="Checking"))))
    return model(**own)


@st.composite
def payments(draw: st.DrawFn) -> Payment:
    return Payment(
        number=draw(maybe(words(20))),
        date=draw(days),
        customer=Reference(quickbooks_id="80000001-1"),
        memo=draw(maybe(words(200))),
        paid=draw(money),
        method=draw(maybe(st.just(Reference(name="Check")))),
        applied=draw(st.lists(st.builds(Applied, invoice=st.just(some_invoice), amount=money), max_size=2)),
    )


@st.composite
def purchase_lines(draw: st.DrawFn, line_id: str, *, accounts: bool) -> PurchaseLine:
    by_account = accounts and draw(st.booleans())
    return PurchaseLine(
        line_id=line_id,
        item=None if by_account else Reference(quickbooks_id="80000002-1"),
        account=Reference(name="Job Materials") if by_account else None,
        description=draw(maybe(words(200))),
        quantity=None if by_account else draw(maybe(st.decimals("0.01", "999", places=2))),
        unit_price=draw(maybe(money)),
        amount=draw(money),
        customer=draw(maybe(st.just(Reference(quickbooks_id="80000001-1")))),
    )


@st.composite
def purchases(draw: st.DrawFn, model: type[Any]) -> Any:
    numbers = range(draw(st.integers(1, 4)))
    accounts = model is Bill
    return model(
        number=draw(maybe(words(11))),
        date=draw(days),
        due_date=draw(maybe(days)),
        vendor=Reference(quickbooks_id="80000003-1"),
        memo=draw(maybe(words(200))),
        terms=draw(some_terms),
        lines=tuple(draw(purchase_lines(str(n), accounts=accounts)) for n in numbers),
    )


time_entries = st.builds(
    TimeEntry,
    date=days,
    hours=st.decimals("0", "999", places=2),
    employee=st.just(Reference(quickbooks_id="80000004-1")),
    customer=maybe(st.just(Reference(quickbooks_id="80000001-1"))),
    item=maybe(st.just(Reference(quickbooks_id="80000002-1"))),
    billable=st.booleans(),
    notes=maybe(words(200)),
)
flat_items = st.builds(
    Item,
    type=st.sampled_from([ItemType.INVENTORY, ItemType.DISCOUNT]),
    name=words(31),
    description=maybe(words(200)),
    unit_price=maybe(money),
    income_account=st.just(Reference(name="Landscaping Services")),
    expense_account=st.just(Reference(name="Cost of Goods Sold")),
    asset_account=st.just(Reference(name="Inventory Asset")),
    tax_code=maybe(st.just(Reference(name="Tax"))),
)
documents = (
    sales(Estimate)
    | sales(SalesReceipt)
    | sales(CreditMemo)
    | payments()
    | purchases(PurchaseOrder)
    | purchases(Bill)
    | time_entries
)
entities = customers | jobs | vendors | items | flat_items | invoices() | documents


@cache
def official() -> etree.XMLSchema:
    assert SCHEMA_FOLDER is not None
    return etree.XMLSchema(etree.parse(str(Path(SCHEMA_FOLDER) / "qbxmlops160.xsd")))


def check(request: Request) -> etree._Element:
    """The element, after our own table and, where it is there, Intuit's schema agreed."""
    element = request.element("r-1", BOOKS.version)
    assert problems(element) == []
    if SCHEMA_FOLDER:
        text = message_set([element], version=BOOKS.version, new_id="x" * 22)
        document = etree.fromstring(text.split("?>", 1)[1].encode())
        official().assertValid(document)
    return element


def link(entity: Entity, returned: dict[str, Any] | None = None) -> LinkRow:
    return LinkRow(
        tenant="oak",
        kind=entity.of_kind,
        app_id="A-1",
        quickbooks_id="80000001-1234567890",
        version=1,
        token="1234567890",
        sent=entity.to_json(),
        returned=returned if returned is not None else entity.to_json(),
    )


@quick
@given(entity=entities)
def test_every_add_fits_the_schema(entity: Entity) -> None:
    check(MAPPERS[entity.of_kind].create(entity, BOOKS, guid_of("s-1")))


@quick
@given(
    pair=customers.flatmap(lambda a: st.tuples(st.just(a), customers))
    | st.tuples(invoices(), invoices())
    | st.tuples(sales(Estimate), sales(Estimate))
    | st.tuples(sales(SalesReceipt), sales(SalesReceipt))
    | st.tuples(sales(CreditMemo), sales(CreditMemo))
    | st.tuples(payments(), payments())
    | st.tuples(purchases(PurchaseOrder), purchases(PurchaseOrder))
    | st.tuples(purchases(Bill), purchases(Bill))
    | st.tuples(time_entries, time_entries)
    | st.tuples(vendors, vendors)
)
def test_every_mod_fits_the_schema(pair: tuple[Entity, Entity]) -> None:
    before, after = pair
    fields = tuple(sorted(set(type(after).model_fields) - {"kind", "app_id", "revision"}))
    fields = tuple({"class_": "class", "paid": "amount"}.get(field, field) for field in fields)
    check(MAPPERS[after.of_kind].update(after, fields, link(before), BOOKS))


@quick
@given(before=items | flat_items, after=items | flat_items)
def test_every_mod_of_an_item_fits_the_schema(before: Item, after: Item) -> None:
    assume(before.type is after.type)
    fields = tuple(sorted(set(Item.model_fields) - {"kind", "app_id", "revision", "type"}))
    check(MAPPERS[Kind.ITEM].update(after, fields, link(before), BOOKS))


@pytest.mark.parametrize("kind", sorted(MAPPERS))
def test_queries_fit_the_schema(kind: Kind) -> None:
    check(MAPPERS[kind].by_id("80000001-1234567890"))


@quick
@given(st.text(max_size=200))
def test_what_cannot_be_stored_is_named(text: str) -> None:
    bad = unstorable(text)
    assert all(char not in bad for char in text if " " <= char <= "~")
    assert all(char in bad for char in text if ord(char) > 255)


def test_everything_on_the_wire_is_ascii() -> None:
    element = Request("CustomerAddRq", {"CustomerAdd": {"Name": "Zoë & Öl"}}).element("r", BOOKS.version)
    text = message_set([element], version=(13, 0))
    assert text.isascii()
    assert "Zo&#235; &amp; &#214;l" in text


async def test_what_was_sent_reads_back_as_the_same(desktop: Desktop) -> None:
    """Writer, simulated company, reader: the round trip keeps every field."""
    seen: set[str] = set()

    @quick
    @given(entity=customers | vendors | items)
    def round_trip(entity: Entity) -> None:
        if entity.label.casefold() in seen:
            return
        seen.add(entity.label.casefold())
        request = MAPPERS[entity.of_kind].create(entity, BOOKS, guid_of(entity.label))
        text = etree.tostring(request.element("r-1", BOOKS.version)).decode()
        (result,) = read_responses(run_requests(desktop.company, [text])).in_order
        if result.code != "0":
            assert result.code in ("3100", "3140", "3270", "3030"), (result.code, result.message, text)
            return
        record = read_record(result.records[0])
        assert record is not None
        returned = parse_entity(record.entity)
        sent = entity.to_json()
        for field, value in sent.items():
            if isinstance(value, dict) and "name" in value:
                assert record.entity[field]["name"] == value["name"]
            elif field in ("unit_price", "purchase_cost"):
                assert Decimal(record.entity[field]) == Decimal(value)
            elif value not in ({}, ""):
                assert record.entity.get(field) == value, field
        assert returned.of_kind is entity.of_kind

    round_trip()
    assert len(seen) > 5


def test_a_mod_that_was_applied_is_recognised() -> None:
    mod = etree.fromstring(
        "<CustomerMod><ListID>1</ListID><EditSequence>2</EditSequence><Phone>555</Phone>"
        "<BillAddress><City>Salem</City><State/></BillAddress></CustomerMod>"
    )
    held = "<CustomerRet><ListID>1</ListID><Phone>{}</Phone><BillAddress><City>Salem</City></BillAddress></CustomerRet>"
    assert covers(mod, etree.fromstring(held.format("555")))
    assert not covers(mod, etree.fromstring(held.format("556")))
