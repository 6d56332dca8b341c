"""Rules of invoices, estimates, sales receipts, credit memos and refund receipts: lines, discount, totals."""

from collections.abc import Iterator
from decimal import Decimal

from qbsync_local.sandbox.online import faults, taxes
from qbsync_local.sandbox.online.books import Books, Draft
from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.jsonio import Json
from qbsync_local.sandbox.online.lists import bad_mail
from qbsync_local.sandbox.online.money import ZERO, amount, cents
from qbsync_local.sandbox.online.payments import applied
from qbsync_local.sandbox.online.transactions import due_date, number_lines

_DETAILS = frozenset({"SalesItemLineDetail", "DiscountLineDetail", "SubTotalLineDetail", "DescriptionOnly"})


def sale_rules(books: Books, draft: Draft) -> Fault | None:
    """Check the lines and compute what the server computes; the first fault, or None."""
    body = draft.body
    number_lines(draft)
    fault = next(_faults(books, draft), None)
    if fault is not None:
        return fault
    _defaults(books, draft)
    _totals(books, body)
    return _settle(books, draft)


def _faults(books: Books, draft: Draft) -> Iterator[Fault]:
    """What is wrong with the document; what is read later is only read when nothing was wrong before."""
    for line in draft.body["Line"]:
        yield from _line(books, draft, line)
    mail = (draft.body.get("BillEmail") or {}).get("Address")
    wrong = bad_mail(mail, "BillEmail") if mail else None
    if wrong is not None:
        yield wrong
    if draft.body.get("EmailStatus") == "NeedToSend" and not mail:
        yield faults.rule(
            "6420", "Email address required", "BillEmail is needed to send by e-mail.", "BillEmail"
        )


def _line(books: Books, draft: Draft, line: Json) -> Iterator[Fault]:
    kind = str(line.get("DetailType", ""))
    if kind == "DescriptionOnly":
        return
    if not kind:
        yield faults.missing("Line.DetailType")
    if kind not in _DETAILS:
        yield faults.rule(
            "5030", "Feature Not Supported", f"DetailType {kind} is not supported here.", "DetailType"
        )
    detail = line.setdefault(kind, {})
    percent = kind == "DiscountLineDetail" and detail.get("PercentBased")
    if percent and detail.get("DiscountPercent") is None:
        yield faults.rule(
            "6090", "Discount line is missing required information", "DiscountPercent is missing."
        )
    if line.get("Amount") is None and not percent:
        yield faults.missing("Line.Amount")
    if kind == "SalesItemLineDetail":
        yield from _item_line(books, draft, line, detail)


def _item_line(books: Books, draft: Draft, line: Json, detail: Json) -> Iterator[Fault]:
    yield from amount_faults(line, detail)
    reference = detail.get("ItemRef")
    item = books.find("Item", reference["value"]) if reference else None
    start = item.body.get("InvStartDate") if item and item.body["Type"] == "Inventory" else None
    if start and str(draft.body["TxnDate"]) < str(start):
        yield faults.rule("6270", "Transaction date is prior to start date for inventory item", "", "TxnDate")
    if books.in_us:
        taxable = item is None or bool(item.body.get("Taxable"))
        wrong = taxes.us_code_fault(books, draft.body, detail, taxable=taxable)
    else:
        wrong = taxes.code_fault(books, draft.body, detail)
    if wrong is not None:
        yield wrong


def amount_faults(line: Json, detail: Json) -> Iterator[Fault]:
    """6070 unless Amount = round(Qty * UnitPrice); a missing UnitPrice is filled in."""
    quantity, price = detail.get("Qty"), detail.get("UnitPrice")
    given = amount(line, "Amount")
    line["Amount"] = given
    if quantity is not None and price is not None and cents(quantity * price) != given:
        yield faults.rule(
            "6070",
            "Amount calculation incorrect in the request",
            f"Amount is not equal to UnitPrice * Qty. Supplied value:{given}",
            "Line.Amount",
        )
    if quantity and price is None:
        detail["UnitPrice"] = (given / quantity).quantize(Decimal("0.0000001")).normalize()


def _defaults(books: Books, draft: Draft) -> None:
    body, name = draft.body, draft.entity.name
    reference = body.get("CustomerRef")
    customer = books.find("Customer", reference["value"]) if reference else None
    if customer is not None and draft.old is None:
        for own, theirs in (
            ("BillAddr", "BillAddr"),
            ("ShipAddr", "ShipAddr"),
            ("BillEmail", "PrimaryEmailAddr"),
        ):
            if body.get(own) is None and customer.body.get(theirs):
                body[own] = dict(customer.body[theirs])
    body.setdefault("ApplyTaxAfterDiscount", False)
    body.setdefault("PrintStatus", "NeedToPrint" if name == "Invoice" else "NotSet")
    body.setdefault("EmailStatus", "NotSet")
    if name == "Invoice":
        body.setdefault("DueDate", due_date(books, body))
    elif name == "Estimate":
        body.setdefault("TxnStatus", "Pending")
    elif name == "SalesReceipt" and body.get("DepositToAccountRef") is None:
        undeposited = books.by_label("Account", "Undeposited Funds")
        if undeposited is not None:
            body["DepositToAccountRef"] = {"value": undeposited.id}


def _totals(books: Books, body: Json) -> None:
    lines = body["Line"]
    items = [line for line in lines if line["DetailType"] == "SalesItemLineDetail"]
    subtotal = sum((amount(line, "Amount") for line in items), ZERO)
    discount = ZERO
    for line in lines:
        if line["DetailType"] == "DiscountLineDetail":
            detail = line["DiscountLineDetail"]
            if detail.get("PercentBased"):
                line["Amount"] = cents(subtotal * detail["DiscountPercent"] / 100)
            discount += amount(line, "Amount")
    if items:
        lines.append({"Amount": subtotal, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}})
    body["TotalAmt"] = cents(subtotal - discount + _tax(books, body, items, subtotal, discount))


def _tax(books: Books, body: Json, items: list[Json], subtotal: Decimal, discount: Decimal) -> Decimal:
    if not books.in_us:
        details = [(amount(line, "Amount"), line["SalesItemLineDetail"]) for line in items]
        return taxes.tax(books, body, details, taxes.SALES)
    taxable = sum((amount(line, "Amount") for line in items if _is_taxed(line)), ZERO)
    if body.get("ApplyTaxAfterDiscount") and subtotal:
        taxable -= cents(discount * taxable / subtotal)
    return taxes.us_tax(books, body, taxable)


def _is_taxed(line: Json) -> bool:
    return bool(line["SalesItemLineDetail"]["TaxCodeRef"]["value"] == "TAX")


def _settle(books: Books, draft: Draft) -> Fault | None:
    """The open balance after what was paid; a total below that is refused."""
    body, name = draft.body, draft.entity.name
    total = amount(body, "TotalAmt")
    if total < ZERO:
        return faults.business("Transaction amount must be 0 or greater.")
    paid = applied(books, name, draft.id, body)
    if name == "Invoice":
        body["Balance"] = total - amount(body, "Deposit") - paid
        if paid and body["Balance"] < ZERO:
            return faults.business(
                "The amount of the payments applied is more than the new total of the invoice."
            )
    elif name == "CreditMemo":
        body["Balance"] = body["RemainingCredit"] = total - paid
    elif name in {"SalesReceipt", "RefundReceipt"}:
        body["Balance"] = ZERO
    return None
