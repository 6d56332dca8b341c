"""How the workers share the companies: one that drains more of them than another one hands some over.

Which company a worker drains is decided by leases alone. This only keeps a worker that came first from keeping all,
where a company has work for hours.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from time import monotonic

import structlog

from qbsync_qbo_worker.postgres import calls as store
from qbsync_shared.clock import Clock
from qbsync_shared.postgres import Database

log = structlog.get_logger()

ALIVE = timedelta(seconds=10)
"""A worker that did not report for so long is gone."""

EVERY = 2.0
"""Seconds between two looks."""

AT_LEAST = 5.0
"""Seconds that a company is drained before it is handed over."""

LEFT_TO_OTHERS = 6.0
"""Seconds for which a company that was handed over is not taken again: time for three sweeps of another worker."""


def surplus(loads: Mapping[str, int], holder: str) -> int:
    """How many companies to hand over: half of what this worker holds more than the one that holds fewest."""
    others = [held for name, held in loads.items() if name != holder]
    more = loads.get(holder, 0) - min(others, default=loads.get(holder, 0))
    return more // 2 if more >= 2 else 0


class Sharing:
    """This worker's side of it."""

    def __init__(self, *, database: Database, holder: str, clock: Clock) -> None:
        self._database = database
        self._holder = holder
        self._clock = clock
        self._looked_at = float("-inf")
        self._began: dict[str, float] = {}
        self._handed_over: dict[str, float] = {}

    def begins(self, tenant: str) -> None:
        """This worker begins to drain a company."""
        self._began[tenant] = monotonic()

    def ends(self, tenant: str) -> None:
        """It drains it no longer."""
        self._began.pop(tenant, None)
        if tenant in self._handed_over:
            self._handed_over[tenant] = monotonic() + LEFT_TO_OTHERS

    def must_go(self, tenant: str) -> bool:
        """Whether a company is to be handed over."""
        return tenant in self._handed_over

    def left_to_others(self) -> Collection[str]:
        """What was handed over just now."""
        now = monotonic()
        self._handed_over = {
            tenant: until
            for tenant, until in self._handed_over.items()
            if until > now or tenant in self._began
        }
        return self._handed_over.keys()

    async def look(self) -> None:
        """Say that this worker is alive, see what the others hold, and choose what to hand over; now and then."""
        now = monotonic()
        if now - self._looked_at < EVERY:
            return
        self._looked_at = now
        async with self._database.everyone() as connection:
            moment = self._clock.now()
            await store.report_worker(connection, self._holder, now=moment, since=moment - ALIVE)
            loads = await store.worker_loads(connection, now=moment)
        going = [one for one in self._handed_over if one in self._began]
        count = surplus(loads, self._holder) - len(going)
        longest = sorted(
            (began, tenant)
            for tenant, began in self._began.items()
            if now - began >= AT_LEAST and tenant not in self._handed_over
        )
        for _, tenant in longest[: max(count, 0)]:
            self._handed_over[tenant] = now + LEFT_TO_OTHERS
            log.info("realm_handed_over", tenant=tenant)
