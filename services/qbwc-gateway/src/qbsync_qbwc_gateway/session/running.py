"""What a session does, step by step: check the company, recover what is in doubt, clear, read, then send by rank.

The company comes first, from what the Web Connector hands over: in a wrong file a repeated set would be executed.
"""

from datetime import timedelta

import structlog

from qbsync_qbwc_gateway.postgres import repository as store
from qbsync_qbwc_gateway.qbxml.outcomes import SetFate, normal_hresult, set_fate
from qbsync_qbwc_gateway.qbxml.reader import Responses, UnreadableResponseError, read_responses
from qbsync_qbwc_gateway.qbxml.writer import FLOOR, Version
from qbsync_qbwc_gateway.session import batching
from qbsync_qbwc_gateway.session.announcing import Announcing
from qbsync_qbwc_gateway.session.comparing import Comparing
from qbsync_qbwc_gateway.session.identifying import Identifying
from qbsync_qbwc_gateway.session.lookups import Finding
from qbsync_qbwc_gateway.session.model import Connector, MessageSet, Purpose, Session
from qbsync_qbwc_gateway.session.reading import Reading, restart
from qbsync_qbwc_gateway.session.sending import Sending
from qbsync_qbwc_gateway.session.transcript import statuses_in
from qbsync_shared.catalogue import explain
from qbsync_shared.clock import Clock
from qbsync_shared.connector import WorkQueue, tenants
from qbsync_shared.kinds import Edition
from qbsync_shared.messages import ConnectionState
from qbsync_shared.postgres import Connection

log = structlog.get_logger(__name__)

UNREADABLE = (
    "The answer of QuickBooks could not be read. It is asked again at the next run; nothing was lost."
)


class Running:
    """The plan of a session, kept in ``session.plan``: company, version, reads, and the request that is out."""

    def __init__(
        self,
        *,
        queue: WorkQueue,
        identifying: Identifying,
        reading: Reading,
        finding: Finding,
        sending: Sending,
        comparing: Comparing,
        announcing: Announcing,
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._identifying = identifying
        self._reading = reading
        self._finding = finding
        self._sending = sending
        self._comparing = comparing
        self._announcing = announcing
        self._clock = clock

    async def next_request(
        self,
        connection: Connection,
        session: Session,
        connector: Connector,
        *,
        hcp: str,
        company_file: str,
        version: Version,
    ) -> str | None:
        """The text for sendRequestXML; None where nothing is left, or ``session.error`` says why not."""
        plan = session.plan
        plan.pop("request", None)
        if "company" not in plan:
            plan["company"] = "check"
            plan["file"] = company_file
            connector = await self._identifying.handed_over(connection, session, connector, hcp)
        if plan["company"] in ("wrong", "held"):
            return None
        if plan["company"] != "ok":
            return await self._identifying.request(connection, session, connector, _version(session, version))
        return await self._work(connection, session, connector)

    async def _work(self, connection: Connection, session: Session, connector: Connector) -> str | None:
        version = _version(session)
        if "compare" in session.plan:
            comparing = await self._comparing.next_request(connection, session, version)
            if comparing is not None:
                return comparing
            await self._comparing.finish(connection, session, connector)
            if session.plan["company"] == "held":
                return None
        recovering = await store.next_set(connection, session)
        if recovering is None:
            clearing = await self._sending.clearing(connection, session, version)
            if clearing is not None:
                return clearing
            if "reads" not in session.plan:
                await self._reading.plan(connection, session, lost=connector.lost_reads)
            if self._reading.left(session):
                session.plan["request"] = {"read": True}
                return self._reading.request(session, version)
            looking = await self._finding.request(connection, session, version)
            if looking is not None:
                session.plan["request"] = {"look": True}
                return looking
            await self._prepare(connection, session, connector)
        return await self._sending.hand_out(connection, session)

    async def _prepare(self, connection: Connection, session: Session, connector: Connector) -> None:
        tenant = await tenants.get(connection, session.tenant)
        await self._sending.prepare(connection, session, connector, tenant, _version(session))

    async def take_response(
        self,
        connection: Connection,
        session: Session,
        connector: Connector,
        *,
        response: str,
        refusal: tuple[str, str],
    ) -> int:
        """Store what QuickBooks answered, and how far the session is: 1 to 99, 100 at its end, negative on trouble.

        ``refusal`` is the HRESULT and its message; both are empty where QuickBooks answered.
        """
        request = session.plan.pop("request", {})
        sent = await store.get_set(connection, session.tenant, request["set"]) if "set" in request else None
        refused = bool(refusal[0].strip() and not response.strip())
        if refused and "look" in request and set_fate(normal_hresult(refusal[0])) is SetFate.SPLIT:
            await self._finding.give_up(connection, session)
        elif refused:
            again = bool(request.get("again"))
            await self._refused(connection, session, connector, sent=sent, refusal=refusal, again=again)
        else:
            try:
                responses = read_responses(response)
            except UnreadableResponseError:
                log.warning("response.unreadable", set=sent.set_id if sent else None)
                await self._lost(connection, session, sent, reading="read" in request)
                session.error = UNREADABLE
            else:
                session.note["statuses"] = statuses_in(responses)
                await self._take(
                    connection, session, connector, request=request, sent=sent, responses=responses
                )
        if session.error:
            return -1
        return await self._progress(connection, session, connector)

    async def _take(
        self,
        connection: Connection,
        session: Session,
        connector: Connector,
        *,
        request: dict[str, object],
        sent: MessageSet | None,
        responses: Responses,
    ) -> None:
        if sent is not None:
            await self._measure(connection, session, connector, sent)
            again = bool(request.get("again"))
            await self._sending.take(connection, session, sent, responses, _version(session), again=again)
        elif "read" in request:
            await self._reading.take(connection, session, responses)
            if not self._reading.left(session):
                await connection.execute(store.QUERIES["set_read"], session.tenant, self._clock.now())
        elif "look" in request:
            await self._finding.take(connection, session, responses)
        elif "compare" in request:
            await self._comparing.take(connection, session, responses)
        elif "clear" in request:
            await self._sending.cleared(connection, session)
        elif "company" in request:
            await self._identifying.take(connection, session, connector, responses)

    async def _refused(
        self,
        connection: Connection,
        session: Session,
        connector: Connector,
        *,
        sent: MessageSet | None,
        refusal: tuple[str, str],
        again: bool,
    ) -> None:
        """QuickBooks threw the whole set back. Of a set sent ``again`` that says nothing about its first sending."""
        code, message = normal_hresult(refusal[0]), refusal[1]
        fate = set_fate(code)
        log.warning("set.refused", code=code, fate=fate.value, set=sent.set_id if sent else None)
        if sent is not None and fate is SetFate.SPLIT:
            if again and sent.purpose is Purpose.WRITE:
                await self._sending.reconcile(connection, session, sent, _version(session))
            else:
                await self._sending.split(connection, session, sent, code)
            return
        if sent is None and fate is SetFate.SPLIT and session.plan.get("reads"):
            session.plan["reads"] = session.plan["reads"][
                1:
            ]  # one list must not keep all others from being read
            return
        if sent is not None:
            if again or fate is SetFate.UNKNOWN or sent.purpose is Purpose.FETCH:
                await self._sending.doubt(connection, session, sent)
            else:
                await self._sending.put_back(connection, session, sent)
        guidance = explain(code, Edition.DESKTOP)
        session.error = guidance.title
        await self._announcing.state(
            connection, connector, ConnectionState.PROBLEM, code=code, message=message[:500] or guidance.title
        )

    async def lost(self, connection: Connection, session: Session) -> None:
        """The answer to the request that is out will not come."""
        request = session.plan.pop("request", {})
        sent = await store.get_set(connection, session.tenant, request["set"]) if "set" in request else None
        await self._lost(connection, session, sent, reading="read" in request)

    async def _lost(
        self, connection: Connection, session: Session, sent: MessageSet | None, *, reading: bool
    ) -> None:
        restart(session)
        if reading:
            await connection.execute(store.QUERIES["read_lost"], session.tenant)
        if session.plan.get("company") in ("look", "bind"):
            session.plan["company"] = "check"
        if sent is not None:
            await self._sending.doubt(connection, session, sent)

    async def _measure(
        self, connection: Connection, session: Session, connector: Connector, sent: MessageSet
    ) -> None:
        if sent.purpose is not Purpose.WRITE or sent.sent_at is None:
            return
        busy = max(session.called_at - sent.sent_at, timedelta(0))
        speed = batching.measured(connector.seconds_per_write, busy, len(sent.members))
        await connection.execute(store.QUERIES["set_speed"], session.tenant, speed)

    async def _progress(self, connection: Connection, session: Session, connector: Connector) -> int:
        """Percent of what this session has to do; the next sets are made now, so that 100 is never said too early."""
        if session.plan.get("company") != "ok" or "reads" not in session.plan or self._reading.left(session):
            return 1 if session.plan.get("company") not in ("wrong", "held") else -1
        if await self._finding.is_due(connection, session):
            return 1
        await self._prepare(connection, session, connector)
        row = await connection.fetchrow(store.QUERIES["count_sets"], session.tenant, session.session_id)
        if row is None or row["sets"] == 0:
            return 100
        left = max(int(row["members"]), await self._queue.count_open(connection, session.tenant))
        done = session.sent + session.failed
        return max(1, min(99, 100 * done // max(done + left, 1)))


def _version(session: Session, told: Version = FLOOR) -> Version:
    """What both sides speak: as HostQuery said, else as the Web Connector said, else the usual floor."""
    kept = session.plan.get("version")
    if kept:
        return int(kept[0]), int(kept[1])
    return told if told >= (1, 0) else FLOOR
