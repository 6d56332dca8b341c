"""Compare all links with a company file that is older than they are: a restored backup.

Nothing is sent meanwhile. Records that the file lacks, or holds in an older version, are listed for an admin, who
decides; nothing is made anew by itself.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import structlog
from lxml import etree

from qbsync_qbwc_gateway.mapping import MAPPERS
from qbsync_qbwc_gateway.postgres import repository as store
from qbsync_qbwc_gateway.qbxml.reader import Responses, value
from qbsync_qbwc_gateway.qbxml.writer import Request, Version, message_set
from qbsync_qbwc_gateway.session.announcing import Announcing
from qbsync_qbwc_gateway.session.model import Connector, Json, Purpose, Session, SetState
from qbsync_qbwc_gateway.session.reading import read_record
from qbsync_qbwc_gateway.session.sending import Sending
from qbsync_shared.clock import Clock
from qbsync_shared.connector import WorkQueue
from qbsync_shared.kinds import Kind
from qbsync_shared.messages import ConnectionState
from qbsync_shared.postgres import Connection

log = structlog.get_logger(__name__)

PAGE = 100
CODE = "QS-OLDER-BOOKS"
COMPARING = (
    "The company file is older than what was sent to it, so a backup was probably restored. Nothing is sent until"
    " qbsync has compared it."
)
DECIDE = (
    "The company file is a restored backup: {missing} that were sent are not in it, {older} are older there."
    " Nothing is sent until an admin decides on this page what becomes of them."
)
_NOT_FOUND = "500"


class Comparing:
    """The steps of a session that compare. Where it stands is kept in the session's plan."""

    def __init__(self, queue: WorkQueue, sending: Sending, announcing: Announcing, *, clock: Clock) -> None:
        self._queue = queue
        self._sending = sending
        self._announcing = announcing
        self._clock = clock

    async def check(self, connection: Connection, session: Session, connector: Connector) -> str | None:
        """What the open file's marker means. None: all is well; else the state of the comparison."""
        found = int(session.plan.get("marker") or 0)
        if found >= connector.marker:
            if connector.compare is not None:  # the newer file is back
                await connection.execute(store.QUERIES["end_comparison"], session.tenant, found)
            return None
        if connector.compare == "open" and connector.compare_marker == found:
            return "open"
        if connector.compare is None or connector.compare_marker != found:
            log.warning("company.restored", marker=found, expected=connector.marker)
            await self._begin(connection, session, connector, found)
        session.plan["compare"] = {"after": ["", ""], "counts": {}}
        return "running"

    async def _begin(
        self, connection: Connection, session: Session, connector: Connector, found: int
    ) -> None:
        """Hold everything. What is in doubt is looked for, never sent again blindly into a file that may lack it."""
        await connection.execute(store.QUERIES["forget_findings"], session.tenant)
        await connection.execute(store.QUERIES["begin_comparison"], session.tenant, found)
        version: Version = tuple(session.plan["version"])
        while (waiting := await store.next_set(connection, session)) is not None:
            if waiting.purpose is Purpose.FETCH:
                break
            await self._queue.hand_to(connection, session.tenant, waiting.sync_ids, holder=session.session_id)
            if waiting.state is SetState.DOUBT:
                await self._sending.reconcile(connection, session, waiting, version)
            else:
                await self._sending.put_back(connection, session, waiting)
        await self._announcing.state(
            connection, connector, ConnectionState.PROBLEM, code=CODE, message=COMPARING
        )

    async def next_request(self, connection: Connection, session: Session, version: Version) -> str | None:
        """Queries for the next links; first what is in doubt is looked up. None: all were compared."""
        waiting = await store.next_set(connection, session)
        if waiting is not None and waiting.purpose is Purpose.FETCH:
            return await self._sending.hand_out(connection, session)
        plan = session.plan["compare"]
        rows = await connection.fetch(store.QUERIES["links_to_compare"], session.tenant, *plan["after"], PAGE)
        if not rows:
            return None
        plan["asked"] = [{**dict(row)} for row in rows]
        session.plan["request"] = {"compare": True}
        return message_set(
            [request.element(kind, version) for kind, request in _queries(plan["asked"])], version=version
        )

    async def take(self, connection: Connection, session: Session, responses: Responses) -> None:
        """Note which of the links that were asked for are missing or older in the file."""
        plan = session.plan["compare"]
        refused = [kind for kind, _ in _queries(plan["asked"]) if not _is_answer(responses, kind)]
        if refused:
            session.error = "QuickBooks did not answer what it holds. It is compared again at the next run."
            return
        asked: list[Json] = plan.pop("asked")
        held = {_id(ret): ret for result in responses.in_order for ret in result.records}
        findings = []
        for link in asked:
            counts = plan["counts"].setdefault(link["kind"], [0, 0])
            counts[0] += 1
            ret = held.get(link["quickbooks_id"])
            counts[1] += ret is not None
            if ret is None or _is_older(value(ret, "EditSequence"), link["token"]):
                findings.append(self._finding(session.tenant, link, ret))
        await connection.executemany(store.QUERIES["add_finding"], findings)
        plan["after"] = [asked[-1]["kind"], asked[-1]["app_id"]]

    def _finding(self, tenant: str, link: Json, ret: etree._Element | None) -> tuple[Any, ...]:
        record = read_record(ret) if ret is not None else None
        return (
            tenant,
            link["kind"],
            link["app_id"],
            link["quickbooks_id"],
            link["label"],
            "missing" if ret is None else "older",
            record.token if record else None,
            record.entity if record else None,
            self._clock.now(),
        )

    async def finish(self, connection: Connection, session: Session, connector: Connector) -> None:
        """All links were compared: go on where nothing is missing, else hold until an admin decides."""
        counts = session.plan.pop("compare")["counts"]
        rows = await connection.fetch(store.QUERIES["findings"], session.tenant, "", "", 500)
        await self._announcing.compared(connection, session.tenant, counts, rows)
        if not rows:
            found = int(session.plan.get("marker") or 0)
            await connection.execute(store.QUERIES["end_comparison"], session.tenant, found)
            await self._announcing.state(connection, connector, ConnectionState.CONNECTED)
            return
        await connection.execute(store.QUERIES["open_comparison"], session.tenant)
        await self.hold(connection, session, connector)

    async def hold(self, connection: Connection, session: Session, connector: Connector) -> None:
        """End the session with the words that say who must decide what."""
        groups = await connection.fetch(store.QUERIES["count_findings"], session.tenant)
        sums = {
            finding: sum(row["undecided"] for row in groups if row["finding"] == finding)
            for finding in ("missing", "older")
        }
        session.plan["company"] = "held"
        session.error = DECIDE.format(**sums)
        await self._announcing.state(
            connection, connector, ConnectionState.PROBLEM, code=CODE, message=session.error
        )


def _queries(asked: Iterable[Json]) -> list[tuple[str, Request]]:
    """One query per kind for all its ids. QuickBooks answers what it has, and says which one it lacks."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for link in asked:
        by_kind[link["kind"]].append(link["quickbooks_id"])
    queries = []
    for kind, ids in by_kind.items():
        one = MAPPERS[Kind(kind)].by_id(ids[0])
        content = {name: ids if name in ("ListID", "TxnID") else given for name, given in one.content.items()}
        queries.append((kind, Request(one.name, content)))
    return queries


def _is_answer(responses: Responses, kind: str) -> bool:
    result = responses.results.get(kind)
    return result is not None and (result.applied or result.code == _NOT_FOUND)


def _id(ret: etree._Element) -> str:
    return value(ret, "ListID") or value(ret, "TxnID") or ""


def _is_older(held: str | None, known: str | None) -> bool:
    """EditSequence grows with every change (qbxml.md, section 4)."""
    return bool(held and known and held.isdigit() and known.isdigit() and int(held) < int(known))
