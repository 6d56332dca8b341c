"""A company outside the US: a tax code on each line, the tax computed line by line, its own currency."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from tests.sandbox.online.office import Office, amount_line, ref

from qbsync_local.sandbox.online.books import Books
from qbsync_local.sandbox.online.companies import NewCompany, open_company
from qbsync_local.sandbox.online.jsonio import Json
from qbsync_local.sandbox.online.store import Store
from qbsync_shared.clock import FrozenClock

STANDARD, ZERO_RATED, EXEMPT = "2", "3", "4"


@pytest.fixture
def office(clock: FrozenClock) -> Iterator[Office]:
    """An empty company in Great Britain, VAT 20 %."""
    store = Store(None, clock)
    company = NewCompany(name="Test company", country="GB", tax_rate="20")
    yield Office(Books(store, open_company(store, company)))
    store.close()


@pytest.fixture
def oak(office: Office) -> Json:
    return office.create("Customer", DisplayName="Oak")


def test_tax_is_by_the_code_of_each_line_and_rounded_line_by_line(office: Office, oak: Json) -> None:
    codes = [("0.12", STANDARD), ("0.12", STANDARD), ("100", ZERO_RATED), ("50", EXEMPT)]
    invoice = office.invoice(oak, *(amount_line(value, code) for value, code in codes))
    assert invoice["TxnTaxDetail"]["TotalTax"] == Decimal("0.04")
    assert invoice["TotalAmt"] == Decimal("150.28")
    assert invoice["GlobalTaxCalculation"] == "TaxExcluded"
    standard, zero = invoice["TxnTaxDetail"]["TaxLine"]
    assert standard["TaxLineDetail"]["NetAmountTaxable"] == Decimal("0.24")
    assert (zero["Amount"], zero["TaxLineDetail"]["TaxPercent"]) == (0, 0)
    assert invoice["CurrencyRef"]["value"] == "GBP"


def test_a_sent_total_of_the_tax_changes_nothing(office: Office, oak: Json) -> None:
    sent = {"TotalTax": Decimal("1.23")}
    assert office.invoice(oak, amount_line("100", STANDARD), TxnTaxDetail=sent)["TotalAmt"] == Decimal(120)


def test_an_update_computes_the_tax_anew(office: Office, oak: Json) -> None:
    invoice = office.invoice(oak, amount_line("100", STANDARD))
    changed = office.update("Invoice", invoice, CustomerRef=ref(oak), Line=[amount_line("200", STANDARD)])
    assert changed["TotalAmt"] == Decimal(240)


@pytest.mark.parametrize(
    ("code", "method", "fault"),
    [
        (None, "TaxExcluded", "6000"),
        ("TAX", "TaxExcluded", "6100"),
        ("NON", "TaxExcluded", "6100"),
        ("77", "TaxExcluded", "6100"),
        (STANDARD, "TaxInclusive", "5030"),
        (None, "NotApplicable", None),
    ],
)
def test_each_line_needs_a_code_that_the_company_has(
    office: Office, oak: Json, code: str | None, method: str, fault: str | None
) -> None:
    supplies = office.account("Supplies")
    yard = office.create("Vendor", DisplayName="Stone Yard")
    sold, spent = amount_line("10", code or ""), {"AccountRef": supplies}
    if code:
        spent["TaxCodeRef"] = {"value": code}
    else:
        del sold["SalesItemLineDetail"]["TaxCodeRef"]
    bought = {
        "DetailType": "AccountBasedExpenseLineDetail",
        "Amount": Decimal(10),
        "AccountBasedExpenseLineDetail": spent,
    }
    sale: Json = {"CustomerRef": ref(oak), "Line": [sold], "GlobalTaxCalculation": method}
    bill: Json = {"VendorRef": ref(yard), "Line": [bought], "GlobalTaxCalculation": method}
    if fault:
        assert office.refused("Invoice", **sale).code == fault
        assert office.refused("Bill", **bill).code == fault
    else:
        assert office.create("Invoice", **sale)["TotalAmt"] == office.create("Bill", **bill)["TotalAmt"] == 10


def test_a_bill_has_the_rates_of_purchases(office: Office) -> None:
    yard = office.create("Vendor", DisplayName="Stone Yard")
    detail = {"AccountRef": office.account("Supplies"), "TaxCodeRef": {"value": STANDARD}}
    line = {
        "DetailType": "AccountBasedExpenseLineDetail",
        "Amount": Decimal(10),
        "AccountBasedExpenseLineDetail": detail,
    }
    bill = office.create("Bill", VendorRef=ref(yard), Line=[line])
    assert (bill["TotalAmt"], bill["Balance"]) == (Decimal(12), Decimal(12))
    assert bill["TxnTaxDetail"]["TaxLine"][0]["TaxLineDetail"]["TaxRateRef"]["value"] == "2"


def test_another_currency_is_refused(office: Office, oak: Json) -> None:
    line = amount_line("1", STANDARD)
    refused = office.refused("Invoice", CustomerRef=ref(oak), Line=[line], CurrencyRef={"value": "USD"})
    assert refused.code == "6000"
    assert office.invoice(oak, line, CurrencyRef={"value": "GBP"})["TotalAmt"] == Decimal("1.20")


def test_with_several_currencies_a_document_is_in_that_of_its_customer(office: Office, oak: Json) -> None:
    preferences = office.read("Preferences", "1")
    office.update("Preferences", preferences, CurrencyPrefs={"MultiCurrencyEnabled": True})
    elm = office.create("Customer", DisplayName="Elm", CurrencyRef={"value": "EUR"})
    line = amount_line("1", STANDARD)
    assert office.invoice(oak, line)["CurrencyRef"]["value"] == "GBP"
    assert office.invoice(elm, line)["CurrencyRef"]["value"] == "EUR"
    for customer, other in ((oak, "EUR"), (elm, "GBP")):
        sale = {"CustomerRef": ref(customer), "Line": [line], "CurrencyRef": {"value": other}}
        assert office.refused("Invoice", **sale).code == "6000"
