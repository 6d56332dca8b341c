"""A worker at its desk: the real parts on a real PostgreSQL, against the simulated QuickBooks Online over HTTP."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx

from qbsync_qbo_worker.oauth import Endpoints, Intuit, TokenSet
from qbsync_qbo_worker.postgres import connections
from qbsync_qbo_worker.quickbooks import QuickBooksClient
from qbsync_qbo_worker.service.connecting import Connecting
from qbsync_qbo_worker.service.doubts import Doubts
from qbsync_qbo_worker.service.drain import BEAT_SECONDS, Drain
from qbsync_qbo_worker.service.pausing import Pausing
from qbsync_qbo_worker.service.rates import Rates
from qbsync_qbo_worker.service.reading import Reader
from qbsync_qbo_worker.service.rebinding import Rebinding
from qbsync_qbo_worker.service.sending import Sender
from qbsync_qbo_worker.service.settling import Settler
from qbsync_qbo_worker.service.tokens import Tokens
from qbsync_shared.clock import FrozenClock
from qbsync_shared.connector import LinkKeeper, WorkQueue, tenants
from qbsync_shared.connector import repository as queue_store
from qbsync_shared.encryption import Keyring
from qbsync_shared.ids import MakeId
from qbsync_shared.kinds import Edition, Plan
from qbsync_shared.messages import SyncApproved, TenantConfigured
from qbsync_shared.messages.base import stamp
from qbsync_shared.postgres import Database

T = "clearwater"
ALONE = 1_000
"""From how many writes on a desk's worker sends batches: never, so that each record has a call of its own."""

KEYS = base64.urlsafe_b64encode(b"k" * 32).decode()

Json = dict[str, Any]


async def eventually(condition: Callable[..., Awaitable[Any]], *given: Any) -> None:
    """Wait for what another task brings about, at most 30 s."""
    async with asyncio.timeout(30):
        while not await condition(*given):  # noqa: ASYNC110 - the database and the simulator give no sign
            await asyncio.sleep(0.01)


class Desk:
    """One tenant, its company in the simulator, and a worker's parts."""

    def __init__(self, database: Database, simulator: str, clock: FrozenClock, make_id: MakeId) -> None:
        self.database = database
        self.simulator = simulator
        self.clock = clock
        self.make_id = make_id
        self.control = httpx.Client(base_url=f"{simulator}/control")
        self.realm: str = self.control.post("/companies", json={}).json()["realm"]
        self.intuit = Intuit(
            endpoints=Endpoints(
                authorize=f"{simulator}/connect/oauth2",
                token=f"{simulator}/oauth2/v1/tokens/bearer",
                revoke=f"{simulator}/v2/oauth2/tokens/revoke",
            ),
            discovery_url=None,
            client_id="sandbox-client",
            client_secret="sandbox-secret",
            redirect_uri="http://127.0.0.1/oauth/callback",
            clock=clock,
        )
        self.keyring = Keyring.parse(KEYS)
        self.client = QuickBooksClient(simulator, minorversion="75")
        self.tokens = Tokens(
            database=database, intuit=self.intuit, keyring=self.keyring, clock=clock, make_id=make_id
        )
        self.rates = Rates(database=database, clock=clock, limits={})
        self.sender = self.sender_with(self.client)
        self.queue = WorkQueue(Edition.ONLINE, clock=clock, make_id=make_id)
        self.links = LinkKeeper(Edition.ONLINE, clock=clock, make_id=make_id)
        self.connecting = Connecting(
            database=database,
            intuit=self.intuit,
            tokens=self.tokens,
            rebinding=Rebinding(links=self.links, clock=clock),
            client=self.client,
            keyring=self.keyring,
            clock=clock,
            make_id=make_id,
        )
        self.pausing = Pausing(database=database, links=self.links, clock=clock, make_id=make_id)
        self.reader = Reader(
            database=database,
            links=self.links,
            sender=self.sender,
            clock=clock,
            make_id=make_id,
        )
        self.drain = self.drain_as("one")

    def sender_with(
        self,
        client: QuickBooksClient,
        tokens: Any = None,
        database: Database | None = None,
        rates: Rates | None = None,
    ) -> Sender:
        """Another way to QuickBooks."""
        return Sender(
            database=database or self.database,
            client=client,
            tokens=tokens or self.tokens,
            rates=rates or self.rates,
            clock=self.clock,
        )

    def drain_as(
        self,
        holder: str,
        database: Database | None = None,
        sender: Sender | None = None,
        beat_seconds: float = BEAT_SECONDS,
        batch_from: int = ALONE,
    ) -> Drain:
        """Another worker on the same tables."""
        database, sender = database or self.database, sender or self.sender
        doubts = Doubts(database=database, sender=sender)
        settler = Settler(
            database=database,
            queue=self.queue,
            links=self.links,
            sender=sender,
            doubts=doubts,
            clock=self.clock,
            spread=lambda: 0.0,
        )
        return Drain(
            database=database,
            queue=self.queue,
            sender=sender,
            settler=settler,
            doubts=doubts,
            clock=self.clock,
            make_id=self.make_id,
            holder=holder,
            beat_seconds=beat_seconds,
            batch_from=batch_from,
        )

    async def connect(self) -> None:
        """As if a person had connected the tenant."""
        granted = self.control.post(f"/companies/{self.realm}/tokens").json()
        now = self.clock.now()
        sealed = self.tokens.seal(
            T,
            TokenSet(
                access=granted["access_token"],
                access_expires_at=now + timedelta(hours=1),
                refresh=granted["refresh_token"],
                refresh_expires_at=now + timedelta(days=100),
            ),
        )
        configured = TenantConfigured(
            **stamp(self.make_id(), T, now),
            version=1,
            name="Clear Water",
            plan=Plan.PLUS,
            edition=Edition.ONLINE,
        )
        async with self.database.tenant(T) as connection:
            await tenants.configured(connection, configured)
            await tenants.bind(connection, T, self.realm)
            await connections.connect(connection, T, self.realm, sealed, by="dana", now=now)
        await self.reader.run(T)

    async def approve(self, entity: Json, **changes: Any) -> str:
        """Approve an entity and let the queue accept it; returns the sync id."""
        values: Json = {
            **stamp(self.make_id(), T, self.clock.now()),
            "edition": Edition.ONLINE,
            "sync_id": self.make_id(),
            "direction": "export",
            "kind": entity["kind"],
            "app_id": entity.get("app_id"),
            "operation": "create",
            "entity": entity,
            "entity_seq": 1,
            "approved_by": "dana",
            "approved_at": self.clock.now(),
        }
        approved = SyncApproved(**{**values, **changes})
        async with self.database.tenant(T) as connection:
            await self.queue.accept(connection, approved)
        return approved.sync_id

    async def run(self, holder: str | None = None) -> None:
        """One drain."""
        drain = self.drain_as(holder) if holder else self.drain
        assert await drain.run(T) is not None

    async def is_leased_for(self, longer: timedelta) -> bool:
        async with self.database.tenant(T) as connection:
            until: datetime = await connection.fetchval("select expires_at from realm_lease")
        return until >= self.clock.now() + longer

    async def holds_customers(self, count: int) -> bool:
        return len(self.books("Customer")) >= count

    async def is_in(self, sync_id: str, *states: str) -> bool:
        return (await self.state(sync_id))[0] in states

    async def state(self, sync_id: str) -> tuple[str, str | None]:
        async with self.database.tenant(T) as connection:
            item = await queue_store.get(connection, T, sync_id)
        assert item is not None
        return item.state.value, item.code

    async def said(self, subject: str) -> list[Json]:
        """What was published under a subject's end, such as ``sync.failed``."""
        async with self.database.everyone() as connection:
            rows = await connection.fetch("select subject, payload from outbox order by id")
        return [json.loads(bytes(row["payload"])) for row in rows if row["subject"].endswith(subject)]

    def books(self, resource: str) -> list[Json]:
        """What QuickBooks holds."""
        items: list[Json] = self.control.get(f"/companies/{self.realm}/{resource}").json()["items"]
        return items

    def by_hand(self, resource: str, action: str, **edit: Any) -> Json:
        """An edit by a user of QuickBooks."""
        answer = self.control.post(f"/companies/{self.realm}/{resource}", json={"action": action, **edit})
        assert answer.status_code < 300, answer.text
        found: Json = answer.json()
        return found

    def trouble(self, effect: str, **matching: Any) -> None:
        """Let the next call that matches go wrong."""
        answer = self.control.post("/faults", json={"effect": effect, "realm": self.realm, **matching})
        assert answer.status_code == 201, answer.text

    def requests(self, **matching: Any) -> list[Json]:
        """The simulator's journal of this company."""
        found: list[Json] = self.control.get("/requests", params={"realm": self.realm, **matching}).json()[
            "items"
        ]
        return found


def customer(app_id: str = "C-1", **changes: Any) -> Json:
    return {
        "kind": "customer",
        "app_id": app_id,
        "revision": "1",
        "name": f"Pond {app_id}",
        "active": True,
        **changes,
    }


def item(app_id: str = "I-1", **changes: Any) -> Json:
    return {
        "kind": "item",
        "app_id": app_id,
        "revision": "1",
        "type": "service",
        "name": f"Cleaning {app_id}",
        "unit_price": "95.00",
        "income_account": {"name": "Services"},
        "active": True,
        **changes,
    }


def invoice(app_id: str = "V-1", **changes: Any) -> Json:
    line = {
        "line_id": "1",
        "item": {"app_id": "I-1"},
        "description": "Spring opening",
        "quantity": "2.5",
        "unit_price": "95.00",
        "amount": "237.50",
    }
    return {
        "kind": "invoice",
        "app_id": app_id,
        "revision": "1",
        "number": app_id,
        "customer": {"app_id": "C-1"},
        "date": "2026-11-02",
        "total": "237.50",
        "lines": [line],
        **changes,
    }
