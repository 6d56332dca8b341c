"""What is known of the QuickBooks company: its preferences, its lists, and what an admin chose from them for the app's words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from qbsync_shared.entities import parse_entity
from qbsync_shared.kinds import Kind
from qbsync_wizard.domain.records import Json

_CURRENCIES = {"US": "USD", "CA": "CAD", "UK": "GBP", "GB": "GBP", "AU": "AUD"}
_SALES = frozenset({Kind.INVOICE, Kind.ESTIMATE, Kind.SALES_RECEIPT, Kind.CREDIT_MEMO, Kind.REFUND_RECEIPT})
_PURCHASES = frozenset({Kind.BILL, Kind.PURCHASE_ORDER})
_DEPOSITED = frozenset({Kind.PAYMENT, Kind.SALES_RECEIPT, Kind.REFUND_RECEIPT})

ITEM_FIELDS = {
    "income_account": Kind.ACCOUNT,
    "expense_account": Kind.ACCOUNT,
    "asset_account": Kind.ACCOUNT,
    "tax_code": Kind.TAX_CODE,
}
"""What an admin chooses for an item of the app that does not say it."""

DEFAULTS = {
    "default_tax_code": Kind.TAX_CODE,
    "default_class": Kind.CLASS,
    "default_deposit_to": Kind.ACCOUNT,
}
"""Settings of a tenant that stand for one entry of a list: what a record gets that names none."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of a list of QuickBooks."""

    kind: Kind
    quickbooks_id: str
    name: str
    active: bool = True
    entity: Json = field(default_factory=dict)

    @property
    def reference(self) -> Json:
        """As a record refers to it."""
        return {"quickbooks_id": self.quickbooks_id, "name": self.name}


@dataclass(frozen=True, kw_only=True)
class Company:
    """The cached facts of a company, as far as one record needs them.

    ``entries`` are those that the record names, by (kind, name in lower case) and (kind, id with ``#`` before it); ``read`` the lists that were read at
    all; ``mapped`` leads from (kind, the app's word) to a reference; ``items`` from an item's app id to what it does not say itself.
    """

    facts: Json = field(default_factory=dict)
    settings: Json = field(default_factory=dict)
    read: frozenset[Kind] = frozenset()
    entries: Mapping[tuple[Kind, str], Entry] = field(default_factory=dict)
    mapped: Mapping[tuple[Kind, str], Json] = field(default_factory=dict)
    items: Mapping[str, Json] = field(default_factory=dict)

    @property
    def closed_until(self) -> date | None:
        """The last day of the closed books."""
        try:
            return date.fromisoformat(str(self.facts.get("closing_date") or "")[:10])
        except ValueError:
            return None

    @property
    def currency(self) -> str | None:
        """The company's own currency, by its preferences or by the country of its edition."""
        given = self.facts.get("currency") or _CURRENCIES.get(str(self.facts.get("country") or "").upper())
        return str(given).upper() if given else None

    def default(self, setting: str) -> Json | None:
        """An entry that stands for records which name none (:data:`DEFAULTS`)."""
        found = self.settings.get(setting)
        return found if isinstance(found, dict) and found.get("quickbooks_id") else None

    def entry(self, kind: Kind, reference: Json) -> Entry | None:
        """The entry that a reference means: by id, through the mappings, or by name."""
        word = str(reference.get("name") or reference.get("app_id") or "")
        target = reference if reference.get("quickbooks_id") else self.mapped.get((kind, word), reference)
        if target.get("quickbooks_id"):
            return self.entries.get((kind, f"#{target['quickbooks_id']}"))
        return self.entries.get((kind, str(target.get("name") or word).casefold()))


NOTHING_KNOWN = Company()


def filled(entity: Json, company: Company) -> Json:
    """The record with what an admin chose for it: an item's accounts and tax code, the class, tax code and deposit account of a document.

    What the app says itself stays as it is.
    """
    kind = Kind(entity["kind"])
    given = {**_chosen(kind, entity, company), **entity}
    code = company.default("default_tax_code")
    if kind in _SALES and code and company.facts.get("uses_sales_tax"):
        given["lines"] = [{"tax_code": code, **line} for line in entity.get("lines", [])]
    return given


def _chosen(kind: Kind, entity: Json, company: Company) -> Json:
    if kind is Kind.ITEM:
        return dict(company.items.get(str(entity.get("app_id")), {}))
    chosen = {}
    if kind in _SALES or kind in _PURCHASES:
        chosen["class"] = company.default("default_class")
    if kind in _DEPOSITED:
        chosen["deposit_to"] = company.default("default_deposit_to")
    return {field: reference for field, reference in chosen.items() if reference}


def without_filling(before: Json, entity: Json, company: Company) -> Json:
    """What was sent, without that which :func:`filled` would add: a choice of an admin is no change of the app."""
    added = filled(entity, company).keys() - entity.keys()
    kept = {key: value for key, value in before.items() if key not in added}
    lines, mine = before.get("lines"), entity.get("lines")
    if lines and mine and company.default("default_tax_code"):
        silent = {str(line.get("line_id")) for line in mine if "tax_code" not in line}
        kept["lines"] = [
            {key: value for key, value in line.items() if key != "tax_code"}
            if str(line.get("line_id")) in silent
            else line
            for line in lines
        ]
    return kept


def list_references(entity: Json) -> list[tuple[str, Kind, Json]]:
    """Every entry of a list that a record names: field, list, reference."""
    return [
        (path, kind, reference.model_dump(exclude_none=True))
        for path, kind, reference in parse_entity(entity).list_entries()
    ]
