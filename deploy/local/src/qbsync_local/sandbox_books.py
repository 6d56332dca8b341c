"""Reads the books of the simulated QuickBooks through its control API, for the audit."""

from collections.abc import Mapping
from typing import Any

import httpx

from qbsync_local.audit import Books
from qbsync_shared.kinds import Edition, Kind

ONLINE_ENTITIES: Mapping[Kind, str] = {
    Kind.CUSTOMER: "Customer",
    Kind.VENDOR: "Vendor",
    Kind.EMPLOYEE: "Employee",
    Kind.ITEM: "Item",
    Kind.INVOICE: "Invoice",
    Kind.ESTIMATE: "Estimate",
    Kind.SALES_RECEIPT: "SalesReceipt",
    Kind.CREDIT_MEMO: "CreditMemo",
    Kind.REFUND_RECEIPT: "RefundReceipt",
    Kind.PAYMENT: "Payment",
    Kind.PURCHASE_ORDER: "PurchaseOrder",
    Kind.BILL: "Bill",
    Kind.TIME_ENTRY: "TimeActivity",
}
DESKTOP_LISTS: Mapping[Kind, str] = {
    Kind.CUSTOMER: "customers",
    Kind.VENDOR: "vendors",
    Kind.EMPLOYEE: "employees",
    Kind.ITEM: "items",
    Kind.INVOICE: "invoices",
    Kind.ESTIMATE: "estimates",
    Kind.SALES_RECEIPT: "sales_receipts",
    Kind.CREDIT_MEMO: "credit_memos",
    Kind.PAYMENT: "payments",
    Kind.PURCHASE_ORDER: "purchase_orders",
    Kind.BILL: "bills",
    Kind.TIME_ENTRY: "time_entries",
}
KEYS = ("FullyQualifiedName", "DisplayName", "Name", "DocNumber")


def read_online(client: httpx.Client, base: str, realm: str) -> list[Books]:
    """Every record of one simulated QuickBooks Online company. Raises httpx.HTTPError."""
    return [
        online_record(kind, item)
        for kind, entity in ONLINE_ENTITIES.items()
        for item in _items(client, f"{base}/control/companies/{realm}/{entity}")
    ]


def online_record(kind: Kind, item: Mapping[str, Any]) -> Books:
    """A record as the audit compares it; a job is a customer below another one."""
    if kind is Kind.CUSTOMER and item.get("Job"):
        kind = Kind.JOB
    return Books(kind.value, str(item["Id"]), next((str(item[key]) for key in KEYS if item.get(key)), ""))


def read_desktop(client: httpx.Client, base: str, tenant: str) -> list[Books]:
    """Every record of one tenant's simulated company file. Raises httpx.HTTPError."""
    return [
        desktop_record(kind, item)
        for kind, name in DESKTOP_LISTS.items()
        for item in _items(client, f"{base}/companies/{tenant}/{name}")
    ]


def desktop_record(kind: Kind, item: Mapping[str, Any]) -> Books:
    """A record as the audit compares it; a job is a customer below another one."""
    if kind is Kind.CUSTOMER and item["content"].get("ParentRef"):
        kind = Kind.JOB
    return Books(kind.value, str(item["id"]), str(item["full_name"] or item["ref_number"] or ""))


def read_books(base: str, edition: Edition, company: str) -> list[Books]:
    """What a simulated QuickBooks holds. `company` is the realm of an Online company, the tenant of a Desktop one.

    Raises httpx.HTTPError.
    """
    with httpx.Client(trust_env=False, timeout=60) as client:
        return (read_desktop if edition is Edition.DESKTOP else read_online)(client, base, company)


def _items(client: httpx.Client, url: str) -> list[dict[str, Any]]:
    answer = client.get(url)
    answer.raise_for_status()
    items: list[dict[str, Any]] = answer.json()["items"]
    return items
