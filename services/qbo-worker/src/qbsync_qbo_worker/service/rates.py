"""How fast a company may be called: every call takes its place in PostgreSQL before it goes (qbo-api, limits).

One limit is one number, the time at which the next call would be due (the generic cell rate algorithm). It stands in
the row of the realm's lease, so that it survives hand-over and counts the calls of all replicas together.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

import structlog

from qbsync_qbo_worker import metrics
from qbsync_qbo_worker.postgres import calls as store
from qbsync_qbo_worker.quickbooks import Call
from qbsync_qbo_worker.service.quota import month_of
from qbsync_shared.clock import Clock
from qbsync_shared.postgres import Database

log = structlog.get_logger()

Sleep = Callable[[float], Awaitable[None]]

SLOWEST = 8.0
"""How much farther apart calls go, at most, after refusals because of their rate."""

RECOVERY = 60.0
"""Seconds without such a refusal after which the distances are halved."""


class RealmRestsError(Exception):
    """Nothing may be sent to the realm now: QuickBooks asked for a pause, or refuses the connection."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """Calls at a steady distance, of which a few may come early.

    Args:
        distance: seconds between two calls.
        early: how many distances a call may be early; so in any ``t`` seconds at most ``t / distance + early + 1`` go.
    """

    distance: float
    early: float

    def wait(self, due: float, now: float, slowness: float) -> float:
        """Seconds until a call may go; at most 0 where it may now. ``due`` and ``now`` are seconds since 1970."""
        return due - self.early * self.distance * slowness - now

    def next_due(self, due: float, now: float, slowness: float) -> float:
        """When the call after one that goes now is due."""
        return max(due, now) + self.distance * slowness


Limits = Mapping[str, Limit]
"""By name; a batch takes a place in each, any other call in all but ``batch``."""

BATCH = "batch"

INTUITS: Limits = {
    BATCH: Limit(
        distance=60 / 39, early=0.5
    ),  # 40 a minute; two thirds of a second for what is slow on its way
    "minute": Limit(distance=60 / 420, early=19),  # 440 of 500 a minute, which all apps of the company share
    "second": Limit(distance=1 / 8, early=1),  # 10 a second
}
"""What Intuit permits, and a little less where its window and ours may differ."""


def faster(limits: Limits, times: float) -> Limits:
    """The same limits where a minute passes ``times`` as fast; for measurements."""
    return {name: Limit(distance=limit.distance / times, early=limit.early) for name, limit in limits.items()}


@dataclass(frozen=True, kw_only=True)
class Slowness:
    """How much farther apart calls go since ``at`` (seconds since 1970), before any recovery."""

    factor: float = 1.0
    at: float = 0.0

    def now(self, now: float) -> float:
        """The factor by now: halved with each minute."""
        minutes = max(0.0, now - self.at) // RECOVERY
        halved: float = self.factor / 2.0 ** min(minutes, 10.0)
        return max(1.0, halved)

    def after_refusal(self, now: float, pause: float) -> "Slowness":
        """Twice as far apart, counted from the end of the pause. Refusals that come together count once."""
        if now < self.at:
            return Slowness(factor=self.factor, at=max(self.at, now + pause))
        return Slowness(factor=min(SLOWEST, 2.0 * self.now(now)), at=now + pause)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How a realm is called now: the used share of what is permitted, and whether it goes slower or rests."""

    share: float
    slowed: bool
    rests_until: datetime | None


class Rates:
    """Keeps the limits of every realm."""

    def __init__(
        self, *, database: Database, clock: Clock, limits: Limits = INTUITS, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits
        self._sleep = sleep
        self._turns: WeakValueDictionary[tuple[str, bool], asyncio.Lock] = WeakValueDictionary()

    async def admit(self, tenant: str, call: Call) -> None:
        """Wait until a call may go, and take its place; one after the other, batches beside the others.

        Raises:
            RealmRestsError: nothing may go now, and it was not worth waiting.
        """
        names = [name for name in self._limits if name != BATCH or call.is_batch]
        turn = self._turns.setdefault((tenant, call.is_batch), asyncio.Lock())
        async with turn:
            while (wait := await self._take(tenant, names, call.metered)) > 0:
                metrics.THROTTLED.labels("local").inc()
                await self._sleep(wait)

    async def _take(self, tenant: str, names: list[str], metered: int) -> float:
        """Take a place under each limit and count what Intuit meters, or the seconds to wait; then nothing is taken."""
        async with self._database.tenant(tenant) as connection:
            found = await store.lock_rates(connection, tenant)
            moment = self._clock.now()
            if found.not_before > moment:
                raise RealmRestsError(tenant)
            now, slowness = moment.timestamp(), _slowness(found.rates).now(moment.timestamp())
            due = {name: float(found.rates.get(name, 0.0)) for name in names}
            waits = [self._limits[name].wait(due[name], now, slowness) for name in names]
            wait = max(waits, default=0.0)
            if wait <= 0:
                taken = {name: self._limits[name].next_due(due[name], now, slowness) for name in names}
                await store.put_rates(connection, tenant, {**found.rates, **taken})
                if metered:
                    await store.count_reading(connection, tenant, month=month_of(moment), calls=metered)
            return wait

    async def pace(self, tenant: str) -> Pace:
        """For the connection page: the fullest of the limits. Nothing is taken."""
        async with self._database.tenant(tenant) as connection:
            found = await store.read_rates(connection, tenant)
        moment = self._clock.now()
        now, slowness = moment.timestamp(), _slowness(found.rates).now(moment.timestamp())
        shares = [
            (float(found.rates.get(name, 0.0)) - now) / (limit.distance * (limit.early + 1) * slowness)
            for name, limit in self._limits.items()
        ]
        return Pace(
            share=min(1.0, max(0.0, *shares, 0.0)),
            slowed=slowness > 1.0,
            rests_until=found.not_before if found.not_before > moment else None,
        )

    async def throttled(self, tenant: str, pause: timedelta) -> None:
        """QuickBooks refused a call because of its rate: the realm rests, and is called less often for a while."""
        now = self._clock.now()
        async with self._database.tenant(tenant) as connection:
            await store.rest_realm(connection, tenant, until=now + pause)
            found = await store.lock_rates(connection, tenant)
            slowness = _slowness(found.rates).after_refusal(now.timestamp(), pause.total_seconds())
            changed = {**found.rates, "slowness": slowness.factor, "slow_at": slowness.at}
            await store.put_rates(connection, tenant, changed)
        until = datetime.fromtimestamp(slowness.at, UTC).isoformat(timespec="seconds")
        log.warning("realm_throttled", tenant=tenant, rests_until=until, slowness=slowness.factor)


def _slowness(rates: Mapping[str, Any]) -> Slowness:
    return Slowness(factor=float(rates.get("slowness", 1.0)), at=float(rates.get("slow_at", 0.0)))
