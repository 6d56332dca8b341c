"""Looks into QuickBooks that a page or the API waits for: an answer mostly comes within a moment."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from qbsync_log.domain.linking import Candidate, LookedUp, candidates
from qbsync_log.domain.records import SyncRecord
from qbsync_log.postgres import reading, repository
from qbsync_log.postgres.rows import record_of
from qbsync_log.service.commands import Commands
from qbsync_shared.kinds import Edition
from qbsync_shared.postgres import Connection, Database

STEP_SECONDS = 0.05
PATIENCE_SECONDS = 2.0
UNANSWERED = timedelta(seconds=30)
"""A look without any answer for so long is made again when somebody asks."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What QuickBooks holds under the name or number of a sync, as far as it was answered."""

    record: SyncRecord
    linked: str | None
    looked: LookedUp | None

    @property
    def candidates(self) -> list[Candidate]:
        """The records that were found, those that can be linked to first."""
        return candidates(self.record, self.looked.found, linked=self.linked) if self.looked else []


@dataclass(frozen=True, kw_only=True)
class Looking:
    """Makes looks, and waits a moment for what comes of a command."""

    database: Database
    commands: Commands

    async def look(self, tenant: str, sync_id: str, *, by: str, again: bool = False) -> Look | None:
        """What is known, asked for if it is not fresh; None where there is no such sync."""
        async with self.database.tenant(tenant) as connection:
            found = await self._read(connection, tenant, sync_id)
            if found is None:
                return None
            asks = again or self._is_due(found.looked)
            if asks and not await self.commands.look_up(connection, found.record, by=by):
                return found
        return await self._answered(tenant, sync_id) if asks else found

    async def known(self, tenant: str, sync_id: str) -> Look | None:
        """What is known, without asking."""
        async with self.database.tenant(tenant) as connection:
            return await self._read(connection, tenant, sync_id)

    def _is_due(self, looked: LookedUp | None) -> bool:
        now = self.commands.clock.now()
        if looked is None or not looked.is_fresh(now):
            return True
        return not looked.answered and now - looked.asked_at > UNANSWERED

    async def _answered(self, tenant: str, sync_id: str) -> Look | None:
        """Wait for an answer: Online for QuickBooks' own, Desktop for what was read."""
        ends = monotonic() + PATIENCE_SECONDS
        while True:
            found = await self.known(tenant, sync_id)
            if found is None or found.looked is None or monotonic() > ends:
                return found
            desktop = found.record.edition is Edition.DESKTOP
            if found.looked.answered and (desktop or not found.looked.pending):
                return found
            await asyncio.sleep(STEP_SECONDS)

    async def outcome(self, tenant: str, command_id: str) -> tuple[str, str]:
        """What became of a command within a moment: ``open``, ``answered`` or ``refused``, and the reason."""
        ends = monotonic() + PATIENCE_SECONDS
        while True:
            async with self.database.tenant(tenant) as connection:
                row = await connection.fetchrow(repository.QUERIES["read_request"], tenant, command_id)
            state = str(row["state"]) if row else "open"
            if state != "open" or monotonic() > ends:
                return state, str(row["answer"] or "") if row else ""
            await asyncio.sleep(STEP_SECONDS)

    async def _read(self, connection: Connection, tenant: str, sync_id: str) -> Look | None:
        row = await reading.sync(connection, tenant, sync_id)
        if row is None:
            return None
        record = record_of(row)
        app_id = record.known_app_id
        linked = await repository.is_linked(connection, tenant, record.kind, app_id) if app_id else None
        looked = await repository.look_up_of(connection, tenant, sync_id)
        return Look(record=record, linked=linked, looked=looked)
