"""Connections kept alive although nobody uses them: tokens renewed, encrypted with the present key, ends announced."""

import asyncio

import structlog

from qbsync_qbo_worker.oauth import IntuitUnavailableError
from qbsync_qbo_worker.postgres import connections as store
from qbsync_qbo_worker.service.tokens import AHEAD_OF_END, IDLE, Tokens
from qbsync_shared.clock import Clock
from qbsync_shared.encryption import DecryptionError
from qbsync_shared.postgres import Database

log = structlog.get_logger()

EVERY_SECONDS = 600.0


class Keeper:
    """Looks after the tokens of all tenants."""

    def __init__(self, *, database: Database, tokens: Tokens, clock: Clock) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock

    async def run(self) -> None:
        """The loop."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_SECONDS)

    async def look(self) -> None:
        """Renew and warn where it is due. One tenant's trouble holds up no other."""
        now = self._clock.now()
        async with self._database.everyone() as connection:
            due = await store.to_keep(connection, idle_since=now - IDLE, ends_before=now + AHEAD_OF_END)
        for tenant in due:
            try:
                await self._tokens.keep(tenant)
            except (IntuitUnavailableError, DecryptionError) as error:
                log.warning("connection_not_kept", tenant=tenant, error=type(error).__name__)
