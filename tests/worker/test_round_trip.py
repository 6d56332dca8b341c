"""Every kind reads back from QuickBooks Online as it was written, and again after an update to any other content."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from qbsync_qbo_worker.mapping import MAPPERS, payload_of
from qbsync_qbo_worker.quickbooks.matching import holds
from qbsync_shared.diff import IDENTITY, changed_fields, same
from qbsync_shared.entities import Entity, parse_entity
from qbsync_shared.kinds import Kind
from tests.sandbox.online.office import Office, amount_line, ref
from tests.worker.test_mapping import address, cents, checked, days, maybe, numbers, office_json, words

Json = dict[str, Any]
Known = dict[str, str]


def known(word: str) -> st.SearchStrategy[Json]:
    """A reference to a record of the office, by the word that stands for its id until it is known."""
    return st.just({"quickbooks_id": f"@{word}"})


def number() -> st.SearchStrategy[str]:
    return st.builds(lambda: f"n{next(numbers)}")


def priced(quantity: int, price: Decimal, **more: Any) -> Json:
    amount = (Decimal(quantity) / 4 * price).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return {"quantity": str(Decimal(quantity) / 4), "unit_price": str(price), "amount": str(amount), **more}


quarters = st.integers(1, 40)
texts = st.fixed_dictionaries({"description": words, "amount": st.just("0.00")})
sold = st.builds(
    priced,
    quarters,
    cents,
    item=known("item"),
    description=maybe,
    tax_code=st.sampled_from(["TAX", "NON"]).map(lambda code: {"quickbooks_id": code}),
    service_date=st.none() | days.map(str),
)
whose = {"customer": st.none() | known("customer"), "description": maybe, "class": st.none() | known("class")}
bought = st.builds(priced, quarters, cents, item=known("stock"), **whose)
spent = st.fixed_dictionaries({**whose, "account": known("supplies"), "amount": cents.map(str)})


def some(lines: st.SearchStrategy[Json]) -> st.SearchStrategy[list[Json]]:
    """Up to three lines with ids of their own."""
    return st.lists(lines, min_size=1, max_size=3).map(
        lambda found: [{**line, "line_id": str(place)} for place, line in enumerate(found, 1)]
    )


DOCUMENT = {"number": number(), "date": days.map(str), "memo": maybe}
SALE = {
    **DOCUMENT,
    "customer": known("customer"),
    "customer_message": maybe,
    "billing_address": address,
    "shipping_address": address,
    "lines": some(sold | texts),
}
TERMS = {"due_date": days.map(str), "terms": known("term")}
MONEY = {"method": known("method"), "deposit_to": known("checking")}
PURCHASE = {**DOCUMENT, **TERMS, "vendor": known("vendor"), "lines": some(bought | spent)}
CONTACT = {
    "name": number(),
    "company_name": maybe,
    "given_name": maybe,
    "family_name": maybe,
    "email": st.none() | st.just("office@oak.example"),
    "phone": st.none() | st.just("555-0100"),
    "billing_address": address,
}
ITEM = {
    "name": number(),
    "type": st.sampled_from(["service", "non_inventory"]),
    "description": maybe,
    "unit_price": cents.map(str),
    "income_account": known("services"),
    "purchase_description": maybe,
    "sku": maybe,
}
FORMS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "customer": {**CONTACT, "shipping_address": address, "notes": maybe, "terms": known("term")},
    "job": {**CONTACT, "customer": known("customer"), "notes": maybe},
    "vendor": {**CONTACT, "account_number": maybe, "terms": known("term")},
    "item": ITEM,
    "invoice": {**SALE, **TERMS},
    "estimate": {**SALE, **TERMS},
    "sales_receipt": {**SALE, **MONEY, "reference_number": maybe},
    "credit_memo": SALE,
    "refund_receipt": {**SALE, **MONEY},
    "payment": {
        **DOCUMENT,
        **MONEY,
        "customer": known("customer"),
        "amount": st.just("300.00"),
        "applied": st.lists(
            st.fixed_dictionaries({"invoice": known("open"), "amount": st.sampled_from(["1.00", "99.99"])}),
            max_size=1,
        ),
    },
    "purchase_order": {**PURCHASE, "vendor_message": maybe, "shipping_address": address},
    "bill": PURCHASE,
    "time_entry": {
        "date": days.map(str),
        "hours": st.integers(1, 24 * 60 // 15).map(lambda count: str(Decimal(count) / 4)),
        "vendor": known("vendor"),
        "customer": known("customer"),
        "item": known("item"),
        "billable": st.booleans(),
        "notes": maybe,
    },
}


@pytest.fixture
def refs(office: Office) -> Known:
    """What the records refer to: word -> id."""
    customer = office.create("Customer", DisplayName="Oak")
    supplies = office.account("Supplies")
    made = {
        "customer": customer,
        "vendor": office.create("Vendor", DisplayName="Stone Yard"),
        "item": office.service(),
        "stock": office.create("Item", Name="Stone", Type="NonInventory", ExpenseAccountRef=supplies),
        "class": office.create("Class", Name="North"),
        "open": office.invoice(customer, amount_line("100")),
    }
    named = {"supplies": "Supplies", "checking": "Checking", "services": "Services"}
    return {
        **{word: one["Id"] for word, one in made.items()},
        **{word: office.account(name)["value"] for word, name in named.items()},
        "term": ref(office.query("SELECT * FROM Term WHERE Name = 'Net 30'")["Term"][0])["value"],
        "method": office.query("SELECT * FROM PaymentMethod WHERE Name = 'Check'")["PaymentMethod"][0]["Id"],
    }


def placed(value: Any, refs: Known) -> Any:
    """With the ids in the places of their words, and without what has no value."""
    if isinstance(value, dict):
        return {key: placed(inner, refs) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [placed(inner, refs) for inner in value]
    return refs[value[1:]] if isinstance(value, str) and value.startswith("@") else value


def bare(value: Any) -> Any:
    """References by id alone, lines without their ids."""
    if isinstance(value, dict):
        if "quickbooks_id" in value:
            return {"quickbooks_id": value["quickbooks_id"]}
        return {key: bare(inner) for key, inner in value.items() if key != "line_id"}
    return [bare(inner) for inner in value] if isinstance(value, list) else value


def kept(entity: Entity, read: Json) -> None:
    """Every field of the record reads back the same, and one without a value is empty."""
    written, found = bare(entity.to_json()), bare(read)
    filled_in = {"total", "tax_total", "active", "purchase_cost"}  # by QuickBooks, where nothing was said
    fields = (written.keys() | found.keys()) - IDENTITY - filled_in - {"lines"}
    for field in fields:
        assert same(written.get(field), found.get(field), field=field), (field, written, found)
    for mine, theirs in zip(written.get("lines", []), found.get("lines", []), strict=True):
        for field in mine.keys() | theirs.keys():
            assert same(mine.get(field), theirs.get(field), field=field), (field, mine, theirs)


@pytest.mark.parametrize("kind", FORMS)
@settings(
    max_examples=12,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_record_reads_back_as_it_was_written(
    office: Office, refs: Known, kind: str, data: st.DataObject
) -> None:
    mapper, form = MAPPERS[Kind(kind)], st.fixed_dictionaries(FORMS[kind])

    def drawn(app_id: str) -> Entity:
        return parse_entity({"kind": kind, "app_id": app_id, **placed(data.draw(form), refs)})

    first, second = drawn("1"), drawn("1")
    payload = payload_of(first, changed_fields(None, first.to_json()), {}, creating=True)
    checked(first, payload)
    made = office.create(mapper.resource, **office_json(payload))
    read = mapper.read(made)
    kept(first, read)
    assert parse_entity(read)
    assert holds(made, payload)

    fields = changed_fields(first.to_json(), second.to_json())
    pairs = zip(first.to_json().get("lines", []), read.get("lines", []), strict=True)
    lines = {mine["line_id"]: theirs["line_id"] for mine, theirs in pairs}
    payload = payload_of(second, fields, lines, creating=False)
    checked(second, payload)
    changed = office.update(mapper.resource, made, **office_json(payload))
    kept(second, mapper.read(changed))
    assert holds(changed, payload)
    if mapper.resource == "Payment":
        office.delete("Payment", changed)  # its invoice is open again
