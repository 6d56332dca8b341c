"""Stopping and going on: a tenant or a kind, from the page or by a command."""

from typing import Any

from qbsync_qbo_worker.postgres import connections as store
from qbsync_qbo_worker.service.announce import connection_changed
from qbsync_shared.clock import Clock
from qbsync_shared.connector import LinkKeeper
from qbsync_shared.ids import MakeId
from qbsync_shared.kinds import Edition, Kind
from qbsync_shared.messages import ConnectionState, Pause, Resume
from qbsync_shared.messages.base import stamp
from qbsync_shared.messaging import publish
from qbsync_shared.postgres import Connection, Database

PAUSABLE = (ConnectionState.CONNECTED, ConnectionState.PAUSED, ConnectionState.PROBLEM)


class Pausing:
    """Keeps what is paused. A pause of everything outlives a new connection."""

    def __init__(self, *, database: Database, links: LinkKeeper, clock: Clock, make_id: MakeId) -> None:
        self._database = database
        self._links = links
        self._clock = clock
        self._make_id = make_id

    async def set_paused(self, tenant: str, kind: Kind | None = None, *, paused: bool, by: str) -> None:
        """Send nothing more of a kind, or nothing at all; or send it again."""
        command: dict[str, Any] = {
            **stamp(self._make_id(), tenant, self._clock.now()),
            "edition": Edition.ONLINE,
            "by": by,
            "why": "on the connection page",
            "kind": kind,
        }
        async with self._database.tenant(tenant) as connection:
            if paused:
                await self.pause(connection, Pause(**command))
            else:
                await self.resume(connection, Resume(**command))

    async def pause(self, connection: Connection, command: Pause) -> None:
        """Carry out a command to send nothing more; all services are told where it concerns everything."""
        await self._links.pause(connection, command)
        if command.kind is None:
            message = f"Paused by {command.by}."
            await self._stand(connection, command.tenant, ConnectionState.PAUSED, "QS-PAUSED", message)

    async def resume(self, connection: Connection, command: Resume) -> None:
        """Carry out a command to send again, at once."""
        await self._links.resume(connection, command)
        await store.wake(connection, command.tenant)
        if command.kind is None:
            await self._stand(connection, command.tenant, ConnectionState.CONNECTED, None, None)

    async def _stand(
        self,
        connection: Connection,
        tenant: str,
        state: ConnectionState,
        code: str | None,
        message: str | None,
    ) -> None:
        row = await store.lock(connection, tenant)
        if row is None or row.state not in PAUSABLE:
            return
        changed = await store.set_state(connection, tenant, state, code=code, message=message)
        await publish(connection, connection_changed(changed, self._make_id(), self._clock.now()))
