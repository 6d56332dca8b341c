"""Many tenants with companies in the simulator, at real time: for workers that are processes of their own."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx

from qbsync_qbo_worker.postgres import connections
from qbsync_shared.clock import SystemClock
from qbsync_shared.connector import WorkQueue, tenants
from qbsync_shared.encryption import Keyring
from qbsync_shared.ids import uuid7_maker
from qbsync_shared.kinds import Edition, Plan
from qbsync_shared.messages import SyncApproved, TenantConfigured
from qbsync_shared.messages.base import stamp
from qbsync_shared.postgres import Database
from tests.worker.desk import KEYS, Json, customer, invoice, item

AT_ONCE = 200
OPEN = "select count(*) from work_item where tenant_id = $1 and state in ('pending', 'waiting', 'in_flight')"


def mixed(count: int) -> list[Json]:
    """Three customers and one item for every six invoices that refer to them."""
    customers, items = count * 3 // 10, count // 10
    bills = (
        invoice(
            f"V-{n}",
            customer={"app_id": f"C-{n % customers}"},
            lines=[{**invoice()["lines"][0], "item": {"app_id": f"I-{n % items}"}}],
        )
        for n in range(count - customers - items)
    )
    return [
        *(customer(f"C-{n}") for n in range(customers)),
        *(item(f"I-{n}") for n in range(items)),
        *bills,
    ]


class Companies:
    """Opens them, approves for them, and looks into all books."""

    def __init__(self, database: Database, simulator: str) -> None:
        self.database = database
        self.realms: dict[str, str] = {}
        self.control = httpx.Client(base_url=f"{simulator}/control", timeout=60, trust_env=False)
        self._clock = SystemClock()
        self._make_id = uuid7_maker()
        self._queue = WorkQueue(Edition.ONLINE, clock=self._clock, make_id=self._make_id)
        self._keyring = Keyring.parse(KEYS)

    def close(self) -> None:
        self.control.close()

    async def open(self, tenant: str) -> str:
        """A new company, connected; its realm."""
        realm: str = self._post("/companies", {"name": tenant})["realm"]
        granted = self._post(f"/companies/{realm}/tokens")
        now = self._clock.now()
        sealed = {
            which: self._keyring.encrypt(granted[f"{which}_token"], context=f"worker/{which}_token/{tenant}")
            for which in ("access", "refresh")
        }
        tokens = connections.SealedTokens(
            **sealed,
            access_expires_at=now + timedelta(seconds=granted["expires_in"]),
            refresh_expires_at=now + timedelta(days=100),
            hard_expires_at=None,
        )
        configured = TenantConfigured(
            **stamp(self._make_id(), tenant, now),
            version=1,
            name=tenant,
            plan=Plan.PLUS,
            edition=Edition.ONLINE,
        )
        async with self.database.tenant(tenant) as connection:
            await tenants.configured(connection, configured)
            await tenants.bind(connection, tenant, realm)
            await connections.connect(connection, tenant, realm, tokens, by="dana", now=now)
        self.realms[tenant] = realm
        return realm

    async def approve(self, tenant: str, entities: Sequence[Json]) -> list[str]:
        """Approve records that are new to QuickBooks; their sync ids."""
        syncs: list[str] = []
        for start in range(0, len(entities), AT_ONCE):
            async with self.database.tenant(tenant) as connection:
                for entity in entities[start : start + AT_ONCE]:
                    approved = self._approval(tenant, entity)
                    await self._queue.accept(connection, approved)
                    syncs.append(approved.sync_id)
        return syncs

    def _approval(self, tenant: str, entity: Json) -> SyncApproved:
        now = self._clock.now()
        return SyncApproved(
            **stamp(self._make_id(), tenant, now),
            edition=Edition.ONLINE,
            sync_id=self._make_id(),
            direction="export",
            kind=entity["kind"],
            app_id=entity["app_id"],
            operation="create",
            entity=entity,
            entity_seq=1,
            approved_by="dana",
            approved_at=now,
        )

    async def drained(self, *names: str, within: float) -> None:
        """Wait until nothing of these tenants, or of all, is left; what is, is in the error."""
        left: dict[str, int] = {}
        try:
            async with asyncio.timeout(within):
                while left := await self._left(names or tuple(self.realms)):  # noqa: ASYNC110 - nothing tells
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise AssertionError(f"not drained within {within:.0f} s: {left}") from None

    async def _left(self, names: Sequence[str]) -> dict[str, int]:
        """How much of each tenant is not final, where anything is."""
        async with self.database.everyone() as connection:
            counted = {name: await connection.fetchval(OPEN, name) for name in names}
        return {name: count for name, count in counted.items() if count}

    async def rows(self, statement: str, *values: Any) -> list[Json]:
        async with self.database.everyone() as connection:
            return [dict(row) for row in await connection.fetch(statement, *values)]

    async def states(self, tenant: str) -> Counter[str]:
        rows = await self.rows("select state from work_item where tenant_id = $1", tenant)
        return Counter(row["state"] for row in rows)

    def calls(self, tenant: str | None = None, **matching: str) -> list[Json]:
        """The simulator's journal, of one company or all."""
        wanted = {**matching, **({"realm": self.realms[tenant]} if tenant else {})}
        found: list[Json] = self.control.get("/requests", params=wanted).json()["items"]
        return found

    def books(self, tenant: str, resource: str) -> list[Json]:
        found: list[Json] = self.control.get(f"/companies/{self.realms[tenant]}/{resource}").json()["items"]
        return found

    def trouble(self, effect: str, **given: Any) -> None:
        self._post("/faults", {"effect": effect, "times": 1_000_000, **given})

    def limits(self, **given: Any) -> None:
        self._post("/limits", given)

    def _post(self, path: str, body: Json | None = None) -> Any:
        answer = self.control.post(path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()
