"""The property tables agree with Intuit's, and a body is read against them."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.schema import Property, schema
from qbsync_local.sandbox.online.shape import read_body

DATA = Path(__file__).parents[2] / "data"
INTUIT = json.loads((DATA / "qbo-entities.json").read_text(encoding="utf-8"))
ENUMS = json.loads((DATA / "qbo-enums.json").read_text(encoding="utf-8"))
NAMES = {
    "MetaData": "ModificationMetaData",
    "Reference": "ReferenceType",
    "AccountingInfoPrefs": "CompanyAccountingPrefs",
    "DeliveryInfo": "TransactionDeliveryInfo",
}
TABLES = {name: entity.properties for name, entity in schema().entities.items()} | dict(schema().types)


@pytest.mark.parametrize("name", TABLES)
def test_every_property_exists_at_intuit(name: str) -> None:
    official = INTUIT[NAMES.get(name, name)]
    assert [own for own in TABLES[name] if own not in official] == []
    assert [own for own, known in TABLES[name].items() if known.many != official[own]["many"]] == []


@pytest.mark.parametrize("name", TABLES)
def test_every_choice_exists_at_intuit(name: str) -> None:
    for known in TABLES[name].values():
        kind = INTUIT[NAMES.get(name, name)][known.name]["type"]
        if known.choices and kind in ENUMS:
            assert set(known.choices) <= set(ENUMS[kind])


@pytest.mark.parametrize(
    ("body", "code", "element"),
    [
        ({"DisplayName": "A", "Nickname": "B"}, "2010", None),
        ({"BillAddr": {"Street": "1"}}, "2010", None),
        ({"DisplayName": "x" * 501}, "2050", "DisplayName"),
        ({"PrimaryPhone": {"FreeFormNumber": "1" * 31}}, "2050", "FreeFormNumber"),
        ({"Active": "perhaps"}, "2230", "Active"),
        ({"OpenBalanceDate": "02.11.2026"}, "2060", "OpenBalanceDate"),
        ({"Level": "1.5"}, None, None),  # read only: ignored once it can be read
        ({"ParentRef": {"name": "no id"}}, "2020", "ParentRef.value"),
        ({"PreferredDeliveryMethod": "Pigeon"}, "2170", "PreferredDeliveryMethod"),
        ({"BillAddr": "1 Elm St"}, "2010", None),
        ({"DisplayName": ["a"]}, "2010", None),
        (["no object"], "2010", None),
    ],
)
def test_a_wrong_body_gets_its_code(body: object, code: str | None, element: str | None) -> None:
    read = read_body(schema().entities["Customer"], body)
    if code is None:
        assert isinstance(read, Fault)
        assert read.code == "2080"
        return
    assert isinstance(read, Fault)
    assert (read.code, read.element) == (code, element)


@pytest.mark.parametrize("number", ["abc", "NaN", "Infinity", True, "1e40"])
def test_an_amount_must_be_a_number(number: object) -> None:
    read = read_body(schema().entities["Payment"], {"TotalAmt": number})
    assert isinstance(read, Fault)
    assert read.code == "2100"


def test_a_text_that_holds_a_number_is_read_as_one() -> None:
    assert read_body(schema().entities["Payment"], {"TotalAmt": "12.50"}) == {"TotalAmt": Decimal("12.50")}


def test_the_detail_of_a_length_names_field_limit_and_length() -> None:
    read = read_body(schema().entities["Invoice"], {"DocNumber": "1" * 30})
    assert isinstance(read, Fault)
    assert "Min:0, Max:21, supplied length: 30" in read.detail
    assert read.element == "DocNumber"


def test_read_only_properties_may_be_sent_back() -> None:
    sent = {
        "DisplayName": "A",
        "Balance": 12,
        "MetaData": {"CreateTime": "2026-11-02T12:00:00Z"},
        "domain": "QBO",
    }
    assert read_body(schema().entities["Customer"], sent) == {"DisplayName": "A"}


def test_forms_are_all_known() -> None:
    scalars = {"text", "decimal", "integer", "boolean", "date", "time", "enum", "ref"}

    def fits(known: Property) -> bool:
        return known.form in scalars | set(schema().types)

    assert all(fits(known) for properties in TABLES.values() for known in properties.values())
