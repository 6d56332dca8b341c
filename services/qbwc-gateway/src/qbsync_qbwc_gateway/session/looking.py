"""Records that are read before their sync is settled: imports, links, stale versions, recovered and lost outcomes."""

from typing import Any

from lxml import etree

from qbsync_qbwc_gateway.mapping import MAPPERS, Record
from qbsync_qbwc_gateway.qbxml.outcomes import Why
from qbsync_qbwc_gateway.qbxml.reader import Result, covers
from qbsync_qbwc_gateway.qbxml.writer import Request
from qbsync_qbwc_gateway.session.model import Member, Session
from qbsync_qbwc_gateway.session.reading import read_record, seen_of
from qbsync_shared.connector import LinkKeeper, Seen, WorkItem, WorkQueue
from qbsync_shared.connector.references import name_app_ids
from qbsync_shared.diff import changed_fields
from qbsync_shared.entities import parse_entity
from qbsync_shared.kinds import Operation
from qbsync_shared.outcomes import Cancelled, Failed, HandedOver, NotProcessed, Outcome, Succeeded
from qbsync_shared.postgres import Connection

_CHANGED = "QS-CHANGED-IN-QUICKBOOKS"
_REMOVALS = frozenset({Operation.DELETE, Operation.DEACTIVATE, Operation.VOID})


def fetch_request(member: Member, item: WorkItem) -> Request:
    """The query for one record: by id where it is known, else by name or number."""
    mapper = MAPPERS[item.kind]
    if member.quickbooks_id:
        return mapper.by_id(member.quickbooks_id)
    return mapper.by_name(parse_entity(item.data))


class Looking:
    """Judges what was read. None: the item was put back for another try by itself."""

    def __init__(self, queue: WorkQueue, keeper: LinkKeeper) -> None:
        self._queue = queue
        self._keeper = keeper

    async def judge(
        self, connection: Connection, session: Session, item: WorkItem, member: Member, result: Result
    ) -> Outcome | None:
        """What becomes of the item."""
        pairs = [(record, ret) for ret in result.records if (record := read_record(ret)) is not None]
        found = next((record for record, _ in pairs if record.kind is item.kind), None)
        match member.why:
            case Why.IMPORT:
                return await self._import(connection, session, item, found)
            case Why.STALE:
                return await self._stale(connection, session, item, found)
            case Why.RECOVERED:
                return _recovered(member, found)
            case Why.RECONCILE:
                return _reconcile(item, member, pairs)
            case _:
                return _check(item, found)

    async def _import(
        self, connection: Connection, session: Session, item: WorkItem, found: Record | None
    ) -> Outcome:
        """Hand over what was approved, if QuickBooks still says the same (contract, section 4)."""
        assert item.quickbooks_id is not None
        if found is None:
            if item.operation in _REMOVALS:
                return HandedOver(entity=item.data, changed=item.fields)
            gone = Seen(kind=item.kind, quickbooks_id=item.quickbooks_id, deleted=True)
            await self._keeper.observe(connection, session.tenant, gone)
            return Cancelled(code=_CHANGED, message="QuickBooks no longer has this record.")
        named = (await name_app_ids(connection, session.tenant, parse_entity(found.entity))).to_json()
        differing = changed_fields(bare(item.data), bare(named))
        if differing or (item.operation is Operation.DELETE):
            await self._keeper.observe(connection, session.tenant, seen_of(found))
            what = ", ".join(name.replace("_", " ") for name in differing) or "it exists again"
            return Cancelled(
                code=_CHANGED, message=f"It changed in QuickBooks after it was approved: {what}."
            )
        return HandedOver(entity=named, changed=item.fields)

    async def _stale(
        self, connection: Connection, session: Session, item: WorkItem, found: Record | None
    ) -> Outcome | None:
        """Somebody wrote meanwhile: repeat where none of the approved fields changed, else back for review."""
        if found is None:
            return Failed(code="3120", message="QuickBooks no longer has this record.")
        complete = await self._queue.complete(connection, item)
        read = seen_of(found)
        moved = await self._keeper.changed_since(connection, complete, read)
        if not moved and await self._queue.repeat(connection, item, holder=session.session_id, read=read):
            return None
        await self._keeper.observe(connection, session.tenant, read)
        what = ", ".join(name.replace("_", " ") for name in moved) or "again and again"
        return Cancelled(code=_CHANGED, message=f"Somebody changed it in QuickBooks meanwhile: {what}.")


def _recovered(member: Member, found: Record | None) -> Outcome:
    if found is not None:
        return Succeeded(quickbooks_id=found.quickbooks_id, token=found.token, returned=found.entity)
    return Succeeded(quickbooks_id=member.quickbooks_id or "", token=member.token)


def _check(item: WorkItem, found: Record | None) -> Outcome:
    if found is not None:
        return Succeeded(quickbooks_id=found.quickbooks_id, token=found.token, returned=found.entity)
    code = "QS-LINK-MISSING" if item.operation is Operation.LINK else "3120"
    return Failed(code=code, message="QuickBooks no longer has this record.")


def _reconcile(item: WorkItem, member: Member, pairs: list[tuple[Record, etree._Element]]) -> Outcome:
    """QuickBooks lost the outcome of a set: what it holds decides."""
    if item.operation is Operation.CREATE:
        ours = next((record for record, _ in pairs if _is(record.guid, member.guid)), None)
        if ours is not None:
            return Succeeded(quickbooks_id=ours.quickbooks_id, token=ours.token, returned=ours.entity)
        if any(record.guid is None and record.kind is item.kind for record, _ in pairs):
            message = "QuickBooks holds one of that name or number; whether it is this one is for you to say."
        else:
            message = "It was sent, but QuickBooks does not hold it."
        return Failed(code="QS-NOT-IN-BOOKS", message=message)
    if not pairs:
        if item.operation is Operation.DELETE:
            return Succeeded(quickbooks_id=member.quickbooks_id or "", token=None)
        return Failed(code="3120", message="QuickBooks no longer has this record.")
    record, ret = pairs[0]
    if member.mod is not None and covers(etree.fromstring(member.mod), ret):
        return Succeeded(quickbooks_id=record.quickbooks_id, token=record.token, returned=record.entity)
    return NotProcessed(message="QuickBooks holds it without the change: it goes again.")


def _is(found: str | None, ours: str | None) -> bool:
    return found is not None and ours is not None and found.casefold() == ours.casefold()


def bare(value: Any) -> Any:
    """A record without what only the app adds: references say QuickBooks' id, no app id, no revision."""
    if isinstance(value, list):
        return [bare(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    kept = {key: bare(inner) for key, inner in value.items() if key != "revision"}
    if "quickbooks_id" in kept or "name" in kept:
        kept.pop("app_id", None)
    return kept
