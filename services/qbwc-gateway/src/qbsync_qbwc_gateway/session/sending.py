"""Message sets: claimed work is stored before it is handed out, recovered after any doubt, and settled member by member."""

from collections.abc import Callable, Sequence

from lxml import etree

from qbsync_qbwc_gateway.mapping import read
from qbsync_qbwc_gateway.postgres import repository as store
from qbsync_qbwc_gateway.qbxml.outcomes import ReadFirst, Why, judge, kept_outcome_lost
from qbsync_qbwc_gateway.qbxml.reader import Responses, Result
from qbsync_qbwc_gateway.qbxml.writer import Version, message_set
from qbsync_qbwc_gateway.session import batching, marker
from qbsync_qbwc_gateway.session.batching import Batch
from qbsync_qbwc_gateway.session.looking import Looking, fetch_request
from qbsync_qbwc_gateway.session.model import Connector, Json, Member, MessageSet, Purpose, Session, SetState
from qbsync_shared.clock import Clock
from qbsync_shared.connector import Settled, WorkItem, WorkQueue
from qbsync_shared.connector import repository as work_store
from qbsync_shared.connector.tenants import Tenant
from qbsync_shared.outcomes import Failed, NotProcessed, Outcome, Succeeded, Unknown
from qbsync_shared.postgres import Connection

CLEAR_ALL = "ClearAllMessageSets"
NAME_TAKEN = "3100"
DOUBT = "The answer of QuickBooks did not arrive. It is asked again at the next run."
_ROUNDS = 5


class Sending:
    """The steps of a session that write, recover and look up. Everything happens in the caller's transaction."""

    def __init__(
        self, queue: WorkQueue, looking: Looking, *, clock: Clock, make_set_id: Callable[[], str]
    ) -> None:
        self._queue = queue
        self._looking = looking
        self._clock = clock
        self._make_set_id = make_set_id

    async def prepare(
        self,
        connection: Connection,
        session: Session,
        connector: Connector,
        tenant: Tenant | None,
        version: Version,
    ) -> None:
        """Claim what may go now and store it as message sets, unless some wait already."""
        books = batching.books_of(connector, tenant, version)
        for _ in range(_ROUNDS):
            if await store.next_set(connection, session) is not None:
                return
            limit = batching.size_for(connector.seconds_per_write)
            items = await self._queue.claim(
                connection, session.tenant, holder=session.session_id, limit=limit
            )
            if not items:
                return
            made = batching.make_batches(items, books)
            if made.writes.members and not session.plan.get("marked"):
                session.plan["marked"] = True
                made.writes.put_first(marker.raise_marker(connector, session.plan.get("marker"), version))
            for item, failed in made.refused:
                await self._settle(connection, session, item, failed)
            await self._store(connection, session, Purpose.WRITE, made.writes, version)
            await self._store(connection, session, Purpose.FETCH, made.fetches, version)

    async def _store(
        self, connection: Connection, session: Session, purpose: Purpose, batch: Batch, version: Version
    ) -> None:
        while batch.members:
            count = batching.fits(batch)
            elements, members = batch.elements[:count], batch.members[:count]
            batch = Batch(batch.members[count:], batch.elements[count:])
            set_id = self._make_set_id()
            new_id = set_id if purpose is Purpose.WRITE else None
            await store.add_set(
                connection,
                set_id=set_id,
                session=session,
                purpose=purpose,
                body=message_set(elements, version=version, new_id=new_id),
                members=members,
                at=self._clock.now(),
            )

    async def hand_out(self, connection: Connection, session: Session) -> str | None:
        """The exact text of the next set; from now on its outcome is owed. None: nothing is left."""
        waiting = await store.next_set(connection, session)
        if waiting is None:
            return None
        if waiting.session_id != session.session_id:
            await self._queue.hand_to(connection, session.tenant, waiting.sync_ids, holder=session.session_id)
        now = self._clock.now()
        await store.move_set(
            connection, session.tenant, waiting, SetState.OUT, session_id=session.session_id, sent_at=now
        )
        session.plan["request"] = {"set": waiting.set_id, "again": waiting.state is SetState.DOUBT}
        return waiting.body

    async def take(
        self,
        connection: Connection,
        session: Session,
        sent: MessageSet,
        responses: Responses,
        version: Version,
        *,
        again: bool = False,
    ) -> None:
        """Settle every member by its own answer; what must be read first becomes a set of queries.

        ``again``: the set was sent before, so a name that is taken may be taken by our own record.
        """
        held = await self._held(connection, session)
        now = self._clock.now()
        if sent.purpose is Purpose.FETCH:
            await self._take_fetch(connection, session, sent, responses, held)
            return
        mark = marker.raised(sent.members, responses)
        if mark is not None:
            await connection.execute(store.QUERIES["set_marker"], session.tenant, mark)
        lost = kept_outcome_lost(responses)
        first = next((member for member in sent.members if member.sync_id), None)
        to_read = Batch()
        settled: list[Settled] = []
        for member in sent.members:
            item = held.get(member.sync_id or "")
            if item is None:
                continue
            result = None if lost else responses.results.get(member.request_id)
            outcome = _removed(member, result) or judge(
                result, first=member is first, attempts=item.attempts, read=_read, now=now
            )
            if again and isinstance(outcome, Failed) and outcome.code == NAME_TAKEN:
                outcome = ReadFirst(why=Why.RECONCILE)
            if isinstance(outcome, ReadFirst):
                asked = _asked(member, outcome)
                to_read.add(asked, fetch_request(asked, item).element(asked.request_id, version))
            else:
                settled.append(Settled(item=item, outcome=outcome, technical=_technical(sent, result)))
        await self._settle_many(connection, session, settled)
        await store.move_set(connection, session.tenant, sent, SetState.SETTLED, answered_at=now)
        await self._store(connection, session, Purpose.FETCH, to_read, version)

    async def _take_fetch(
        self,
        connection: Connection,
        session: Session,
        sent: MessageSet,
        responses: Responses,
        held: dict[str, WorkItem],
    ) -> None:
        unread: list[Member] = []
        for member in sent.members:
            item = held.get(member.sync_id or "")
            result = responses.results.get(member.request_id)
            if item is None:
                continue
            if result is None or not result.applied:
                unread.append(member)
                continue
            outcome = await self._looking.judge(connection, session, item, member, result)
            if outcome is not None:
                await self._settle(connection, session, item, outcome, technical=_technical(sent, result))
        now = self._clock.now()
        if unread:
            await store.move_set(connection, session.tenant, sent, SetState.STORED, not_in=session.session_id)
        else:
            await store.move_set(connection, session.tenant, sent, SetState.SETTLED, answered_at=now)

    async def reconcile(
        self, connection: Connection, session: Session, sent: MessageSet, version: Version
    ) -> None:
        """QuickBooks will never tell what became of a set in doubt: what it holds decides, member by member."""
        held = await self._held(connection, session)
        to_read = Batch()
        for member in sent.members:
            item = held.get(member.sync_id or "")
            if item is not None:
                asked = _asked(member, ReadFirst(why=Why.RECONCILE))
                to_read.add(asked, fetch_request(asked, item).element(asked.request_id, version))
        now = self._clock.now()
        await store.move_set(connection, session.tenant, sent, SetState.SETTLED, answered_at=now)
        await self._store(connection, session, Purpose.FETCH, to_read, version)

    async def split(self, connection: Connection, session: Session, sent: MessageSet, hresult: str) -> None:
        """One member cannot be read by QuickBooks, and nothing was applied: find it by halves, the others go through."""
        now = self._clock.now()
        await store.move_set(connection, session.tenant, sent, SetState.SETTLED, answered_at=now)
        held = await self._held(connection, session)
        carried = [member for member in sent.members if member.sync_id]
        if len(carried) <= 1:
            message = "QuickBooks could not read what qbsync sent for this record."
            for member in carried:
                item = held.get(member.sync_id or "")
                if item is not None:
                    await self._settle(
                        connection,
                        session,
                        item,
                        Failed(code="QS-QUARANTINED", message=f"{message} ({hresult})"),
                        technical={"hresult": hresult, "set": sent.set_id},
                    )
            return
        half = sent.members.index(carried[len(carried) // 2])
        document = etree.fromstring(sent.body.encode())
        elements = list(document[0])
        version = _version_of(sent.body)
        for part in (slice(0, half), slice(half, None)):
            batch = Batch(list(sent.members[part]), elements[part])
            await self._store(connection, session, sent.purpose, batch, version)

    async def put_back(self, connection: Connection, session: Session, sent: MessageSet) -> None:
        """Nothing of it was applied: it goes again, in a later session, no attempt charged."""
        held = await self._held(connection, session)
        for member in sent.members:
            item = held.get(member.sync_id or "")
            if item is not None:
                await self._settle(connection, session, item, NotProcessed())
        await store.move_set(
            connection, session.tenant, sent, SetState.SETTLED, answered_at=self._clock.now()
        )

    async def doubt(self, connection: Connection, session: Session, sent: MessageSet) -> None:
        """Its answer got lost. Queries may simply be asked again; writes go again as the same bytes."""
        if sent.purpose is Purpose.FETCH:
            await store.move_set(connection, session.tenant, sent, SetState.STORED)
            return
        held = await self._held(connection, session)
        for item in held.values():
            if item.sync_id in sent.sync_ids:
                await self._queue.settle(connection, item, Unknown(message=DOUBT), holder=session.session_id)
        await store.move_set(connection, session.tenant, sent, SetState.DOUBT)

    async def clearing(self, connection: Connection, session: Session, version: Version) -> str | None:
        """Let QuickBooks forget the sets whose outcome is durable; never while one is in doubt."""
        row = await connection.fetchrow(store.QUERIES["count_settled"], session.tenant)
        if row is None or row["open"] or not row["settled"]:
            return None
        session.plan["request"] = {"clear": True}
        host = etree.Element("HostQueryRq", requestID="clear")
        return message_set([host], version=version, old_id=CLEAR_ALL)

    async def cleared(self, connection: Connection, session: Session) -> None:
        """QuickBooks forgot them."""
        await connection.execute(store.QUERIES["clear_settled"], session.tenant)

    async def _held(self, connection: Connection, session: Session) -> dict[str, WorkItem]:
        rows = await connection.fetch(work_store.QUERIES["held_items"], session.tenant, session.session_id)
        return {row["sync_id"]: work_store.work_item(row) for row in rows}

    async def _settle_many(
        self, connection: Connection, session: Session, settled: Sequence[Settled]
    ) -> None:
        counted = await self._queue.settle_many(
            connection, session.tenant, settled, holder=session.session_id
        )
        for one, counts in zip(settled, counted, strict=True):
            session.sent += counts and isinstance(one.outcome, Succeeded)
            session.failed += counts and isinstance(one.outcome, Failed)

    async def _settle(
        self,
        connection: Connection,
        session: Session,
        item: WorkItem,
        outcome: Outcome,
        technical: Json | None = None,
    ) -> None:
        if not await self._queue.settle(
            connection, item, outcome, holder=session.session_id, technical=technical
        ):
            return
        if isinstance(outcome, Succeeded):
            session.sent += 1
        elif isinstance(outcome, Failed):
            session.failed += 1


def _read(ret: etree._Element) -> tuple[str, str | None, Json]:
    record = read(ret)
    if record is None:
        raise ValueError(f"{ret.tag} is not a record that qbsync reads")
    return record.quickbooks_id, record.token, record.entity


def _removed(member: Member, result: Result | None) -> Succeeded | None:
    """A deletion returns no record: it is done."""
    if result is None or not result.applied or not result.name.startswith(("TxnDel", "ListDel")):
        return None
    return Succeeded(quickbooks_id=member.quickbooks_id or "", token=None)


def _asked(member: Member, reason: ReadFirst) -> Member:
    return Member(
        request_id=member.request_id,
        sync_id=member.sync_id,
        kind=member.kind,
        operation=member.operation,
        quickbooks_id=reason.quickbooks_id or member.quickbooks_id,
        token=reason.token or member.token,
        why=reason.why,
        guid=member.guid,
        mod=member.mod if reason.why is Why.RECONCILE else None,
    )


def _technical(sent: MessageSet, result: Result | None) -> Json:
    """What support wants to know; no contents."""
    known: Json = {"set": sent.set_id}
    if result is not None:
        known |= {
            "request": result.name.removesuffix("Rs"),
            "status": result.code,
            "severity": result.severity,
        }
    return known


def _version_of(body: str) -> Version:
    major, minor = body.split('<?qbxml version="', 1)[1].split('"', 1)[0].split(".")
    return int(major), int(minor)
