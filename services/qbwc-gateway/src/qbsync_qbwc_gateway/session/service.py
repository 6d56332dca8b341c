"""The operations of the Web Connector as methods. Each call is one transaction: what it did is durable before it answers.

Sources: QuickBooks Web Connector Programmer's Guide, chapters 2, 5, 8 and 10; qbwc-protocol.md, sections 2 to 6 and 10.
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from qbsync_qbwc_gateway.postgres import repository as store
from qbsync_qbwc_gateway.qbxml.outcomes import normal_hresult
from qbsync_qbwc_gateway.session.announcing import Announcing
from qbsync_qbwc_gateway.session.login import (
    Answer,
    Guesses,
    VersionRules,
    decide,
    elements,
    is_allowed,
    judge_version,
)
from qbsync_qbwc_gateway.session.model import Connector, Session, SessionState
from qbsync_qbwc_gateway.session.passwords import Passwords
from qbsync_qbwc_gateway.session.running import Running
from qbsync_qbwc_gateway.session.transcript import requests_in
from qbsync_shared.catalogue import explain
from qbsync_shared.clock import Clock
from qbsync_shared.ids import MakeId
from qbsync_shared.kinds import Edition
from qbsync_shared.messages import ConnectionState
from qbsync_shared.postgres import Connection, Database

log = structlog.get_logger(__name__)

IDLE_TICKET = "idle-"
"""Tickets of polls without work: no session stands behind them, and closing them needs no look into storage."""

TELL_EVERY = timedelta(minutes=5)
RETRIES = 2
"""How often a connection error is answered with another try (chapter 10: a sensible limit is the service's to set)."""

DONE = "done"
NO_TICKET = "This run is over. The next run starts anew; nothing was lost."
FINISHED = "Finished. There is nothing more to do."
_KEPT_VERSIONS = 1_000


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Settings of the operator. ``version`` is our own, shown by the Web Connector."""

    version: str
    plans: frozenset[str]
    read_every: timedelta
    versions: VersionRules


class WebConnector:
    """The service side of the protocol. No state of a session is kept in memory: any replica may take the next call."""

    def __init__(
        self,
        database: Database,
        running: Running,
        announcing: Announcing,
        passwords: Passwords,
        *,
        rules: Rules,
        clock: Clock,
        make_id: MakeId,
        make_ticket: Callable[[], str] = lambda: secrets.token_urlsafe(24),
    ) -> None:
        self._database = database
        self._running = running
        self._announcing = announcing
        self._passwords = passwords
        self._rules = rules
        self._clock = clock
        self._make_id = make_id
        self._make_ticket = make_ticket
        self._guesses = Guesses()
        self._versions: OrderedDict[str, str] = OrderedDict()

    async def server_version(self) -> str:
        """Shown by the Web Connector under More Information."""
        return f"qbsync {self._rules.version}"

    async def client_version(self, version: str, *, address: str) -> str:
        """Nothing to say about a Web Connector that is new enough; ``W:`` lets the user go on, ``O:`` and ``E:`` do not."""
        self._versions[address] = version[:40]
        while len(self._versions) > _KEPT_VERSIONS:
            self._versions.popitem(last=False)
        return judge_version(version[:40], self._rules.versions)

    async def authenticate(self, user: str, password: str, *, address: str) -> Sequence[str]:
        """A ticket and what to do: use a company file, perhaps later, or ``none``, ``nvu`` or ``busy``.

        Where a run is put off there is a session all the same: a run by hand does not wait (chapter 10).
        """
        now = self._clock.now()
        if self._guesses.too_many(address, now):
            log.warning("login.throttled", address=address)
            return self._no_session(Answer.BAD_USER)
        async with self._database.everyone() as connection:
            login = await connection.fetchrow(store.QUERIES["find_login"], user, now)
        if not await is_allowed(login, password, self._passwords, now):
            self._guesses.note(address, now)
            await self._count_failure(login, now)
            return self._no_session(Answer.BAD_USER)
        assert login is not None
        verdict = decide(login, now=now, plans=self._rules.plans, read_every=self._read_every(login))
        if verdict.answer is not Answer.OPEN_FILE:
            await self._note_poll(login, verdict.why, self._versions.get(address))
            return self._no_session(verdict.answer)
        ticket = self._make_ticket()
        answer = elements(login, ticket, verdict)
        note = {"version": self._versions.get(address), "postpone": verdict.postpone or None}
        await self._open(login["tenant_id"], ticket, self._versions.get(address), note)
        return answer

    def _read_every(self, login: Any) -> timedelta:
        chosen = (login["settings"] or {}).get("read_every_seconds")
        return self._rules.read_every if chosen is None else timedelta(seconds=int(chosen))

    def _no_session(self, answer: Answer) -> list[str]:
        return [f"{IDLE_TICKET}{self._make_ticket()}", answer.value]

    async def _count_failure(self, login: Any, now: datetime) -> None:
        if login is None:
            log.info("login.unknown_user")
            return
        async with self._database.tenant(login["tenant_id"]) as connection:
            row = await connection.fetchrow(store.QUERIES["count_failure"], login["tenant_id"], now)
        log.warning("login.wrong_password", tenant=login["tenant_id"], failures=row["failures"] if row else 0)

    async def _note_poll(self, login: Any, why: str, version: str | None) -> None:
        """A poll without work: seen, and told to others now and then."""
        now, tenant = self._clock.now(), login["tenant_id"]
        tell = login["told_at"] is None or now - login["told_at"] >= TELL_EVERY
        async with self._database.tenant(tenant) as connection:
            # Nothing of a poll needs to survive a crash.
            await connection.execute("set local synchronous_commit = off")
            await connection.execute(store.QUERIES["seen"], tenant, now, why, version, tell)
            if tell:
                connector = store.connector_row(login)
                state = ConnectionState.PAUSED if why == "Paused" else ConnectionState(connector.state)
                if connector.state == ConnectionState.PAUSED.value and why != "Paused":
                    state = ConnectionState.CONNECTED
                await self._announcing.state(
                    connection, connector, state, code=connector.code, message=connector.message
                )
                idle = Session(
                    session_id=self._make_id(),
                    tenant=tenant,
                    state=SessionState.ENDED,
                    started_at=now,
                    called_at=now,
                    result=why,
                )
                await self._announcing.session_ended(connection, idle)

    async def _open(self, tenant: str, ticket: str, version: str | None, note: dict[str, Any]) -> None:
        """A new session; an older one that is still open ends, and what it had in flight is in doubt."""
        async with self._database.tenant(tenant) as connection:
            connector = await store.lock_connector(connection, tenant)
            assert connector is not None
            older = await store.lock_open_session(connection, tenant)
            if older is not None:
                await self._end(connection, older, "Ended by a new run")
            now = self._clock.now()
            await connection.execute(
                store.QUERIES["add_session"],
                self._make_id(),
                tenant,
                _digest(ticket),
                now,
                {name: value for name, value in note.items() if value},
            )
            await connection.execute(
                store.QUERIES["seen"], tenant, now, connector.last_result, version, False
            )

    @asynccontextmanager
    async def _session(self, ticket: str, call: str) -> AsyncIterator[tuple[Connection, Session] | None]:
        """The session of a ticket, locked; saved with its transcript when the call is done. None: nobody knows the ticket."""
        if not ticket or ticket.startswith(IDLE_TICKET):
            yield None
            return
        digest = _digest(ticket)
        async with self._database.everyone() as connection:
            tenant = await connection.fetchval(store.QUERIES["tenant_of_ticket"], digest)
        if tenant is None:
            yield None
            return
        async with self._database.tenant(tenant) as connection:
            session = await store.lock_session(connection, tenant, digest)
            if session is None:
                yield None
                return
            structlog.contextvars.bind_contextvars(tenant=tenant, session=session.session_id)
            session.called_at = self._clock.now()
            yield connection, session
            took = self._clock.now() - session.called_at
            if session.error:
                session.note["said"] = session.error
            await store.save_session(
                connection, session, call=call, took_ms=round(took.total_seconds() * 1_000)
            )

    async def send_request(
        self, ticket: str, *, hcp: str, company_file: str, version: tuple[int, int]
    ) -> str:
        """The next message set, or ``""``: then the Web Connector asks getLastError."""
        async with self._session(ticket, "sendRequestXML") as found:
            if found is None:
                return ""
            connection, session = found
            session.note["received"] = len(hcp)
            if session.state is SessionState.ENDED:
                return ""
            if session.state is SessionState.OUT:
                await self._running.lost(connection, session)
            session.error = None
            connector = await self._connector(connection, session)
            text = await self._running.next_request(
                connection, session, connector, hcp=hcp, company_file=company_file, version=version
            )
            session.answer_hash = None
            if text is None:
                session.state = SessionState.ANSWERED
                return ""
            session.state = SessionState.OUT
            session.sent_at = session.called_at
            request = session.plan.get("request", {})
            session.note |= {name: request[name] for name in ("set", "again") if request.get(name)}
            session.note |= {"answered": len(text), "requests": requests_in(text)}
            return text

    async def receive_response(self, ticket: str, response: str, hresult: str, message: str) -> int:
        """Percent done; 100 when nothing is left; negative ends the session. The same body again gets the same answer."""
        digest = hashlib.sha256(
            "\0".join((response, hresult, message)).encode("utf-8", "replace")
        ).hexdigest()
        async with self._session(ticket, "receiveResponseXML") as found:
            if found is None:
                return -1
            connection, session = found
            session.note |= {"received": len(response), **({"hresult": hresult[:20]} if hresult else {})}
            if session.state is not SessionState.OUT:
                if session.answer_hash == digest and session.answer is not None:
                    session.note |= {"progress": session.answer, "repeated": True}
                    return session.answer
                session.error = "An answer arrived that nobody asked for. Nothing was changed by it."
                return -1
            connector = await self._connector(connection, session)
            session.state = SessionState.ANSWERED
            session.round_trips += 1
            answer = await self._running.take_response(
                connection, session, connector, response=response, refusal=(hresult, message)
            )
            session.answer, session.answer_hash = answer, digest
            session.note["progress"] = answer
            return answer

    async def connection_error(self, ticket: str, hresult: str, message: str) -> str:
        """QuickBooks cannot be reached: another try with the bound file, at most twice, then ``done``."""
        async with self._session(ticket, "connectionError") as found:
            if found is None:
                return DONE
            connection, session = found
            session.note["hresult"] = hresult[:20]
            connector = await self._connector(connection, session)
            session.trouble += 1
            code = normal_hresult(hresult)
            if session.trouble <= RETRIES and session.state is not SessionState.ENDED:
                # The bound file first; then whichever is open, which is checked before anything is sent.
                return (connector.company_file or "") if session.trouble == 1 else ""
            guidance = explain(code, Edition.DESKTOP)
            session.error = guidance.title
            session.result = guidance.title
            await self._announcing.state(
                connection,
                connector,
                ConnectionState.PROBLEM,
                code=code,
                message=message[:500] or guidance.title,
            )
            return DONE

    async def get_last_error(self, ticket: str) -> str:
        """What went wrong, or a harmless sentence; never ``NoOp``, which would make the Web Connector wait for ever."""
        async with self._session(ticket, "getLastError") as found:
            if found is None:
                return NO_TICKET
            return found[1].error or FINISHED

    async def close_connection(self, ticket: str) -> str:
        """The end of a run; shown in the Web Connector's Status column."""
        async with self._session(ticket, "closeConnection") as found:
            if found is None:
                return "OK" if ticket.startswith(IDLE_TICKET) else NO_TICKET
            connection, session = found
            if session.state is not SessionState.ENDED:
                await self._end(connection, session, None)
            return session.result or FINISHED

    async def interactive_url(self) -> str:
        """Interactive mode is not used; ``qbwc://docontrol`` is withdrawn (chapter 6)."""
        return ""

    async def interactive_done(self) -> str:
        """Nothing was begun, so it is done."""
        return "Done"

    async def interactive_rejected(self) -> str:
        """Shown to the user."""
        return "qbsync needs nothing to be entered here."

    async def expire(self, *, silent_for: timedelta) -> int:
        """End sessions that were left without a word; what they had in flight is in doubt. Returns how many."""
        before = self._clock.now() - silent_for
        async with self._database.everyone() as connection:
            rows = await connection.fetch(store.QUERIES["silent_sessions"], before, 100)
        for row in rows:
            async with self._database.tenant(row["tenant_id"]) as connection:
                session = await store.lock_session(connection, row["tenant_id"], row["ticket"])
                if session is not None and session.ended_at is None and session.called_at < before:
                    await self._end(connection, session, "The Web Connector fell silent")
        return len(rows)

    async def interrupt(self, connection: Connection, session: Session, why: str) -> None:
        """End a session from our side; the Web Connector's further calls with its ticket change nothing."""
        await self._end(connection, session, why)

    async def _connector(self, connection: Connection, session: Session) -> Connector:
        connector = await store.get_connector(connection, session.tenant)
        if connector is None:
            raise LookupError(f"tenant {session.tenant} has a session and no connector")
        return connector

    async def _end(self, connection: Connection, session: Session, why: str | None) -> None:
        """The session is over; an answer that is still owed will be asked for again."""
        if session.state is SessionState.OUT:
            await self._running.lost(connection, session)
        session.state = SessionState.ENDED
        session.ended_at = self._clock.now()
        session.result = why or session.error or session.result or _summary(session)
        await store.save_session(connection, session)
        connector = await self._connector(connection, session)
        now = self._clock.now()
        await connection.execute(store.QUERIES["seen"], session.tenant, now, session.result, None, True)
        if connector.state in (ConnectionState.CONNECTED.value, ConnectionState.NONE.value):
            seen = replace(connector, last_seen_at=now)
            state = (
                ConnectionState.CONNECTED
                if session.plan.get("company") == "ok"
                else ConnectionState(connector.state)
            )
            await self._announcing.state(connection, seen, state)
        await self._announcing.session_ended(connection, session)


def _summary(session: Session) -> str:
    if "company" not in session.plan:
        return "Put off, or ended before it began. Nothing was done"
    if not (session.sent or session.received or session.failed):
        return "Finished. Nothing to do"
    failed = f", {session.failed} failed" if session.failed else ""
    return f"Finished. {session.sent} sent, {session.received} received{failed}"


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
