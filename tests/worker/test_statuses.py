"""Every code of QuickBooks Online in the catalogue: its retry class decides what becomes of the record."""

from datetime import timedelta
from typing import Any

import httpx

from qbsync_qbo_worker.quickbooks import QuickBooksClient
from qbsync_shared.catalogue import Guidance, RetryClass, entries
from tests.worker.desk import Desk, Json, T, customer

FAILS = {RetryClass.PERSON, RetryClass.NAME_TAKEN, RetryClass.DEPENDENCY, RetryClass.GONE, RetryClass.OURS}
SHUT = {RetryClass.THROTTLED, RetryClass.REAUTHORISE, RetryClass.CONNECTION}


def codes(*wanted: RetryClass) -> dict[str, Guidance]:
    """Codes of faults by their key: no HTTP statuses, none of the token endpoint's, none of a success."""
    table = {key: one for key, one in entries("online").items() if one.code.isdecimal() and one.code != "0"}
    return {key: one for key, one in table.items() if not wanted or one.retry in wanted}


class Refusing(httpx.AsyncHTTPTransport):
    """QuickBooks refuses the first write of each record, by the number in its e-mail address."""

    def __init__(self, faults: dict[str, Json]) -> None:
        super().__init__()
        self.faults = faults

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        found = next((mark for mark in self.faults if mark.encode() in request.content), None)
        if request.method != "POST" or found is None:
            return await super().handle_async_request(request)
        return httpx.Response(400, json=self.faults.pop(found), headers={"intuit_tid": f"tid-{found}"})


async def refused(desk: Desk, table: dict[str, Guidance], operation: str) -> tuple[dict[str, str], Any]:
    """One customer for each code, each refused with it once; sync id by key, after one drain."""
    if operation == "update":
        for n, _ in enumerate(table):
            await desk.approve(customer(f"C-{n}"))
        await desk.run()
    faults: dict[str, Json] = {}
    syncs: dict[str, str] = {}
    for n, (key, one) in enumerate(table.items()):
        wording = key.partition("~")[2] or "It was refused"
        faults[f"number-{n:03}@"] = {
            "Fault": {
                "Error": [{"Message": wording, "Detail": wording, "code": one.code}],
                "type": "ValidationFault",
            }
        }
        entity = customer(f"C-{n}", email=f"number-{n:03}@oak.example")
        seq = {"operation": operation, "entity_seq": 2} if operation == "update" else {}
        syncs[key] = await desk.approve(entity, **seq)
    client = QuickBooksClient(desk.simulator, minorversion="75", transport=Refusing(faults))
    drain = desk.drain_as("refused", sender=desk.sender_with(client))
    await drain.run(T)
    return syncs, client


async def test_the_class_of_a_code_decides_what_becomes_of_a_creation(desk: Desk) -> None:
    table = codes(*(set(RetryClass) - SHUT))
    syncs, client = await refused(desk, table, "create")
    assert len(syncs) > 110
    for key, sync_id in syncs.items():
        state, retry = await desk.state(sync_id), table[key].retry
        if retry in FAILS or retry is RetryClass.STALE:  # what is created has no version that could be stale
            assert state == ("failed", table[key].code), key
        elif retry is RetryClass.TRANSIENT:
            assert state == ("waiting", table[key].code), key
        else:
            assert retry is RetryClass.UNKNOWN_OUTCOME, key
            assert state == ("in_flight", "QS-IN-DOUBT"), key
    told = {one["sync_id"]: one["technical"] for one in await desk.said("sync.failed")}
    assert all(one["intuit_tid"].startswith("tid-") and one["requestid"] for one in told.values())
    assert desk.books("Customer") == []
    await client.aclose()


async def test_the_class_of_a_code_decides_what_becomes_of_a_change(desk: Desk) -> None:
    again = (RetryClass.STALE, RetryClass.UNKNOWN_OUTCOME, RetryClass.TRANSIENT, RetryClass.GONE)
    table = codes(*again)
    syncs, client = await refused(desk, table, "update")
    assert {one.retry for one in table.values()} == set(again)
    for key, sync_id in syncs.items():
        state, retry = await desk.state(sync_id), table[key].retry
        if retry is RetryClass.STALE:  # read again, found unchanged, and repeated
            assert state == ("succeeded", None), key
        elif retry is RetryClass.GONE:
            assert state == ("failed", table[key].code), key
        elif retry is RetryClass.TRANSIENT:
            assert state == ("waiting", table[key].code), key
        else:
            assert state == ("in_flight", "QS-IN-DOUBT"), key
    desk.clock.advance(timedelta(hours=1))
    await desk.run()
    assert {
        await desk.state(one) for key, one in syncs.items() if table[key].retry is not RetryClass.GONE
    } == {("succeeded", None)}
    await client.aclose()


async def test_a_code_that_shuts_the_company_charges_nothing_and_ends_with_the_pause(desk: Desk) -> None:
    for key, one in codes(*SHUT).items():
        sync = await desk.approve(customer(key))
        before, reports = len(desk.requests(operation="create")), len(await desk.said("connection.changed"))
        desk.trouble("fault", operation="create", code=one.code, message="Not now", status=403, times=2)
        await desk.run()
        assert await desk.state(sync) == ("pending", None), key
        refusals = len(desk.requests(operation="create")) - before
        assert refusals == (2 if one.retry is RetryClass.REAUTHORISE else 1), key
        assert await desk.drain.run(T) is None, key
        told = [said.get("code") for said in (await desk.said("connection.changed"))[reports:]]
        assert (one.code in told) is (one.retry is not RetryClass.THROTTLED), key
        desk.control.delete("/faults")
        desk.clock.advance(timedelta(minutes=6))
        await desk.run()
        assert await desk.state(sync) == ("succeeded", None), key
        assert (await desk.said("sync.succeeded"))[-1]["attempt"] == 1, key


class Bare(httpx.AsyncHTTPTransport):
    """A write gets a status and a page of somebody on the way, without a code."""

    status = 400

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/customer"):
            return httpx.Response(self.status, content=b"<html>no</html>")
        return await super().handle_async_request(request)


async def test_a_status_without_a_code_decides_too(desk: Desk) -> None:
    bare = Bare()
    client = QuickBooksClient(desk.simulator, minorversion="75", transport=bare)
    drain = desk.drain_as("one", sender=desk.sender_with(client))
    states: dict[int, str] = {}
    for bare.status in (400, 404, 500, 502, 503, 504, 429, 403, 401):
        sync = await desk.approve(customer(f"C-{bare.status}"))
        await drain.run(T)
        states[bare.status] = (await desk.state(sync))[0]
        desk.clock.advance(timedelta(minutes=6))
    doubts = dict.fromkeys((500, 502, 503, 504), "in_flight")
    shut = dict.fromkeys((429, 403, 401), "pending")
    assert states == {400: "failed", 404: "failed", **doubts, **shut}
    await client.aclose()
