"""Sales forms: amounts, tax, totals, numbers, dates, void and delete."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.sandbox.online.office import Office, amount_line, item_line, ref

from qbsync_local.sandbox.online.jsonio import Json
from qbsync_shared.clock import FrozenClock

FORMS = ["Invoice", "Estimate", "SalesReceipt", "CreditMemo", "RefundReceipt"]


@pytest.fixture
def oak(office: Office) -> Json:
    return office.create("Customer", DisplayName="Oak", PrimaryEmailAddr={"Address": "office@oak.example"})


@pytest.mark.parametrize("form", FORMS)
def test_the_server_adds_up(office: Office, oak: Json, form: str) -> None:
    more: dict[str, Any] = (
        {"DepositToAccountRef": office.account("Checking")} if form == "RefundReceipt" else {}
    )
    mowing = office.service()
    sale = office.create(
        form,
        CustomerRef=ref(oak),
        Line=[item_line(mowing, "2.5", "95", "237.50", "TAX"), item_line(mowing, "1", "10", "10")],
        **more,
    )
    assert sale["TotalAmt"] == Decimal("267.09")  # 247.50 + 8.25 % of 237.50 = 19.59
    assert sale["TxnTaxDetail"]["TotalTax"] == Decimal("19.59")
    assert sale["Line"][-1] == {
        "Amount": Decimal("247.50"),
        "DetailType": "SubTotalLineDetail",
        "SubTotalLineDetail": {},
    }
    assert sale["TxnDate"] == "2026-11-02"


@pytest.mark.parametrize(
    ("quantity", "price", "amount", "accepted"),
    [
        ("2.5", "95", "237.50", True),
        ("3", "0.335", "1.01", True),  # 1.005 rounds half up
        ("3", "0.335", "1.00", False),
        ("1", "33.333333", "33.33", True),
        ("0", "95", "0", True),
        ("-1", "95", "-95", True),
        ("2", "95", "95", False),
    ],
)
def test_amount_is_quantity_times_price(
    office: Office, oak: Json, quantity: str, price: str, amount: str, *, accepted: bool
) -> None:
    lines = [item_line(office.service(), quantity, price, amount), amount_line("100")]
    if accepted:
        office.invoice(oak, *lines)
    else:
        assert office.refused("Invoice", CustomerRef=ref(oak), Line=lines).code == "6070"


def test_a_line_without_a_tax_code_takes_the_default_so_the_total_can_differ(
    office: Office, oak: Json
) -> None:
    mowing = office.service()
    line = item_line(mowing, "1", "100", "100", tax=None)
    assert office.invoice(oak, line)["TotalAmt"] == Decimal("108.25")
    school = office.create("Customer", DisplayName="School", Taxable=False)
    assert office.invoice(school, line)["TotalAmt"] == Decimal(100)
    exempt = office.service("Advice", Taxable=False)
    assert office.invoice(oak, item_line(exempt, "1", "100", "100", tax=None))["TotalAmt"] == Decimal(100)


def test_an_exempt_customer_pays_no_tax_even_on_a_taxed_line(office: Office) -> None:
    school = office.create("Customer", DisplayName="School", Taxable=False)
    assert office.invoice(school, amount_line("100", "TAX"))["TxnTaxDetail"]["TotalTax"] == 0


def test_a_sent_total_tax_overrides_and_sent_tax_lines_do_not(office: Office, oak: Json) -> None:
    line = amount_line("100", "TAX")
    overridden = office.invoice(oak, line, TxnTaxDetail={"TotalTax": Decimal("5.00")})
    assert (overridden["TotalAmt"], overridden["TxnTaxDetail"]["TotalTax"]) == (
        Decimal("105.00"),
        Decimal("5.00"),
    )
    sent = {"TaxLine": [{"Amount": 50, "DetailType": "TaxLineDetail"}]}
    assert office.invoice(oak, line, TxnTaxDetail=sent)["TotalAmt"] == Decimal("108.25")


def test_a_company_without_sales_tax_charges_none(office: Office, oak: Json) -> None:
    office.update("Preferences", office.read("Preferences", "1"), TaxPrefs={"UsingSalesTax": False})
    assert office.invoice(oak, amount_line("100", "TAX"))["TotalAmt"] == Decimal(100)


@pytest.mark.parametrize("code", ["1", "Tax", "2"])
def test_a_line_is_tax_or_non(office: Office, oak: Json, code: str) -> None:
    assert office.refused("Invoice", CustomerRef=ref(oak), Line=[amount_line("1", code)]).code == "6100"


@pytest.mark.parametrize(("after", "tax"), [(False, "8.25"), (True, "7.43")])
def test_a_discount(office: Office, oak: Json, after: bool, tax: str) -> None:
    discount = {
        "DetailType": "DiscountLineDetail",
        "DiscountLineDetail": {"PercentBased": True, "DiscountPercent": 10},
    }
    invoice = office.invoice(oak, amount_line("100", "TAX"), discount, ApplyTaxAfterDiscount=after)
    assert invoice["TotalAmt"] == 90 + Decimal(tax)
    discount["DiscountLineDetail"] = {"PercentBased": True}
    assert office.refused("Invoice", CustomerRef=ref(oak), Line=[amount_line("100"), discount]).code == "6090"


def test_a_negative_total_is_refused(office: Office, oak: Json) -> None:
    assert office.refused("Invoice", CustomerRef=ref(oak), Line=[amount_line("-1")]).code == "6000"


@pytest.mark.parametrize(
    ("body", "code", "element"),
    [
        ({"Line": [amount_line("1")]}, "2020", "CustomerRef"),
        ({"CustomerRef": {"value": "1"}}, "2020", "Line"),
        ({"CustomerRef": {"value": "1"}, "Line": []}, "2020", "Line"),
        ({"CustomerRef": {"value": "77"}, "Line": [amount_line("1")]}, "2500", "CustomerRef"),
        ({"CustomerRef": {"value": "1"}, "Line": [{"Amount": 1}]}, "2020", "Line.DetailType"),
        (
            {"CustomerRef": {"value": "1"}, "Line": [{"DetailType": "SalesItemLineDetail"}]},
            "2020",
            "Line.Amount",
        ),
        (
            {"CustomerRef": {"value": "1"}, "Line": [{"Amount": 1, "DetailType": "GroupLineDetail"}]},
            "5030",
            "DetailType",
        ),
        (
            {
                "CustomerRef": {"value": "1"},
                "Line": [amount_line("1")],
                "EmailStatus": "NeedToSend",
                "BillEmail": None,
            },
            None,
            None,
        ),
        (
            {"CustomerRef": {"value": "1"}, "Line": [amount_line("1")], "BillEmail": {"Address": "nobody"}},
            "2210",
            "BillEmail",
        ),
        (
            {"CustomerRef": {"value": "1"}, "Line": [amount_line("1")], "CurrencyRef": {"value": "EUR"}},
            "6000",
            "",
        ),
        (
            {
                "CustomerRef": {"value": "1"},
                "Line": [amount_line("1")],
                "LinkedTxn": [{"TxnId": "75", "TxnType": "Estimate"}],
            },
            "6000",
            "",
        ),
    ],
)
def test_what_an_invoice_refuses(
    office: Office, oak: Json, body: Json, code: str | None, element: str | None
) -> None:
    assert oak["Id"] == "1"
    fault = office.refused("Invoice", **body)
    assert (fault.code, fault.element) == ((code, element) if code else ("6420", "BillEmail"))


def test_the_customer_gives_addresses(office: Office, oak: Json) -> None:
    assert office.invoice(oak)["BillEmail"] == {"Address": "office@oak.example"}


@pytest.mark.parametrize(
    ("term", "due"),
    [
        ({"DueDays": 30}, "2026-12-02"),
        ({"DayOfMonthDue": 5}, "2026-11-05"),
        ({"DayOfMonthDue": 1}, "2026-12-01"),
    ],
)
def test_the_due_date_follows_the_term(office: Office, oak: Json, term: Json, due: str) -> None:
    made = office.create("Term", Name="Its own", **term)
    invoice = office.invoice(oak, SalesTermRef=ref(made))
    assert invoice["DueDate"] == due
    assert office.invoice(oak, SalesTermRef=ref(made), DueDate="2026-11-09")["DueDate"] == "2026-11-09"
    assert office.update("Invoice", invoice, DueDate="2027-01-01", PrivateNote="x")["DueDate"] == "2027-01-01"


def test_a_number_is_unique_per_kind_when_numbers_are_custom(office: Office, oak: Json) -> None:
    owner = office.invoice(oak, DocNumber="1042")
    fault = office.refused("Invoice", CustomerRef=ref(oak), Line=[amount_line("1")], DocNumber="1042")
    assert fault.code == "6140"
    assert f"DocNumber=1042 is assigned to TxnType=Invoice with TxnId={owner['Id']}" in fault.detail
    office.create("Estimate", CustomerRef=ref(oak), Line=[amount_line("1")], DocNumber="1042")
    assert "DocNumber" not in office.invoice(oak)
    office.delete("Invoice", owner)
    office.invoice(oak, DocNumber="1042")


def test_quickbooks_numbers_documents_when_numbers_are_its_own(office: Office, oak: Json) -> None:
    office.update("Preferences", office.read("Preferences", "1"), SalesFormsPrefs={"CustomTxnNumbers": False})
    assert [office.invoice(oak)["DocNumber"] for _ in range(2)] == ["1001", "1002"]
    assert [office.invoice(oak, DocNumber="7")["DocNumber"] for _ in range(2)] == ["7", "7"]


def test_a_number_survives_a_full_update_without_it(office: Office, oak: Json) -> None:
    invoice = office.invoice(oak, DocNumber="7", PrivateNote="note")
    updated = office.update("Invoice", invoice, sparse=False, CustomerRef=ref(oak), Line=[amount_line("5")])
    assert (updated["DocNumber"], "PrivateNote" in updated, updated["TotalAmt"]) == ("7", False, Decimal(5))


def test_lines_in_a_sparse_update_replace_all_lines_and_keep_known_ids(office: Office, oak: Json) -> None:
    invoice = office.invoice(oak, amount_line("1"), amount_line("2"))
    second = invoice["Line"][1] | {"Amount": Decimal(3)}
    updated = office.update("Invoice", invoice, Line=[second, amount_line("4")])
    assert [line.get("Id") for line in updated["Line"]] == ["2", "3", None]
    assert updated["TotalAmt"] == Decimal(7)
    assert office.update("Invoice", updated, PrivateNote="x")["TotalAmt"] == Decimal(7)


def test_a_read_can_be_sent_back_whole(office: Office, oak: Json) -> None:
    invoice = office.invoice(oak, amount_line("100", "TAX"), DocNumber="7")
    same = {name: value for name, value in invoice.items() if name not in {"Id", "SyncToken"}}
    updated = office.update("Invoice", invoice, **same)
    ignored = {"SyncToken", "MetaData"}
    assert {k: v for k, v in updated.items() if k not in ignored} == {
        k: v for k, v in invoice.items() if k not in ignored
    }


def test_saving_moves_the_time_of_the_customer_but_not_its_token(
    office: Office, oak: Json, clock: FrozenClock
) -> None:
    clock.advance(timedelta(seconds=90))
    office.invoice(oak)
    after = office.read("Customer", oak["Id"])
    assert after["SyncToken"] == oak["SyncToken"]
    assert oak["MetaData"]["LastUpdatedTime"] == "2026-11-02T04:00:00-08:00"
    assert after["MetaData"] == {
        "CreateTime": "2026-11-02T04:00:00-08:00",
        "LastUpdatedTime": "2026-11-02T04:01:30-08:00",
    }


def test_balances_of_customer_and_jobs(office: Office, oak: Json) -> None:
    job = office.create("Customer", DisplayName="Yard", ParentRef=ref(oak))
    office.invoice(oak, amount_line("10"))
    office.invoice(job, amount_line("5"))
    office.create("CreditMemo", CustomerRef=ref(oak), Line=[amount_line("2")])
    shown = office.read("Customer", oak["Id"])
    assert (shown["Balance"], shown["BalanceWithJobs"]) == (Decimal(8), Decimal(13))


@pytest.mark.parametrize("form", ["Invoice", "SalesReceipt"])
def test_void_keeps_the_document_without_amounts(office: Office, oak: Json, form: str) -> None:
    sale = office.create(
        form, CustomerRef=ref(oak), DocNumber="7", Line=[item_line(office.service(), "2", "50", "100", "TAX")]
    )
    voided = office.void(form, sale)
    assert (voided["TotalAmt"], voided["Balance"], voided["PrivateNote"], voided["SyncToken"]) == (
        0,
        0,
        "Voided",
        "1",
    )
    assert [line["Amount"] for line in voided["Line"]] == [0, 0]
    assert voided["TxnTaxDetail"]["TotalTax"] == 0
    assert office.read("Customer", oak["Id"])["Balance"] == 0
    assert office.read(form, sale["Id"])["DocNumber"] == "7"


@pytest.mark.parametrize("form", ["Estimate", "CreditMemo"])
def test_some_forms_cannot_be_voided(office: Office, oak: Json, form: str) -> None:
    sale = office.create(form, CustomerRef=ref(oak), Line=[amount_line("1")])
    assert office.refused_change(form, sale, "void").code == "500"


def test_delete_leaves_nothing_to_read(office: Office, oak: Json) -> None:
    invoice = office.invoice(oak)
    assert office.delete("Invoice", invoice) == {"status": "Deleted", "domain": "QBO", "Id": invoice["Id"]}
    fault = office.refused_change("Invoice", invoice, PrivateNote="x")
    assert (fault.code, "deleted" in fault.detail) == ("610", True)
    assert office.query("select * from Invoice") == {}


@pytest.mark.parametrize("operation", ["create", "update", "move", "delete", "void"])
def test_a_closed_period_is_closed(office: Office, oak: Json, operation: str) -> None:
    old, new = office.invoice(oak, TxnDate="2026-09-30"), office.invoice(oak, TxnDate="2026-10-01")
    office.update(
        "Preferences", office.read("Preferences", "1"), AccountingInfoPrefs={"BookCloseDate": "2026-09-30"}
    )
    fault = {
        "create": lambda: office.refused(
            "Invoice", CustomerRef=ref(oak), Line=[amount_line("1")], TxnDate="2026-09-30"
        ),
        "update": lambda: office.refused_change("Invoice", old, PrivateNote="x"),
        "move": lambda: office.refused_change("Invoice", new, TxnDate="2026-09-15"),
        "delete": lambda: office.refused_change("Invoice", old, "delete"),
        "void": lambda: office.refused_change("Invoice", old, "void"),
    }[operation]()
    assert fault.code == "6210"


def test_stock_cannot_be_sold_before_it_began(office: Office, oak: Json) -> None:
    pump = office.create(
        "Item",
        Name="Pump",
        Type="Inventory",
        QtyOnHand=1,
        InvStartDate="2026-10-01",
        IncomeAccountRef=office.account("Sales of Product Income"),
        ExpenseAccountRef=office.account("Cost of Goods Sold"),
        AssetAccountRef=office.account("Inventory Asset"),
    )
    line = item_line(pump, "1", "5", "5")
    assert office.refused("Invoice", CustomerRef=ref(oak), Line=[line], TxnDate="2026-09-30").code == "6270"
    office.invoice(oak, line)
