"""The API: whose data it shows, and tenants told in any order."""

import random
from typing import Any

import pytest

from qbsync_qbo_worker.messages import tenant_configured, tenant_deleted
from qbsync_shared.connector import tenants
from qbsync_shared.ids import is_tenant_id
from qbsync_shared.kinds import Edition, Plan
from qbsync_shared.messages import TenantConfigured, TenantDeleted
from qbsync_shared.messages.base import stamp
from qbsync_shared.web import Role
from tests.worker.desk import Desk, T, customer
from tests.worker.site import Site

API = f"/api/v1/tenants/{T}"


@pytest.fixture
def site(desk: Desk) -> Site:
    return Site(desk.database, desk.simulator, desk.clock)


async def test_an_unknown_tenant_is_told_as_such(site: Site) -> None:
    async with site.api(Role.OPERATOR, tenant="*") as operator:
        for what in ("connection", "work", "links"):
            answer = await operator.get(f"/api/v1/tenants/nobody/{what}")
            assert answer.status_code == 404
            assert answer.headers["content-type"].startswith("application/problem+json")
        for name in ("*", "No-Such", "%27or%201=1"):
            assert (await operator.get(f"/api/v1/tenants/{name}/work")).status_code in (404, 422)


async def test_lists_are_paged(desk: Desk, site: Site) -> None:
    for number in range(5):
        await desk.approve(customer(f"C-{number}"))
    await desk.run()
    async with site.api(Role.VIEWER) as program:
        for what, key in (("work", "sync_id"), ("links", "app_id")):
            seen: list[Any] = []
            cursor = None
            while True:
                parameters = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
                page = (await program.get(f"{API}/{what}", params=parameters)).json()
                seen += [one[key] for one in page["items"]]
                cursor = page["next_cursor"]
                if cursor is None:
                    break
            assert len(seen) == len(set(seen)) == page["total"] == 5
        assert (await program.get(f"{API}/work", params={"cursor": "nonsense"})).status_code in (400, 422)


async def test_row_level_security_keeps_tenants_apart(desk: Desk) -> None:
    await desk.approve(customer())
    await desk.run()
    async with desk.database.everyone() as connection:
        tables = await connection.fetch(
            "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid"
            " where c.relnamespace = 'worker'::regnamespace and c.relkind = 'r' and a.attname = 'tenant_id'"
        )
    assert len(tables) >= 12
    for (name,) in tables:
        async with desk.database.tenant("fern") as connection:
            assert await connection.fetchval(f'select count(*) from "{name}"') == 0, name
            assert await connection.execute(f'update "{name}" set tenant_id = tenant_id') == "UPDATE 0", name


async def test_tenants_told_in_any_order_and_twice_end_the_same(desk: Desk) -> None:
    said = [
        TenantConfigured(
            **stamp(desk.make_id(), "fern", desk.clock.now()),
            version=version,
            name=f"Fern {version}",
            plan=Plan.PLUS,
            edition=Edition.ONLINE,
            settings={"import_since": f"2026-01-0{version}"},
        )
        for version in range(1, 6)
    ]
    shuffled = random.Random(11)
    for _ in range(5):
        order = said * 2
        shuffled.shuffle(order)
        async with desk.database.tenant("fern") as connection:
            for message in order:
                await tenant_configured(connection, message)
            found = await tenants.get(connection, "fern")
            assert found is not None
            assert (found.version, found.name, found.settings) == (
                5,
                "Fern 5",
                {"import_since": "2026-01-05"},
            )
            await connection.execute("delete from tenant")


async def test_a_deleted_tenant_leaves_nothing(desk: Desk) -> None:
    await desk.approve(customer())
    await desk.run()
    gone = TenantDeleted(**stamp(desk.make_id(), T, desk.clock.now()), version=9)
    async with desk.database.tenant(T) as connection:
        await tenant_deleted(connection, gone)
        for name in (
            "call",
            "connection",
            "realm_lease",
            "read_cursor",
            "work_item",
            "link",
            "seen_entity",
            "tenant",
            "binding",
        ):
            assert await connection.fetchval(f'select count(*) from "{name}"') == 0, name
    assert is_tenant_id(T)
