"""The lists of a company file as plain data, for the control API and the pages."""

from typing import Any

from qbsync_local.sandbox.desktop import rendering, sales
from qbsync_local.sandbox.desktop.company import Company
from qbsync_local.sandbox.desktop.data import Content
from qbsync_local.sandbox.desktop.kinds import ITEM_KINDS, KINDS, TERMS_KINDS
from qbsync_local.sandbox.desktop.store import Record

LISTS: dict[str, tuple[str, ...]] = {
    "customers": ("Customer",),
    "vendors": ("Vendor",),
    "employees": ("Employee",),
    "items": ITEM_KINDS,
    "invoices": ("Invoice",),
    "estimates": ("Estimate",),
    "sales_receipts": ("SalesReceipt",),
    "credit_memos": ("CreditMemo",),
    "payments": ("ReceivePayment",),
    "purchase_orders": ("PurchaseOrder",),
    "bills": ("Bill",),
    "time_entries": ("TimeTracking",),
    "accounts": ("Account",),
    "classes": ("Class",),
    "terms": TERMS_KINDS,
    "tax_codes": ("SalesTaxCode",),
    "payment_methods": ("PaymentMethod",),
}


def records(
    company: Company, list_name: str, *, search: str = "", limit: int | None = None, newest: bool = False
) -> list[Record]:
    """The records of a list (KeyError: there is no such list), by name or number, or the last changed first."""
    kinds = LISTS[list_name]
    condition = f"kind IN ({', '.join('?' * len(kinds))})"
    parameters: list[Any] = list(kinds)
    if search:
        condition += " AND (full_name LIKE ? OR ref_number LIKE ?)"
        parameters += [f"%{search}%", f"%{search}%"]
    by_name = "names, name_key" if KINDS[kinds[0]].is_list else "txn_date DESC, seq DESC"
    identifiers = company.store.ids(condition, parameters, "modified DESC, seq DESC" if newest else by_name)
    return list(company.store.many(identifiers[:limit]))


def as_data(company: Company, record: Record) -> dict[str, Any]:
    """One record: id, kind, names, version, and QuickBooks' own content with references by ListID and FullName."""
    content = _named(company, record.content)
    if record.kind in ("Customer", "Vendor"):
        content["Balance"] = sales.amount(rendering.balance(company, [record.id]))
    return {
        "id": record.id,
        "kind": record.kind,
        "full_name": record.full_name or None,
        "ref_number": record.ref_number,
        "active": record.active,
        "edit_sequence": str(record.edit_sequence),
        "time_created": company.clock.shown(record.created),
        "time_modified": company.clock.shown(record.modified),
        "external_guid": record.content.get("ExternalGUID"),
        "content": content,
    }


def as_row(company: Company, record: Record) -> dict[str, Any]:
    """One record as a line of a page."""
    content = record.content
    party: Content = next(
        (content[name] for name in ("CustomerRef", "VendorRef", "EntityRef") if content.get(name)), {}
    )
    facts = [
        company.store.full_name(party.get("ListID", "")),
        record.txn_date,
        content.get("Email"),
        content.get("Phone"),
        content.get("Memo"),
    ]
    if record.kind in ("Customer", "Vendor"):
        amount = sales.amount(rendering.balance(company, [record.id]))
    elif record.kind in ITEM_KINDS:
        price = sales.item_price(record, cost=False)
        amount = "" if price is None else sales.rate(price)
    else:
        amount = next(
            (
                content[name]
                for name in ("BalanceRemaining", "TotalAmount", "AmountDue", "Duration")
                if content.get(name)
            ),
            "",
        )
    return {
        "id": record.id,
        "kind": record.kind,
        "title": record.full_name or record.ref_number or record.id,
        "name": record.name,
        "active": record.active,
        "edit_sequence": record.edit_sequence,
        "facts": [fact for fact in facts if fact],
        "amount": amount,
        "changed": record.modified[:16].replace("T", " "),
    }


def deletions(company: Company) -> list[dict[str, Any]]:
    """The deletion log."""
    rows = company.store.deleted(KINDS)
    return [
        {
            "id": row.id,
            "kind": row.kind,
            "full_name": row.full_name,
            "ref_number": row.ref_number,
            "deleted": row.deleted,
        }
        for row in rows
    ]


def _named(company: Company, value: Any) -> Any:
    if isinstance(value, list):
        return [_named(company, one) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"ListID"}:
        return {"ListID": value["ListID"], "FullName": company.store.full_name(value["ListID"])}
    return {name: _named(company, one) for name, one in value.items() if not name.startswith("_")}
