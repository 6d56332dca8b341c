"""The review with 100,000 waiting items: its pages, and approving all of them at once."""

import json
import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from qbsync_shared.clock import FrozenClock
from qbsync_shared.ids import EntityKey, uuid7_maker
from qbsync_shared.kinds import Direction, Edition, Kind, Operation, Plan
from qbsync_shared.postgres import Database
from qbsync_shared.web import Role, issue_token
from qbsync_wizard.app import assemble
from qbsync_wizard.domain import showing
from qbsync_wizard.domain.evaluating import Change, Item
from qbsync_wizard.jobs import Jobs
from qbsync_wizard.service.context import Context
from qbsync_wizard.settings import WizardSettings
from tests.bench.figures import Figure
from tests.shared.databases import Databases

EACH = 50_000
"""Customers, and as many invoices for them."""
TENANT, KEY, NUMBER = "bench", "k" * 40, "7000001"
NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
PAGES = {
    "first page": "",
    "one kind": "?kind=invoice",
    "found by number": "?q=57123",
    "found by a common word": "?q=street",
    "navigation": "/nav",
    "what is new": "/news?as_of=0",
    "cleared": "/cleared",
}


async def measure(server_url: str) -> list[Figure]:
    """Pages while everything waits, then one click of Approve for all."""
    databases = Databases(server_url, {})
    try:
        return await _measure(await databases.opened("wizard", "qbsync_wizard"))
    finally:
        await databases.give_back()


async def _measure(database: Database) -> list[Figure]:
    clock = FrozenClock(NOW)
    app = assemble(_settings(database), database, Context(clock, uuid7_maker(clock)))
    token = issue_token(KEY, tenant="*", role=Role.OPERATOR, sub="bench", name="Bench", clock=clock)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://wizard.test", timeout=600
    ) as client:
        client.headers["authorization"] = f"Bearer {token}"
        body = {"name": "Bench", "plan": Plan.PREMIER, "edition": Edition.ONLINE}
        (await client.put(f"/api/v1/tenants/{TENANT}", json=body)).raise_for_status()
        await _fill(database)
        figures = [await _page(client, name, query) for name, query in PAGES.items()]
        return [*figures, *await _approve(client, database, app.state.jobs)]


def _settings(database: Database) -> WizardSettings:
    url = "http://wizard.test"
    return WizardSettings(
        database_url=SecretStr(database.url),
        nats_url=SecretStr("nats://127.0.0.1:9"),
        public_url=url,
        wizard_url=url,
        gateway_url=url,
        worker_url=url,
        log_url=url,
        jwt_key=SecretStr(KEY),
    )


async def _page(client: httpx.AsyncClient, name: str, query: str) -> Figure:
    """The median time of a page; the first call warms up."""
    took = []
    for _ in range(9):
        began = time.perf_counter()
        (await client.get(f"/t/{TENANT}/wizard{query}")).raise_for_status()
        took.append(time.perf_counter() - began)
    middle = statistics.median(took[1:]) * 1000
    return Figure(name=f"100,000 waiting, {name}", value=middle, unit="ms", promise="at most 150")


async def _approve(client: httpx.AsyncClient, database: Database, jobs: Jobs) -> list[Figure]:
    scope = {"filter": {}, "as_of": 1}
    began = time.perf_counter()
    answer = await client.post(
        f"/api/v1/tenants/{TENANT}/review/approve", json={"all_matching": scope, "unchecked": "keep"}
    )
    answered = time.perf_counter() - began
    assert answer.status_code == 202, answer.text
    while await jobs.run_once():
        pass
    pending = time.perf_counter() - began
    async with database.tenant(TENANT) as connection:
        count = await connection.fetchval("select count(*) from sync where state = 'pending'")
        said = await connection.fetchval("select count(*) from outbox where subject like '%sync.approved'")
    assert (count, said) == (2 * EACH, 2 * EACH), (count, said)
    return [
        Figure(name="Approve 100,000: answered", value=answered, unit="s", promise="at most 2"),
        Figure(name="Approve 100,000: all Pending", value=pending, unit="s", promise="at most 60"),
    ]


async def _fill(database: Database) -> None:
    """Records of the app and their review items, as hand-overs would have left them."""
    customer = {
        "kind": "customer",
        "app_id": f"C-{NUMBER}",
        "revision": "1",
        "name": f"Customer {NUMBER}",
        "phone": "555-0100",
        "billing_address": {"line1": f"{NUMBER} Elm Street", "city": "Salem", "state": "OR"},
        "active": True,
    }
    line = {
        "line_id": "1",
        "description": "Pruning",
        "quantity": "2.5",
        "unit_price": "95.00",
        "amount": "237.50",
    }
    invoice = {
        "kind": "invoice",
        "app_id": f"V-{NUMBER}",
        "revision": "1",
        "number": NUMBER,
        "customer": {"app_id": f"C-{NUMBER}"},
        "date": "2026-11-02",
        "total": "237.50",
        "lines": [line],
    }
    await _put(database, customer, "")
    await _put(database, invoice, f"Customer {NUMBER}")
    async with database.tenant(TENANT) as connection:
        await connection.execute("update tenant set change_no = 1")
    async with database.everyone() as connection:
        for table in ("app_entity", "review_item", "sync"):
            await connection.execute(f"analyze {table}")


async def _put(database: Database, entity: dict[str, Any], party: str) -> None:
    kind = Kind(entity["kind"])
    change = Change(
        direction=Direction.EXPORT,
        operation=Operation.CREATE,
        entity=entity,
        before=None,
        fields=tuple(sorted(entity.keys() - {"kind", "app_id", "revision"})),
    )
    item = Item(kind=kind, app_id=entity["app_id"], quickbooks_id=None, change=change, content="x")
    summary = showing.summarise(item, party)
    shown = json.dumps(showing.to_json(item))
    party_ref = str(EntityKey(Kind.CUSTOMER, f"C-{NUMBER}")) if party else None
    async with database.tenant(TENANT) as connection:
        await connection.execute(
            """insert into app_entity (tenant_id, kind, app_id, revision, entity, changed_at, received_at)
               select $1, $2, replace($3, $7, n::text), 1, replace($4, $7, n::text)::jsonb, $5, $5
                 from generate_series(1, $6::int) n""",
            TENANT, kind.value, entity["app_id"], json.dumps(entity), NOW - timedelta(hours=1), EACH, NUMBER,
        )  # fmt: skip
        await connection.execute(
            """insert into review_item (tenant_id, item_id, kind, ref, app_id, direction, operation, standing, place, label,
                                        party, party_ref, amount, document_date, search, shown, shown_digest, content,
                                        change_no, changed_at, created_at, updated_at)
               select $1, $2 || n, $2, 'a:' || replace($3, $4, n::text), replace($3, $4, n::text), 'export', 'create',
                      'waiting', $5, replace($6, $4, n::text), replace($7, $4, n::text), replace($8, $4, n::text), $9, $10,
                      replace($11, $4, n::text), replace($12, $4, n::text)::jsonb, md5(n::text), md5(n::text), 1, $13, $13, $13
                 from generate_series(1, $14::int) n""",
            TENANT, kind.value, entity["app_id"], NUMBER, summary.place, summary.label, party, party_ref, summary.amount,
            summary.document_date, summary.search + "\nelm street", shown, NOW - timedelta(hours=1), EACH,
        )  # fmt: skip
