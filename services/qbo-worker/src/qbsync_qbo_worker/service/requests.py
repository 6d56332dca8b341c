"""From a claimed item to the call that carries it out."""

from qbsync_qbo_worker.mapping import MAPPERS, Json
from qbsync_qbo_worker.quickbooks import Call
from qbsync_qbo_worker.quickbooks.client import literal, query_call, read_call, write_call
from qbsync_shared.connector import Seen, WorkItem
from qbsync_shared.connector.domain import line_ids
from qbsync_shared.entities import Entity
from qbsync_shared.kinds import Kind, Operation
from qbsync_shared.outcomes import Failed, Succeeded

_NUMBERED = frozenset({Kind.INVOICE})


def is_reading(item: WorkItem) -> bool:
    """Whether QuickBooks is only asked: a link to an existing record, or a Resync of what it holds as approved."""
    return item.operation is Operation.LINK or (item.operation is Operation.UPDATE and not item.fields)


def call_of(item: WorkItem, entity: Entity, *, requestid: str) -> Call | Failed:
    """The call for an export, to be stored before it goes out."""
    mapper = MAPPERS.get(item.kind)
    if mapper is None:
        what = f"QuickBooks Online cannot take a {item.kind.label} from qbsync yet."
        return Failed(code="QS-NOT-SUPPORTED", message=what)
    if item.operation is Operation.CREATE:
        payload = mapper.write(entity, set(item.fields), {}, creating=True)
        return write_call(mapper.resource, payload, requestid=requestid)
    if is_reading(item):
        target = item.quickbooks_id if item.operation is Operation.LINK else None
        return read_call(mapper.resource, target or _linked(item))
    return _change(item, entity, requestid)


def _change(item: WorkItem, entity: Entity, requestid: str) -> Call:
    mapper = MAPPERS[item.kind]
    assert item.link is not None
    key = {"Id": item.link.quickbooks_id, "SyncToken": item.link.token or "0"}
    if item.operation is Operation.UPDATE:
        payload = mapper.write(entity, set(item.fields), line_ids(item.link), creating=False)
        return write_call(mapper.resource, {**payload, **key, "sparse": True}, requestid=requestid)
    if item.operation is Operation.DEACTIVATE:
        return write_call(mapper.resource, {**key, "sparse": True, "Active": False}, requestid=requestid)
    return write_call(mapper.resource, key, requestid=requestid, operation=item.operation.value)


def _linked(item: WorkItem) -> str:
    assert item.link is not None
    return item.link.quickbooks_id


def re_read(item: WorkItem) -> Call:
    """Read the record that an item is about."""
    target = item.link.quickbooks_id if item.link else item.quickbooks_id
    assert target is not None
    return read_call(MAPPERS[item.kind].resource, target)


def look_up(kind: Kind, entity: Json) -> Call | None:
    """Find a record by its number or name; None where the entity has neither."""
    resource = MAPPERS[kind].resource
    if kind in _NUMBERED:
        number = entity.get("number")
        where = f"DocNumber = {literal(number)}" if number else None
    else:
        name = entity.get("name")
        field = "Name" if kind is Kind.ITEM else "DisplayName"
        where = f"{field} = {literal(name)}" if name else None
    return query_call(f"SELECT * FROM {resource} WHERE {where} MAXRESULTS 10") if where else None  # noqa: S608 - QuickBooks' own language, values escaped by literal()


def seen_of(kind: Kind, record: Json) -> Seen:
    """A record as it was read."""
    if record.get("status") == "Deleted":
        return Seen(kind=kind, quickbooks_id=str(record["Id"]), deleted=True)
    return Seen(
        kind=kind,
        quickbooks_id=str(record["Id"]),
        token=str(record.get("SyncToken", "")),
        entity=MAPPERS[kind].read(record),
    )


def success_of(item: WorkItem, record: Json) -> Succeeded:
    """A write that went through, with what QuickBooks returned."""
    if item.operation is Operation.DELETE:
        return Succeeded(quickbooks_id=_linked(item), token=None)
    seen = seen_of(item.kind, record)
    return Succeeded(quickbooks_id=seen.quickbooks_id, token=seen.token, returned=seen.entity)
