"""From a claimed item to the call that carries it out, and from what came back to its outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from qbsync_qbo_worker.mapping import MAPPERS, Json
from qbsync_qbo_worker.mapping.company import Company, fitted, foreign
from qbsync_qbo_worker.mapping.item import stock_from
from qbsync_qbo_worker.quickbooks import Answer, Call
from qbsync_qbo_worker.quickbooks.client import (
    BATCH_PATH,
    BatchMember,
    batch_call,
    literal,
    query_call,
    read_call,
    write_call,
)
from qbsync_shared.connector import Seen, WorkItem
from qbsync_shared.connector.domain import line_ids
from qbsync_shared.entities import Entity
from qbsync_shared.kinds import Kind, Operation
from qbsync_shared.outcomes import Failed, Succeeded

_REMOVALS = frozenset({Operation.VOID, Operation.DELETE, Operation.DEACTIVATE})
_ANY_STATE = "Active IN (true, false)"


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A claimed item with the call that carries it out; stored already, at ``stored_at``, if it writes."""

    item: WorkItem
    call: Call
    sends: int = 0
    stored_at: datetime | None = None
    alone: bool = False
    """Whether it must not go in a batch: it came back from one."""
    batch: str | None = None
    """The requestid of the batch that it goes in."""

    @property
    def writes(self) -> bool:
        """Whether it changes QuickBooks."""
        return self.call.requestid is not None

    @property
    def requestid(self) -> str:
        """The id of a write; a reading has none."""
        assert self.call.requestid is not None
        return self.call.requestid

    @property
    def in_doubt(self) -> bool:
        """Whether an earlier sending may have been applied: by what was recorded, or because its worker died."""
        return self.sends > 0 or self.item.in_doubt_since is not None

    def technical(self, answer: Answer | None) -> Json:
        """What support needs, without contents: ids, statuses, sizes."""
        facts: Json = {"method": self.call.method, "path": self.call.path}
        if self.writes:
            facts |= {"requestid": self.call.requestid, "body_bytes": len(self.call.body)}
        if self.batch is not None:
            facts |= {"path": BATCH_PATH, "batch_requestid": self.batch}
        if answer is not None:
            facts |= {"http_status": answer.status, "intuit_tid": answer.intuit_tid}
        return facts


def is_reading(item: WorkItem) -> bool:
    """Whether QuickBooks is only asked: a link to an existing record, or a Resync of what it holds as approved."""
    return item.operation is Operation.LINK or (item.operation is Operation.UPDATE and not item.fields)


def call_of(item: WorkItem, entity: Entity, company: Company, *, requestid: str) -> Call | Failed:
    """The call for an export, to be stored before it goes out."""
    refused = None if item.operation in _REMOVALS or is_reading(item) else foreign(entity, company)
    if refused is not None:
        return refused
    mapper = MAPPERS.get(item.kind)
    if mapper is None:
        what = f"QuickBooks Online cannot take a {item.kind.label} from qbsync yet."
        return Failed(code="QS-NOT-SUPPORTED", message=what)
    if item.operation is Operation.CREATE:
        # the day before, for an approval in the evening of the company may be a day later in UTC
        day = item.approved_at.date() - timedelta(days=1)
        written = stock_from(mapper.write(entity, set(item.fields), {}, creating=True), day)
        payload = fitted(written, company, creating=True)
        if isinstance(payload, Failed):
            return payload
        return write_call(mapper.resource, payload, requestid=requestid)
    if is_reading(item):
        target = item.quickbooks_id if item.operation is Operation.LINK else None
        return read_call(mapper.resource, target or _linked(item))
    return _change(item, entity, company, requestid)


def _change(item: WorkItem, entity: Entity, company: Company, requestid: str) -> Call | Failed:
    mapper = MAPPERS[item.kind]
    assert item.link is not None
    key = {"Id": item.link.quickbooks_id, "SyncToken": item.link.token or "0"}
    if item.operation is Operation.UPDATE:
        written = mapper.write(entity, set(item.fields), line_ids(item.link), creating=False)
        payload = fitted(written, company, creating=False)
        if isinstance(payload, Failed):
            return payload
        return write_call(mapper.resource, {**payload, **key, "sparse": True}, requestid=requestid)
    if item.operation is Operation.DEACTIVATE:
        return write_call(mapper.resource, {**key, "sparse": True, "Active": False}, requestid=requestid)
    if item.operation is Operation.VOID and mapper.void_by_update:
        voided = {**key, "sparse": True}
        return write_call(mapper.resource, voided, requestid=requestid, operation="update", include="void")
    return write_call(mapper.resource, key, requestid=requestid, operation=item.operation.value)


_IN_BATCH = {
    Operation.CREATE: "create",
    Operation.UPDATE: "update",
    Operation.DEACTIVATE: "update",
    Operation.DELETE: "delete",
}
"""What an operation is called in a batch. A void has no shape there that was ever recorded: it goes alone."""


def may_go_along(ready: Ready) -> bool:
    """Whether a call may be a member of a batch."""
    return ready.writes and not ready.alone and ready.item.operation in _IN_BATCH


def batch_of(members: Mapping[str, Ready], *, requestid: str) -> Call:
    """The batch of these writes, by bId."""
    return batch_call(
        [
            BatchMember(
                bid=bid,
                operation=_IN_BATCH[one.item.operation],
                resource=MAPPERS[one.item.kind].resource,
                body=one.call.body,
            )
            for bid, one in members.items()
        ],
        requestid=requestid,
    )


def _linked(item: WorkItem) -> str:
    assert item.link is not None
    return item.link.quickbooks_id


def re_read(item: WorkItem) -> Call:
    """Read the record that an item is about."""
    target = item.link.quickbooks_id if item.link else item.quickbooks_id
    assert target is not None
    return read_call(MAPPERS[item.kind].resource, target)


def look_up(item: WorkItem) -> Call | None:
    """Find what a create may have made: by its name or number, else by its date and whom it is about."""
    mapper = MAPPERS[item.kind]
    if "name" in item.data:
        return _query(
            mapper.resource, f"{mapper.found_by} = {literal(str(item.data['name']))} AND {_ANY_STATE}"
        )
    if item.data.get("number") and mapper.found_by:
        return _query(mapper.resource, f"{mapper.found_by} = {literal(str(item.data['number']))}")
    where = f"TxnDate = {literal(str(item.data['date']))}"
    if mapper.party is None:
        return _query(mapper.resource, where)
    party = _party(item.entity)
    return _query(mapper.resource, f"{where} AND {mapper.party} = {literal(party)}") if party else None


def _party(entity: Entity | None) -> str | None:
    """QuickBooks' id of whom a transaction is about."""
    named = (getattr(entity, field, None) for field in ("job", "customer", "vendor"))
    reference = next((one for one in named if one is not None), None)
    return reference.quickbooks_id if reference else None


def _query(resource: str, where: str) -> Call:
    return query_call(f"SELECT * FROM {resource} WHERE {where} ORDERBY Id MAXRESULTS 1000")  # noqa: S608 - QuickBooks' own language, values escaped by literal()


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
