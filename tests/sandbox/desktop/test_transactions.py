"""Transactions: amounts, sales tax, lines, payments, void and delete."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sandbox.desktop.books import Books, line


@pytest.fixture
def oak(books: Books) -> str:
    books.service("Pruning", "95.00", tax="Non")
    books.service("Mulch", "48.10", tax="Tax")
    return books.customer("Oak", "<TermsRef><FullName>Net 30</FullName></TermsRef>").findtext("ListID")


def query(books: Books, identifier: str):
    return books.done(
        f"<InvoiceQueryRq><TxnID>{identifier}</TxnID><IncludeLineItems>true</IncludeLineItems><IncludeLinkedTxns>true</IncludeLinkedTxns></InvoiceQueryRq>"
    )


def change(ret, body: str) -> str:
    head = (
        f"<TxnID>{ret.findtext('TxnID')}</TxnID><EditSequence>{ret.findtext('EditSequence')}</EditSequence>"
    )
    return f"<InvoiceModRq><InvoiceMod>{head}{body}</InvoiceMod></InvoiceModRq>"


def pay(customer: str, total: str, applied: str) -> str:
    return (
        f"<ReceivePaymentAddRq><ReceivePaymentAdd><CustomerRef><ListID>{customer}</ListID></CustomerRef>"
        f"<TotalAmount>{total}</TotalAmount>{applied}</ReceivePaymentAdd></ReceivePaymentAddRq>"
    )


def apply_to(invoice: str, amount: str) -> str:
    return (
        f"<AppliedToTxnAdd><TxnID>{invoice}</TxnID><PaymentAmount>{amount}</PaymentAmount></AppliedToTxnAdd>"
    )


def test_an_amount_is_rate_times_quantity_and_the_rate_the_items_own(books: Books, oak: str) -> None:
    invoice = books.invoice(oak, line("Pruning", "2.5"), line("Mulch", "3", rate="33.335", tax="Non"))
    assert [one.findtext("Amount") for one in invoice.iterfind("InvoiceLineRet")] == ["237.50", "100.01"]
    assert invoice.findtext("InvoiceLineRet/Desc") == "Pruning, per hour"
    assert invoice.findtext("Subtotal") == "337.51"
    assert invoice.findtext("BalanceRemaining") == "337.51"


def test_a_given_amount_stands_and_the_rate_follows(books: Books, oak: str) -> None:
    invoice = books.invoice(oak, line("Pruning", "3", amount="100.00"))
    assert invoice.findtext("InvoiceLineRet/Rate") == "33.33333"
    assert invoice.findtext("InvoiceLineRet/Amount") == "100.00"


def test_quickbooks_computes_sales_tax_by_default_codes(books: Books, oak: str) -> None:
    invoice = books.invoice(oak, line("Pruning", "1"), line("Mulch", "2"))
    assert invoice.findtext("SalesTaxPercentage") == "7.75"
    assert invoice.findtext("SalesTaxTotal") == "7.46"
    assert invoice.findtext("BalanceRemaining") == "198.66"
    assert [one.findtext("SalesTaxCodeRef/FullName") for one in invoice.iterfind("InvoiceLineRet")] == ["Non", "Tax"]  # fmt: skip


def test_an_item_without_a_code_is_taxable(books: Books, oak: str) -> None:
    assert books.service("Plain", "10.00").findtext("SalesTaxCodeRef/FullName") == "Tax"
    assert books.invoice(oak, line("Plain", "1")).findtext("SalesTaxTotal") == "0.78"


def test_an_explicit_code_on_the_line_wins_over_the_items(books: Books, oak: str) -> None:
    assert books.invoice(oak, line("Mulch", "1", tax="Non")).findtext("SalesTaxTotal") == "0.00"


def test_a_customer_who_is_not_taxable_pays_no_tax(books: Books, oak: str) -> None:
    school = books.customer("School", "<SalesTaxCodeRef><FullName>Non</FullName></SalesTaxCodeRef>")
    assert books.invoice(school.findtext("ListID"), line("Mulch", "1")).findtext("SalesTaxTotal") == "0.00"


def test_without_the_preference_there_is_no_tax(books: Books, oak: str) -> None:
    books.company.store.set_meta("uses_sales_tax", "false")
    invoice = books.invoice(oak, line("Mulch", "1"))
    assert invoice.findtext("SalesTaxTotal") is None
    assert invoice.findtext("BalanceRemaining") == "48.10"


def test_terms_give_the_due_date_and_the_customer_the_address(books: Books, oak: str) -> None:
    invoice = books.invoice(oak, line("Pruning", "1"), more="<TxnDate>2026-11-02</TxnDate>")
    assert invoice.findtext("DueDate") == "2026-12-02"
    assert invoice.findtext("TermsRef/FullName") == "Net 30"
    monthly = "<TxnDate>2026-11-28</TxnDate><TermsRef><FullName>1st of the month</FullName></TermsRef>"
    assert books.invoice(oak, line("Pruning", "1"), more=monthly).findtext("DueDate") == "2026-12-01"


def test_numbers_are_counted_unless_given(books: Books, oak: str) -> None:
    assert books.invoice(oak, line("Pruning", "1")).findtext("RefNumber") == "1001"
    numbered = books.invoice(oak, line("Pruning", "1"), more="<RefNumber>A-7</RefNumber>")
    assert numbered.findtext("RefNumber") == "A-7"


def test_a_discount_item_takes_its_share_of_the_line_before(books: Books, oak: str) -> None:
    account = "<AccountRef><FullName>Discounts Given</FullName></AccountRef>"
    books.done(
        f"<ItemDiscountAddRq><ItemDiscountAdd><Name>Loyal</Name><DiscountRatePercent>10</DiscountRatePercent>{account}</ItemDiscountAdd></ItemDiscountAddRq>"
    )
    invoice = books.invoice(oak, line("Pruning", "2"), line("Loyal", tax="Non"))
    assert invoice.findtext("Subtotal") == "171.00"


def test_a_mod_keeps_named_lines_adds_new_ones_and_drops_the_rest(books: Books, oak: str) -> None:
    invoice = books.invoice(oak, line("Pruning", "1"), line("Mulch", "1"))
    first = invoice.findtext("InvoiceLineRet/TxnLineID")
    body = (
        f"<InvoiceLineMod><TxnLineID>{first}</TxnLineID><Quantity>2</Quantity></InvoiceLineMod>"
        f"<InvoiceLineMod><TxnLineID>-1</TxnLineID>{line('Pruning', '4')}</InvoiceLineMod>"
    )
    changed = books.done(change(invoice, body))
    lines = changed.findall("InvoiceLineRet")
    assert [one.findtext("Amount") for one in lines] == ["190.00", "380.00"]
    assert lines[0].findtext("TxnLineID") == first
    assert lines[1].findtext("TxnLineID") not in ("-1", first)


def test_a_mod_without_lines_keeps_them_all(books: Books, oak: str) -> None:
    invoice = books.invoice(oak, line("Pruning", "1"), line("Mulch", "1"))
    changed = books.done(change(invoice, "<Memo>Gate code 7</Memo>"))
    assert len(changed.findall("InvoiceLineRet")) == 2
    assert changed.findtext("BalanceRemaining") == invoice.findtext("BalanceRemaining")


def test_a_line_of_another_transaction_is_3290(books: Books, oak: str) -> None:
    invoice = books.invoice(oak, line("Pruning", "1"))
    body = "<InvoiceLineMod><TxnLineID>FFFF-1</TxnLineID><Quantity>2</Quantity></InvoiceLineMod>"
    assert books.code(change(invoice, body)) == "3290"


def test_new_terms_move_the_due_date(books: Books, oak: str) -> None:
    invoice = books.invoice(oak, line("Pruning", "1"), more="<TxnDate>2026-11-02</TxnDate>")
    changed = books.done(change(invoice, "<TermsRef><FullName>Net 15</FullName></TermsRef>"))
    assert changed.findtext("DueDate") == "2026-11-17"


def test_an_unknown_customer_is_3140_and_an_amount_without_item_3150(books: Books, oak: str) -> None:
    missing = "<InvoiceAddRq><InvoiceAdd><CustomerRef><FullName>Nobody</FullName></CustomerRef></InvoiceAdd></InvoiceAddRq>"
    assert books.code(missing) == "3140"
    bare = f"<InvoiceAddRq><InvoiceAdd><CustomerRef><ListID>{oak}</ListID></CustomerRef><InvoiceLineAdd><Amount>5.00</Amount></InvoiceLineAdd></InvoiceAdd></InvoiceAddRq>"
    assert books.code(bare) == "3150"


def test_a_payment_lowers_the_balance_and_moves_the_invoices_version(books: Books, oak: str) -> None:
    invoice = books.invoice(oak, line("Pruning", "2"))
    payment = books.done(pay(oak, "100.00", apply_to(invoice.findtext("TxnID"), "100.00")))
    assert payment.findtext("AppliedToTxnRet/BalanceRemaining") == "90.00"
    assert payment.findtext("DepositToAccountRef/FullName") == "Undeposited Funds"
    paid = query(books, invoice.findtext("TxnID"))
    assert paid.findtext("AppliedAmount") == "-100.00"
    assert paid.findtext("BalanceRemaining") == "90.00"
    assert paid.findtext("IsPaid") == "false"
    assert paid.findtext("LinkedTxn/TxnID") == payment.findtext("TxnID")
    assert int(paid.findtext("EditSequence")) > int(invoice.findtext("EditSequence"))
    customer = books.done(f"<CustomerQueryRq><ListID>{oak}</ListID></CustomerQueryRq>")
    assert customer.findtext("Balance") == "90.00"


def test_more_than_the_invoice_owes_is_3210(books: Books, oak: str) -> None:
    invoice = books.invoice(oak, line("Pruning", "1")).findtext("TxnID")
    response = books.one(pay(oak, "500.00", apply_to(invoice, "500.00")))
    assert response.get("statusCode") == "3210"
    assert "You cannot pay more than the amount due" in response.get("statusMessage")


def test_a_payment_of_the_customer_pays_its_jobs_and_nobody_elses(books: Books, oak: str) -> None:
    job = books.customer("Pond", parent=oak).findtext("ListID")
    ash = books.customer("Ash").findtext("ListID")
    invoice = books.invoice(job, line("Pruning", "1")).findtext("TxnID")
    assert books.code(pay(ash, "95.00", apply_to(invoice, "95.00"))) == "3120"
    books.done(pay(oak, "95.00", apply_to(invoice, "95.00")))
    assert query(books, invoice).findtext("IsPaid") == "true"


def test_auto_apply_pays_the_oldest_first_and_keeps_the_rest_unused(books: Books, oak: str) -> None:
    late = books.invoice(oak, line("Pruning", "1"), more="<TxnDate>2026-11-10</TxnDate>").findtext("TxnID")
    early = books.invoice(oak, line("Pruning", "1"), more="<TxnDate>2026-11-01</TxnDate>").findtext("TxnID")
    books.done(pay(oak, "120.00", "<IsAutoApply>true</IsAutoApply>"))
    assert query(books, early).findtext("BalanceRemaining") == "0.00"
    assert query(books, late).findtext("BalanceRemaining") == "70.00"
    assert (
        books.done(pay(oak, "100.00", "<IsAutoApply>true</IsAutoApply>")).findtext("UnusedPayment") == "30.00"
    )


def test_a_payment_mod_moves_its_application(books: Books, oak: str) -> None:
    one, two = (books.invoice(oak, line("Pruning", "1")).findtext("TxnID") for _ in range(2))
    payment = books.done(pay(oak, "95.00", apply_to(one, "95.00")))
    head = f"<TxnID>{payment.findtext('TxnID')}</TxnID><EditSequence>{payment.findtext('EditSequence')}</EditSequence>"
    moved = f"<AppliedToTxnMod><TxnID>{two}</TxnID><PaymentAmount>50.00</PaymentAmount></AppliedToTxnMod>"
    changed = books.done(
        f"<ReceivePaymentModRq><ReceivePaymentMod>{head}{moved}</ReceivePaymentMod></ReceivePaymentModRq>"
    )
    assert changed.findtext("UnusedPayment") == "45.00"
    assert query(books, one).findtext("BalanceRemaining") == "95.00"
    assert query(books, two).findtext("BalanceRemaining") == "45.00"


def test_deleting_a_payment_opens_its_invoice_again(books: Books, oak: str) -> None:
    invoice = books.invoice(oak, line("Pruning", "1")).findtext("TxnID")
    payment = books.done(pay(oak, "95.00", apply_to(invoice, "95.00"))).findtext("TxnID")
    books.one(f"<TxnDelRq><TxnDelType>ReceivePayment</TxnDelType><TxnID>{payment}</TxnID></TxnDelRq>")
    assert query(books, invoice).findtext("BalanceRemaining") == "95.00"
    assert query(books, invoice).find("LinkedTxn") is None
    log = books.done("<TxnDeletedQueryRq><TxnDelType>ReceivePayment</TxnDelType></TxnDeletedQueryRq>")
    assert log.findtext("TxnID") == payment


def test_void_leaves_the_invoice_with_nothing_and_its_payment_unused(books: Books, oak: str) -> None:
    invoice = books.invoice(oak, line("Pruning", "1"), line("Mulch", "1")).findtext("TxnID")
    payment = books.done(pay(oak, "95.00", apply_to(invoice, "95.00"))).findtext("TxnID")
    voided = books.one(f"<TxnVoidRq><TxnVoidType>Invoice</TxnVoidType><TxnID>{invoice}</TxnID></TxnVoidRq>")
    assert voided.get("statusCode") == "0"
    now = query(books, invoice)
    assert (now.findtext("Subtotal"), now.findtext("SalesTaxTotal"), now.findtext("BalanceRemaining")) == ("0.00", "0.00", "0.00")  # fmt: skip
    assert now.findtext("Memo").startswith("VOID:")
    freed = books.done(f"<ReceivePaymentQueryRq><TxnID>{payment}</TxnID></ReceivePaymentQueryRq>")
    assert freed.findtext("UnusedPayment") == "95.00"
    assert (
        books.done(f"<CustomerQueryRq><ListID>{oak}</ListID></CustomerQueryRq>").findtext("Balance")
        == "-95.00"
    )


def test_a_closed_period_refuses_changes_and_deletions(books: Books, oak: str) -> None:
    invoice = books.invoice(oak, line("Pruning", "1"), more="<TxnDate>2026-09-30</TxnDate>")
    books.company.store.set_meta("closing_date", "2026-09-30")
    assert books.code(change(invoice, "<Memo>late</Memo>")) == "3171"
    remove = (
        f"<TxnDelRq><TxnDelType>Invoice</TxnDelType><TxnID>{invoice.findtext('TxnID')}</TxnID></TxnDelRq>"
    )
    assert books.code(remove) == "3161"
    preferences = books.done("<PreferencesQueryRq/>")
    assert preferences.findtext("AccountingPreferences/ClosingDate") == "2026-09-30"


def test_the_other_kinds_have_their_totals(books: Books, oak: str) -> None:
    vendor = "<VendorRef><FullName>Stone</FullName></VendorRef>"
    books.done("<VendorAddRq><VendorAdd><Name>Stone</Name></VendorAdd></VendorAddRq>")
    order_line = f"<PurchaseOrderLineAdd>{line('Pruning', '2', rate='10.00')}</PurchaseOrderLineAdd>"
    order = books.done(
        f"<PurchaseOrderAddRq><PurchaseOrderAdd>{vendor}{order_line}</PurchaseOrderAdd></PurchaseOrderAddRq>"
    )
    assert order.findtext("TotalAmount") == "20.00"
    expense = "<ExpenseLineAdd><AccountRef><FullName>Fuel</FullName></AccountRef><Amount>30.00</Amount></ExpenseLineAdd>"
    item = "<ItemLineAdd><ItemRef><FullName>Mulch</FullName></ItemRef><Quantity>2</Quantity><Cost>5.00</Cost></ItemLineAdd>"
    bill = books.done(f"<BillAddRq><BillAdd>{vendor}{expense}{item}</BillAdd></BillAddRq>")
    assert (bill.findtext("AmountDue"), bill.findtext("IsPaid")) == ("40.00", "false")
    owed = books.done("<VendorQueryRq><FullName>Stone</FullName></VendorQueryRq>")
    assert owed.findtext("Balance") == "40.00"
    customer = f"<CustomerRef><ListID>{oak}</ListID></CustomerRef>"
    for kind in ("Estimate", "SalesReceipt", "CreditMemo"):
        body = f"<{kind}LineAdd>{line('Mulch', '1')}</{kind}LineAdd>"
        ret = books.done(f"<{kind}AddRq><{kind}Add>{customer}{body}</{kind}Add></{kind}AddRq>")
        assert ret.findtext("TotalAmount") == "51.83", kind
    assert ret.findtext("CreditRemaining") == "51.83"


def test_time_needs_a_person_who_exists(books: Books, oak: str) -> None:
    def track(name: str) -> str:
        return f"<TimeTrackingAddRq><TimeTrackingAdd><EntityRef><FullName>{name}</FullName></EntityRef><Duration>PT2H30M0S</Duration></TimeTrackingAdd></TimeTrackingAddRq>"

    assert books.code(track("Teo Marsh")) == "3140"
    books.done("<EmployeeAddRq><EmployeeAdd><FirstName>Teo</FirstName><LastName>Marsh</LastName></EmployeeAdd></EmployeeAddRq>")  # fmt: skip
    assert books.done(track("Teo Marsh")).findtext("Duration") == "PT2H30M0S"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.decimals("0.001", "999", places=3),
            st.decimals("0", "9999", places=4),
            st.sampled_from(["Tax", "Non"]),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_the_total_is_the_sum_of_rounded_lines_and_rounded_tax(books: Books, rows) -> None:
    if books.company.store.by_name("items", "Any") is None:
        books.service("Any")
        books.customer("Payer")
    payer = books.company.store.by_name("names", "Payer").id
    invoice = books.invoice(payer, *(line("Any", str(q), rate=str(r), tax=t) for q, r, t in rows))
    cent = Decimal("0.01")
    amounts = [(q * r).quantize(cent, "ROUND_HALF_UP") for q, r, _ in rows]
    taxable = sum((a for a, (_, _, t) in zip(amounts, rows, strict=True) if t == "Tax"), Decimal(0))
    tax = (taxable * Decimal("7.75") / 100).quantize(cent, "ROUND_HALF_UP")
    assert Decimal(invoice.findtext("Subtotal")) == sum(amounts)
    assert Decimal(invoice.findtext("BalanceRemaining")) == sum(amounts) + tax
