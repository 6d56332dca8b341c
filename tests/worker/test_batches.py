"""Writes that go together: each member has an outcome of its own, and a batch in doubt goes out again as it was."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from qbsync_qbo_worker.quickbooks import QuickBooksClient
from qbsync_qbo_worker.service.batching import BATCH_SIZE
from qbsync_qbo_worker.service.drain import Drain
from qbsync_qbo_worker.service.settling import SAME_FAULTS
from tests.worker.desk import Desk, Json, T, customer, eventually, invoice, item
from tests.worker.dying import DyingDatabase, DyingTransport, Fate, Killed

SUCCEEDED = ("succeeded", None)
MOMENTS = 60
"""More than a drain of six records has."""


class Wire(httpx.AsyncHTTPTransport):
    """Keeps what goes over the wire; an answer may be made another one."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[str, bytes]] = []
        self.change: Any = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        if not request.url.path.endswith("/batch"):
            return answer
        self.batches.append((request.url.params["requestid"], request.content))
        content = await answer.aread()
        if self.change is None:
            return answer
        status, changed = self.change(answer.status_code, content)
        return httpx.Response(status, content=changed)


Hire = Callable[..., tuple[Drain, Wire]]


@pytest.fixture
async def hire(desk: Desk) -> AsyncIterator[Hire]:
    """Hires workers that send batches from five writes on."""
    clients: list[QuickBooksClient] = []

    def hired(holder: str = "one") -> tuple[Drain, Wire]:
        wire = Wire()
        clients.append(QuickBooksClient(desk.simulator, minorversion="75", transport=wire))
        return desk.drain_as(holder, sender=desk.sender_with(clients[-1]), batch_from=5), wire

    yield hired
    for client in clients:
        await client.aclose()


async def states(desk: Desk, syncs: list[str]) -> list[tuple[str, str | None]]:
    return [await desk.state(one) for one in syncs]


async def finish(desk: Desk, drain: Drain, *syncs: str) -> None:
    """Go on until all arrived."""
    for _ in range(12):
        desk.clock.advance(timedelta(minutes=4))
        await drain.run(T)
        if set(await states(desk, list(syncs))) == {SUCCEEDED}:
            return
    raise AssertionError(await states(desk, list(syncs)))


def members(body: bytes) -> list[Json]:
    found: list[Json] = json.loads(body)["BatchItemRequest"]
    return found


async def test_many_writes_go_thirty_at_a_time_and_nothing_is_read_back(desk: Desk, hire: Hire) -> None:
    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(65)]
    drain, wire = hire()
    before = len(desk.requests())
    assert await drain.run(T) == 65
    assert set(await states(desk, syncs)) == {SUCCEEDED}
    assert len(desk.books("Customer")) == 65
    assert len(members(wire.batches[0][1])) == BATCH_SIZE
    assert len(desk.requests()) - before <= 3 + 4
    assert not [one for one in desk.requests()[before:] if one["operation"] in ("read", "query")]
    for requestid, body in wire.batches:
        bids = [one["bId"] for one in members(body)]
        assert len(requestid) <= 36
        assert len(set(bids)) == len(bids)
        assert max(map(len, bids)) <= 10


async def test_few_writes_go_one_by_one(desk: Desk, hire: Hire) -> None:
    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(4)]
    drain, wire = hire()
    await drain.run(T)
    assert set(await states(desk, syncs)) == {SUCCEEDED}
    assert wire.batches == []


async def test_each_member_has_an_outcome_of_its_own(desk: Desk, hire: Hire) -> None:
    desk.by_hand("Vendor", "create", record={"DisplayName": "Pond C-2"})
    for n in range(3, 6):
        await desk.approve(customer(f"C-{n}"))
    drain, wire = hire()
    await drain.run(T)
    held = {one["DisplayName"]: one for one in desk.books("Customer")}
    desk.by_hand("Customer", "update", id=held["Pond C-3"]["Id"], record={"Notes": "Gate code on file"})
    new = [await desk.approve(customer(f"C-{n}")) for n in (1, 2)]
    stale, update, off = [
        await desk.approve(customer(f"C-{n}", **changes), operation=operation, entity_seq=2)
        for n, operation, changes in (
            (3, "update", {"phone": "555-0111"}),
            (4, "update", {"phone": "555-0112"}),
            (5, "deactivate", {}),
        )
    ]
    await drain.run(T)
    assert len(wire.batches) == 1
    assert await states(desk, [*new, stale, update, off]) == [SUCCEEDED, ("failed", "6240"), *[SUCCEEDED] * 3]
    after = {one["DisplayName"]: one for one in desk.books("Customer")}
    assert after["Pond C-3"]["Notes"] == "Gate code on file"
    assert after["Pond C-3"]["PrimaryPhone"]["FreeFormNumber"] == "555-0111"
    (left,) = (one for name, one in after.items() if name.startswith("Pond C-5"))
    assert left["Active"] is False


async def test_a_void_goes_alone_and_a_delete_along(desk: Desk, hire: Hire) -> None:
    for one in (customer(), item(), *(invoice(f"V-{n}") for n in range(6))):
        await desk.approve(one)
    drain, wire = hire()
    await drain.run(T)
    wire.batches.clear()
    void = await desk.approve(invoice("V-0"), operation="void", entity_seq=2)
    gone = [await desk.approve(invoice(f"V-{n}"), operation="delete", entity_seq=2) for n in range(1, 6)]
    await drain.run(T)
    assert set(await states(desk, [void, *gone])) == {SUCCEEDED}
    ((_, body),) = wire.batches
    assert [one["operation"] for one in members(body)] == ["delete"] * 5
    assert [one["TotalAmt"] for one in desk.books("Invoice")] == [0]


@pytest.mark.parametrize("effect", ["lose_answer", "lose_request", "error_after", "error_before"])
async def test_a_batch_in_doubt_goes_out_again_as_the_same_bytes(desk: Desk, hire: Hire, effect: str) -> None:
    desk.trouble(effect, operation="batch")
    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(6)]
    drain, wire = hire()
    await drain.run(T)
    assert set(await states(desk, syncs)) == {("in_flight", "QS-IN-DOUBT")}
    later = [await desk.approve(customer(f"C-{n}")) for n in range(6, 12)]
    desk.clock.advance(timedelta(seconds=5))
    other, again = hire("two")
    await other.run(T)
    assert set(await states(desk, [*syncs, *later])) == {SUCCEEDED}
    ids = [one["request_id"] for one in desk.requests(operation="batch")]
    assert ids[0] == ids[1]
    bodies = {body for requestid, body in wire.batches + again.batches if requestid == ids[0]}
    assert len(bodies) == 1
    assert len(desk.books("Customer")) == 12


async def test_members_that_were_answered_are_left_out_of_what_is_understood_again(
    desk: Desk, hire: Hire
) -> None:
    """QuickBooks did not say of two members what became of them: the same six go out again, two take an outcome."""

    def incomplete(status: int, content: bytes) -> tuple[int, bytes]:
        body = json.loads(content)
        body["BatchItemResponse"] = body["BatchItemResponse"][:4]
        return status, json.dumps(body).encode()

    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(6)]
    drain, wire = hire()
    wire.change = incomplete
    await drain.run(T)
    found = await states(desk, syncs)
    assert found == [SUCCEEDED] * 4 + [("in_flight", "QS-IN-DOUBT")] * 2
    wire.change = None
    await finish(desk, drain, *syncs)
    first, second = wire.batches
    assert first == second
    assert len(await desk.said("sync.succeeded")) == 6


async def test_answers_in_another_order_find_their_members(desk: Desk, hire: Hire) -> None:
    def reversed_(status: int, content: bytes) -> tuple[int, bytes]:
        body = json.loads(content)
        body["BatchItemResponse"].reverse()
        return status, json.dumps(body).encode()

    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(6)]
    drain, wire = hire()
    wire.change = reversed_
    await drain.run(T)
    assert set(await states(desk, syncs)) == {SUCCEEDED}
    linked = {one["app_id"]: one["quickbooks_id"] for one in await desk.said("link.created")}
    held = {one["DisplayName"]: one["Id"] for one in desk.books("Customer")}
    assert linked == {f"C-{n}": held[f"Pond C-{n}"] for n in range(6)}


async def test_a_batch_refused_as_a_whole_lets_each_member_go_alone(desk: Desk, hire: Hire) -> None:
    desk.trouble(
        "fault", operation="batch", code="2010", message="Request has invalid or unsupported property"
    )
    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(6)]
    drain, _ = hire()
    await drain.run(T)
    assert set(await states(desk, syncs)) == {SUCCEEDED}
    assert len(desk.requests(operation="batch")) == 1
    assert len(desk.requests(entity="Customer", operation="create")) == 6
    assert {one["attempt"] for one in await desk.said("sync.succeeded")} == {1}


async def test_a_throttled_batch_charges_no_attempt_and_goes_together_again(desk: Desk, hire: Hire) -> None:
    desk.trouble("throttle", operation="batch")
    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(6)]
    drain, wire = hire()
    await drain.run(T)
    assert set(await states(desk, syncs)) == {("pending", None)}
    desk.clock.advance(timedelta(seconds=61))
    await drain.run(T)
    assert set(await states(desk, syncs)) == {SUCCEEDED}
    assert len(wire.batches) == 2
    assert {one["attempt"] for one in await desk.said("sync.succeeded")} == {1}


async def test_a_batch_that_was_applied_and_is_refused_later_is_looked_for(desk: Desk, hire: Hire) -> None:
    desk.trouble("lose_answer", operation="batch")
    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(6)]
    drain, _ = hire()
    await drain.run(T)
    desk.trouble("fault", operation="batch", code="600", message="Duplicate Request ID")
    desk.clock.advance(timedelta(seconds=5))
    await drain.run(T)
    assert set(await states(desk, syncs)) == {SUCCEEDED}
    assert len(desk.books("Customer")) == 6


async def test_a_batch_that_was_not_applied_and_is_refused_later_goes_one_by_one(
    desk: Desk, hire: Hire
) -> None:
    desk.trouble("lose_request", operation="batch")
    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(6)]
    drain, _ = hire()
    await drain.run(T)
    desk.trouble("fault", operation="batch", code="1040", message="Batch size exceeds allowed limit")
    desk.clock.advance(timedelta(seconds=5))
    await drain.run(T)
    assert set(await states(desk, syncs)) == {SUCCEEDED}
    assert len(desk.books("Customer")) == 6


@pytest.mark.parametrize("effect", ["lose_answer", "lose_request"])
async def test_a_batch_in_doubt_for_more_than_a_day_is_looked_up_and_never_sent_again(
    desk: Desk, hire: Hire, effect: str
) -> None:
    desk.trouble(effect, operation="batch")
    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(6)]
    drain, _ = hire()
    await drain.run(T)
    desk.clock.advance(timedelta(hours=25))
    await drain.run(T)
    expected = SUCCEEDED if effect == "lose_answer" else ("failed", "QS-NOT-IN-BOOKS")
    assert set(await states(desk, syncs)) == {expected}
    assert len(desk.requests(operation="batch")) == 1


@pytest.mark.parametrize(
    "answer", [(200, b"<html>maintenance</html>"), (200, b'{"BatchItemResponse":[]}'), (502, b"")]
)
async def test_an_answer_that_is_none_to_a_batch_is_a_doubt(
    desk: Desk, hire: Hire, answer: tuple[int, bytes]
) -> None:
    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(6)]
    drain, wire = hire()
    wire.change = lambda *_: answer
    await drain.run(T)
    assert set(await states(desk, syncs)) == {("in_flight", "QS-IN-DOUBT")}
    wire.change = None
    await finish(desk, drain, *syncs)
    assert len(desk.books("Customer")) == 6


def answering(bid: str, fault: Json) -> Callable[[int, bytes], tuple[int, bytes]]:
    """QuickBooks answers one member with a fault."""

    def change(status: int, content: bytes) -> tuple[int, bytes]:
        body = json.loads(content)
        body["BatchItemResponse"] = [
            {"bId": bid, "Fault": fault} if one["bId"] == bid else one for one in body["BatchItemResponse"]
        ]
        return status, json.dumps(body).encode()

    return change


async def test_a_member_that_is_throttled_rests_the_realm_and_is_not_charged(desk: Desk, hire: Hire) -> None:
    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(6)]
    drain, wire = hire()
    refusal = {"Message": "message=ThrottleExceeded; errorCode=003001; statusCode=429", "code": "3001"}
    wire.change = answering("6", {"Error": [refusal], "type": "SERVICE"})
    await drain.run(T)
    assert await states(desk, syncs) == [SUCCEEDED] * 5 + [("pending", None)]
    assert await drain.run(T) is None
    assert len(wire.batches) == 1


async def test_a_member_that_broke_quickbooks_is_looked_for_after_the_same_answer_came_often_enough(
    desk: Desk, hire: Hire
) -> None:
    """QuickBooks replays the answer to a requestid, so that asking again can never tell more."""
    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(6)]
    drain, wire = hire()
    broken = {"Message": "An application error has occurred", "Detail": "System Failure", "code": "10000"}
    wire.change = answering("1", {"Error": [broken], "type": "SystemFault"})
    await drain.run(T)
    assert await states(desk, syncs) == [("in_flight", "QS-IN-DOUBT")] + [SUCCEEDED] * 5
    await finish(desk, drain, *syncs)
    assert len(set(wire.batches)) == 1
    assert len(wire.batches) == 1 + SAME_FAULTS
    assert len(desk.books("Customer")) == 6


async def test_a_member_that_cannot_be_recorded_harms_no_other(desk: Desk, hire: Hire) -> None:
    """QuickBooks gives one of six an id that another record of the app is linked to."""
    await desk.approve(customer("C-0"))
    drain, wire = hire()
    await drain.run(T)
    (taken,) = desk.books("Customer")

    def same_id(status: int, content: bytes) -> tuple[int, bytes]:
        body = json.loads(content)
        body["BatchItemResponse"][2]["Customer"]["Id"] = taken["Id"]
        return status, json.dumps(body).encode()

    wire.change = same_id
    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(1, 7)]
    await drain.run(T)
    found = await states(desk, syncs)
    assert found[2] == ("in_flight", "QS-IN-DOUBT")
    assert found[:2] + found[3:] == [SUCCEEDED] * 5
    wire.change = None
    await finish(desk, drain, *syncs)
    assert len(desk.books("Customer")) == 7


async def test_an_expired_token_repeats_the_same_batch(desk: Desk, hire: Hire) -> None:
    desk.control.post(f"/companies/{desk.realm}/tokens/expire")
    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(6)]
    drain, wire = hire()
    await drain.run(T)
    assert set(await states(desk, syncs)) == {SUCCEEDED}
    assert wire.batches[0] == wire.batches[1]


async def test_nothing_goes_beside_a_change_of_what_it_refers_to(desk: Desk, hire: Hire) -> None:
    """The customer is changed and then deactivated; invoices of it were approved before, between and after."""
    for one in (item(), customer(), *(customer(f"C-{n}") for n in range(2, 9))):
        await desk.approve(one)
    drain, wire = hire()
    await drain.run(T)
    wire.batches.clear()
    await desk.approve(customer(phone="555-0177"), operation="update", entity_seq=2)
    for n in range(2, 9):
        await desk.approve(customer(f"C-{n}", phone="555-0188"), operation="update", entity_seq=2)
    bills = [await desk.approve(invoice(f"V-{n}")) for n in range(6)]
    await drain.run(T)
    assert set(await states(desk, bills)) == {SUCCEEDED}
    changes, invoices = (members(body) for _, body in wire.batches)
    assert all("Customer" in one for one in changes)
    assert all("Invoice" in one for one in invoices)


async def test_what_refers_to_a_change_in_doubt_waits_for_it(desk: Desk, hire: Hire) -> None:
    for one in (item(), *(customer(f"C-{n}") for n in range(1, 7))):
        await desk.approve(one)
    drain, _ = hire()
    await drain.run(T)
    desk.trouble("lose_answer", operation="batch")
    doubts = [
        await desk.approve(customer(f"C-{n}", phone="555-0177"), operation="update", entity_seq=2)
        for n in range(1, 7)
    ]
    await drain.run(T)
    bill = await desk.approve(invoice())
    await drain.run(T)
    assert await desk.state(bill) == ("waiting", "QS-WAITS-FOR")
    await finish(desk, drain, *doubts, bill)


async def test_each_record_arrives_once_whenever_the_worker_is_killed(desk: Desk, hire: Hire) -> None:
    await desk.approve(item())
    await desk.run()
    healthy, _ = hire("healthy")
    deaths = 0
    for moment in range(1, MOMENTS):
        names = [f"C-{moment}-{n}" for n in range(5)]
        syncs = [await desk.approve(customer(one)) for one in names]
        syncs.append(await desk.approve(invoice(f"V-{moment}", customer={"app_id": names[0]})))
        fate = Fate(moment)
        database: Any = DyingDatabase(desk.database, fate)
        client = QuickBooksClient(desk.simulator, minorversion="75", transport=DyingTransport(fate))
        sender = desk.sender_with(client, database=database)
        doomed = desk.drain_as(f"doomed-{moment}", database, sender, batch_from=5)
        try:
            await doomed.run(T)
        except Killed:
            deaths += 1
        await finish(desk, healthy, *syncs)
        await client.aclose()
        assert len(desk.books("Customer")) == 5 * moment
        assert len(desk.books("Invoice")) == moment
        if not fate.dead:
            break
    assert 15 < deaths < MOMENTS - 2
    assert len(await desk.said("sync.succeeded")) == 1 + 6 * (deaths + 1)


async def test_a_late_answer_changes_neither_a_member_nor_its_call(desk: Desk, hire: Hire) -> None:
    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(6)]
    desk.trouble("delay", operation="batch", seconds=1)
    drain, wire = hire()
    running = asyncio.create_task(drain.run(T))
    await eventually(_asked, desk)
    desk.clock.advance(timedelta(minutes=2))
    await desk.run("two")
    await running
    assert {state for state, _ in await states(desk, syncs)} == {"in_flight"}
    await finish(desk, hire("two")[0], *syncs)
    assert len(wire.batches) == 1
    assert len(desk.books("Customer")) == 6
    assert len(await desk.said("sync.succeeded")) == 6


async def _asked(desk: Desk) -> bool:
    return bool(desk.requests(operation="batch"))
