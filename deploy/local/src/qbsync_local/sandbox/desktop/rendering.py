"""Write records as QuickBooks returns them: ids, times, names of what they refer to, balances."""

from collections.abc import Collection
from decimal import Decimal

from qbsync_local.sandbox.desktop import data, sales
from qbsync_local.sandbox.desktop.company import Company
from qbsync_local.sandbox.desktop.data import Content
from qbsync_local.sandbox.desktop.kinds import KINDS
from qbsync_local.sandbox.desktop.store import Record

ADDRESSES = ("BillAddress", "ShipAddress", "VendorAddress")


def render(
    company: Company,
    record: Record,
    *,
    lines: bool = True,
    links: bool = False,
    only: Collection[str] = (),
    owners: Collection[str] = (),
) -> str:
    """The Ret aggregate of a record.

    `only` narrows it to these elements (IncludeRetElement), `owners` asks for the private data of these OwnerIDs.
    """
    kind = KINDS[record.kind]
    content = dict(record.content)
    content[kind.id_name] = record.id
    content["TimeCreated"] = company.clock.shown(record.created)
    content["TimeModified"] = company.clock.shown(record.modified)
    content["EditSequence"] = str(record.edit_sequence)
    if not lines:
        for name in kind.lines:
            content.pop(name, None)
    if not links:
        content.pop("LinkedTxn", None)
    for name in ADDRESSES:
        if isinstance(content.get(name), dict):
            content[f"{name}Block"] = address_block(content[name])
    if record.kind in ("Customer", "Vendor"):
        _balances(company, record, content)
    content["DataExtRet"] = [one for one in content.get("DataExtRet", []) if one.get("OwnerID") in owners]
    if only:
        content = {name: value for name, value in content.items() if name in only}
    return data.write(company.schema, kind.ret, content, company.store.full_name)


def address_block(address: Content) -> Content:
    """The address as it is printed: the filled lines, then city, state and postal code on one."""
    lines = [address[name] for name in ("Addr1", "Addr2", "Addr3", "Addr4", "Addr5") if address.get(name)]
    place = ", ".join(address[name] for name in ("City", "State") if address.get(name))
    if place or address.get("PostalCode"):
        lines.append(" ".join(part for part in (place, address.get("PostalCode", "")) if part))
    lines += [address["Country"]] if address.get("Country") else []
    return {f"Addr{number}": line[:41] for number, line in enumerate(lines[:5], start=1)}


def family(company: Company, record: Record) -> list[str]:
    """A customer and all jobs below."""
    found = [record.id]
    for child in company.store.children(record.id):
        found += family(company, child)
    return found


def balance(company: Company, parties: list[str]) -> Decimal:
    """What these customers owe, or what is owed to these vendors."""
    return sum((Decimal(one) for one in company.store.open_amounts(parties)), Decimal(0))


def _balances(company: Company, record: Record, content: Content) -> None:
    content["Balance"] = sales.amount(balance(company, [record.id]))
    if record.kind == "Customer":
        content["TotalBalance"] = sales.amount(balance(company, family(company, record)))
