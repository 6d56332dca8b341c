"""The transcript of a run: every call, with names, codes and sizes; never what records hold; kept for a while."""

import json
from datetime import timedelta

import httpx
import pytest

from qbsync_qbwc_gateway.postgres import repository as store
from qbsync_qbwc_gateway.service import Run
from qbsync_qbwc_gateway.session.transcript import requests_in
from qbsync_qbwc_gateway.settings import GatewaySettings
from qbsync_shared.web import Role
from tests.gateway.desktop import TENANT, Desktop
from tests.gateway.records import customer
from tests.gateway.test_http import Bearer, bearer, client

__all__ = ["bearer", "client"]


async def last_run(desktop: Desktop) -> Run:
    health = await desktop.gateway.connectors.health(TENANT)
    assert health is not None
    run = await desktop.gateway.connectors.run(TENANT, health.sessions[0].session_id)
    assert run is not None
    return run


async def test_every_call_of_a_run_stands_in_it(desktop: Desktop) -> None:
    await desktop.run()
    await desktop.approve(customer())
    await desktop.approve(customer("C-18", "Elm & Co"))
    await desktop.approve(customer("C-19", "elm & co"))  # the name is taken
    desktop.clock.advance(timedelta(minutes=1))
    report = await desktop.run()
    run = await last_run(desktop)
    calls = [call for call in report.calls if call not in ("serverVersion", "clientVersion")]
    assert [one.call for one in run.exchanges] == calls
    assert [one.position for one in run.exchanges] == list(range(1, len(calls) + 1))
    assert run.calls == len(calls)
    assert run.exchanges[0].note["version"] == "34.0.10011.101"
    ((sent, got),) = [
        (one.note, after.note)
        for one, after in zip(run.exchanges, run.exchanges[1:], strict=False)
        if "CustomerAddRq" in one.note.get("requests", {})
    ]
    assert sent["requests"]["CustomerAddRq"] == 3
    assert sent["answered"] > 500
    assert len(sent["set"]) == 22
    assert (got["statuses"]["CustomerAddRs 0"], got["statuses"]["CustomerAddRs 3100"]) == (2, 1)
    assert got["received"] > 500
    assert run.exchanges[-2].note["progress"] == 100


async def test_it_says_what_went_wrong_and_what_went_again(desktop: Desktop) -> None:
    await desktop.run()
    await desktop.approve(customer())
    desktop.faults.point, desktop.faults.at = "die_after_write", 2
    await desktop.run()
    desktop.clock.advance(timedelta(minutes=1))
    await desktop.run()
    notes = [one.note for one in (await last_run(desktop)).exchanges]
    assert any(note.get("again") for note in notes)
    desktop.faults.point, desktop.faults.hresult, desktop.faults.hresult_times = "", "0x80040408", 3
    desktop.clock.advance(timedelta(minutes=1))
    await desktop.run()
    assert "0x80040408" in {one.note.get("hresult") for one in (await last_run(desktop)).exchanges}


async def test_it_holds_nothing_of_the_records(
    desktop: Desktop, client: httpx.AsyncClient, bearer: Bearer
) -> None:
    await desktop.run()
    await desktop.approve(customer("C-17", "Zebrawood Gardens", phone="555-7171", email="a@zebra.example"))
    await desktop.approve(customer("C-18", "zebrawood gardens"))
    desktop.clock.advance(timedelta(minutes=1))
    await desktop.run()
    run = await last_run(desktop)
    async with desktop.database.tenant(TENANT) as connection:
        kept = await connection.fetch("select * from transcript")
    whole = json.dumps([dict(row) for row in kept], default=str).casefold()
    base = f"desktop/runs/{run.session.session_id}"
    viewer = bearer(Role.VIEWER)
    page = await client.get(f"/t/oak/{base}", headers=viewer)
    text = await client.get(f"/t/oak/{base}/transcript.txt", headers=viewer)
    api = await client.get(f"/api/v1/tenants/oak/connector/runs/{run.session.session_id}", headers=viewer)
    for secret in ("zebra", "555-7171", desktop.password):
        for place in (whole, page.text.casefold(), text.text.casefold(), api.text.casefold()):
            assert secret not in place
    assert "2 CustomerAddRq" in page.text
    assert "1 CustomerAddRs 3100" in text.text
    assert "attachment" in text.headers["content-disposition"]
    assert api.json()["calls"] == len(api.json()["transcript"]) == run.calls
    assert f'href="/t/oak/{base}"' in (await client.get("/t/oak/desktop", headers=viewer)).text
    for path in (f"/t/elm/{base}", "/t/oak/desktop/runs/none", "/t/oak/desktop/runs/none/transcript.txt"):
        assert (await client.get(path, headers=viewer)).status_code == 404


async def test_it_is_bounded_in_time_and_length(desktop: Desktop, settings: GatewaySettings) -> None:
    await desktop.approve(customer())
    await desktop.run()  # with work
    desktop.clock.advance(timedelta(hours=2))
    await desktop.run()
    await desktop.run()  # without
    await _tidy(desktop, settings)
    assert await _count(desktop) == (3, 3)
    desktop.clock.advance(timedelta(days=2))
    await _tidy(desktop, settings)
    assert await _count(desktop) == (1, 1)
    run = await last_run(desktop)
    async with desktop.database.tenant(TENANT) as connection:
        session = run.session
        await connection.execute("update session set calls = 4999")
        for _ in range(3):
            await store.save_session(connection, session, call="getLastError")
        assert await connection.fetchval("select max(position) from transcript") == 5_000
    desktop.clock.advance(timedelta(days=31))
    await _tidy(desktop, settings)
    assert await _count(desktop) == (0, 0)


async def _tidy(desktop: Desktop, settings: GatewaySettings) -> None:
    now = desktop.clock.now()
    async with desktop.database.everyone() as connection:
        await connection.execute(
            store.QUERIES["forget_sessions"],
            now - timedelta(days=settings.keep_runs_days),
            now - timedelta(days=1),
        )


async def _count(desktop: Desktop) -> tuple[int, int]:
    async with desktop.database.tenant(TENANT) as connection:
        row = await connection.fetchrow(
            "select (select count(*) from session) as sessions,"
            " (select count(distinct session_id) from transcript) as transcripts"
        )
    assert row is not None
    return row["sessions"], row["transcripts"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        (
            '<a><XQueryRq requestID="1"/><YAddRq requestID="2"><b/></YAddRq><YAddRq requestID="3"/></a>',
            {"XQueryRq": 1, "YAddRq": 2},
        ),
    ],
)
def test_requests_are_counted_without_parsing(text: str, found: dict[str, int]) -> None:
    assert requests_in(text) == found
