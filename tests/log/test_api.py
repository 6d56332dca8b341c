"""The log's JSON API over a recorded day."""

import csv
import io
import json

import httpx
import pytest

from qbsync_shared.postgres import Database
from qbsync_shared.web import Role
from tests.log.conftest import Bearer
from tests.log.story import Story, customer, hear, invoice
from tests.log.test_projection import a_busy_day

API = "/api/v1/tenants/oak"


async def outbox(database: Database) -> list[tuple[str, dict]]:
    async with database.everyone() as connection:
        rows = await connection.fetch("select subject, payload from outbox order by id")
    return [(row["subject"].split(".", 3)[3], json.loads(row["payload"])) for row in rows]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["s07", "s06", "s05", "s02", "s04", "s03", "s01"]),
        ("state=pending", ["s03"]),
        ("state=succeeded", ["s05", "s02", "s04"]),
        ("state=failed", ["s06", "s01"]),
        ("state=cancelled", ["s07"]),
        ("kind=invoice", ["s02", "s03"]),
        ("direction=import", ["s05"]),
        ("code=3120", ["s06"]),
        ("q=1042", ["s02"]),
        ("q=oak%20sons", ["s04", "s01"]),
        ("q=%24237.50", ["s02", "s03"]),
        ("q=80-44", ["s06", "s05"]),
        ("q=!!", []),
        ("since=2026-11-13", []),
        ("until=2026-11-12", ["s07", "s06", "s05", "s02", "s04", "s03", "s01"]),
    ],
)
async def test_syncs_are_listed_by_filters(
    log_database: Database, client: httpx.AsyncClient, bearer: Bearer, query: str, expected: list[str]
) -> None:
    await hear(log_database, *a_busy_day().said)
    answer = await client.get(f"{API}/syncs?{query}", headers=bearer())
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert [item["sync_id"] for item in body["items"]] == expected
    assert body["total"] == len(expected)
    assert body["next_cursor"] is None


async def test_an_item_has_group_and_state(
    log_database: Database, client: httpx.AsyncClient, bearer: Bearer
) -> None:
    await hear(log_database, *a_busy_day().said)
    body = (await client.get(f"{API}/syncs?state=pending", headers=bearer())).json()
    item = body["items"][0]
    assert (item["state"], item["sync_state"], item["unsynced"]) == ("pending", "waiting", "retries")
    assert (item["label"], item["customer"], item["amount"]) == ("1043", "Oak & Sons LLC", "237.50")


async def test_pages_lead_through_everything_once(
    log_database: Database, client: httpx.AsyncClient, bearer: Bearer
) -> None:
    await hear(log_database, *a_busy_day().said)
    seen, cursor = [], ""
    while cursor is not None:
        body = (await client.get(f"{API}/syncs?limit=2&cursor={cursor}", headers=bearer())).json()
        assert body["total"] == 7
        seen += [item["sync_id"] for item in body["items"]]
        cursor = body["next_cursor"]
    assert seen == ["s07", "s06", "s05", "s02", "s04", "s03", "s01"]


async def test_the_timeline_tells_the_entity_s_history(
    log_database: Database, client: httpx.AsyncClient, bearer: Bearer
) -> None:
    await hear(log_database, *a_busy_day().said)
    body = (await client.get(f"{API}/syncs/s04", headers=bearer())).json()
    assert body["syncs"] == ["s04", "s01"]
    assert [(event["sync_id"], event["verb"]) for event in body["events"]] == [
        ("s04", "succeeded"),
        ("s04", "started"),
        ("s04", "approved"),
        ("s01", "failed"),
        ("s01", "started"),
        ("s01", "approved"),
    ]
    assert (await client.get(f"{API}/syncs/nobody", headers=bearer())).status_code == 404


async def test_unsynced_entities_come_with_what_to_do(
    log_database: Database, client: httpx.AsyncClient, bearer: Bearer
) -> None:
    await hear(log_database, *a_busy_day().said)
    body = (await client.get(f"{API}/unsynced", headers=bearer())).json()
    assert body["total"] == 3
    assert [(item["sync_id"], item["unsynced"], item["guidance"]["code"]) for item in body["items"]] == [
        ("s06", "needs_you", "3120"),
        ("s02", "needs_you", "QS-TOTAL-DIFFERS"),
        ("s03", "retries", "QS-WAITS-FOR"),
    ]
    assert body["items"][0]["guidance"]["actions"] == ["resync", "clear_id", "link"]
    narrowed = (await client.get(f"{API}/unsynced?bucket=needs_you&limit=1", headers=bearer())).json()
    assert (narrowed["total"], len(narrowed["items"])) == (2, 1)


async def test_resync_asks_once_and_tells_who(
    log_database: Database, client: httpx.AsyncClient, bearer: Bearer
) -> None:
    await hear(log_database, *a_busy_day().said)
    headers = bearer(Role.APPROVER)
    first = await client.post(
        f"{API}/unsynced/resync", json={"sync_ids": ["s06", "s01", "x"]}, headers=headers
    )
    assert first.status_code == 202, first.text
    assert first.json()["asked"] == ["s06"]
    assert {one["sync_id"]: one["code"] for one in first.json()["refused"]} == {
        "s01": "superseded",
        "x": "unknown",
    }
    again = await client.post(f"{API}/unsynced/resync", json={"sync_ids": ["s06"]}, headers=headers)
    assert (again.json()["asked"], again.json()["already"]) == ([], ["s06"])
    sent = await outbox(log_database)
    assert [subject for subject, _ in sent] == ["wizard.command.resync", "wizard.audit.recorded"]
    command = sent[0][1]
    assert (command["sync_id"], command["app_id"], command["by"]) == ("s06", "C-44", "Dana R.")
    listed = (await client.get(f"{API}/unsynced?bucket=resyncing", headers=headers)).json()
    assert [item["sync_id"] for item in listed["items"]] == ["s06"]


async def test_a_refused_resync_needs_you_again(
    log_database: Database, client: httpx.AsyncClient, bearer: Bearer
) -> None:
    story = a_busy_day()
    await hear(log_database, *story.said)
    headers = bearer(Role.APPROVER)
    await client.post(f"{API}/unsynced/resync", json={"all_matching": {"code": "3120"}}, headers=headers)
    command_id = (await outbox(log_database))[0][1]["id"]
    await hear(log_database, story.refused(command_id, "s06"))
    listed = (await client.get(f"{API}/unsynced?bucket=needs_you&code=3120", headers=headers)).json()
    assert [item["sync_id"] for item in listed["items"]] == ["s06"]
    timeline = (await client.get(f"{API}/syncs/s06", headers=headers)).json()
    assert [(one["state"], one["answer"]) for one in timeline["requests"]] == [("refused", "It is gone.")]


async def test_a_new_approval_answers_the_resync(
    log_database: Database, client: httpx.AsyncClient, bearer: Bearer
) -> None:
    story = a_busy_day()
    await hear(log_database, *story.said)
    headers = bearer(Role.APPROVER)
    await client.post(f"{API}/unsynced/resync", json={"sync_ids": ["s06"]}, headers=headers)
    await hear(log_database, story.approved("s08", customer("C-44", "Fern Valley Co"), resync_of="s06"))
    timeline = (await client.get(f"{API}/syncs/s06", headers=headers)).json()
    assert [one["state"] for one in timeline["requests"]] == ["answered"]
    listed = (await client.get(f"{API}/unsynced?bucket=resyncing", headers=headers)).json()
    assert [item["sync_id"] for item in listed["items"]] == ["s08"]


async def test_clear_id_and_resync_go_in_that_order(
    log_database: Database, client: httpx.AsyncClient, bearer: Bearer
) -> None:
    story = Story()
    await hear(
        log_database,
        story.tenant_configured(),
        story.approved("s1", customer(), operation="update"),
        story.linked("customer", "C-17", "80-17"),
        story.failed("s1", "3120", quickbooks_id="80-17"),
        story.approved("s2", invoice()),
        story.failed("s2", "3210"),
    )
    body = {"sync_ids": ["s1", "s2"], "resync": True, "why": "deleted there"}
    answer = await client.post(f"{API}/unsynced/clear-id", json=body, headers=bearer(Role.ADMIN))
    assert answer.json()["asked"] == ["s1"]
    assert {one["sync_id"]: one["code"] for one in answer.json()["refused"]} == {"s2": "not-applicable"}
    sent = await outbox(log_database)
    assert [subject for subject, _ in sent] == [
        "desktop.command.clear-id",
        "desktop.audit.recorded",
        "wizard.command.resync",
        "wizard.audit.recorded",
    ]
    assert (sent[0][1]["quickbooks_id"], sent[0][1]["why"]) == ("80-17", "deleted there")
    assert sent[2][1]["after_clear_id"] is True


async def test_whether_there_is_an_id_to_clear_is_for_the_owner_to_say(
    log_database: Database, client: httpx.AsyncClient, bearer: Bearer
) -> None:
    story = Story()
    failed = [
        story.tenant_configured(),
        story.approved("s1", customer(), operation="update"),
        story.failed("s1", "3120", quickbooks_id="80-17"),
    ]
    await hear(log_database, *failed)  # link.created is still on its way
    headers = bearer(Role.ADMIN)
    answer = await client.post(
        f"{API}/unsynced/clear-id", json={"sync_ids": ["s1"], "why": "gone"}, headers=headers
    )
    assert answer.json()["asked"] == ["s1"]
    sent = await outbox(log_database)
    assert sent[0][0] == "desktop.command.clear-id"
    await hear(log_database, story.refused(sent[0][1]["id"], "s1", "There is no ID to clear."))
    timeline = (await client.get(f"{API}/syncs/s1", headers=headers)).json()
    assert [(one["state"], one["answer"]) for one in timeline["requests"]] == [
        ("refused", "There is no ID to clear.")
    ]


async def test_nothing_is_sent_while_in_flight_or_in_doubt(
    log_database: Database, client: httpx.AsyncClient, bearer: Bearer
) -> None:
    story = Story()
    await hear(
        log_database,
        story.tenant_configured(),
        story.approved("s1", customer()),
        story.started("s1"),
        story.approved("s2", customer("C-2", "Bell")),
        story.started("s2", in_doubt_since="2026-11-12T09:00:00Z"),
    )
    body = {"sync_ids": ["s1", "s2"]}
    answer = await client.post(f"{API}/unsynced/resync", json=body, headers=bearer(Role.APPROVER))
    codes = {one["sync_id"]: one["code"] for one in answer.json()["refused"]}
    assert codes == {"s1": "in-flight", "s2": "in-doubt"}
    assert await outbox(log_database) == []


async def test_csv_holds_the_filter_and_no_formula(
    log_database: Database, client: httpx.AsyncClient, bearer: Bearer
) -> None:
    story = a_busy_day()
    story.approved("s90", customer("C-90", "=HYPERLINK(1)"))
    await hear(log_database, *story.said)
    answer = await client.get(f"{API}/syncs.csv?kind=customer&state=pending", headers=bearer())
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row["Name or number"] for row in rows] == ["'=HYPERLINK(1)"]


async def test_the_guide_is_searched(
    log_database: Database, client: httpx.AsyncClient, bearer: Bearer
) -> None:
    body = (
        await client.get("/api/v1/status-codes?q=name already in use&edition=online", headers=bearer())
    ).json()
    assert [item["code"] for item in body["items"]] == ["6240"]
    assert body["total"] == 1
    everything = (await client.get("/api/v1/status-codes?limit=1000", headers=bearer())).json()
    assert everything["total"] == len(everything["items"]) > 280


ROUTES = [
    ("GET", "/syncs", Role.VIEWER),
    ("GET", "/syncs.csv", Role.VIEWER),
    ("GET", "/syncs/s1", Role.VIEWER),
    ("GET", "/unsynced", Role.VIEWER),
    ("POST", "/unsynced/resync", Role.APPROVER),
    ("POST", "/unsynced/clear-id", Role.ADMIN),
]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
async def test_roles_and_tenants(
    log_database: Database, client: httpx.AsyncClient, bearer: Bearer, route: tuple[str, str, Role]
) -> None:
    method, path, needed = route
    await hear(log_database, Story().tenant_configured())
    body = {"sync_ids": []} if method == "POST" else None
    assert (await client.request(method, f"{API}{path}", json=body)).status_code == 401
    foreign = await client.request(method, f"{API}{path}", json=body, headers=bearer(Role.ADMIN, "fern"))
    assert foreign.status_code == 404
    for role in (Role.VIEWER, Role.APPROVER, Role.ADMIN):
        answer = await client.request(method, f"{API}{path}", json=body, headers=bearer(role))
        assert (answer.status_code == 403) == (role < needed), (role, answer.text)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"sync_ids": ["a"], "all_matching": {}},
        {"sync_ids": "a"},
        {"all_matching": {"who": "me"}},
        {"sync_ids": ["a\u0000"]},
        {"sync_ids": [], "resync": True},
    ],
)
async def test_a_bad_body_changes_nothing(
    log_database: Database, client: httpx.AsyncClient, bearer: Bearer, body: dict
) -> None:
    await hear(log_database, Story().tenant_configured())
    answer = await client.post(f"{API}/unsynced/resync", json=body, headers=bearer(Role.APPROVER))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
