"""Each service with a tenant and something to show, by what it hears and is told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from qbsync_log.app import SCHEMA as LOG
from qbsync_qbo_worker.postgres import connections
from qbsync_qbo_worker.postgres.connections import SealedTokens
from qbsync_shared.clock import SystemClock
from qbsync_shared.connector import LinkKeeper, WorkQueue, tenants
from qbsync_shared.encryption import Keyring
from qbsync_shared.ids import uuid7_maker
from qbsync_shared.kinds import Edition, Plan
from qbsync_shared.messages import EntityApplied, SyncApproved, TenantConfigured
from qbsync_shared.messages.base import stamp
from qbsync_shared.postgres import Database
from qbsync_shared.web import Role, issue_token
from tests.contract.services import KEY, KEYS
from tests.log import story

TENANT = "oak"
NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
_CLOCK = SystemClock()
_make_id = uuid7_maker(_CLOCK)


async def _wizard(database: Database, url: str) -> None:
    token = issue_token(KEY, tenant="*", role=Role.OPERATOR, sub="u-1", name="Dana R.")
    async with httpx.AsyncClient(
        base_url=f"{url}/api/v1/tenants", headers={"authorization": f"Bearer {token}"}
    ) as app:
        made = await app.put(f"/{TENANT}", json={"name": "Oak", "plan": "plus", "edition": "online"})
        assert made.status_code == 201, made.text
        for entity in (story.customer(), story.invoice()):
            path = f"/{TENANT}/entities/{entity['kind']}/{entity['app_id']}"
            assert (await app.put(path, json=entity)).status_code == 202
        shown = (await app.get(f"/{TENANT}/review")).json()["items"]
        checked = [{"id": one["id"], "revision": one["revision"]} for one in shown[:1]]
        assert (await app.post(f"/{TENANT}/review/approve", json={"checked": checked})).status_code == 200


async def _log(database: Database, _: str) -> None:
    says = story.Story(TENANT)
    await story.hear(
        database,
        says.tenant_configured(),
        says.approved("s-1", story.customer()),
        says.started("s-1"),
        says.succeeded("s-1"),
        says.linked("customer", "C-17"),
        says.approved("s-2", story.invoice()),
        says.started("s-2"),
        says.failed("s-2", "3140", "There is an invalid reference."),
        says.approved("s-3", story.invoice("V-2", "2")),
        says.waiting("s-3", "QS-WAITS-FOR"),
    )


async def _work(database: Database, edition: Edition) -> None:
    """A queue with work, and a link."""
    queue = WorkQueue(edition, clock=_CLOCK, make_id=_make_id)
    links = LinkKeeper(edition, clock=_CLOCK, make_id=_make_id)
    async with database.tenant(TENANT) as connection:
        await tenants.configured(
            connection,
            TenantConfigured(
                **stamp(_make_id(), TENANT, NOW), version=1, name="Oak", plan=Plan.PLUS, edition=edition
            ),
        )
        for number, direction in enumerate(("export", "import")):
            await queue.accept(connection, _approved(edition, number, direction))
        await connection.execute(
            "update work_item set state = 'in_flight', awaiting_app_since = now() where sync_id = 's-1'"
        )
        await links.applied(
            connection,
            EntityApplied(**stamp(_make_id(), TENANT, NOW), sync_id="s-1", app_id="C-1", revision="1"),
        )


def _approved(edition: Edition, number: int, direction: str) -> SyncApproved:
    about: dict[str, Any] = {
        "kind": "customer",
        "operation": "create",
        "entity_seq": 1,
        "direction": direction,
    }
    return SyncApproved(
        **stamp(_make_id(), TENANT, NOW),
        **about,
        edition=edition,
        sync_id=f"s-{number}",
        app_id=f"C-{number}" if direction == "export" else None,
        quickbooks_id="80-1" if direction == "import" else None,
        entity={"kind": "customer", "app_id": f"C-{number}", "revision": "1", "name": "Oak"},
        approved_by="Dana R.",
        approved_at=NOW,
    )


async def _gateway(database: Database, _: str) -> None:
    await _work(database, Edition.DESKTOP)


async def _worker(database: Database, _: str) -> None:
    await _work(database, Edition.ONLINE)
    keyring = Keyring.parse(KEYS)
    sealed = SealedTokens(
        access=keyring.encrypt("a", context=f"worker/access_token/{TENANT}"),
        access_expires_at=NOW,
        refresh=keyring.encrypt("r", context=f"worker/refresh_token/{TENANT}"),
        refresh_expires_at=NOW + timedelta(days=100),
        hard_expires_at=None,
    )
    async with database.tenant(TENANT) as connection:
        await tenants.bind(connection, TENANT, "9130")
        await connections.connect(connection, TENANT, "9130", sealed, by="Dana R.", now=NOW)


BY_SERVICE = {
    "wizard": (_wizard, "wizard", "qbsync_wizard"),
    "qbwc-gateway": (_gateway, "gateway", "qbsync_qbwc_gateway"),
    "qbo-worker": (_worker, "worker", "qbsync_qbo_worker"),
    "log": (_log, LOG, "qbsync_log"),
}
"""What furnishes it, its schema, its package."""
