"""Commands that nobody answered: after ten minutes the entity needs its person again."""

import asyncio

from qbsync_log.postgres import repository
from qbsync_log.service.commands import ANSWER_WITHIN
from qbsync_shared.clock import Clock
from qbsync_shared.postgres import Database
from qbsync_shared.web import sse

EVERY_SECONDS = 30.0
AT_ONCE = 200
NO_ANSWER = "No answer came in time."


class Expiry:
    """Looks for open requests whose answer is overdue."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled; replicas may do it at the same time."""
        while True:
            while await self.once() == AT_ONCE:
                pass
            await asyncio.sleep(EVERY_SECONDS)

    async def once(self) -> int:
        """Close what is overdue now; returns how many there were."""
        async with self._database.everyone() as connection:
            rows = await connection.fetch(
                repository.QUERIES["overdue_requests"], self._clock.now() - ANSWER_WITHIN, AT_ONCE
            )
        for row in rows:
            async with self._database.tenant(row["tenant_id"]) as connection:
                if await repository.lock(connection, row["tenant_id"]):
                    await repository.refused(connection, row["tenant_id"], row["command_id"], "", NO_ANSWER)
                    await sse.notify(connection, self._database.schema, row["tenant_id"], "counts")
        return len(rows)
