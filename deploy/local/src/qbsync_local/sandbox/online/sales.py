"""Rules of invoices, estimates, sales receipts, credit memos and refund receipts: lines, discount, sales tax, totals.

US rules: a line is TAX or NON; the tax is the company's rate on the taxable sum, unless TotalTax overrides it.
"""

from collections.abc import Iterator
from decimal import Decimal

from qbsync_local.sandbox.online import faults
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
    code = detail.get("TaxCodeRef")
    if code is None:
        taxable = item is None or bool(item.body.get("Taxable"))
        using = bool(books.preference("TaxPrefs", "UsingSalesTax")) and _taxable(books, draft.body)
        detail["TaxCodeRef"] = {"value": "TAX" if taxable and using else "NON"}
    elif code["value"] not in {"TAX", "NON"}:
        yield faults.rule("6100", "Invalid Line TaxCode", "US companies use TAX or NON.", "TaxCodeRef")


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


def _taxable(books: Books, body: Json) -> bool:
    reference = body.get("CustomerRef")
    customer = books.find("Customer", reference["value"]) if reference else None
    return customer is None or bool(customer.body.get("Taxable", True))


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
    taxable = sum((amount(line, "Amount") for line in items if _is_taxed(line)), ZERO)
    if body.get("ApplyTaxAfterDiscount") and subtotal:
        taxable -= cents(discount * taxable / subtotal)
    tax = _tax(books, body, taxable)
    body["TotalAmt"] = cents(subtotal - discount + tax)


def _is_taxed(line: Json) -> bool:
    return bool(line["SalesItemLineDetail"]["TaxCodeRef"]["value"] == "TAX")


def _tax(books: Books, body: Json, taxable: Decimal) -> Decimal:
    """Fill in TxnTaxDetail and give its total. Sent tax lines are ignored; a sent TotalTax overrides the computed one."""
    sent: Json = body.pop("TxnTaxDetail", None) or {}
    code = sent.get("TxnTaxCodeRef") or books.preference("TaxPrefs", "TaxGroupCodeRef")
    if not books.preference("TaxPrefs", "UsingSalesTax") or not isinstance(code, dict):
        body["TxnTaxDetail"] = {"TotalTax": ZERO}
        return ZERO
    charged = taxable if _taxable(books, body) else ZERO
    lines = [_tax_line(books, rate, charged) for rate in _rates(books, code["value"])] if charged else []
    computed = sum((amount(line, "Amount") for line in lines), ZERO)
    total = cents(sent["TotalTax"]) if sent.get("TotalTax") is not None else computed
    if total != computed and lines:
        lines[0]["Amount"] = cents(lines[0]["Amount"] + total - computed)
    body["TxnTaxDetail"] = {"TxnTaxCodeRef": {"value": code["value"]}, "TotalTax": total}
    if lines:
        body["TxnTaxDetail"]["TaxLine"] = lines
    return total


def _rates(books: Books, code: str) -> list[str]:
    record = books.find("TaxCode", code)
    details = (record.body.get("SalesTaxRateList") or {}).get("TaxRateDetail", []) if record else []
    return [detail["TaxRateRef"]["value"] for detail in details]


def _tax_line(books: Books, rate: str, taxable: Decimal) -> Json:
    record = books.find("TaxRate", rate)
    percent = Decimal(record.body["RateValue"]) if record else Decimal(0)
    detail = {
        "TaxRateRef": {"value": rate},
        "PercentBased": True,
        "TaxPercent": percent,
        "NetAmountTaxable": taxable,
    }
    return {"Amount": cents(taxable * percent / 100), "DetailType": "TaxLineDetail", "TaxLineDetail": detail}


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
