"""What the gateway tells the other services about a connection, its sessions and its company."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from qbsync_qbwc_gateway.postgres import repository as store
from qbsync_qbwc_gateway.session.model import Connector, Session
from qbsync_shared.clock import Clock
from qbsync_shared.connector.repository import next_version
from qbsync_shared.ids import MakeId
from qbsync_shared.kinds import Edition, Kind
from qbsync_shared.messages import (
    CompanyChanged,
    ConnectionChanged,
    ConnectionState,
    ReconcileReported,
    SessionEnded,
)
from qbsync_shared.messages.base import stamp
from qbsync_shared.messaging import publish
from qbsync_shared.postgres import Connection

DEFAULT_RUN_EVERY = 30
"""Minutes between runs that the .qwc file asks for by default."""


class Announcing:
    """Publishes facts in the caller's transaction."""

    def __init__(self, *, clock: Clock, make_id: MakeId) -> None:
        self._clock = clock
        self._make_id = make_id

    def _stamp(self, tenant: str) -> dict[str, Any]:
        return {**stamp(self._make_id(), tenant, self._clock.now()), "edition": Edition.DESKTOP}

    async def state(
        self,
        connection: Connection,
        connector: Connector,
        state: ConnectionState,
        *,
        code: str | None = None,
        message: str | None = None,
        seen: bool = True,
    ) -> None:
        """Keep and tell how the connection stands."""
        await connection.execute(store.QUERIES["set_state"], connector.tenant, state.value, code, message)
        now = self._clock.now()
        last_seen = now if seen else connector.last_seen_at
        await publish(
            connection,
            ConnectionChanged(
                **self._stamp(connector.tenant),
                version=await next_version(connection),
                state=state,
                company=connector.facts.get("company_name"),
                last_seen_at=last_seen,
                next_expected_at=next_run(connector, last_seen),
                code=code,
                message=message,
            ),
        )

    async def session_ended(self, connection: Connection, session: Session) -> None:
        """A run is over."""
        await publish(
            connection,
            SessionEnded(
                **self._stamp(session.tenant),
                version=await next_version(connection),
                session_id=session.session_id,
                started_at=session.started_at,
                round_trips=session.round_trips,
                succeeded=session.sent,
                failed=session.failed,
                result=session.result or "",
            ),
        )

    async def compared(
        self, connection: Connection, tenant: str, counts: dict[str, list[int]], findings: Sequence[Any]
    ) -> None:
        """How the links and the company file compare, per kind. ``counts``: kind -> links, records found."""
        for kind, (links, found) in counts.items():
            await publish(
                connection,
                ReconcileReported(
                    **self._stamp(tenant),
                    version=await next_version(connection),
                    kind=Kind(kind),
                    app_count=links,
                    quickbooks_count=found,
                    differing=tuple(
                        {name: row[name] for name in ("app_id", "quickbooks_id", "finding")}
                        for row in findings
                        if row["kind"] == kind
                    ),
                ),
            )

    async def company(
        self, connection: Connection, connector: Connector, name: str, facts: dict[str, Any]
    ) -> dict[str, Any]:
        """Keep what the company is like, and tell it where it changed; returns what is kept."""
        kept = {**facts, "company_name": name}
        if kept != connector.facts:
            await connection.execute(store.QUERIES["set_facts"], connector.tenant, kept)
            await publish(
                connection,
                CompanyChanged(
                    **self._stamp(connector.tenant),
                    version=await next_version(connection),
                    company_id=connector.file_id,
                    name=name,
                    facts=facts,
                ),
            )
        return kept


def next_run(connector: Connector, last_seen: datetime | None) -> datetime | None:
    """When the Web Connector should come again, by the schedule in its .qwc file."""
    if last_seen is None:
        return None
    chosen = connector.qwc
    minutes = int(chosen.get("run_every_minutes", DEFAULT_RUN_EVERY))
    asked = timedelta(seconds=int(chosen.get("run_every_seconds") or minutes * 60))
    return last_seen + max(asked, timedelta(minutes=int(chosen.get("minimum_minutes", 0))))
