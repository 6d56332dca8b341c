"""What was seen in QuickBooks, imports, and links by hand, on a real PostgreSQL."""

from datetime import timedelta
from typing import Any

from qbsync_shared.connector import Seen, judge_import
from qbsync_shared.connector import repository as store
from qbsync_shared.ids import EntityKey
from qbsync_shared.kinds import Edition, Kind
from qbsync_shared.messages import (
    ClearId,
    EntityApplied,
    EntityRejected,
    Link,
    SyncApproved,
)
from qbsync_shared.messages.base import stamp
from qbsync_shared.outcomes import (
    Cancelled,
    Failed,
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


class Linker:
    """Commands to link and to clear, and what was answered."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def _about(self) -> dict[str, Any]:
        about = stamp(self.bench.make_id(), T, self.bench.clock.now())
        return {**about, "edition": Edition.ONLINE, "by": "dana", "why": "the same"}

    async def see(self, quickbooks_id: str, kind: Kind = Kind.CUSTOMER, **entity: Any) -> None:
        held = {"kind": kind.value, "name": "Fern House", "active": True, **entity}
        async with self.bench.database.tenant(T) as connection:
            await self.bench.links.observe(
                connection, T, Seen(kind=kind, quickbooks_id=quickbooks_id, token="0", entity=held)
            )

    async def link(self, app_id: str, quickbooks_id: str, **more: Any) -> str | None:
        command = Link(
            **self._about(), kind=Kind.CUSTOMER, app_id=app_id, quickbooks_id=quickbooks_id, **more
        )
        async with self.bench.database.tenant(T) as connection:
            await self.bench.links.link(connection, command)
        return await self._refusal(command.id)

    async def clear(self, app_id: str, **more: Any) -> str | None:
        command = ClearId(**self._about(), kind=Kind.CUSTOMER, app_id=app_id, **more)
        async with self.bench.database.tenant(T) as connection:
            await self.bench.links.clear_id(connection, command)
        return await self._refusal(command.id)

    async def _refusal(self, command_id: str) -> str | None:
        subject, last = (await self.bench.said())[-1]
        refused = subject.endswith("command.refused") and last["command_id"] == command_id
        return f"{last['code']}: {last['message']}" if refused else None

    async def linked(self, app_id: str) -> str | None:
        async with self.bench.database.tenant(T) as connection:
            link = await store.get_link(connection, T, EntityKey(Kind.CUSTOMER, app_id))
        return link.quickbooks_id if link else None


async def test_a_link_is_refused_with_the_reason_that_a_person_can_act_on(bench: Bench) -> None:
    linker = Linker(bench)
    await linker.see("7")
    await linker.see("8", Kind.VENDOR)
    await linker.see("9", active=False)
    assert "does not hold" in (await linker.link("C-1", "6") or "")
    assert "a vendor, not a customer" in (await linker.link("C-1", "8") or "")
    assert "inactive" in (await linker.link("C-1", "9") or "")
    assert await linker.link("C-1", "7") is None
    assert "C-1 of the app" in (await linker.link("C-2", "7") or "")
    await linker.see("10", name="Fern Hall")
    assert (await linker.link("C-1", "10") or "").startswith("QS-LINK-EXISTS")
    await bench.accept(bench.approved("C-3"))
    await bench.claim()
    assert (await linker.link("C-3", "10") or "").startswith("QS-IN-DOUBT")
    assert await linker.linked("C-1") == "7"


async def test_a_link_takes_the_place_of_another_where_that_one_is_named(bench: Bench) -> None:
    linker = Linker(bench)
    await linker.see("7")
    await linker.see("10", name="Fern Hall")
    await linker.link("C-1", "7")
    assert await linker.link("C-1", "10", instead_of="7") is None
    assert await linker.linked("C-1") == "10"
    said = [(subject, one) for subject, one in await bench.said() if "link." in subject]
    assert [subject for subject, _ in said][-2:] == ["online.link.cleared", "online.link.created"]
    cleared, created = (one for _, one in said[-2:])
    assert cleared["version"] < created["version"]
    assert (created["by"], created["why"]) == ("dana", "the same")
    assert (created["quickbooks_id"], "sent" in created and created["sent"]) == ("10", {})


async def test_what_was_approved_and_has_not_gone_returns_for_review_when_it_is_linked(bench: Bench) -> None:
    linker = Linker(bench)
    await linker.see("7")
    approval = bench.approved("C-1")
    await bench.accept(approval)
    assert await linker.link("C-1", "7") is None
    assert await bench.state(approval) == ("cancelled", "QS-CANCELLED")


async def test_an_approved_link_of_what_was_read_is_made_at_once_and_only_once_per_record(
    bench: Bench,
) -> None:
    linker = Linker(bench)
    await linker.see("7")
    await linker.see("9", active=False)
    first = bench.approved("C-1", operation="link", quickbooks_id="7")
    second = bench.approved("C-2", operation="link", quickbooks_id="7")
    asleep = bench.approved("C-3", operation="link", quickbooks_id="9")
    both = bench.approved(
        "C-4", operation="link", quickbooks_id="9", entity={**SEEN, "app_id": "C-4", "active": False}
    )
    unread = bench.approved("C-5", operation="link", quickbooks_id="11")
    await bench.accept(first, second, asleep, both, unread)
    assert await bench.state(first) == ("succeeded", None)
    assert (await bench.state(second))[1] == "QS-LINK-EXISTS"
    assert (await bench.state(asleep))[1] == "QS-CANNOT-LINK"
    assert await bench.state(both) == ("succeeded", None)
    assert await bench.state(unread) == ("pending", None)
    assert await linker.linked("C-1") == "7"
    (item,) = await bench.claim()
    assert item.sync_id == unread.sync_id


async def test_an_approved_link_waits_for_what_is_in_flight(bench: Bench) -> None:
    linker = Linker(bench)
    await bench.accept(bench.approved("C-1"))
    (item,) = await bench.claim()
    await linker.see("7")
    wanted = bench.approved("C-1", operation="link", quickbooks_id="7", entity_seq=2)
    await bench.accept(wanted)
    assert await bench.state(wanted) == ("pending", None)
    await bench.settle(item, Failed(code="6240", message="taken"))
    assert await bench.claim() == []
    assert await bench.state(wanted) == ("succeeded", None)


async def test_an_id_is_not_cleared_while_quickbooks_holds_an_unlinked_record_of_that_name(
    bench: Bench,
) -> None:
    linker = Linker(bench)
    await linker.see("7")
    await linker.link("C-1", "7")
    await linker.see("12", name="FERN HOUSE")
    await linker.see("13", Kind.VENDOR)
    refused = await linker.clear("C-1")
    assert refused is not None
    assert refused.startswith("QS-LINK-INSTEAD")
    assert "id 12" in refused
    assert await linker.linked("C-1") == "7"
    assert await linker.clear("C-1", sure=True) is None
    assert await linker.linked("C-1") is None
