"""Tax of sales and purchases. US: a line is TAX or NON, and the company's rate is on the taxable sum. Elsewhere each line
names a tax code, and QuickBooks computes the tax line by line, whatever total was sent.

Source: Intuit's tutorials on sales tax for US and for other locales.
"""

from collections.abc import Iterable
from decimal import Decimal

from qbsync_local.sandbox.online import faults
from qbsync_local.sandbox.online.books import Books
from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.jsonio import Json
from qbsync_local.sandbox.online.money import ZERO, amount, cents

SALES, PURCHASES = "SalesTaxRateList", "PurchaseTaxRateList"


def uses_tax(books: Books) -> bool:
    return bool(books.preference("TaxPrefs", "UsingSalesTax"))


def us_code_fault(books: Books, body: Json, detail: Json, *, taxable: bool) -> Fault | None:
    """6100 for a line of a sale that is neither TAX nor NON; one that says nothing takes the default."""
    code = detail.get("TaxCodeRef")
    if code is None:
        taxed = taxable and uses_tax(books) and _pays_tax(books, body)
        detail["TaxCodeRef"] = {"value": "TAX" if taxed else "NON"}
    elif code["value"] not in {"TAX", "NON"}:
        return faults.rule("6100", "Invalid Line TaxCode", "US companies use TAX or NON.", "TaxCodeRef")
    return None


def code_fault(books: Books, body: Json, detail: Json) -> Fault | None:
    """Outside the US: 6000 for a line without a tax code, 6100 for one that the company does not have."""
    method = body.setdefault("GlobalTaxCalculation", "TaxExcluded")
    if method == "TaxInclusive":
        return faults.rule(
            "5030",
            "Feature Not Supported",
            "Amounts that include tax are not kept here.",
            "GlobalTaxCalculation",
        )
    if method == "NotApplicable" or not uses_tax(books):
        return None
    code = detail.get("TaxCodeRef")
    if code is None:
        return faults.business("Make sure all your transactions have a VAT rate before you save.")
    record = books.find("TaxCode", code["value"])
    if record is None or record.body.get("Active") is False:
        return faults.rule("6100", "Invalid Line TaxCode", f"No tax code {code['value']}.", "TaxCodeRef")
    return None


def us_tax(books: Books, body: Json, taxable: Decimal) -> Decimal:
    """Fill in TxnTaxDetail and give its total. Sent tax lines are ignored; a sent TotalTax overrides the computed one."""
    sent: Json = body.pop("TxnTaxDetail", None) or {}
    code = sent.get("TxnTaxCodeRef") or books.preference("TaxPrefs", "TaxGroupCodeRef")
    if not uses_tax(books) or not isinstance(code, dict):
        body["TxnTaxDetail"] = {"TotalTax": ZERO}
        return ZERO
    charged = taxable if _pays_tax(books, body) else ZERO
    rates = _rates(books, code["value"], SALES)
    lines = [_tax_line(books, rate, charged) for rate in rates] if charged else []
    computed = sum((amount(line, "Amount") for line in lines), ZERO)
    total = cents(sent["TotalTax"]) if sent.get("TotalTax") is not None else computed
    if total != computed and lines:
        lines[0]["Amount"] = cents(lines[0]["Amount"] + total - computed)
    body["TxnTaxDetail"] = {"TxnTaxCodeRef": {"value": code["value"]}, "TotalTax": total}
    if lines:
        body["TxnTaxDetail"]["TaxLine"] = lines
    return total


def tax(books: Books, body: Json, details: Iterable[tuple[Decimal, Json]], side: str) -> Decimal:
    """Outside the US: fill in TxnTaxDetail from (amount, detail) of each line, and give its total."""
    found: dict[str, Json] = {}
    charged = uses_tax(books) and body.get("GlobalTaxCalculation") != "NotApplicable"
    for value, detail in details if charged else ():
        for rate in _rates(books, detail["TaxCodeRef"]["value"], side):
            line = _tax_line(books, rate, value)
            if rate in found:
                found[rate]["Amount"] += line["Amount"]
                found[rate]["TaxLineDetail"]["NetAmountTaxable"] += value
            else:
                found[rate] = line
    total = sum((amount(line, "Amount") for line in found.values()), ZERO)
    body["TxnTaxDetail"] = {"TotalTax": total} | ({"TaxLine": list(found.values())} if found else {})
    return total


def _pays_tax(books: Books, body: Json) -> bool:
    reference = body.get("CustomerRef")
    customer = books.find("Customer", reference["value"]) if reference else None
    return customer is None or bool(customer.body.get("Taxable", True))


def _rates(books: Books, code: str, side: str) -> list[str]:
    record = books.find("TaxCode", code)
    details = (record.body.get(side) or {}).get("TaxRateDetail", []) if record else []
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
