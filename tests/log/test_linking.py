"""Link to a record that QuickBooks holds: on the page, by the API, and what becomes of the failed sync."""

import json
import re
from typing import Any

import httpx
import pytest

from qbsync_log.domain.linking import candidates, wanted
from qbsync_log.postgres.rows import record_of
from qbsync_shared.kinds import Edition
from qbsync_shared.postgres import Database
from qbsync_shared.web import Role
from tests.log.conftest import Bearer, SignIn
from tests.log.story import Story, customer, hear, invoice
from tests.log.test_api import outbox
from tests.log.test_pages import csrf, read, words

API = "/api/v1/tenants/oak/unsynced"
PAGE = {"accept": "text/html"}
OAK = {
    "quickbooks_id": "80-5",
    "kind": "customer",
    "entity": {"name": "Oak & Sons", "email": "a@oak.example"},
}
VENDOR = {"quickbooks_id": "80-6", "kind": "vendor", "entity": {"name": "Oak & Sons"}}
ASLEEP = {"quickbooks_id": "80-7", "kind": "customer", "entity": {"name": "Oak & Sons", "active": False}}
TAKEN = {"quickbooks_id": "80-8", "kind": "customer", "entity": {"name": "Oak & Sons"}, "app_id": "C-2"}


def taken_story() -> Story:
    story = Story()
    story.tenant_configured()
    story.approved("s1", {**customer(), "email": "A@oak.example"})
    story.failed("s1", "3100", "The name is in use.")
    return story


async def last_look_up(database: Database) -> dict[str, Any]:
    async with database.tenant("oak") as connection:
        row = await connection.fetchrow(
            "select payload from outbox where subject like '%.command.look-up' order by id desc limit 1"
        )
    assert row is not None
    found: dict[str, Any] = json.loads(row["payload"])
    return found


async def bucket(database: Database, sync_id: str) -> str | None:
    async with database.tenant("oak") as connection:
        found: str | None = await connection.fetchval("select bucket from sync where sync_id = $1", sync_id)
    return found


async def test_the_page_shows_what_quickbooks_holds_and_links_to_it(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    story = taken_story()
    await hear(log_database, *story.said)
    sign_in(Role.APPROVER)
    assert "/t/oak/unsynced/s1/link" in await read(client, "/t/oak/unsynced")
    assert "Looking in QuickBooks" in words(await read(client, "/t/oak/unsynced/s1/link"))
    asked = await last_look_up(log_database)
    assert (asked["kind"], asked["text"], asked["app_id"]) == ("customer", "Oak & Sons", "C-17")
    await hear(log_database, story.looked_up(asked["id"], "Oak & Sons", [VENDOR, ASLEEP, TAKEN, OAK]))
    page = await read(client, "/t/oak/unsynced/s1/link")
    text = words(page)
    assert (await last_look_up(log_database))["id"] == asked["id"]  # a fresh answer is not asked for again
    assert "It is a vendor, so a customer cannot be linked to it." in text
    assert "It is inactive in QuickBooks." in text
    assert "It is linked to customer C-2 of the app already." in text
    assert re.findall(r'name="to" value="([^"]*)"', page) == ["80-5"]
    done = await client.post(
        "/t/oak/unsynced/s1/link", data={"csrf": csrf(page), "to": "80-5", "why": "Same"}
    )
    assert done.status_code == 303
    sent = [(subject, one) for subject, one in await outbox(log_database) if subject.endswith("command.link")]
    ((_, link),) = sent
    assert (link["app_id"], link["quickbooks_id"], link["by"]) == ("C-17", "80-5", "Dana R.")
    twice = await client.post("/t/oak/unsynced/s1/link", data={"csrf": csrf(page), "to": "80-5"})
    assert twice.status_code == 303
    assert len([one for one in await outbox(log_database) if one[0].endswith("command.link")]) == 1

    await hear(log_database, story.linked("customer", "C-17", "80-5", by="Dana R.", command_id=link["id"]))
    assert await bucket(log_database, "s1") is None
    assert "Everything arrived" in words(await read(client, "/t/oak/unsynced?linked=1"))
    assert "Link to this one pressed by Dana R." in words(await read(client, "/t/oak/syncs/s1"))
    await hear(log_database, story.cleared("customer", "C-17", "80-5"))
    assert await bucket(log_database, "s1") == "needs_you"


async def test_quickbooks_own_answer_is_not_replaced_by_what_was_read(
    log_database: Database, client: httpx.AsyncClient, bearer: Bearer
) -> None:
    story = taken_story()
    await hear(log_database, *story.said)
    headers = bearer(Role.APPROVER)
    first = (await client.post(f"{API}/s1/look-up", headers=headers)).json()
    assert (first["source"], first["pending"], first["found"]) == ("", True, [])
    command = (await last_look_up(log_database))["id"]
    asked = story.looked_up(command, "Oak & Sons", [OAK])
    before = story.looked_up(command, "Oak & Sons", [], source="read", pending=True)
    await hear(log_database, before, asked, before, asked)
    found = (await client.post(f"{API}/s1/look-up", headers=headers)).json()
    assert (found["source"], found["pending"]) == ("quickbooks", False)
    assert [(one["quickbooks_id"], one["same"], one["refusal"]) for one in found["found"]] == [
        ("80-5", ["Name", "E-mail"], "")
    ]
    await client.post(f"{API}/s1/look-up?again=true", headers=headers)
    assert (await last_look_up(log_database))["id"] != command


async def test_linking_by_the_api_and_what_is_refused(
    log_database: Database, client: httpx.AsyncClient, bearer: Bearer
) -> None:
    story = taken_story()
    story.approved("s2", invoice())
    story.failed("s2", "3210", "The amount is larger.")
    story.approved("s3", customer("C-18", "Fern"))
    story.started("s3")
    await hear(log_database, *story.said)
    headers = bearer(Role.APPROVER)

    async def link(sync_id: str) -> Any:
        body = {"sync_id": sync_id, "quickbooks_id": "80-5", "why": "Same"}
        return (await client.post(f"{API}/link", json=body, headers=headers)).json()

    assert (await link("s2"))["refused"][0]["code"] == "not-applicable"
    assert (await link("s3"))["refused"][0]["code"] == "in-flight"
    assert (await link("s9"))["refused"][0]["code"] == "unknown"
    assert (await link("s1"))["asked"] == ["s1"]
    assert (await link("s1"))["already"] == ["s1"]


async def test_clear_id_offers_the_link_to_what_was_found(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    story = Story()
    story.tenant_configured()
    story.approved("s1", customer(), operation="update")
    story.linked("customer", "C-17", "80-17")
    story.failed("s1", "3120", "Object cannot be found.", quickbooks_id="80-17")
    await hear(log_database, *story.said)
    sign_in(Role.ADMIN)
    path = "/t/oak/unsynced/s1/clear-id"
    await read(client, path)
    command = (await last_look_up(log_database))["id"]
    own = {"quickbooks_id": "80-17", "kind": "customer", "entity": {"name": "Oak & Sons"}, "app_id": "C-17"}
    await hear(log_database, story.looked_up(command, "Oak & Sons", [own, OAK]))
    page = await read(client, path)
    assert re.findall(r'name="action" value="([^"]*)"', page) == ["link:80-5", "resync", "clear"]
    form = {"csrf": csrf(page), "action": "link:80-5", "why": "Merged by the bookkeeper"}
    assert (await client.post(path, data=form)).status_code == 303
    link = next(one for subject, one in await outbox(log_database) if subject.endswith("command.link"))
    assert (link["quickbooks_id"], link["instead_of"]) == ("80-5", "80-17")
    refused = await client.post(path, data={**form, "action": "resync"}, headers=PAGE)
    assert "Tick that you looked in QuickBooks" in refused.text
    assert (await client.post(path, data={**form, "action": "clear", "sure": "1"})).status_code == 303
    clear = next(one for subject, one in await outbox(log_database) if subject.endswith("command.clear-id"))
    assert clear["sure"] is True


@pytest.mark.parametrize(
    ("message", "owner"),
    [
        ("The name supplied already exists. : Id=89", "89"),
        ("DocNumber=1042 is assigned to TxnType=Invoice with TxnId=145", "145"),
        ("The name supplied already exists. : null", None),
    ],
)
async def test_the_owner_that_a_fault_names_is_looked_for(
    log_database: Database, message: str, owner: str | None
) -> None:
    story = Story(edition=Edition.ONLINE)
    story.approved("s1", invoice())
    story.failed("s1", "6140", message)
    await hear(log_database, *story.said)
    async with log_database.tenant("oak") as connection:
        record = record_of(await connection.fetchrow("select * from sync where sync_id = 's1'"))
    what = wanted(record)
    assert what is not None
    assert (what.text, what.quickbooks_id) == ("1042", owner)
    (other,) = candidates(
        record, [{"quickbooks_id": "9", "kind": "other name", "entity": {"name": "1042"}}], linked=None
    )
    assert "It is a other name" not in other.refusal
