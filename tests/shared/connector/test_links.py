"""What was seen in QuickBooks, imports, and links by hand, on a real PostgreSQL."""

from datetime import timedelta
from typing import Any

from qbsync_shared.connector import Seen, judge_import
from qbsync_shared.connector import repository as store
from qbsync_shared.ids import EntityKey
from qbsync_shared.kinds import Edition, Kind
from qbsync_shared.messages import (
    EntityApplied,
    EntityRejected,
    Link,
    SyncApproved,
)
from qbsync_shared.messages.base import stamp
from qbsync_shared.outcomes import (
    Cancelled,
    HandedOver,
)
from tests.shared.connector.bench import Bench, T

SEEN = {"kind": "customer", "name": "Fern House", "active": True}


async def test_what_was_seen_is_told_once_and_own_writes_do_not_echo(bench: Bench) -> None:
    record = Seen(kind=Kind.CUSTOMER, quickbooks_id="7", token="0", entity=SEEN)
    async with bench.database.tenant(T) as connection:
        assert await bench.links.observe(connection, T, record)
        assert not await bench.links.observe(connection, T, record)
    await bench.accept(bench.approved("C-1"))
    (item,) = await bench.claim()
    await bench.succeed(item, "58")
    echo = {"kind": "customer", "name": "Name C-1", "active": True}
    moved = Seen(kind=Kind.CUSTOMER, quickbooks_id="58", token="4", entity=echo)
    async with bench.database.tenant(T) as connection:
        assert not await bench.links.observe(connection, T, moved)
        link = await store.get_link(connection, T, EntityKey(Kind.CUSTOMER, "C-1"))
    assert link is not None
    assert link.token == "4"


async def test_a_sales_tax_item_is_told_for_matching_only(bench: Bench) -> None:
    entity = {"kind": "item", "type": "sales_tax", "name": "County Tax", "active": True}
    async with bench.database.tenant(T) as connection:
        await bench.links.observe(
            connection, T, Seen(kind=Kind.ITEM, quickbooks_id="8", token="0", entity=entity)
        )
    assert (await bench.said())[-1][1]["for_matching"] is True


async def test_what_changed_before_the_import_date_is_told_for_matching_only(bench: Bench) -> None:
    now = bench.clock.now()
    old = Seen(
        kind=Kind.CUSTOMER, quickbooks_id="9", token="0", entity=SEEN, changed_at=now - timedelta(days=9)
    )
    async with bench.database.tenant(T) as connection:
        await bench.links.observe(connection, T, old, import_since=now)
    assert (await bench.said())[-1][1]["for_matching"] is True


async def _import(bench: Bench) -> tuple[SyncApproved, Any]:
    record = Seen(kind=Kind.CUSTOMER, quickbooks_id="7", token="0", entity=SEEN)
    approval = bench.approved("x", direction="import", app_id=None, quickbooks_id="7", entity=SEEN)
    async with bench.database.tenant(T) as connection:
        await bench.links.observe(connection, T, record)
        await bench.queue.accept(connection, approval)
    (item,) = await bench.claim()
    async with bench.database.tenant(T) as connection:
        outcome = await judge_import(connection, item, record)
    assert isinstance(outcome, HandedOver)
    await bench.settle(item, outcome)
    return approval, item


async def test_an_import_is_handed_over_and_linked_when_the_app_says_so(bench: Bench) -> None:
    approval, _ = await _import(bench)
    assert (await bench.verbs())[-2:] == ["entity.imported", "sync.started"]
    answer = EntityApplied(
        **stamp(bench.make_id(), T, bench.clock.now()), sync_id=approval.sync_id, app_id="C-7", revision="1"
    )
    async with bench.database.tenant(T) as connection:
        await bench.links.applied(connection, answer)
        await bench.links.applied(connection, answer)
        link = await store.get_link(connection, T, EntityKey(Kind.CUSTOMER, "C-7"))
    assert link is not None
    assert (await bench.verbs())[-2:] == ["sync.succeeded", "link.created"]


async def test_an_import_that_the_app_refuses_fails_with_its_reason(bench: Bench) -> None:
    approval, _ = await _import(bench)
    answer = EntityRejected(
        **stamp(bench.make_id(), T, bench.clock.now()), sync_id=approval.sync_id, reason="no branch"
    )
    async with bench.database.tenant(T) as connection:
        await bench.links.rejected(connection, answer)
    assert await bench.state(approval) == ("failed", "QS-APP-REJECTED")


async def test_a_silent_app_fails_the_import_and_a_late_answer_still_links(bench: Bench) -> None:
    approval, _ = await _import(bench)
    bench.clock.advance(timedelta(hours=25))
    answer = EntityApplied(
        **stamp(bench.make_id(), T, bench.clock.now()), sync_id=approval.sync_id, app_id="C-7", revision="1"
    )
    async with bench.database.tenant(T) as connection:
        assert await bench.links.give_up_on_app(connection, T) == 1
        await bench.links.applied(connection, answer)
        link = await store.get_link(connection, T, EntityKey(Kind.CUSTOMER, "C-7"))
    assert await bench.state(approval) == ("failed", "QS-APP-SILENT")
    assert link is not None


async def test_an_import_that_changed_after_its_approval_goes_back_for_review(bench: Bench) -> None:
    approval = bench.approved("x", direction="import", app_id=None, quickbooks_id="7", entity=SEEN)
    await bench.accept(approval)
    (item,) = await bench.claim()
    renamed = Seen(kind=Kind.CUSTOMER, quickbooks_id="7", token="1", entity={**SEEN, "name": "Fern Hall"})
    async with bench.database.tenant(T) as connection:
        outcome = await judge_import(connection, item, renamed)
    assert isinstance(outcome, Cancelled)
    assert outcome.code == "QS-CHANGED-IN-QUICKBOOKS"


async def test_linking_by_hand_needs_a_record_that_was_seen_and_is_free(bench: Bench) -> None:
    wanted = {**stamp(bench.make_id(), T, bench.clock.now()), "edition": Edition.ONLINE, "by": "dana"}
    command = Link(**wanted, kind=Kind.CUSTOMER, app_id="C-7", quickbooks_id="7")
    async with bench.database.tenant(T) as connection:
        await bench.links.link(connection, command)
        await bench.links.observe(
            connection, T, Seen(kind=Kind.CUSTOMER, quickbooks_id="7", token="0", entity=SEEN)
        )
        await bench.links.link(connection, command)
    verbs = await bench.verbs()
    assert verbs[0] == "command.refused"
    assert "link.created" in verbs
