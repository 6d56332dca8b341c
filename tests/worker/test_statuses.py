"""Every code of QuickBooks Online in the catalogue: its retry class decides what becomes of the record."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

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


@pytest.mark.parametrize("key", codes(*SHUT))
async def test_a_code_that_shuts_the_company_charges_nothing_and_ends_with_the_pause(
    desk: Desk, key: str
) -> None:
    one = codes()[key]
    sync = await desk.approve(customer())
    desk.trouble("fault", operation="create", code=one.code, message="Not now", status=403, times=2)
    await desk.run()
    assert await desk.state(sync) == ("pending", None)
    refusals = len(desk.requests(operation="create"))
    assert refusals == (2 if one.retry is RetryClass.REAUTHORISE else 1)
    assert await desk.drain.run(T) is None
    told = [said["code"] for said in await desk.said("connection.changed") if said["state"] == "problem"]
    assert told == ([] if one.retry is RetryClass.THROTTLED else [one.code])
    desk.control.delete("/faults")
    desk.clock.advance(timedelta(minutes=6))
    await desk.run()
    assert await desk.state(sync) == ("succeeded", None)
    (done,) = await desk.said("sync.succeeded")
    assert done["attempt"] == 1


@pytest.mark.parametrize(("status", "state"), [
    (400, "failed"), (404, "failed"), (401, "pending"), (403, "pending"), (429, "pending"),
    (500, "in_flight"), (502, "in_flight"), (503, "in_flight"), (504, "in_flight"),
])  # fmt: skip
async def test_a_status_without_a_code_decides_too(desk: Desk, status: int, state: str) -> None:
    class Bare(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/customer"):
                return httpx.Response(status, content=b"<html>no</html>")
            return await super().handle_async_request(request)

    sync = await desk.approve(customer())
    client = QuickBooksClient(desk.simulator, minorversion="75", transport=Bare())
    await desk.drain_as("one", sender=desk.sender_with(client)).run(T)
    assert (await desk.state(sync))[0] == state
    await client.aclose()
