"""Payments: what they do to invoices and credit memos."""

from decimal import Decimal

import pytest
from tests.sandbox.online.office import Office, amount_line, ref

from qbsync_local.sandbox.online.jsonio import Json


@pytest.fixture
def oak(office: Office) -> Json:
    return office.create("Customer", DisplayName="Oak")


def applied(document: Json, amount: str, kind: str = "Invoice") -> Json:
    return {"Amount": Decimal(amount), "LinkedTxn": [{"TxnId": document["Id"], "TxnType": kind}]}


def pay(office: Office, customer: Json, total: str, *lines: Json) -> Json:
    return office.create("Payment", CustomerRef=ref(customer), TotalAmt=Decimal(total), Line=list(lines))


def test_a_payment_lowers_the_balance_and_moves_the_token_of_its_invoice(office: Office, oak: Json) -> None:
    invoice = office.invoice(oak, amount_line("100"))
    payment = pay(office, oak, "60", applied(invoice, "40"))
    paid = office.read("Invoice", invoice["Id"])
    assert (paid["Balance"], paid["TotalAmt"], paid["SyncToken"]) == (Decimal(60), Decimal(100), "1")
    assert paid["LinkedTxn"] == [{"TxnId": payment["Id"], "TxnType": "Payment"}]
    assert payment["UnappliedAmt"] == Decimal(20)
    assert payment["DepositToAccountRef"]["name"] == "Undeposited Funds"
    assert office.read("Customer", oak["Id"])["Balance"] == Decimal(40)


def test_a_payment_is_never_applied_by_itself(office: Office, oak: Json) -> None:
    invoice = office.invoice(oak)
    assert pay(office, oak, "100")["UnappliedAmt"] == Decimal(100)
    assert office.read("Invoice", invoice["Id"])["Balance"] == Decimal(100)


def test_a_changed_payment_gives_back_what_it_no_longer_covers(office: Office, oak: Json) -> None:
    first, second = office.invoice(oak), office.invoice(oak)
    payment = pay(office, oak, "100", applied(first, "100"))
    office.update("Payment", payment, Line=[applied(second, "70")])
    assert office.read("Invoice", first["Id"])["Balance"] == Decimal(100)
    assert (
        "LinkedTxn" not in office.read("Invoice", first["Id"])
        or not office.read("Invoice", first["Id"])["LinkedTxn"]
    )
    assert office.read("Invoice", second["Id"])["Balance"] == Decimal(30)


@pytest.mark.parametrize("operation", ["delete", "void"])
def test_a_payment_that_goes_opens_its_invoice_again(office: Office, oak: Json, operation: str) -> None:
    invoice = office.invoice(oak)
    payment = pay(office, oak, "100", applied(invoice, "100"))
    getattr(office, operation)("Payment", payment)
    assert office.read("Invoice", invoice["Id"])["Balance"] == Decimal(100)
    assert office.read("Customer", oak["Id"])["Balance"] == Decimal(100)


def test_a_credit_memo_pays_an_invoice(office: Office, oak: Json) -> None:
    invoice = office.invoice(oak)
    credit = office.create("CreditMemo", CustomerRef=ref(oak), Line=[amount_line("30")])
    assert credit["RemainingCredit"] == Decimal(30)
    pay(office, oak, "0", applied(invoice, "30"), applied(credit, "30", "CreditMemo"))
    assert office.read("Invoice", invoice["Id"])["Balance"] == Decimal(70)
    assert office.read("CreditMemo", credit["Id"])["RemainingCredit"] == 0
    assert office.read("Customer", oak["Id"])["Balance"] == Decimal(70)


def test_what_a_payment_refuses(office: Office, oak: Json) -> None:
    invoice = office.invoice(oak)
    other = office.create("Customer", DisplayName="Elm")
    base = {"CustomerRef": ref(oak), "TotalAmt": 100}
    assert office.refused("Payment", **base, Line=[applied(invoice, "101")]).code == "6000"
    assert (
        office.refused("Payment", CustomerRef=ref(oak), TotalAmt=50, Line=[applied(invoice, "60")]).code
        == "6000"
    )
    assert (
        office.refused("Payment", CustomerRef=ref(other), TotalAmt=50, Line=[applied(invoice, "5")]).code
        == "620"
    )
    assert office.refused("Payment", **base, Line=[applied({"Id": "999"}, "5")]).code == "620"
    assert office.refused("Payment", **base, Line=[{"Amount": 5}]).code == "6000"
    assert office.refused("Payment", CustomerRef=ref(oak), TotalAmt=-1).code == "2140"
    assert office.refused("Payment", TotalAmt=1).element == "CustomerRef"


def test_a_paid_invoice_cannot_be_deleted_or_shrink_below_its_payments(office: Office, oak: Json) -> None:
    invoice = office.invoice(oak)
    pay(office, oak, "60", applied(invoice, "60"))
    paid = office.read("Invoice", invoice["Id"])
    assert office.refused_change("Invoice", paid, "delete").code == "800"
    assert office.refused_change("Invoice", paid, Line=[amount_line("59")]).code == "6000"
    assert office.update("Invoice", paid, Line=[amount_line("60")])["Balance"] == 0


def test_a_full_update_of_a_paid_invoice_keeps_its_payments(office: Office, oak: Json) -> None:
    invoice = office.invoice(oak)
    pay(office, oak, "60", applied(invoice, "60"))
    paid = office.read("Invoice", invoice["Id"])
    updated = office.update("Invoice", paid, sparse=False, CustomerRef=ref(oak), Line=[amount_line("90")])
    assert (updated["Balance"], len(updated["LinkedTxn"])) == (Decimal(30), 1)


def test_a_voided_invoice_leaves_the_money_unapplied(office: Office, oak: Json) -> None:
    invoice = office.invoice(oak)
    payment = pay(office, oak, "60", applied(invoice, "60"))
    office.void("Invoice", invoice)
    after = office.read("Payment", payment["Id"])
    assert (after["UnappliedAmt"], after["Line"]) == (Decimal(60), [])
    assert office.read("Customer", oak["Id"])["Balance"] == Decimal(-60)
