"""The work queue on a real PostgreSQL: intake, claim, settlement."""

import random
from datetime import timedelta

import pytest

from qbsync_shared.connector import repository as store
from qbsync_shared.kinds import Edition, Kind
from qbsync_shared.messages import (
    Cancel,
    ClearId,
    Pause,
    Resume,
)
from qbsync_shared.messages.base import stamp
from qbsync_shared.outcomes import (
    Failed,
    NotProcessed,
    Succeeded,
    Unknown,
    Waiting,
)
from tests.shared.connector.bench import Bench, T
from tests.shared.databases import assert_queries_prepare


async def test_an_approval_is_claimed_sent_linked_and_told(bench: Bench) -> None:
    approval = bench.approved("C-1")
    await bench.accept(approval, approval)
    (item,) = await bench.claim()
    assert item.entity.name == "Name C-1"
    await bench.succeed(item)
    assert await bench.state(approval) == ("succeeded", None)
    assert await bench.verbs() == ["sync.started", "link.created", "sync.succeeded"]
    assert await bench.claim() == []


async def test_a_late_answer_of_a_former_holder_changes_nothing(bench: Bench) -> None:
    approval = bench.approved("C-1")
    await bench.accept(approval)
    (item,) = await bench.claim()
    async with bench.database.tenant(T) as connection:
        await bench.queue.hand_to(connection, T, [item.sync_id], holder="two")
    assert not await bench.settle(item, Failed(code="3100", message="late"))
    assert await bench.state(approval) == ("in_flight", None)
    assert await bench.settle(item, NotProcessed(), holder="two")
    (again,) = await bench.claim()
    assert again.attempts == 1


async def test_a_newer_approval_replaces_one_that_has_not_gone_and_stays_a_create(bench: Bench) -> None:
    first = bench.approved("C-1")
    second = bench.approved("C-1", operation="update", entity_seq=2)
    await bench.accept(first, second)
    assert await bench.state(first) == ("cancelled", "QS-SUPERSEDED")
    (item,) = await bench.claim()
    assert (item.sync_id, item.operation.value) == (second.sync_id, "create")


async def test_the_same_holds_when_they_arrive_the_other_way_round(bench: Bench) -> None:
    first = bench.approved("C-1")
    second = bench.approved("C-1", operation="update", entity_seq=2)
    await bench.accept(second, first)
    assert await bench.state(first) == ("cancelled", "QS-SUPERSEDED")
    (item,) = await bench.claim()
    assert (item.sync_id, item.operation.value) == (second.sync_id, "create")


@pytest.mark.parametrize("turned", [False, True])
async def test_a_removal_of_what_was_never_sent_cancels_both(bench: Bench, turned: bool) -> None:
    create = bench.approved("C-1")
    removal = bench.approved("C-1", operation="deactivate", entity_seq=2)
    await bench.accept(*((removal, create) if turned else (create, removal)))
    assert await bench.state(create) == ("cancelled", "QS-WITHDRAWN")
    assert await bench.state(removal) == ("cancelled", "QS-WITHDRAWN")


async def test_behind_one_in_flight_a_newer_one_waits_its_turn(bench: Bench) -> None:
    first = bench.approved("C-1")
    await bench.accept(first)
    (item,) = await bench.claim()
    changed = {"kind": "customer", "app_id": "C-1", "revision": "2", "name": "New name", "active": True}
    second = bench.approved("C-1", entity=changed, entity_seq=2)
    await bench.accept(second)
    assert await bench.claim() == []
    await bench.succeed(item)
    (follower,) = await bench.claim()
    assert (follower.operation.value, follower.fields) == ("update", ("name",))
    assert follower.link.quickbooks_id == "58"


async def test_an_invoice_goes_after_its_customer_in_the_same_run(bench: Bench) -> None:
    await bench.accept(bench.invoice("V-1", "C-1"), bench.approved("C-1"))
    (customer,) = await bench.claim()
    assert customer.kind is Kind.CUSTOMER
    await bench.succeed(customer)
    (invoice,) = await bench.claim()
    assert invoice.entity.customer.quickbooks_id == "58"
    assert "sync.waiting" not in await bench.verbs()


async def test_an_invoice_waits_for_a_customer_that_failed_and_is_released_by_its_success(
    bench: Bench,
) -> None:
    invoice, customer = bench.invoice("V-1", "C-1"), bench.approved("C-1")
    await bench.accept(invoice, customer)
    (item,) = await bench.claim()
    await bench.settle(item, Failed(code="6240", message="The name is taken."))
    assert await bench.claim() == []
    assert await bench.state(invoice) == ("waiting", "QS-WAITS-FOR")
    said = dict(await bench.said())
    assert said["online.sync.waiting"]["waits_for"] == {"kind": "customer", "app_id": "C-1"}
    await bench.accept(bench.approved("C-1", entity_seq=2, resync_of=customer.sync_id))
    (again,) = await bench.claim()
    assert again.kind is Kind.CUSTOMER
    await bench.succeed(again)
    (released,) = await bench.claim()
    assert released.sync_id == invoice.sync_id


async def test_a_reference_nobody_knows_fails_after_a_grace(bench: Bench) -> None:
    invoice = bench.invoice("V-1", "C-9")
    await bench.accept(invoice)
    assert await bench.claim() == []
    assert await bench.state(invoice) == ("pending", None)
    bench.clock.advance(timedelta(seconds=119))
    assert await bench.claim() == []
    assert await bench.state(invoice) == ("pending", None)
    bench.clock.advance(timedelta(seconds=1))
    assert await bench.claim() == []
    assert await bench.state(invoice) == ("failed", "QS-REFERENCE-UNKNOWN")


async def test_the_grace_begins_when_the_approval_arrives_and_not_when_it_was_given(bench: Bench) -> None:
    invoice, customer = bench.invoice("V-1", "C-1"), bench.approved("C-1")
    bench.clock.advance(timedelta(hours=9))  # nothing was delivered all night
    await bench.accept(invoice)
    assert await bench.claim() == []
    assert await bench.state(invoice) == ("pending", None)
    bench.clock.advance(timedelta(seconds=45))  # lost with a killed process, and delivered again
    await bench.accept(customer)
    (first,) = await bench.claim()
    await bench.succeed(first)
    (second,) = await bench.claim()
    assert second.sync_id == invoice.sync_id


async def test_a_failed_record_never_blocks_another(bench: Bench) -> None:
    await bench.accept(*(bench.approved(f"C-{n}") for n in range(5)))
    items = await bench.claim()
    await bench.settle(items[0], Failed(code="6240", message="taken"))
    for n, item in enumerate(items[1:]):
        await bench.succeed(item, str(n))
    assert (await bench.verbs()).count("sync.succeeded") == 4


async def test_an_update_without_a_link_fails_with_the_reason(bench: Bench) -> None:
    approval = bench.approved("C-1", operation="update")
    await bench.accept(approval)
    assert await bench.claim() == []
    assert await bench.state(approval) == ("failed", "QS-LINK-MISSING")


async def test_an_unknown_outcome_stays_in_flight_and_can_neither_be_cancelled_nor_cleared(
    bench: Bench,
) -> None:
    approval = bench.approved("C-1")
    await bench.accept(approval)
    (item,) = await bench.claim()
    await bench.settle(item, Unknown(message="lost"))
    assert await bench.state(approval) == ("in_flight", "QS-IN-DOUBT")
    wanted = {**stamp(bench.make_id(), T, bench.clock.now()), "edition": Edition.ONLINE, "by": "dana"}
    async with bench.database.tenant(T) as connection:
        await bench.links.cancel(connection, Cancel(**wanted, sync_id=approval.sync_id))
        await bench.links.clear_id(connection, ClearId(**wanted, kind=Kind.CUSTOMER, app_id="C-1"))
    assert (await bench.verbs()).count("command.refused") == 2
    await bench.succeed(item)
    assert await bench.state(approval) == ("succeeded", None)


async def test_a_transient_failure_comes_back_at_its_time(bench: Bench) -> None:
    approval = bench.approved("C-1")
    await bench.accept(approval)
    (item,) = await bench.claim()
    later = bench.clock.now() + timedelta(minutes=5)
    await bench.settle(item, Waiting(code="3001", message="busy", retry_at=later))
    assert await bench.claim() == []
    bench.clock.advance(timedelta(minutes=5))
    (again,) = await bench.claim()
    assert again.attempts == 2


async def test_a_total_that_quickbooks_computes_differently_is_a_warning(bench: Bench) -> None:
    await bench.accept(bench.approved("C-1"))
    (customer,) = await bench.claim()
    await bench.succeed(customer)
    invoice = bench.invoice("V-1", "C-1")
    await bench.accept(invoice)
    (item,) = await bench.claim()
    await bench.succeed(item, "9", total="10.80")
    assert await bench.state(invoice) == ("succeeded", "QS-TOTAL-DIFFERS")
    warning = (await bench.said())[-1][1]["warnings"][0]
    assert "10.00" in warning["message"]
    assert "10.80" in warning["message"]


async def test_clear_id_drops_the_link_and_the_next_create_makes_a_new_record(bench: Bench) -> None:
    await bench.accept(bench.approved("C-1"))
    (item,) = await bench.claim()
    await bench.succeed(item)
    wanted = {**stamp(bench.make_id(), T, bench.clock.now()), "edition": Edition.ONLINE, "by": "dana"}
    async with bench.database.tenant(T) as connection:
        await bench.links.clear_id(connection, ClearId(**wanted, kind=Kind.CUSTOMER, app_id="C-1"))
    assert (await bench.verbs())[-2:] == ["link.cleared", "audit.recorded"]
    await bench.accept(bench.approved("C-1", entity_seq=2))
    (again,) = await bench.claim()
    assert again.operation.value == "create"


async def test_pausing_holds_a_kind_until_it_is_resumed(bench: Bench) -> None:
    await bench.accept(bench.approved("C-1"))
    wanted = {**stamp(bench.make_id(), T, bench.clock.now()), "edition": Edition.ONLINE, "by": "dana"}
    async with bench.database.tenant(T) as connection:
        await bench.links.pause(connection, Pause(**wanted, kind=Kind.CUSTOMER))
    assert await bench.claim() == []
    async with bench.database.tenant(T) as connection:
        await bench.links.resume(connection, Resume(**wanted, kind=Kind.CUSTOMER))
    assert len(await bench.claim()) == 1


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_the_order_of_arrival_the_newest_approval_is_the_one_that_goes(
    bench: Bench, seed: int
) -> None:
    approvals = [bench.approved("C-1", entity_seq=n) for n in range(1, 6)]
    doubled = approvals * 2
    random.Random(seed).shuffle(doubled)
    await bench.accept(*doubled)
    (item,) = await bench.claim()
    assert item.sync_id == approvals[-1].sync_id
    states = [await bench.state(one) for one in approvals[:-1]]
    assert states == [("cancelled", "QS-SUPERSEDED")] * 4


async def test_every_statement_fits_the_schema(bench: Bench) -> None:
    await assert_queries_prepare(store.QUERIES, bench.database)


async def test_a_match_remembers_the_reading_with_the_apps_own_ids(bench: Bench) -> None:
    await bench.accept(bench.approved("C-1"))
    (customer,) = await bench.claim()
    await bench.succeed(customer, "58")
    job = {"kind": "job", "app_id": "J-1", "revision": "1", "name": "Terrace", "customer": {"app_id": "C-1"}}
    await bench.accept(bench.approved("J-1", kind="job", entity=job, operation="link", quickbooks_id="60"))
    (item,) = await bench.claim()
    theirs = {"customer": {"quickbooks_id": "58", "name": "Name C-1"}}
    read = {"kind": "job", "name": "Terrace", "active": True, **theirs}
    assert await bench.settle(item, Succeeded(quickbooks_id="60", token="0", returned=read))
    told = [body for subject, body in await bench.said() if subject.endswith("link.created")][-1]
    assert told["returned"]["customer"]["app_id"] == "C-1"
