"""Put approved work into message sets: each member is checked on its own before it joins, sizes follow QuickBooks' speed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from lxml import etree

from qbsync_qbwc_gateway.mapping import MAPPERS, Books, NotSupportedError, guid_of, write
from qbsync_qbwc_gateway.qbxml.outcomes import Why
from qbsync_qbwc_gateway.qbxml.reader import value
from qbsync_qbwc_gateway.qbxml.writer import Request, Version, problems
from qbsync_qbwc_gateway.session.model import Connector, Member
from qbsync_shared.connector import WorkItem
from qbsync_shared.connector.tenants import Tenant
from qbsync_shared.kinds import Direction, Kind, Operation
from qbsync_shared.outcomes import Failed

FIRST_SIZE = 50
LARGEST = 200
SET_SECONDS = 24.0
"""How long QuickBooks should be busy with one set: 1,000 records that take it a second each need at most 50 round trips."""

LARGEST_BYTES = 500_000
"""What comes back is several times as long, and the endpoint reads 10 MB."""


@dataclass
class Batch:
    """Members of one purpose and their elements, in the same order; ``bytes`` is their size."""

    members: list[Member] = field(default_factory=list)
    elements: list[etree._Element] = field(default_factory=list)

    def add(self, member: Member, element: etree._Element) -> None:
        """Append a member."""
        self.members.append(member)
        self.elements.append(element)

    def put_first(self, members: Sequence[tuple[Member, etree._Element]]) -> None:
        """Put members before all others."""
        self.members[:0] = [member for member, _ in members]
        self.elements[:0] = [element for _, element in members]


@dataclass
class Batches:
    """What was made of claimed work: writes, reads, and what cannot be sent at all."""

    writes: Batch = field(default_factory=Batch)
    fetches: Batch = field(default_factory=Batch)
    refused: list[tuple[WorkItem, Failed]] = field(default_factory=list)


def size_for(seconds_per_write: float | None) -> int:
    """How many members make a set of about 24 seconds of QuickBooks' time."""
    if seconds_per_write is None:
        return FIRST_SIZE
    return max(1, min(LARGEST, int(SET_SECONDS / max(seconds_per_write, 0.001))))


def measured(before: float | None, took: timedelta, members: int) -> float:
    """The seconds per write, half of it from the newest set."""
    newest = took.total_seconds() / max(members, 1)
    return newest if before is None else (before + newest) / 2


def books_of(connector: Connector, tenant: Tenant | None, version: Version) -> Books:
    """What the mappings have to know."""
    facts = connector.facts
    mapped: dict[tuple[Kind, str], Any] = {}
    for mapping in tenant.mappings if tenant else []:
        target = _ref(mapping.get("quickbooks_id"), mapping.get("quickbooks_name"))
        if target:
            mapped[(Kind(mapping["kind"]), mapping["app_name"])] = target
    non_taxable = None
    if facts.get("uses_sales_tax"):
        found = (tenant.settings.get("default_tax_code") if tenant else None) or facts.get("non_taxable_code")
        non_taxable = _ref((found or {}).get("quickbooks_id"), (found or {}).get("name")) or {
            "FullName": "Non"
        }
    return Books(version=version, non_taxable=non_taxable, mapped=mapped)


def _ref(quickbooks_id: str | None, name: str | None) -> dict[str, str] | None:
    if quickbooks_id:
        return {"ListID": quickbooks_id}
    return {"FullName": name} if name else None


def make_batches(items: list[WorkItem], books: Books) -> Batches:
    """Requests for claimed items. One that QuickBooks would refuse for its form is set aside, with the field named."""
    made = Batches()
    said: set[str] = set()
    for item in items:
        reads = _reads(item)
        if reads is not None:
            _add_fetch(made, item, reads, books)
            continue
        try:
            request = write(item, books)
        except NotSupportedError as reason:
            made.refused.append((item, Failed(code="QS-NOT-SUPPORTED", message=str(reason))))
            continue
        element = request.element(item.sync_id, books.version)
        faults = problems(element)
        if faults:
            text = "; ".join(str(fault) for fault in faults[:3])
            made.refused.append((item, Failed(code="QS-INVALID", message=text)))
            continue
        _add_message(made.writes, element, said, books)
        made.writes.add(_write_member(item, request, element), element)
    return made


def _reads(item: WorkItem) -> Why | None:
    """Why an item is read instead of written; None for a write."""
    if item.direction is Direction.IMPORT:
        return Why.IMPORT
    if item.operation is Operation.LINK or (item.operation is Operation.UPDATE and not item.fields):
        return Why.CHECK
    return None


def _add_fetch(made: Batches, item: WorkItem, why: Why, books: Books) -> None:
    wanted = item.quickbooks_id or (item.link.quickbooks_id if item.link else None)
    if item.kind not in MAPPERS or wanted is None:
        message = f"QuickBooks Desktop holds no {item.kind.label} that qbsync reads."
        made.refused.append((item, Failed(code="QS-NOT-SUPPORTED", message=message)))
        return
    member = Member(
        request_id=item.sync_id,
        sync_id=item.sync_id,
        kind=item.kind,
        operation=item.operation,
        quickbooks_id=wanted,
        why=why,
    )
    made.fetches.add(member, MAPPERS[item.kind].by_id(wanted).element(item.sync_id, books.version))


def _write_member(item: WorkItem, request: Request, element: etree._Element) -> Member:
    removes = item.operation in (Operation.VOID, Operation.DELETE)
    updates = item.operation in (Operation.UPDATE, Operation.DEACTIVATE) and not removes
    return Member(
        request_id=item.sync_id,
        sync_id=item.sync_id,
        kind=item.kind,
        operation=item.operation,
        quickbooks_id=item.link.quickbooks_id if item.link else None,
        token=item.link.token if item.link else None,
        guid=guid_of(item.sync_id) if item.operation is Operation.CREATE else None,
        mod=etree.tostring(element[0], encoding="unicode")
        if updates and request.name.endswith("ModRq")
        else None,
    )


def _add_message(batch: Batch, element: etree._Element, said: set[str], books: Books) -> None:
    """A printed message must stand in QuickBooks' list first; where it does already, QuickBooks says so and goes on."""
    message = value(element[0], "CustomerMsgRef/FullName")
    if message is None or message in said:
        return
    said.add(message)
    request_id = f"message-{len(said)}"
    request = Request("CustomerMsgAddRq", {"CustomerMsgAdd": {"Name": message}})
    batch.add(Member(request_id=request_id), request.element(request_id, books.version))


def fits(batch: Batch) -> int:
    """How many of the members fit into one set by size."""
    size = 0
    for count, element in enumerate(batch.elements):
        size += len(etree.tostring(element, encoding="us-ascii"))
        if size > LARGEST_BYTES:
            return max(count, 1)
    return len(batch.elements)
