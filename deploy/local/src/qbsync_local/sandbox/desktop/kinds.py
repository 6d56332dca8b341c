"""The lists and transactions of a company file, and which list each reference of a request points into."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One list or transaction type, named as qbXML names it (`Customer`, `Invoice`).

    `names` is the name space in which a list element's name must be unique; `lines` are the line aggregates of a
    transaction's Ret; `party` is the reference to the customer or vendor whom it concerns.
    """

    name: str
    names: str = ""
    nested: bool = False
    lines: tuple[str, ...] = ()
    party: str = ""

    @property
    def is_list(self) -> bool:
        """True for a list, False for a transaction type."""
        return bool(self.names)

    @property
    def id_name(self) -> str:
        """The element that holds the id."""
        return "ListID" if self.is_list else "TxnID"

    @property
    def ret(self) -> str:
        """The aggregate in which QuickBooks returns it."""
        return f"{self.name}Ret"


ITEM_KINDS = (
    "ItemService", "ItemNonInventory", "ItemOtherCharge", "ItemInventory", "ItemDiscount", "ItemSubtotal", "ItemPayment",
    "ItemSalesTax", "ItemSalesTaxGroup", "ItemGroup",
)  # fmt: skip
FLAT_ITEMS = {"ItemSubtotal", "ItemPayment", "ItemSalesTax", "ItemSalesTaxGroup", "ItemGroup"}
NAME_KINDS = ("Customer", "Vendor", "Employee", "OtherName")
TERMS_KINDS = ("StandardTerms", "DateDrivenTerms")
SALES_KINDS = ("Invoice", "Estimate", "SalesReceipt", "CreditMemo")
OTHER_LISTS = ("CustomerMsg", "PaymentMethod", "ShipMethod", "SalesTaxCode", "SalesRep", "Template")
NESTED_LISTS = ("Account", "Class", "CustomerType", "VendorType", "JobType")


def _kinds() -> dict[str, Kind]:
    found = [Kind(name, "names", nested=name == "Customer") for name in NAME_KINDS]
    found += [Kind(name, "items", nested=name not in FLAT_ITEMS) for name in ITEM_KINDS]
    found += [Kind(name, "terms") for name in TERMS_KINDS]
    found += [Kind(name, name) for name in OTHER_LISTS]
    found += [Kind(name, name, nested=True) for name in NESTED_LISTS]
    found += [Kind(name, lines=(f"{name}LineRet",), party="CustomerRef") for name in SALES_KINDS]
    found += [
        Kind("PurchaseOrder", lines=("PurchaseOrderLineRet",), party="VendorRef"),
        Kind("Bill", lines=("ExpenseLineRet", "ItemLineRet"), party="VendorRef"),
        Kind("ReceivePayment", lines=("AppliedToTxnRet",), party="CustomerRef"),
        Kind("TimeTracking", party="EntityRef"),
    ]
    return {kind.name: kind for kind in found}


KINDS: Mapping[str, Kind] = _kinds()
TRANSACTIONS = tuple(name for name, kind in KINDS.items() if not kind.is_list)

# Queries that read several kinds at once.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "Item": ITEM_KINDS,
    "Entity": NAME_KINDS,
    "Terms": TERMS_KINDS,
    "Transaction": TRANSACTIONS,
}

_REFERENCES: Mapping[str, tuple[str, ...]] = {
    "CustomerRef": ("Customer",),
    "VendorRef": ("Vendor",),
    "PrefVendorRef": ("Vendor",),
    "TaxVendorRef": ("Vendor",),
    "EntityRef": NAME_KINDS,
    "ShipToEntityRef": NAME_KINDS,
    "SalesRepEntityRef": ("Vendor", "Employee", "OtherName"),
    "ItemRef": ITEM_KINDS,
    "ItemServiceRef": ("ItemService",),
    "ItemSalesTaxRef": ("ItemSalesTax", "ItemSalesTaxGroup"),
    "DefaultItemSalesTaxRef": ("ItemSalesTax", "ItemSalesTaxGroup"),
    "ItemPurchaseTaxRef": ("ItemSalesTax", "ItemSalesTaxGroup"),
    "TermsRef": TERMS_KINDS,
    "ClassRef": ("Class",),
    "CustomerMsgRef": ("CustomerMsg",),
    "PaymentMethodRef": ("PaymentMethod",),
    "PreferredPaymentMethodRef": ("PaymentMethod",),
    "ShipMethodRef": ("ShipMethod",),
    "SalesRepRef": ("SalesRep",),
    "TemplateRef": ("Template",),
    "CustomerTypeRef": ("CustomerType",),
    "VendorTypeRef": ("VendorType",),
    "JobTypeRef": ("JobType",),
}
WORDS: Mapping[str, str] = {
    "OtherName": "Other Names",
    "SalesTaxCode": "Sales Tax Code",
    "PaymentMethod": "Payment Method",
}


def reference_kinds(element: str, holder: str) -> tuple[str, ...]:
    """The kinds a reference element may point to, empty when the company has no such list (feature not enabled)."""
    if element == "ParentRef":
        return (holder,)
    if element in _REFERENCES:
        return _REFERENCES[element]
    if element.endswith("AccountRef"):
        return ("Account",)
    if element.endswith("TaxCodeRef"):
        return ("SalesTaxCode",)
    return ()


def reference_word(element: str) -> str:
    """What QuickBooks calls the list in its messages."""
    for ending, word in (
        ("AccountRef", "Account"),
        ("TaxCodeRef", "Sales Tax Code"),
        ("ItemSalesTaxRef", "Sales Tax Item"),
    ):
        if element.endswith(ending):
            return word
    return {"ItemRef": "Item", "ItemServiceRef": "Item", "EntityRef": "Entity"}.get(
        element, element.removesuffix("Ref")
    )
