"""The log's pages without script: what they say, their forms, who may press what."""

import html
import re

import httpx

from qbsync_shared.clock import FrozenClock
from qbsync_shared.kinds import Kind
from qbsync_shared.messages import Dependency
from qbsync_shared.postgres import Database
from qbsync_shared.web import Role
from tests.log.conftest import SignIn
from tests.log.story import Story, customer, hear, invoice
from tests.log.test_api import outbox
from tests.log.test_projection import a_busy_day

PAGE = {"accept": "text/html"}


async def read(client: httpx.AsyncClient, path: str) -> str:
    answer = await client.get(path, headers=PAGE)
    assert answer.status_code == 200, answer.text[:2000]
    return answer.text


def words(text: str) -> str:
    """The text of a page, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def csrf(text: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', text)
    assert found
    return found[1]


def waiting_story() -> Story:
    """Seven invoices wait for a customer whose name is taken."""
    story = Story()
    story.tenant_configured(settings={"time_zone": "America/Los_Angeles"})
    story.badge(20)
    story.approved("c1", customer())
    story.failed("c1", "3100", 'The name "Oak & Sons" of the list element is already in use.')
    for number in range(7):
        sync_id = f"i{number}"
        story.approved(sync_id, invoice(f"V-{number}", f"100{number}"))
        story.waiting(sync_id, "QS-WAITS-FOR", waits_for=Dependency(kind=Kind.CUSTOMER, app_id="C-17"))
    story.connection(
        last_seen_at="2026-11-12T17:12:00Z", next_expected_at="2026-11-12T17:42:00Z", company="Oak.qbw"
    )
    return story


async def test_causes_are_grouped_with_what_to_do(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    await hear(log_database, *waiting_story().said)
    sign_in()
    page = await read(client, "/t/oak/unsynced")
    text = words(page)
    assert "7 invoices wait for customer Oak & Sons" in text
    assert "Customer Oak & Sons: the name is already in use" in text
    assert 'QuickBooks: The name "Oak & Sons" of the list element is already in use.' in text
    assert "8 entities did not arrive. 8 need you, 0 retry by themselves." in text
    assert "Resync all 7" in text
    assert "Show 2 more" in text
    assert "Company file Oak.qbw" in text


async def test_a_viewer_sees_no_buttons(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    await hear(log_database, *a_busy_day().said)
    sign_in(Role.VIEWER)
    page = await read(client, "/t/oak/unsynced")
    assert 'name="resync"' not in page
    assert "your role is viewer" in page


async def test_resync_by_cause_row_and_all_is_idempotent(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    await hear(log_database, *waiting_story().said)
    sign_in()
    page = await read(client, "/t/oak/unsynced")
    cause = re.search(r'name="resync_cause" value="([^"]+)"', page)
    assert cause
    form = {"csrf": csrf(page), "resync_cause": html.unescape(cause[1])}
    first = await client.post("/t/oak/unsynced/resync", data=form)
    assert first.status_code == 303
    assert "asked=7" in first.headers["location"]
    again = await client.post("/t/oak/unsynced/resync", data={"csrf": csrf(page), "resync": "i0"})
    assert "already=1" in again.headers["location"]
    rest = await client.post("/t/oak/unsynced/resync", data={"csrf": csrf(page), "resync_all": "1"})
    assert "asked=1" in rest.headers["location"]
    sent = [subject for subject, _ in await outbox(log_database)]
    assert sent.count("wizard.command.resync") == 8
    after = words(await read(client, first.headers["location"]))
    assert "Resync: 7 entities queued." in after
    assert "Resync under way" in after
    assert "Queued again" in after


async def test_a_form_without_its_token_is_refused(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    await hear(log_database, *waiting_story().said)
    sign_in()
    answer = await client.post("/t/oak/unsynced/resync", data={"resync": "c1"}, headers=PAGE)
    assert answer.status_code == 403
    assert await outbox(log_database) == []


def gone_story() -> Story:
    story = Story()
    story.tenant_configured()
    story.approved("s1", customer(), operation="update")
    story.linked("customer", "C-17", "80-17")
    story.failed("s1", "3120", "Object cannot be found.", quickbooks_id="80-17")
    return story


async def test_clear_id_asks_for_a_look_and_a_reason(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    await hear(log_database, *gone_story().said)
    sign_in(Role.ADMIN)
    assert "/t/oak/unsynced/s1/clear-id" in await read(client, "/t/oak/unsynced")
    page = await read(client, "/t/oak/unsynced/s1/clear-id")
    assert "Clear the ID of customer Oak & Sons?" in words(page)
    assert "80-17" in page
    path = "/t/oak/unsynced/s1/clear-id"
    refused = await client.post(path, data={"csrf": csrf(page), "action": "resync"}, headers=PAGE)
    assert refused.status_code == 422
    assert "Say why" in refused.text
    assert [subject for subject, _ in await outbox(log_database)] == ["desktop.command.look-up"]
    form = {"csrf": csrf(page), "action": "resync", "sure": "1", "why": "Deleted by the bookkeeper"}
    done = await client.post(path, data=form)
    assert done.status_code == 303
    sent = [subject for subject, _ in await outbox(log_database)]
    assert sent[1:] == [
        "desktop.command.clear-id",
        "desktop.audit.recorded",
        "wizard.command.resync",
        "wizard.audit.recorded",
    ]


async def test_clear_id_is_for_admins_and_only_where_it_applies(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    await hear(log_database, *gone_story().said)
    sign_in(Role.APPROVER)
    assert "clear-id" not in await read(client, "/t/oak/unsynced")
    assert (await client.get("/t/oak/unsynced/s1/clear-id", headers=PAGE)).status_code == 403
    sign_in(Role.ADMIN)
    assert (await client.get("/t/oak/unsynced/nobody/clear-id", headers=PAGE)).status_code == 404


async def test_the_report_keeps_its_filters_in_the_address(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    await hear(log_database, *a_busy_day().said)
    sign_in()
    page = await read(client, "/t/oak/log?state=failed&kind=customer&code=3120&since=2026-11-01&direction=")
    text = words(page)
    assert "Kind customer" in text
    assert "Since Nov 1" in text
    assert "Fern Valley Co" in text
    assert "The record is gone from QuickBooks" in text
    assert "CSV, 1 row" in text
    assert (
        "state=failed&amp;code=3120&amp;since=2026-11-01" in page
    )  # the chip of the kind takes only the kind away
    pending = words(await read(client, "/t/oak/log"))
    assert "Waits for customer Oak & Sons LLC" in pending
    resynced = words(await read(client, "/t/oak/log?state=failed"))
    assert "Resynced" in resynced


async def test_the_report_is_paged_there_and_back(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    story = Story()
    story.tenant_configured()
    for number in range(120):
        story.approved(f"s{number:03}", customer(f"C-{number:03}", f"Customer {number:03}"))
    await hear(log_database, *story.said)
    sign_in()
    page = await read(client, "/t/oak/log")
    shown = [re.findall(r'id="row-(s\d+)"', page)]
    assert "1 to 50 of 120" in page
    for expected in ("51 to 100 of 120", "101 to 120 of 120"):
        older = re.search(r'href="([^"]+)">Older', page)
        assert older
        page = await read(client, html.unescape(older[1]))
        assert expected in page
        shown.append(re.findall(r'id="row-(s\d+)"', page))
    assert [one for rows in shown for one in rows] == [f"s{number:03}" for number in reversed(range(120))]
    newer = re.search(r'href="([^"]+)">Newer', page)
    assert newer
    page = await read(client, html.unescape(newer[1]))
    assert "51 to 100 of 120" in page
    assert re.findall(r'id="row-(s\d+)"', page) == shown[1]


async def test_a_silent_connector_is_said_with_what_to_do(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn, clock: FrozenClock
) -> None:
    story = Story()
    story.tenant_configured()
    story.approved("s1", customer())
    story.connection(last_seen_at="2026-11-12T09:00:00Z", next_expected_at="2026-11-12T09:30:00Z")
    await hear(log_database, *story.said)
    sign_in()
    text = words(await read(client, "/t/oak/log"))
    assert "Connector silent" in text
    assert "The connector has been silent since Today, 09:00" in text
    assert "1 approved change waits for it." in text


async def test_cancel_asks_the_connector_service(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    await hear(log_database, *a_busy_day().said)
    sign_in()
    page = await read(client, "/t/oak/log")
    done = await client.post("/t/oak/log/cancel", data={"csrf": csrf(page), "cancel": "s03"})
    assert done.status_code == 303
    assert [subject for subject, _ in await outbox(log_database)] == [
        "desktop.command.cancel",
        "desktop.audit.recorded",
    ]
    assert "asked for 1 sync" in words(await read(client, done.headers["location"]))


async def test_the_timeline_shows_attempts_without_private_data(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    story = Story()
    story.tenant_configured()
    story.approved("s1", customer())
    request = "<CustomerAddRq><Name>Oak</Name><Phone>555-0100</Phone><Email>office@oak.example</Email></CustomerAddRq>"
    story.failed(
        "s1", "3100", "Taken.", technical={"request": request, "message_set": "qs-1", "ticket": "abc"}
    )
    await hear(log_database, *story.said)
    sign_in()
    page = await read(client, "/t/oak/syncs/s1")
    text = words(page)
    assert "Approved by Dana R." in text
    assert "Attempt 1. 3100 The name is already in use" in text
    assert "&lt;Phone&gt;redacted&lt;/Phone&gt;" in page
    for private in ("555-0100", "office@oak.example", ">abc<"):
        assert private not in page


async def test_good_news_when_everything_arrived(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    await hear(log_database, Story().tenant_configured())
    sign_in()
    assert "Everything arrived" in await read(client, "/t/oak/unsynced")
    assert "Nothing waits to be sent" in await read(client, "/t/oak/log")
    assert "Not connected" in await read(client, "/t/oak/log")


async def test_the_guide_opens_a_code(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    await hear(log_database, *a_busy_day().said)
    sign_in()
    page = await read(client, "/status-codes?edition=online&open=6240")
    assert 'id="code-online-6240"' in page
    assert "Rename the record in the app" in page
    fragment = await read(client, "/status-codes/desktop?key=3120")
    assert "Unsynced entities with it" in fragment
    assert "No code matches" in await read(client, "/status-codes?q=zzz")
    assert "3120" in await read(client, "/status-codes?edition=seen")


async def test_every_code_of_the_catalogue_has_its_details(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    await hear(log_database, Story().tenant_configured())
    sign_in()
    seen, path = 0, "/status-codes"
    while path:
        page = await read(client, path)
        seen += page.count('<tbody class="item"')
        older = re.search(r'href="([^"]+)">Older', page)
        path = f"/status-codes{html.unescape(older[1])}" if older else ""
    assert seen > 300


async def test_pages_of_others_do_not_exist(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    await hear(log_database, *a_busy_day().said)
    sign_in(Role.ADMIN, "fern")
    for path in ("/t/oak/log", "/t/oak/unsynced", "/t/oak/syncs/s01", "/t/oak/unsynced/s06/clear-id"):
        assert (await client.get(path, headers=PAGE)).status_code == 404
    client.cookies.clear()
    assert (await client.get("/t/oak/log", headers=PAGE)).status_code == 401


async def test_navigation_can_be_fetched_alone(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    await hear(log_database, *waiting_story().said)
    sign_in()
    text = words(await read(client, "/t/oak/log/nav"))
    assert "20" in text
    assert "8" in text
