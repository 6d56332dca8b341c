"""What a company's own books ask of each document: its currency, and tax codes outside the US."""

from dataclasses import dataclass
from typing import Any

from qbsync_qbo_worker.mapping.values import Json
from qbsync_shared.entities import Entity
from qbsync_shared.outcomes import Failed

US = "US"
NON_TAXABLE = "NON"
_BY_ITEM = "SalesItemLineDetail"
_PURCHASES = frozenset({"ItemBasedExpenseLineDetail", "AccountBasedExpenseLineDetail"})


@dataclass(frozen=True, kw_only=True)
class Company:
    """What is known of a company.

    Args:
        country: as QuickBooks writes it; unknown counts as US.
        currency: ISO 4217, its own.
        several_currencies: whether it keeps books in others too.
        non_taxable: QuickBooks' id of its non-taxable code; unused in the US, where that is NON.
    """

    country: str = US
    currency: str | None = None
    several_currencies: bool = False
    non_taxable: str | None = None


def foreign(entity: Entity, company: Company) -> Failed | None:
    """Refuse a record in another currency than the company's (contract, section 3)."""
    given = getattr(entity, "currency", None)
    if not given or not company.currency or given == company.currency:
        return None
    why = f"It is in {given}, and the books are in {company.currency}."
    return Failed(
        code="QS-CURRENCY",
        message=f"{why} Enter it in QuickBooks by hand, or change its currency in the app.",
    )


def fitted(payload: Json, company: Company, *, creating: bool) -> Json | Failed:
    """The properties as this company takes them.

    A document says its currency where there are several, so that QuickBooks refuses one for a customer or vendor of
    another currency. Outside the US a document of which no line names a tax code is out of the scope of tax, and
    QuickBooks computes the tax by the codes, whatever total is sent.
    """
    if creating and company.several_currencies and "TxnDate" in payload and "NameOf" not in payload:
        payload = payload | {"CurrencyRef": {"value": company.currency}}
    if company.country == US:
        return payload
    payload = {name: value for name, value in payload.items() if name != "TxnTaxDetail"}
    kinds = {line.get("DetailType") for line in payload.get("Line", [])}
    if kinds & _PURCHASES:
        return payload | {"GlobalTaxCalculation": "NotApplicable"}
    return _taxed(payload, company) if _BY_ITEM in kinds else payload


def _taxed(payload: Json, company: Company) -> Json | Failed:
    sold = [line[_BY_ITEM] for line in payload["Line"] if line["DetailType"] == _BY_ITEM]
    plain = sum(_is_plain(detail) for detail in sold)
    if plain == len(sold):
        lines = [_with_code(line, None) for line in payload["Line"]]
        return payload | {"GlobalTaxCalculation": "NotApplicable", "Line": lines}
    if plain and company.non_taxable is None:
        why = "Some lines have a tax code and others have none, and QuickBooks has no code for what is not taxed."
        return Failed(
            code="QS-NOT-MAPPED", message=f"{why} Choose a tax code for each line, or a default one."
        )
    lines = [_with_code(line, company.non_taxable) for line in payload["Line"]]
    return payload | {"GlobalTaxCalculation": "TaxExcluded", "Line": lines}


def _is_plain(detail: Json) -> bool:
    return bool(detail.get("TaxCodeRef", {}).get("value", NON_TAXABLE) == NON_TAXABLE)


def _with_code(line: Json, code: str | None) -> Json:
    """The line with this code where it names none, or without one."""
    detail: Any = line.get(_BY_ITEM)
    if detail is None or not _is_plain(detail):
        return line
    kept = {name: value for name, value in detail.items() if name != "TaxCodeRef"}
    return line | {_BY_ITEM: kept | ({"TaxCodeRef": {"value": code}} if code else {})}
