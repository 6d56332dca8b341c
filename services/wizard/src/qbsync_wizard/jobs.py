"""What runs beside requests: large approvals, and kept rows of Online tenants that come back after an hour."""

import asyncio
from datetime import timedelta

import structlog

from qbsync_shared.postgres import Database
from qbsync_wizard.errors import UnknownTenantError
from qbsync_wizard.postgres.repository import QUERIES
from qbsync_wizard.service import kept, rechecking, review, ruling
from qbsync_wizard.service.context import Context, enter

POLL_SECONDS = 2.0
KEPT_SECONDS = 60.0
RULES_AGAIN = 30
"""Passes of the rules after which all that waits is looked at again."""
KEPT_AT_MOST = timedelta(hours=1)

log = structlog.get_logger()


class Jobs:
    """The wizard's loops. Several replicas may run them: each part is done under the tenant's lane."""

    def __init__(self, database: Database, context: Context) -> None:
        self._database = database
        self._context = context
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There is work: do not wait for the next look."""
        self._wake.set()

    async def run(self) -> None:
        """Work on large approvals, a part of each in turn."""
        while True:
            if not await self.run_once():
                try:
                    await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
                except TimeoutError:
                    continue
                finally:
                    self._wake.clear()

    async def run_once(self) -> bool:
        """One part of each running approval; False when there is none."""
        async with self._database.everyone() as connection:
            rows = await connection.fetch(QUERIES["running_approvals"])
        for row in rows:
            async with self._database.tenant(row["tenant_id"]) as connection:
                try:
                    lane = await enter(connection, self._context, row["tenant_id"])
                except UnknownTenantError:
                    continue
                await review.run_batch(lane, row["approval_id"])
        return bool(rows)

    async def recheck(self) -> None:
        """Look at what waits again where the company or the choices for it changed."""
        while True:
            if not await self.recheck_once():
                await asyncio.sleep(POLL_SECONDS)

    async def recheck_once(self) -> bool:
        """One part of each due recheck; False when there is none."""
        async with self._database.everyone() as connection:
            rows = await connection.fetch(QUERIES["due_rechecks"], self._context.now())
        for row in rows:
            async with self._database.tenant(row["tenant_id"]) as connection:
                try:
                    lane = await enter(connection, self._context, row["tenant_id"])
                except UnknownTenantError:
                    continue
                await rechecking.run_batch(lane, row["recheck_after"])
        return bool(rows)

    async def follow_rules(self) -> None:
        """Approve by rule: what is new at once, and each minute also what waited for another record."""
        passes = 0
        while True:
            await self.follow_rules_once(everything=passes % RULES_AGAIN == 0)
            passes += 1
            await asyncio.sleep(POLL_SECONDS)

    async def follow_rules_once(self, *, everything: bool = False) -> None:
        """One pass over what changed since the last one, or over all that waits."""
        async with self._database.everyone() as connection:
            rows = await connection.fetch(QUERIES["tenants_with_rules"], everything)
        for row in rows:
            since = 0 if everything else row["ruled_no"]
            place: tuple[int, str] | None = (0, "")
            while place is not None:
                async with self._database.tenant(row["tenant_id"]) as connection:
                    try:
                        lane = await enter(connection, self._context, row["tenant_id"])
                    except UnknownTenantError:
                        break
                    place = await ruling.follow(lane, since, place)

    async def return_kept(self) -> None:
        """Bring back what was kept an hour ago and no sync brought back."""
        while True:
            await self.return_kept_once()
            await asyncio.sleep(KEPT_SECONDS)

    async def return_kept_once(self) -> int:
        """Returns how many rows came back."""
        before = self._context.now() - KEPT_AT_MOST
        async with self._database.everyone() as connection:
            rows = await connection.fetch(QUERIES["tenants_with_kept"], before)
        count = 0
        for row in rows:
            async with self._database.tenant(row["tenant_id"]) as connection:
                lane = await enter(connection, self._context, row["tenant_id"])
                count += await kept.come_back(lane, kept_before=before)
        return count
