"""The gateway's tables as values."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from qbsync_qbwc_gateway.session.model import (
    Connector,
    Member,
    MessageSet,
    Purpose,
    Session,
    SessionState,
    SetState,
)
from qbsync_qbwc_gateway.session.transcript import Exchange
from qbsync_shared.postgres import Connection, Queries

QUERIES = Queries.load(__package__)


def connector_row(row: Mapping[str, Any]) -> Connector:
    """One row of the connectors, without the password's hash."""
    return Connector(
        tenant=row["tenant_id"],
        username=row["username"],
        password_set_at=row["password_set_at"],
        password_set_by=row["password_set_by"],
        owner_id=row["owner_id"],
        file_id=row["file_id"],
        qwc=row["qwc"],
        company_file=row["company_file"],
        bound_at=row["bound_at"],
        facts=row["facts"],
        state=row["state"],
        code=row["code"],
        message=row["message"],
        connector_version=row["connector_version"],
        last_seen_at=row["last_seen_at"],
        last_result=row["last_result"],
        last_read_at=row["last_read_at"],
        told_at=row["told_at"],
        seconds_per_write=row["seconds_per_write"],
        marker=row["marker"],
        compare=row["compare"],
        compare_marker=row["compare_marker"],
        lost_reads=row["lost_reads"],
        previous_owner_id=row["previous_owner_id"],
        previous_file_id=row["previous_file_id"],
    )


def session_row(row: Mapping[str, Any]) -> Session:
    """One row of the sessions."""
    return Session(
        session_id=row["session_id"],
        tenant=row["tenant_id"],
        state=SessionState(row["state"]),
        started_at=row["started_at"],
        called_at=row["called_at"],
        ended_at=row["ended_at"],
        sent_at=row["sent_at"],
        round_trips=row["round_trips"],
        sent=row["sent"],
        received=row["received"],
        failed=row["failed"],
        trouble=row["trouble"],
        plan=row["plan"],
        answer=row["answer"],
        answer_hash=row["answer_hash"],
        error=row["error"],
        result=row["result"],
    )


def set_row(row: Mapping[str, Any]) -> MessageSet:
    """One row of the message sets."""
    return MessageSet(
        set_id=row["set_id"],
        purpose=Purpose(row["purpose"]),
        state=SetState(row["state"]),
        body=row["body"],
        members=tuple(Member.from_json(member) for member in row["members"]),
        session_id=row["session_id"],
        sent_at=row["sent_at"],
    )


async def get_connector(connection: Connection, tenant: str) -> Connector | None:
    """A tenant's connector."""
    row = await connection.fetchrow(QUERIES["get_connector"], tenant)
    return connector_row(row) if row else None


async def lock_connector(connection: Connection, tenant: str) -> Connector | None:
    """A tenant's connector, held until the transaction ends."""
    row = await connection.fetchrow(QUERIES["lock_connector"], tenant)
    return connector_row(row) if row else None


async def lock_session(connection: Connection, tenant: str, ticket: str) -> Session | None:
    """A session by the digest of its ticket."""
    row = await connection.fetchrow(QUERIES["lock_session"], tenant, ticket)
    return session_row(row) if row else None


async def lock_open_session(connection: Connection, tenant: str) -> Session | None:
    """The tenant's open session."""
    row = await connection.fetchrow(QUERIES["lock_open_session"], tenant)
    return session_row(row) if row else None


async def save_session(
    connection: Connection, session: Session, *, call: str | None = None, took_ms: int = 0
) -> None:
    """Where a session stands after a call; the call itself goes into the transcript."""
    await connection.execute(
        QUERIES["save_session"],
        session.tenant,
        session.session_id,
        session.state.value,
        session.called_at,
        session.ended_at,
        session.sent_at,
        session.round_trips,
        session.sent,
        session.received,
        session.failed,
        session.trouble,
        session.plan,
        session.answer,
        session.answer_hash,
        session.error,
        session.result,
        call,
        took_ms,
        session.note,
    )


async def transcript(
    connection: Connection, tenant: str, session_id: str, *, after: int, limit: int
) -> list[Exchange]:
    """The calls of a session, in order."""
    rows = await connection.fetch(QUERIES["transcript"], tenant, session_id, after, limit)
    return [Exchange(**row) for row in rows]


async def add_set(
    connection: Connection,
    *,
    set_id: str,
    session: Session,
    purpose: Purpose,
    body: str,
    members: list[Member],
    at: datetime,
) -> None:
    """Store a message set before anybody gets it."""
    await connection.execute(
        QUERIES["add_set"],
        set_id,
        session.tenant,
        purpose.value,
        body,
        [member.to_json() for member in members],
        session.session_id,
        at,
    )


async def next_set(connection: Connection, session: Session) -> MessageSet | None:
    """What must go next: first what is in doubt, then what was never handed out."""
    row = await connection.fetchrow(QUERIES["next_set"], session.tenant, session.session_id)
    return set_row(row) if row else None


async def get_set(connection: Connection, tenant: str, set_id: str) -> MessageSet | None:
    """One message set."""
    row = await connection.fetchrow(QUERIES["get_set"], tenant, set_id)
    return set_row(row) if row else None


async def move_set(
    connection: Connection,
    tenant: str,
    message_set: MessageSet,
    to: SetState,
    *,
    session_id: str | None = None,
    sent_at: datetime | None = None,
    answered_at: datetime | None = None,
    not_in: str | None = None,
) -> None:
    """Where a message set stands; ``not_in`` names a session in which it is not tried again."""
    await connection.execute(
        QUERIES["move_set"],
        tenant,
        message_set.set_id,
        to.value,
        session_id or message_set.session_id,
        sent_at,
        answered_at,
        not_in,
    )
