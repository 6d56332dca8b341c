"""Add, change and delete list elements: names, parents, defaults."""

from qbsync_local.sandbox.desktop.company import Company
from qbsync_local.sandbox.desktop.data import Content
from qbsync_local.sandbox.desktop.kinds import ITEM_KINDS, KINDS, Kind
from qbsync_local.sandbox.desktop.statuses import RequestRefusedError, in_use, missing, not_found
from qbsync_local.sandbox.desktop.store import Record

FULL_NAME_LENGTH = {"names": 209, "items": 159, "Account": 159, "Class": 159}


def add_element(company: Company, kind: Kind, content: Content) -> Record:
    """Add a list element. Raises RequestRefusedError 3100, 3130, 3140, 3150, 3090, 3070."""
    company.resolve(content, kind)
    if kind.name in ("Employee", "SalesRep") and not content.get("Name"):
        content["Name"] = _made_up_name(content)
    _defaults(company, kind, content)
    record = company.new_record(kind, content)
    _name(company, kind, record)
    company.save(record)
    return record


def change_element(company: Company, kind: Kind, content: Content) -> Record:
    """Apply a Mod: what is given replaces, an empty value clears, the rest stays. Raises 3000, 3120, 3200 and as above."""
    record = company.current(kind, content.pop("ListID"), content.pop("EditSequence"))
    company.resolve(content, kind)
    before = record.full_name
    for name, value in content.items():
        _put(record.content, name, value)
    _name(company, kind, record)
    company.save(record)
    if record.full_name != before:
        _rename_children(company, record)
    return record


def delete_element(company: Company, kind_name: str, identifier: str) -> Record:
    """Delete a list element that nothing names. Raises 3000, 3120, 3160; 3250 for a list this company does not have."""
    kind = KINDS.get(kind_name)
    if kind is None or not kind.is_list:
        raise not_found(identifier)
    record = company.current(kind, identifier)
    if company.store.used_by(identifier) or record.content.get("SpecialAccountType"):
        raise in_use(identifier)
    company.store.delete(record, company.clock.wall())
    return record


def _put(content: Content, name: str, value: object) -> None:
    if name in ("SalesOrPurchase", "SalesAndPurchase") and isinstance(value, dict):
        other = "SalesAndPurchase" if name == "SalesOrPurchase" else "SalesOrPurchase"
        content.pop(other, None)
        merged = content.setdefault(name, {})
        if "Price" in value or "PricePercent" in value:
            merged.pop("Price", None)
            merged.pop("PricePercent", None)
        merged.update(value)
    elif value in ("", {}):
        content.pop(name, None)
    else:
        content[name] = value


def _defaults(company: Company, kind: Kind, content: Content) -> None:
    content.setdefault("IsActive", "true")
    if not company.flag("uses_sales_tax"):
        return
    taxed = kind.name == "Customer" or (
        kind.name in ITEM_KINDS and company.schema.field(kind.ret, "SalesTaxCodeRef")
    )
    if taxed and not content.get("SalesTaxCodeRef"):
        content["SalesTaxCodeRef"] = company.reference_to(("SalesTaxCode",), "Tax")
    if kind.name == "Customer" and not content.get("ItemSalesTaxRef"):
        default = company.store.meta("default_sales_tax_item")
        content["ItemSalesTaxRef"] = {"ListID": default} if default else None


def _name(company: Company, kind: Kind, record: Record) -> None:
    """Set name, full name, parent and state of the record from its content."""
    name = record.content.get("Name", "").strip()
    if not name:
        raise missing("Name")
    if ":" in name:
        raise RequestRefusedError(
            3090, f'There was an error when storing "{name}" in the "Name" field: a name cannot hold a colon.'
        )
    parent = company.referred(record.content, "ParentRef") if kind.nested else None
    if parent is not None and (parent.id == record.id or parent.full_name.startswith(f"{record.full_name}:")):
        raise RequestRefusedError(3130, "A list element cannot stand below itself.")
    record.name = name
    record.full_name = f"{parent.full_name}:{name}" if parent else name
    record.parent = parent.id if parent else None
    limit = FULL_NAME_LENGTH.get(kind.names)
    if limit and len(record.full_name) > limit:
        raise RequestRefusedError(
            3070,
            f'The string "{record.full_name[:60]}..." in the field "FullName" is too long. The maximum length is {limit}.',
        )
    record.content["Name"] = name
    record.content["FullName"] = record.full_name
    record.content["Sublevel"] = str(record.full_name.count(":"))
    record.active = record.content.get("IsActive", "true").strip() in ("true", "1")


def _rename_children(company: Company, record: Record) -> None:
    """QuickBooks shows a new FullName for all below; their versions and times stay."""
    for child in company.store.children(record.id):
        child.full_name = f"{record.full_name}:{child.name}"
        child.content["FullName"] = child.full_name
        child.content["Sublevel"] = str(child.full_name.count(":"))
        company.keep(child)
        _rename_children(company, child)


def _made_up_name(content: Content) -> str:
    if content.get("SalesRepEntityRef"):
        return str(content.get("Initial", ""))
    parts = (content.get(part, "") for part in ("FirstName", "MiddleName", "LastName"))
    return " ".join(part for part in parts if part)
