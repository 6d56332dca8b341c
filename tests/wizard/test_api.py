"""The JSON API: tenants, bulk hand-over, large approvals, permissions, problem details."""

from typing import Any

import pytest

from qbsync_shared.web import Role
from qbsync_wizard.service import review
from tests.wizard.conftest import Wizard
from tests.wizard.samples import TENANT, customer, item, linked

PLUS = {"name": "Thistle & Loam", "plan": "plus", "edition": "desktop"}


async def test_a_tenant_is_made_once_and_told_on_each_change(wizard: Wizard) -> None:
    path = f"/tenants/{TENANT}"
    codes = [
        (await wizard.call("PUT", path, json=PLUS)).status_code,
        (await wizard.call("PUT", path, json=PLUS)).status_code,
        (await wizard.call("PUT", path, json={**PLUS, "settings": {"hold_seconds": 10}})).status_code,
    ]
    assert codes == [201, 200, 200]
    told = await wizard.said("tenant.configured")
    assert [one["version"] for one in told] == [1, 2]
    assert told[1]["settings"] == {"hold_seconds": 10}
    listing = (await wizard.call("GET", "/tenants")).json()
    assert [one["id"] for one in listing["items"]] == [TENANT]


async def test_desktop_needs_its_plan(wizard: Wizard) -> None:
    path = f"/tenants/{TENANT}"
    refused = await wizard.call("PUT", path, json={**PLUS, "plan": "essential"})
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
    assert refused.json()["type"].endswith("plan-excludes-desktop")
    online = {**PLUS, "plan": "essential", "edition": "online"}
    assert (await wizard.call("PUT", path, json=online)).status_code == 201


async def test_the_edition_stays_while_records_are_linked_or_pending(wizard: Wizard) -> None:
    await wizard.make_tenant()
    online = {**PLUS, "edition": "online"}
    await wizard.put(customer())
    await wizard.approve_all()
    assert (await wizard.call("PUT", f"/tenants/{TENANT}", json=online)).status_code == 409
    await wizard.hear(linked(3, customer("C-2"), "80-2"))
    assert (await wizard.call("PUT", f"/tenants/{TENANT}", json=online)).status_code == 409


async def test_a_deleted_tenant_is_gone_and_its_id_is_never_reused(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.put(customer())
    path = f"/tenants/{TENANT}"
    assert (await wizard.call("DELETE", path)).status_code == 422
    assert (await wizard.call("DELETE", path, params={"confirm": TENANT})).status_code == 202
    assert (await wizard.call("GET", path)).status_code == 404
    assert (await wizard.call("PUT", path, json=PLUS)).status_code == 409
    assert [one["version"] for one in await wizard.said("tenant.deleted")] == [2]
    await wizard.hear(linked(3, customer(), "80-1"))  # what arrives late is dropped
    async with wizard.database.everyone() as connection:
        assert await connection.fetchval("select count(*) from app_entity") == 0


async def test_members_of_a_bulk_are_taken_one_by_one(wizard: Wizard) -> None:
    await wizard.make_tenant()
    entities = [
        customer(),
        {**item(), "unit_price": 95.0},
        {"kind": "unicorn", "app_id": "U-1"},
        {"deleted": True, "kind": "customer", "app_id": "C-17", "revision": "2"},
        {"deleted": True, "kind": "customer", "app_id": "C-18", "revision": "x"},
    ]
    answer = (await wizard.call("POST", f"/tenants/{TENANT}/entities", json={"entities": entities})).json()
    assert [one["status"] for one in answer["items"]] == [202, 422, 422, 202, 422]
    assert answer["accepted"] == 2
    assert "/unit_price" in answer["items"][1]["detail"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"unit_price": 95.0}, "#/unit_price"),
        ({"colour": "red"}, "#/colour"),
        ({"kind": "invoice"}, "#/kind"),
        ({"app_id": "I-4"}, "#/app_id"),
        ({"revision": None}, "#/revision"),
    ],
)
async def test_a_bad_body_is_refused_with_its_place(
    wizard: Wizard, change: dict[str, Any], pointer: str
) -> None:
    await wizard.make_tenant()
    path = f"/tenants/{TENANT}/entities/item/I-3"
    answer = await wizard.call("PUT", path, json={**item(), **change})
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


async def test_entities_can_be_compared_page_by_page(wizard: Wizard) -> None:
    await wizard.make_tenant()
    for number in range(5):
        await wizard.put(item(f"I-{number}", name=f"Item {number}"))
    found: list[str] = []
    cursor = None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await wizard.call("GET", f"/tenants/{TENANT}/entities", params=params)).json()
        found += [one["app_id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == [f"I-{number}" for number in range(5)]
    since = {"since": "2030-01-01T00:00:00Z"}
    assert (await wizard.call("GET", f"/tenants/{TENANT}/entities", params=since)).json()["total"] == 0


async def test_a_large_approval_runs_on(wizard: Wizard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review, "AT_ONCE", 10)
    await wizard.make_tenant()
    entities = [item(f"I-{number}", name=f"Item {number}") for number in range(25)]
    await wizard.call("POST", f"/tenants/{TENANT}/entities", json={"entities": entities})
    as_of = (await wizard.review())["as_of"]
    answer = await wizard.approve({"all_matching": {"filter": {}, "as_of": as_of}}, status=202)
    assert answer["job"]
    await wizard.put(customer())  # arrived after the click
    while await wizard.jobs.run_once():
        pass
    assert len(await wizard.said("sync.approved")) == 25
    left = await wizard.review()
    assert [one["kind"] for one in left["items"]] == ["customer"]
    approvals = (await wizard.call("GET", f"/tenants/{TENANT}/approvals", params={"limit": 20})).json()
    assert (len(approvals["items"]), approvals["total"]) == (20, 25)
    assert approvals["items"][0]["state"] == "pending"


ROUTES = [
    ("GET", "/tenants", Role.OPERATOR),
    ("PUT", f"/tenants/{TENANT}", Role.OPERATOR),
    ("DELETE", f"/tenants/{TENANT}?confirm={TENANT}", Role.OPERATOR),
    ("GET", f"/tenants/{TENANT}", Role.VIEWER),
    ("PUT", f"/tenants/{TENANT}/entities/item/I-3", Role.ADMIN),
    ("DELETE", f"/tenants/{TENANT}/entities/item/I-3?revision=1", Role.ADMIN),
    ("POST", f"/tenants/{TENANT}/entities", Role.ADMIN),
    ("GET", f"/tenants/{TENANT}/entities", Role.VIEWER),
    ("GET", f"/tenants/{TENANT}/review", Role.VIEWER),
    ("POST", f"/tenants/{TENANT}/review/approve", Role.APPROVER),
    ("POST", f"/tenants/{TENANT}/approvals/a-1/undo", Role.APPROVER),
    ("GET", f"/tenants/{TENANT}/lists/term", Role.VIEWER),
    ("GET", f"/tenants/{TENANT}/mappings", Role.VIEWER),
    ("PUT", f"/tenants/{TENANT}/mappings/term", Role.ADMIN),
    ("PUT", f"/tenants/{TENANT}/item-choices/I-3", Role.ADMIN),
    ("PUT", f"/tenants/{TENANT}/defaults", Role.ADMIN),
    ("GET", f"/tenants/{TENANT}/rules", Role.VIEWER),
    ("PUT", f"/tenants/{TENANT}/rules", Role.ADMIN),
    ("GET", f"/tenants/{TENANT}/badge", Role.VIEWER),
    ("GET", f"/tenants/{TENANT}/imports", Role.VIEWER),
    ("POST", f"/tenants/{TENANT}/imports/s1", Role.ADMIN),
    ("GET", f"/tenants/{TENANT}/approvals", Role.VIEWER),
    ("GET", f"/tenants/{TENANT}/matches", Role.VIEWER),
    ("POST", f"/tenants/{TENANT}/matches/link", Role.ADMIN),
]


async def test_every_route_asks_for_its_role(wizard: Wizard) -> None:
    await wizard.make_tenant()
    for method, path, needed in ROUTES:
        answer = await wizard.client.request(method, f"/api/v1{path}", json={})
        assert answer.status_code == 401, (method, path)
        for role in Role:
            if role < needed:
                answer = await wizard.call(method, path, role=role, json={})
                assert answer.status_code == 403, (method, path, role)
        if TENANT in path:
            answer = await wizard.call(method, path, role=Role.ADMIN, tenant="another", json={})
            assert answer.status_code == 404, (method, path)
    documented = (await wizard.client.get("/openapi.json")).json()["paths"]
    count = sum(len(operations) for path, operations in documented.items() if path.startswith("/api/"))
    assert count == len(ROUTES), "a route without a line above"
