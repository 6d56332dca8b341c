"""Readings against Intuit's monthly quota (CorePlus): counted per company where each takes its place (`rates`).

The quota is that of the operator's app, for all its companies together; writes are free. Above it Intuit refuses
readings with a 429 (qbo-api, limits).
"""

from dataclasses import dataclass
from datetime import date, datetime

from qbsync_qbo_worker.postgres import calls as store
from qbsync_shared.clock import Clock
from qbsync_shared.postgres import Database

BUILDER = 500_000
"""Metered calls a month of Intuit's smallest plan."""


@dataclass(frozen=True, kw_only=True)
class ReadUse:
    """Metered calls of a calendar month (UTC): one company's, and all companies' against the quota."""

    month: date
    company: int
    everyone: int
    quota: int

    @property
    def share(self) -> float:
        """How much of the quota is used, 1.0 is all."""
        return self.everyone / self.quota if self.quota else 0.0


def month_of(moment: datetime) -> date:
    """The first day of a month."""
    return moment.date().replace(day=1)


class ReadMeter:
    """Tells what was counted."""

    def __init__(self, *, database: Database, clock: Clock, quota: int = BUILDER) -> None:
        self._database = database
        self._clock = clock
        self._quota = quota

    async def use(self, tenant: str) -> ReadUse:
        """This month's use, for the connection page."""
        month = month_of(self._clock.now())
        async with self._database.everyone() as connection:
            company, everyone = await store.read_use(connection, tenant, month=month)
        return ReadUse(month=month, company=company, everyone=everyone, quota=self._quota)
