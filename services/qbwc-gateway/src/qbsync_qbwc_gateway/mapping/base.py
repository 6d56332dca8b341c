"""What all mappings share: the company's books, references, addresses, and reading back."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from lxml import etree

from qbsync_qbwc_gateway.qbxml.reader import value
from qbsync_qbwc_gateway.qbxml.writer import FLOOR, Aggregate, Request, Version
from qbsync_shared.connector import LinkRow
from qbsync_shared.entities import Address, Entity, Reference
from qbsync_shared.kinds import Kind

_GUIDS = UUID("5d0c5c2e-0a57-5be5-9f61-7f3f2f0d7a10")

ADDRESS_PARTS = {
    "line1": "Addr1",
    "line2": "Addr2",
    "line3": "Addr3",
    "line4": "Addr4",
    "line5": "Addr5",
    "city": "City",
    "state": "State",
    "postal_code": "PostalCode",
    "country": "Country",
}

CLEARED_REF = {"FullName": ""}
"""An empty reference takes the old one away in a Mod."""


class NotSupportedError(Exception):
    """This edition of QuickBooks cannot do that to this record; the text says what, for a user."""


@dataclass(frozen=True, kw_only=True)
class Books:
    """What a mapping has to know of the company and of the tenant's settings.

    ``non_taxable`` is the code that a line without one gets; None where the company does not use sales tax.
    ``mapped`` leads from (kind, the app's word) to QuickBooks' entry.
    """

    version: Version = FLOOR
    non_taxable: Aggregate | None = None
    mapped: Mapping[tuple[Kind, str], Aggregate] = field(default_factory=dict)

    def ref(self, kind: Kind, reference: Reference | None) -> Aggregate | None:
        """A reference as QuickBooks wants it: by ListID, else by the mapped or the plain name."""
        if reference is None:
            return None
        if reference.quickbooks_id:
            return {"ListID": reference.quickbooks_id}
        name = reference.name or reference.app_id or ""
        return self.mapped.get((kind, name)) or {"FullName": name}


@dataclass(frozen=True, kw_only=True)
class Record:
    """One ``*Ret`` as read: ``entity`` in the contract's form, ``guid`` our mark on what we created."""

    kind: Kind
    quickbooks_id: str
    token: str | None
    entity: dict[str, Any]
    changed_at: datetime | None = None
    modified: str | None = None
    guid: str | None = None


@dataclass(frozen=True, kw_only=True)
class Mapper:
    """How one kind goes to qbXML and comes back.

    ``create`` and ``update`` make the request; ``by_id`` and ``by_name`` the query for one record; ``read`` reads a
    ``*Ret`` into an entity of the contract. ``txn_type`` is what QuickBooks calls a transaction when it is voided or deleted.
    """

    kind: Kind
    records: frozenset[str]
    create: Callable[[Any, Books, str], Request]
    update: Callable[[Any, tuple[str, ...], LinkRow, Books], Request]
    by_id: Callable[[str], Request]
    by_name: Callable[[Any], Request]
    read: Callable[[etree._Element], Entity]
    txn_type: str | None = None
    deactivate: Callable[[Any, LinkRow], Request] | None = None


def guid_of(sync_id: str) -> str:
    """The ExternalGUID of a record, derived from the sync that creates it and never from the app's id."""
    return f"{{{uuid5(_GUIDS, sync_id)}}}"


def reference(element: etree._Element, path: str) -> Reference | None:
    """A reference as read: id and name."""
    found = element.find(path)
    if found is None:
        return None
    quickbooks_id, name = value(found, "ListID"), value(found, "FullName")
    if not quickbooks_id and not name:
        return None
    return Reference(quickbooks_id=quickbooks_id, name=name)


def write_address(address: Address | None, *, whole: bool = False) -> Aggregate | None:
    """An address; ``whole`` also names the empty parts, which clears them in a Mod."""
    if address is None:
        return dict.fromkeys(ADDRESS_PARTS.values(), "") if whole else None
    parts = {element: getattr(address, part) for part, element in ADDRESS_PARTS.items()}
    if whole:
        return {element: text or "" for element, text in parts.items()}
    return {element: text for element, text in parts.items() if text} or None


def read_address(element: etree._Element, path: str) -> Address | None:
    """An address as read; None where it is empty."""
    parts = {part: value(element, f"{path}/{name}") for part, name in ADDRESS_PARTS.items()}
    return Address(**parts) if any(parts.values()) else None


def is_true(element: etree._Element, path: str, *, default: bool) -> bool:
    """A yes or no as read."""
    text = value(element, path)
    return default if text is None else text in ("true", "1")


def changed(
    full: Mapping[str, Any], fields: Iterable[str], elements: Mapping[str, tuple[str, ...]]
) -> dict[str, Any]:
    """The part of a full record that belongs to the differing fields; what has no value any more is cleared."""
    content: dict[str, Any] = {}
    for name in fields:
        for element in elements.get(name, ()):
            wanted = full.get(element)
            if wanted is None:
                wanted = CLEARED_REF if element.endswith("Ref") else ""
            content[element] = wanted
    return content


def head(link: LinkRow, *, of: str = "ListID") -> dict[str, Any]:
    """What a Mod begins with: the id and the version that we know."""
    return {of: link.quickbooks_id, "EditSequence": link.token or ""}
