"""What a company's own books ask of each document: its currency, and tax codes outside the US."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from qbsync_qbo_worker.mapping.company import Company, fitted
from qbsync_shared.clock import FrozenClock
from qbsync_shared.ids import MakeId
from qbsync_shared.outcomes import Failed
from tests.conftest import MakeDatabase
from tests.worker.desk import Desk, Json, T, customer, invoice, item

STANDARD, EXEMPT = {"name": "Standard"}, "4"
ABROAD = Company(country="GB", currency="GBP", non_taxable=EXEMPT)


@pytest.fixture
async def desk(
    database: MakeDatabase, simulator_url: str, clock: FrozenClock, make_id: MakeId
) -> AsyncIterator[Desk]:
    """A desk at a company in Great Britain that keeps books in several currencies, VAT 20 %."""
    desk = Desk(await database("worker", "qbsync_qbo_worker"), simulator_url, clock, make_id)
    made = desk.control.post("/companies", json={"country": "GB", "tax_rate": "20"})
    desk.realm = made.json()["realm"]
    desk.by_hand("Preferences", "update", id="1", record={"CurrencyPrefs": {"MultiCurrencyEnabled": True}})
    await desk.connect()
    yield desk
    desk.control.close()
    await desk.client.aclose()


def sold(line_id: str, code: Json | None = None) -> Json:
    line = {**invoice()["lines"][0], "line_id": line_id}
    return line | {"tax_code": code} if code else line


async def settled(desk: Desk, entity: Json, **changes: Any) -> tuple[str, str | None]:
    sync = await desk.approve(entity, **changes)
    await desk.run()
    return await desk.state(sync)


async def test_a_sale_outside_the_us_is_taxed_by_the_codes_of_its_lines(desk: Desk) -> None:
    assert await settled(desk, customer()) == await settled(desk, item()) == ("succeeded", None)
    mixed = invoice("V-1", lines=[sold("1", STANDARD), sold("2")], total="522.50", tax_total="47.50")
    plain = invoice("V-2", lines=[sold("1"), sold("2")], total="475.00")
    assert await settled(desk, mixed) == await settled(desk, plain) == ("succeeded", None)
    taxed, untaxed = sorted(desk.books("Invoice"), key=lambda one: str(one["DocNumber"]))
    codes = [line["SalesItemLineDetail"]["TaxCodeRef"]["value"] for line in taxed["Line"][:2]]
    assert codes == ["2", EXEMPT]
    assert (taxed["GlobalTaxCalculation"], taxed["TotalAmt"]) == ("TaxExcluded", 522.5)
    assert (untaxed["GlobalTaxCalculation"], untaxed["TotalAmt"]) == ("NotApplicable", 475)
    assert taxed["CurrencyRef"]["value"] == "GBP"

    dearer = {**mixed, "lines": [sold("1", STANDARD), sold("2", STANDARD)], "total": "522.50"}
    update = {"operation": "update", "entity_seq": 2, "fields": ("lines",)}
    assert await settled(desk, dearer, **update) == ("succeeded", "QS-TOTAL-DIFFERS")
    warned = (await desk.said("sync.succeeded"))[-1]["warnings"]
    assert [one["code"] for one in warned] == ["QS-TOTAL-DIFFERS"]
    assert "570.00" in warned[0]["message"]


async def test_a_bill_outside_the_us_is_out_of_the_scope_of_tax(desk: Desk) -> None:
    vendor = {"kind": "vendor", "app_id": "N-1", "revision": "1", "name": "Stone Yard"}
    line = {"line_id": "1", "account": {"name": "Supplies"}, "amount": "19.90"}
    bill = {
        "kind": "bill",
        "app_id": "B-1",
        "revision": "1",
        "date": "2026-11-02",
        "vendor": {"app_id": "N-1"},
    }
    assert await settled(desk, vendor) == ("succeeded", None)
    assert await settled(desk, {**bill, "lines": [line], "total": "19.90"}) == ("succeeded", None)
    (held,) = desk.books("Bill")
    assert (held["GlobalTaxCalculation"], held["TotalAmt"]) == ("NotApplicable", 19.9)


async def test_another_currency_is_never_sent(desk: Desk) -> None:
    euros = desk.by_hand("Customer", "create", record={"DisplayName": "Elm", "CurrencyRef": {"value": "EUR"}})
    await settled(desk, item())
    foreign = customer(currency="EUR")
    assert await settled(desk, foreign) == ("failed", "QS-CURRENCY")
    (told,) = await desk.said("sync.failed")
    assert told["message"].startswith("It is in EUR, and the books are in GBP.")
    silent = invoice("V-1", customer={"quickbooks_id": euros["Id"]})
    assert await settled(desk, silent) == ("failed", "6000")
    assert desk.books("Invoice") == []
    assert await settled(desk, customer(currency="GBP")) == ("succeeded", None)


async def test_what_the_company_is_is_told_to_those_who_check_before_approval(desk: Desk) -> None:
    (told,) = await desk.said("company.changed")
    facts = told["facts"]
    assert (facts["country"], facts["currency"], facts["multi_currency"]) == ("GB", "GBP", True)
    async with desk.database.tenant(T) as connection:
        columns = "country, currency, several_currencies"
        row = await connection.fetchrow(f"select {columns} from connection")
    assert tuple(row) == ("GB", "GBP", True)


def sale(*codes: str | None) -> Json:
    def detail(code: str | None) -> Json:
        return {"Qty": Decimal(1)} | ({"TaxCodeRef": {"value": code}} if code else {})

    lines = [{"DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail(code)} for code in codes]
    lines.append({"DetailType": "DescriptionOnly"})
    return {"TxnDate": "2026-11-02", "Line": lines, "TxnTaxDetail": {"TotalTax": Decimal(1)}}


def test_a_company_in_the_us_takes_what_was_written() -> None:
    written = sale("TAX", "NON")
    assert fitted(written, Company(currency="USD"), creating=True) == written


def test_lines_without_a_code_need_one_where_others_have_one() -> None:
    refused = fitted(sale("2", "NON"), Company(country="GB", currency="GBP"), creating=True)
    assert isinstance(refused, Failed)
    assert refused.code == "QS-NOT-MAPPED"
    whole = fitted(sale("2", "NON", None), ABROAD, creating=True)
    assert isinstance(whole, dict)
    codes = [
        line["SalesItemLineDetail"]["TaxCodeRef"]["value"]
        for line in whole["Line"]
        if "SalesItemLineDetail" in line
    ]
    assert codes == ["2", EXEMPT, EXEMPT]
    assert "TxnTaxDetail" not in whole


def test_purchases_are_out_of_the_scope_of_tax_and_other_records_stay_as_they_are() -> None:
    line = {"DetailType": "ItemBasedExpenseLineDetail", "ItemBasedExpenseLineDetail": {}}
    bill = fitted({"TxnDate": "2026-11-02", "Line": [line]}, ABROAD, creating=True)
    assert isinstance(bill, dict)
    assert bill["GlobalTaxCalculation"] == "NotApplicable"
    for other in ({"DisplayName": "Oak"}, {"TxnDate": "2026-11-02", "Line": [{"Amount": Decimal(1)}]}):
        assert fitted(other, ABROAD, creating=True) == other
