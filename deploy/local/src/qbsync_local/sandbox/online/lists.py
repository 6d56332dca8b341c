"""Rules of the lists that have more than a name: items, accounts, terms, employees, customers, preferences."""

from decimal import Decimal

from qbsync_local.sandbox.online import faults
from qbsync_local.sandbox.online.books import Books, Draft
from qbsync_local.sandbox.online.faults import Fault

_ITEM_TYPES = frozenset(
    {"Service", "NonInventory", "Inventory", "Category"}
)  # Other Charge exists in Desktop only
_INCOME = frozenset({"Income", "Other Income"})
_COST = frozenset({"Expense", "Cost of Goods Sold", "Other Expense"})
_CLASSIFICATION = {
    "Bank": "Asset",
    "Accounts Receivable": "Asset",
    "Other Current Asset": "Asset",
    "Fixed Asset": "Asset",
    "Other Asset": "Asset",
    "Accounts Payable": "Liability",
    "Credit Card": "Liability",
    "Other Current Liability": "Liability",
    "Long Term Liability": "Liability",
    "Equity": "Equity",
    "Income": "Revenue",
    "Other Income": "Revenue",
    "Expense": "Expense",
    "Other Expense": "Expense",
    "Cost of Goods Sold": "Expense",
}
_ACCOUNT_OF_SUBTYPE = {
    "Checking": "Bank",
    "Savings": "Bank",
    "ServiceFeeIncome": "Income",
    "SalesOfProductIncome": "Income",
    "Inventory": "Other Current Asset",
    "UndepositedFunds": "Other Current Asset",
    "SuppliesMaterialsCogs": "Cost of Goods Sold",
    "OfficeGeneralAdministrativeExpenses": "Expense",
    "SuppliesMaterials": "Expense",
}


def customer_rules(_books: Books, draft: Draft) -> Fault | None:
    """A customer is taxable unless it says otherwise, which is why a total can differ from what the sender expects."""
    draft.body.setdefault("Taxable", True)
    draft.body.setdefault("PreferredDeliveryMethod", "None")
    draft.body.setdefault("BillWithParent", False)
    return _address(draft)


def vendor_rules(_books: Books, draft: Draft) -> Fault | None:
    draft.body.setdefault("Vendor1099", False)
    return _address(draft)


def employee_rules(_books: Books, draft: Draft) -> Fault | None:
    if not (draft.body.get("GivenName") or draft.body.get("FamilyName")):
        return faults.missing("GivenName or FamilyName")
    draft.body.setdefault("BillableTime", False)
    return _address(draft)


def _address(draft: Draft) -> Fault | None:
    mail = (draft.body.get("PrimaryEmailAddr") or {}).get("Address")
    return bad_mail(mail, "PrimaryEmailAddr") if mail else None


def bad_mail(text: str, element: str) -> Fault | None:
    """2210 unless each of the comma-separated addresses looks like one."""
    for address in text.split(","):
        name, _, host = address.strip().partition("@")
        if not name or "." not in host or any(sign in address.strip() for sign in " <>()"):
            return faults.bad_value("2210", "Invalid Email Address format", element, text)
    return None


def item_rules(books: Books, draft: Draft) -> Fault | None:
    """Type, accounts by type, and defaults. Source: Intuit's API reference, Item."""
    body = draft.body
    kind = body.setdefault("Type", "NonInventory" if draft.old is None else draft.old.body["Type"])
    if kind not in _ITEM_TYPES:
        return faults.bad_value("2120", "Invalid Type", "Type", str(kind))
    if draft.old is not None and kind != draft.old.body["Type"] and draft.old.body["Type"] == "Inventory":
        return faults.business("The type of an inventory item cannot be changed.")
    needed = {
        "Category": (),
        "Service": ("IncomeAccountRef",),
        "NonInventory": () if body.get("ExpenseAccountRef") else ("IncomeAccountRef",),
        "Inventory": (
            "IncomeAccountRef",
            "ExpenseAccountRef",
            "AssetAccountRef",
            "InvStartDate",
            "QtyOnHand",
        ),
    }[kind]
    for name in needed:
        if body.get(name) is None:
            return faults.missing(name)
    body["TrackQtyOnHand"] = kind == "Inventory"
    body.setdefault("UnitPrice", Decimal(0))
    body.setdefault("PurchaseCost", Decimal(0))
    body.setdefault("Taxable", bool(books.preference("TaxPrefs", "UsingSalesTax")))
    return _item_accounts(books, draft, kind)


def _item_accounts(books: Books, draft: Draft, kind: str) -> Fault | None:
    allowed = {
        "IncomeAccountRef": _INCOME,
        "ExpenseAccountRef": frozenset({"Cost of Goods Sold"}) if kind == "Inventory" else _COST,
        "AssetAccountRef": frozenset({"Other Current Asset"}),
    }
    for name, types in allowed.items():
        reference = draft.body.get(name)
        account = books.find("Account", reference["value"]) if reference else None
        if account is not None and account.body.get("AccountType") not in types:
            return faults.rule(
                "6430", "Invalid account type", f"{name} must be of type {' or '.join(sorted(types))}", name
            )
    return None


def account_rules(_books: Books, draft: Draft) -> Fault | None:
    body = draft.body
    kind = body.get("AccountType") or _ACCOUNT_OF_SUBTYPE.get(body.get("AccountSubType") or "")
    if kind is None:
        return faults.rule(
            "6010", "Invalid account type", "AccountType or AccountSubType must be given.", "AccountType"
        )
    if kind not in _CLASSIFICATION:
        return faults.bad_value("2170", "Invalid Enumeration", "AccountType", str(kind))
    body |= {"AccountType": kind, "Classification": _CLASSIFICATION[kind]}
    body.setdefault("CurrentBalance", Decimal(0))
    return None


def term_rules(_books: Books, draft: Draft) -> Fault | None:
    body = draft.body
    if body.get("DueDays") is None and body.get("DayOfMonthDue") is None:
        return faults.missing("DueDays")
    body["Type"] = "STANDARD" if body.get("DueDays") is not None else "DATE_DRIVEN"
    return None


def no_rules(_books: Books, _draft: Draft) -> Fault | None:
    return None
