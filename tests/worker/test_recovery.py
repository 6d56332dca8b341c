"""Nothing is lost and nothing doubled, wherever a worker dies and whatever QuickBooks answers to a second sending."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from qbsync_qbo_worker.postgres import calls
from qbsync_qbo_worker.quickbooks import Answer, Call, QuickBooksClient
from qbsync_qbo_worker.service.drain import LEASE, Drain
from tests.worker.desk import Desk, T, customer, eventually, invoice, item
from tests.worker.dying import DyingDatabase, DyingTransport, Fate, Killed

MOMENTS = 60
"""More than a drain of two records has."""


def doomed(desk: Desk, holder: str, fate: Fate) -> tuple[Drain, QuickBooksClient]:
    """A worker with this fate."""
    client = QuickBooksClient(desk.simulator, minorversion="75", transport=DyingTransport(fate))
    database: Any = DyingDatabase(desk.database, fate)
    sender = desk.sender_with(client, database=database)
    return desk.drain_as(holder, database, sender), client


async def settle(desk: Desk, *syncs: str) -> None:
    """Let a healthy worker finish."""
    for _ in range(12):
        desk.clock.advance(timedelta(minutes=4))
        await desk.run("healthy")
        if {(await desk.state(one))[0] for one in syncs} <= {"succeeded"}:
            return
    raise AssertionError([await desk.state(one) for one in syncs])


async def test_each_record_arrives_once_whenever_the_worker_is_killed(desk: Desk) -> None:
    await desk.approve(item())
    await desk.run()
    deaths = 0
    for moment in range(1, MOMENTS):
        who, which = f"C-{moment}", f"V-{moment}"
        bill = invoice(which, customer={"app_id": who})
        syncs = [await desk.approve(one) for one in (customer(who), bill)]
        fate = Fate(moment)
        drain, client = doomed(desk, f"doomed-{moment}", fate)
        try:
            await drain.run(T)
        except Killed:
            deaths += 1
        await settle(desk, *syncs)
        await client.aclose()
        assert len(desk.books("Customer")) == len(desk.books("Invoice")) == moment
        if not fate.dead:
            break
    assert 15 < deaths < MOMENTS - 2
    assert len(await desk.said("sync.succeeded")) == 1 + 2 * (deaths + 1)


async def test_a_worker_that_could_not_let_go_of_its_realm_goes_on_at_once_and_another_waits(
    desk: Desk,
) -> None:
    sync = await desk.approve(customer("C-1"))
    now = desk.clock.now()
    async with desk.database.tenant(T) as connection:
        await calls.take_lease(connection, T, "mine", now=now, until=now + LEASE)
    async with desk.database.everyone() as connection:
        assert await calls.due_tenants(connection, now=now, limit=5, holder="another") == []
        assert await calls.due_tenants(connection, now=now, limit=5, holder="mine", without=[T]) == []
        assert await calls.due_tenants(connection, now=now, limit=5, holder="mine") == [T]
    assert await desk.drain_as("another").run(T) is None
    assert await desk.drain_as("mine").run(T) == 1
    assert (await desk.state(sync))[0] == "succeeded"


async def test_a_late_answer_changes_neither_the_sync_nor_its_call(desk: Desk) -> None:
    """The worker stands still in the middle of a call for longer than its lease; another one takes over meanwhile."""
    sync = await desk.approve(customer())
    slow = SlowClient(desk.simulator)
    first = desk.drain_as("one", sender=desk.sender_with(slow))
    running = asyncio.create_task(first.run(T))
    await slow.sent.wait()
    desk.clock.advance(timedelta(minutes=2))
    await desk.run("two")
    assert await desk.state(sync) == ("in_flight", None)
    slow.go_on.set()
    await running
    assert await desk.state(sync) == ("in_flight", None)
    await settle(desk, sync)
    assert len(desk.books("Customer")) == 1
    assert len(await desk.said("sync.succeeded")) == 1
    await slow.aclose()


async def test_a_worker_that_lost_its_lease_before_it_sent_sends_nothing(desk: Desk) -> None:
    sync = await desk.approve(customer())
    stalled = StalledTokens(desk)
    first = desk.drain_as("one", sender=desk.sender_with(desk.client, tokens=stalled))
    running = asyncio.create_task(first.run(T))
    await stalled.asked.wait()
    desk.clock.advance(timedelta(minutes=2))
    await desk.run("two")
    assert await desk.state(sync) == ("succeeded", None)
    stalled.go_on.set()
    await running
    assert len(desk.requests(entity="Customer", operation="create")) == 1
    assert len(desk.books("Customer")) == 1


async def test_a_lease_is_renewed_while_a_call_takes_long(desk: Desk) -> None:
    await desk.approve(customer())
    slow = SlowClient(desk.simulator)
    first = desk.drain_as("one", sender=desk.sender_with(slow), beat_seconds=0.01)
    running = asyncio.create_task(first.run(T))
    await slow.sent.wait()
    for _ in range(6):
        desk.clock.advance(LEASE * 2 / 3)
        await eventually(desk.is_leased_for, LEASE / 2)
    assert await desk.drain_as("two").run(T) is None
    slow.go_on.set()
    assert await running == 1
    await slow.aclose()


async def test_one_slow_call_holds_up_no_other(desk: Desk) -> None:
    slow = SlowClient(desk.simulator, only="C-0")
    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(20)]
    running = asyncio.create_task(desk.drain_as("one", sender=desk.sender_with(slow)).run(T))
    await eventually(desk.holds_customers, 19)
    slow.go_on.set()
    assert await running == 20
    assert {await desk.state(one) for one in syncs} == {("succeeded", None)}
    await slow.aclose()


@pytest.mark.parametrize(
    ("code", "status"),
    [("6240", 400), ("5010", 400), ("600", 400), ("610", 400), ("2020", 400), ("10000", 400)],
)
async def test_a_fault_on_the_second_sending_is_believed_only_after_a_look(
    desk: Desk, code: str, status: int
) -> None:
    """QuickBooks wrote at the first sending, forgot the id, and refuses the second: by our own record."""
    desk.trouble("lose_answer", entity="Customer", operation="create")
    sync = await desk.approve(customer())
    await desk.run()
    desk.trouble("fault", entity="Customer", operation="create", code=code, status=status, times=4)
    for _ in range(5):
        desk.clock.advance(timedelta(minutes=11))
        await desk.run()
    assert await desk.state(sync) == ("succeeded", None)
    assert len(desk.books("Customer")) == 1


async def test_the_same_fault_is_believed_where_quickbooks_does_not_hold_the_record(desk: Desk) -> None:
    desk.trouble("lose_request", entity="Customer", operation="create")
    sync = await desk.approve(customer())
    await desk.run()
    desk.trouble(
        "fault", entity="Customer", operation="create", code="2020", message="Required param missing"
    )
    desk.clock.advance(timedelta(seconds=5))
    await desk.run()
    assert await desk.state(sync) == ("failed", "2020")
    assert desk.books("Customer") == []


async def test_an_own_change_that_makes_its_own_version_stale_is_a_success(desk: Desk) -> None:
    await desk.approve(customer(phone="555-0100"))
    await desk.run()
    desk.trouble("lose_answer", entity="Customer", operation="update")
    sync = await desk.approve(customer(phone="555-0111"), operation="update", entity_seq=2)
    await desk.run()
    desk.trouble("fault", entity="Customer", operation="update", code="5010", message="Stale Object Error")
    desk.clock.advance(timedelta(seconds=5))
    await desk.run()
    assert await desk.state(sync) == ("succeeded", None)


@pytest.mark.parametrize("effect", ["lose_answer", "lose_request"])
@pytest.mark.parametrize("operation", ["create", "update", "void", "delete"])
async def test_a_doubt_older_than_a_day_is_settled_by_a_look(desk: Desk, operation: str, effect: str) -> None:
    for one in (customer(), item()):
        await desk.approve(one)
    if operation != "create":
        await desk.approve(invoice())
    await desk.run()
    desk.trouble(effect, entity="Invoice", operation=operation)
    changed = invoice() if operation == "create" else invoice(total="475.00")
    if operation == "update":
        changed["lines"] = [{**changed["lines"][0], "quantity": "5", "amount": "475.00"}]
    sync = await desk.approve(changed, operation=operation, entity_seq=2)
    await desk.run()
    assert await desk.state(sync) == ("in_flight", "QS-IN-DOUBT")
    before = len(desk.requests(entity="Invoice", operation=operation))
    desk.clock.advance(timedelta(hours=25))
    await desk.run("two")
    applied = effect == "lose_answer"
    assert await desk.state(sync) == (("succeeded", None) if applied else ("failed", "QS-NOT-IN-BOOKS"))
    assert len(desk.requests(entity="Invoice", operation=operation)) == before


async def test_an_unnumbered_invoice_is_found_by_its_date_and_customer(desk: Desk) -> None:
    for one in (customer(), item()):
        await desk.approve(one)
    await desk.run()
    desk.trouble("lose_answer", entity="Invoice", operation="create")
    sync = await desk.approve(invoice(number=None))
    await desk.run()
    desk.clock.advance(timedelta(hours=25))
    await desk.run()
    assert await desk.state(sync) == ("succeeded", None)


async def test_a_look_that_quickbooks_does_not_answer_leaves_the_doubt_and_is_repeated_later(
    desk: Desk,
) -> None:
    desk.trouble("lose_answer", entity="Customer", operation="create")
    sync = await desk.approve(customer())
    await desk.run()
    desk.clock.advance(timedelta(hours=25))
    desk.trouble("error_before", operation="query", times=5)
    before = len(desk.requests(operation="query"))
    await desk.run()
    await desk.run()
    assert len(desk.requests(operation="query")) == before + 1
    assert await desk.state(sync) == ("in_flight", "QS-IN-DOUBT")
    desk.control.delete("/faults")
    desk.clock.advance(timedelta(minutes=11))
    await desk.run()
    assert await desk.state(sync) == ("succeeded", None)


async def test_what_was_stored_and_never_sent_is_put_back_however_old(desk: Desk) -> None:
    sync = await desk.approve(customer())
    fate = Fate(0)
    drain, client = doomed(desk, "one", fate)

    async def die(*_: object) -> None:
        raise Killed

    drain._carrier._about_to_send = die  # type: ignore[method-assign, assignment]
    with pytest.raises(Killed):
        await drain.run(T)
    desk.clock.advance(timedelta(hours=30))
    await desk.run("two")
    assert await desk.state(sync) == ("succeeded", None)
    assert len(desk.requests(entity="Customer", operation="create")) == 1
    await client.aclose()


async def test_repeated_5xx_keeps_the_doubt_and_the_id(desk: Desk) -> None:
    desk.trouble("error_before", entity="Customer", operation="create", times=6)
    sync = await desk.approve(customer())
    for _ in range(6):
        await desk.run()
        assert await desk.state(sync) == ("in_flight", "QS-IN-DOUBT")
        desk.clock.advance(timedelta(minutes=11))
    await desk.run()
    assert await desk.state(sync) == ("succeeded", None)
    sent = desk.requests(entity="Customer", operation="create")
    assert len({one["request_id"] for one in sent}) == 1
    assert len(desk.books("Customer")) == 1


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"<html>maintenance</html>"),
        (200, b'{"time":"2026-11-02T12:00:00Z"}'),
        (200, b'{"Customer":{"DisplayName":"without an id"}}'),
        (302, b"elsewhere"),
        (408, b""),
        (200, b'{"Customer":'),
        (200, b"[" * 100_000),
    ],
)
async def test_an_answer_that_says_neither_yes_nor_no_is_a_doubt(
    desk: Desk, answer: tuple[int, bytes]
) -> None:
    sync = await desk.approve(customer())
    garbled = GarbledClient(desk.simulator, *answer)
    await desk.drain_as("one", sender=desk.sender_with(garbled)).run(T)
    assert await desk.state(sync) == ("in_flight", "QS-IN-DOUBT")
    await settle(desk, sync)
    assert len(desk.books("Customer")) == 1
    await garbled.aclose()


async def test_an_answer_that_breaks_the_worker_harms_no_other_record(desk: Desk) -> None:
    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(6)]
    breaking = BreakingClient(desk.simulator, name="Pond C-2")
    await desk.drain_as("one", sender=desk.sender_with(breaking)).run(T)
    states = [await desk.state(one) for one in syncs]
    assert states.count(("succeeded", None)) == 5
    assert states[2] == ("in_flight", "QS-IN-DOUBT")
    await settle(desk, *syncs)
    assert len(desk.books("Customer")) == 6
    await breaking.aclose()


async def test_a_record_that_cannot_be_written_is_set_aside_alone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qbsync_qbo_worker.service import requests  # noqa: PLC0415

    original = requests.call_of

    def breaking(work: Any, *given: Any, **named: Any) -> Any:
        if work.app_id == "C-1":
            raise ValueError("a fault in the mapping")
        return original(work, *given, **named)

    monkeypatch.setattr(requests, "call_of", breaking)
    bad, good = [await desk.approve(customer(f"C-{n}")) for n in (1, 2)]
    await desk.run()
    assert await desk.state(bad) == ("failed", "QS-QUARANTINED")
    assert await desk.state(good) == ("succeeded", None)


async def test_an_approval_that_is_no_entity_fails_alone(desk: Desk) -> None:
    bad = await desk.approve({**customer("C-1"), "shoe_size": "44"})
    good = await desk.approve(customer("C-2"))
    await desk.run()
    assert await desk.state(bad) == ("failed", "QS-INVALID")
    assert await desk.state(good) == ("succeeded", None)


async def test_what_refers_to_a_record_in_doubt_waits_for_it_and_holds_up_nothing(desk: Desk) -> None:
    await desk.approve(item())
    await desk.run()
    desk.trouble("lose_answer", entity="Customer", operation="create")
    doubtful = await desk.approve(customer())
    await desk.run()
    bill = await desk.approve(invoice())
    await desk.run()
    assert await desk.state(bill) == ("waiting", "QS-WAITS-FOR")
    await settle(desk, doubtful, bill)


async def test_a_refused_connection_puts_everything_back_says_so_and_heals_by_itself(desk: Desk) -> None:
    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(20)]
    desk.trouble(
        "fault", operation="create", code="7001", message="Subscription lapsed", status=403, times=20
    )
    await desk.run()
    assert len(desk.requests(entity="Customer", operation="create")) <= 8
    assert {await desk.state(one) for one in syncs} == {("pending", None)}
    told = (await desk.said("connection.changed"))[-1]
    assert (told["state"], told["code"]) == ("problem", "7001")
    assert await desk.drain.run(T) is None
    desk.control.delete("/faults")
    desk.clock.advance(timedelta(minutes=6))
    await desk.run()
    assert {await desk.state(one) for one in syncs} == {("succeeded", None)}
    assert (await desk.said("connection.changed"))[-1]["state"] == "connected"


async def test_a_new_token_that_is_refused_too_does_not_spin(desk: Desk) -> None:
    sync = await desk.approve(customer())
    desk.trouble("expire_token", operation="create", times=2)
    await desk.run()
    assert await desk.state(sync) == ("pending", None)
    assert await desk.drain.run(T) is None
    desk.clock.advance(timedelta(minutes=6))
    await desk.run()
    assert await desk.state(sync) == ("succeeded", None)


class SlowClient(QuickBooksClient):
    """QuickBooks writes, and its answer takes until it may go on."""

    def __init__(self, simulator: str, only: str = "") -> None:
        super().__init__(simulator, minorversion="75")
        self.only = only.encode()
        self.sent, self.go_on = asyncio.Event(), asyncio.Event()

    async def send(self, realm: str, token: str, call: Call) -> Answer:
        if self.only not in call.body:
            return await super().send(realm, token, call)
        answer = await super().send(realm, token, call) if not self.only else None
        self.sent.set()
        await self.go_on.wait()
        return answer or await super().send(realm, token, call)


class GarbledClient(QuickBooksClient):
    """QuickBooks writes, and something on the way makes another answer of it."""

    def __init__(self, simulator: str, status: int, content: bytes) -> None:
        transport = GarblingTransport(status, content)
        super().__init__(simulator, minorversion="75", transport=transport)


class GarblingTransport(httpx.AsyncHTTPTransport):
    def __init__(self, status: int, content: bytes) -> None:
        super().__init__()
        self._status, self._content = status, content

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await (await super().handle_async_request(request)).aread()
        return httpx.Response(self._status, content=self._content)


class BreakingClient(QuickBooksClient):
    """One answer holds what the worker's reading was not made for."""

    def __init__(self, simulator: str, name: str) -> None:
        super().__init__(simulator, minorversion="75")
        self.name = name

    async def send(self, realm: str, token: str, call: Call) -> Answer:
        answer = await super().send(realm, token, call)
        if answer.entity("Customer").get("DisplayName") == self.name:
            answer.body["Customer"]["BillAddr"] = 7
        return answer


class StalledTokens:
    """The worker stands still between its claim and its first sending."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def access(self, tenant: str, *, refused: Any = None) -> Any:
        access = await self._desk.tokens.access(tenant, refused=refused)
        self.asked.set()
        await self.go_on.wait()
        return access
