"""What QuickBooks computes on a document: rates, amounts, sales tax by code, totals, due dates."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from qbsync_local.sandbox.desktop.company import Company
from qbsync_local.sandbox.desktop.data import Content
from qbsync_local.sandbox.desktop.statuses import missing
from qbsync_local.sandbox.desktop.store import Record

CENT = Decimal("0.01")
RATE = Decimal("0.00001")


def amount(value: Decimal) -> str:
    """An amount as QuickBooks writes it: two decimals."""
    return str(value.quantize(CENT, ROUND_HALF_UP))


def rate(value: Decimal) -> str:
    """A rate: as many decimals as it needs, two at least, five at most."""
    text = format(value.quantize(RATE, ROUND_HALF_UP), "f").rstrip("0")
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"


def decimal(content: Content, name: str) -> Decimal | None:
    """The number of an element, None where it is missing or empty."""
    text = content.get(name)
    return Decimal(text) if isinstance(text, str) and text.strip() else None


def item_price(item: Record, *, cost: bool) -> Decimal | None:
    """The item's own price (or, for purchases, cost)."""
    both = item.content.get("SalesAndPurchase") or item.content
    found = decimal(both, "PurchaseCost" if cost else "SalesPrice")
    return found if found is not None else decimal(item.content.get("SalesOrPurchase") or {}, "Price")


def item_description(item: Record, *, cost: bool) -> str:
    """The item's own description."""
    both = item.content.get("SalesAndPurchase") or item.content
    one = item.content.get("SalesOrPurchase") or {}
    return str(
        both.get("PurchaseDesc" if cost else "SalesDesc")
        or one.get("Desc")
        or item.content.get("ItemDesc")
        or ""
    )


def price_lines(
    company: Company, lines: list[Content], *, cost: bool = False, rate_name: str = "Rate"
) -> Decimal:
    """Fill in description, rate and amount of each line as QuickBooks does; give the sum.

    A given amount stands, and the rate follows from it; otherwise it is rate x quantity rounded to cents, with the
    item's own price where the line has no rate. Raises 3150 for an amount without an item.
    """
    previous = total = since_subtotal = Decimal(0)
    for line in lines:
        item = company.referred(line, "ItemRef")
        if item is None:
            if decimal(line, "Amount") or decimal(line, rate_name):
                raise missing("ItemRef")
            continue
        if "Desc" not in line and item_description(item, cost=cost):
            line["Desc"] = item_description(item, cost=cost)
        if item.kind == "ItemSubtotal":
            previous = since_subtotal
            line["Amount"], since_subtotal = amount(since_subtotal), Decimal(0)
            continue
        value = (
            _discount(line, item, previous)
            if item.kind == "ItemDiscount"
            else _line_amount(line, item, rate_name, cost=cost)
        )
        line["Amount"] = amount(value)
        previous = Decimal(line["Amount"])
        total += previous
        since_subtotal += previous
    return total


def _line_amount(line: Content, item: Record, rate_name: str, *, cost: bool) -> Decimal:
    quantity, given, price = decimal(line, "Quantity"), decimal(line, "Amount"), decimal(line, rate_name)
    if given is not None:
        if quantity and (price is None or amount(price * quantity) != amount(given)):
            line[rate_name] = rate(given / quantity)
        return given
    if price is None:
        price = item_price(item, cost=cost) or Decimal(0)
    line[rate_name] = rate(price)
    return price * (quantity if quantity is not None else Decimal(1))


def _discount(line: Content, item: Record, previous: Decimal) -> Decimal:
    given = decimal(line, "Amount")
    if given is not None:
        return given
    percent = decimal(line, "RatePercent") or decimal(item.content, "DiscountRatePercent")
    if percent is not None:
        line["RatePercent"] = rate(-abs(percent))
        return -abs(percent) * previous / 100
    return -abs(decimal(line, "Rate") or decimal(item.content, "DiscountRate") or Decimal(0))


def set_sales_tax(
    company: Company, content: Content, lines: list[Content], customer: Record | None
) -> Decimal:
    """Compute the sales tax of a document by the codes of its lines, items and customer; give it.

    A line without a code takes its item's, an item without one the company's default. A customer whose code is not
    taxable pays no tax at all.
    """
    if not company.flag("uses_sales_tax"):
        return Decimal(0)
    default_code = company.reference_to(("SalesTaxCode",), "Tax")
    for line in lines:
        item = company.referred(line, "ItemRef")
        if item is not None and item.kind != "ItemSubtotal" and not line.get("SalesTaxCodeRef"):
            line["SalesTaxCodeRef"] = item.content.get("SalesTaxCodeRef") or default_code
    theirs = customer.content if customer else {}
    if not content.get("CustomerSalesTaxCodeRef"):
        content["CustomerSalesTaxCodeRef"] = theirs.get("SalesTaxCodeRef") or default_code
    if not content.get("ItemSalesTaxRef"):
        default = company.store.meta("default_sales_tax_item")
        content["ItemSalesTaxRef"] = theirs.get("ItemSalesTaxRef") or (
            {"ListID": default} if default else None
        )
    percent = _tax_rate(company, content)
    pays = _is_taxable(company, content, "CustomerSalesTaxCodeRef")
    taxable = sum(
        (
            decimal(line, "Amount") or Decimal(0)
            for line in lines
            if _is_taxable(company, line, "SalesTaxCodeRef")
        ),
        Decimal(0),
    )
    tax = (taxable * percent / 100).quantize(CENT, ROUND_HALF_UP) if pays else Decimal(0)
    content["SalesTaxPercentage"] = rate(percent)
    content["SalesTaxTotal"] = amount(tax)
    return tax


def _is_taxable(company: Company, content: Content, name: str) -> bool:
    code = company.referred(content, name)
    return code is not None and code.content.get("IsTaxable") in ("true", "1")


def _tax_rate(company: Company, content: Content) -> Decimal:
    item = company.referred(content, "ItemSalesTaxRef")
    if item is None:
        return Decimal(0)
    parts = [item]
    if item.kind == "ItemSalesTaxGroup":
        identifiers = [
            part["ListID"] for part in item.content.get("ItemSalesTaxRef", []) if part.get("ListID")
        ]
        parts = list(company.store.many(identifiers))
    return sum((decimal(part.content, "TaxRate") or Decimal(0) for part in parts), Decimal(0))


def due_date(company: Company, content: Content) -> str:
    """The due date by the terms: so many days later, or a day of the month."""
    day = date.fromisoformat(content["TxnDate"])
    terms = company.referred(content, "TermsRef")
    if terms is None:
        return day.isoformat()
    if terms.kind == "StandardTerms":
        return (day + timedelta(days=int(terms.content.get("StdDueDays") or 0))).isoformat()
    due = int(terms.content.get("DayOfMonthDue") or 1)
    grace = int(terms.content.get("DueNextMonthDays") or 0)
    months = 1 if day.day + grace > due else 0
    month = day.month - 1 + months
    first = date(day.year + month // 12, month % 12 + 1, 1)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return min(first + timedelta(days=due - 1), following - timedelta(days=1)).isoformat()
