"""The rules of the review as properties: whatever both sides, the link and the latest sync are."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from qbsync_shared.diff import changed_fields
from qbsync_shared.kinds import Direction, Edition, Kind, Operation, rules
from qbsync_shared.states import SyncState
from qbsync_wizard.domain.approving import Movement, Need, movement
from qbsync_wizard.domain.evaluating import Item, evaluate
from qbsync_wizard.domain.records import (
    AppRecord,
    Decision,
    Known,
    LinkRecord,
    QuickBooksRecord,
    Standing,
    SyncRecord,
)
from qbsync_wizard.domain.showing import from_json, to_json

T0 = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
PHONES = st.sampled_from(["555-0100", "555-0101", "555-0102"])
EMAILS = st.sampled_from(["a@oak.example", "b@oak.example", None])
NAMES = st.sampled_from(["Oak & Sons", "Oak, Sons & Daughters"])
EDITIONS = st.sampled_from(list(Edition))


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    entity = {
        "kind": "customer",
        "name": draw(NAMES),
        "phone": draw(PHONES),
        "email": draw(EMAILS),
        "active": True,
    }
    return {key: value for key, value in entity.items() if value is not None}


@st.composite
def app_records(draw: st.DrawFn) -> AppRecord:
    return AppRecord(
        kind=Kind.CUSTOMER,
        app_id="C-1",
        revision=draw(st.integers(1, 9)),
        entity={**draw(contents()), "app_id": "C-1"},
        deleted=draw(st.booleans()),
    )


@st.composite
def quickbooks_records(draw: st.DrawFn) -> QuickBooksRecord:
    return QuickBooksRecord(
        kind=Kind.CUSTOMER,
        quickbooks_id="80-1",
        version=draw(st.integers(1, 9)),
        entity=draw(contents()),
        deleted=draw(st.booleans()),
        for_matching=draw(st.booleans()),
    )


@st.composite
def links(draw: st.DrawFn) -> LinkRecord:
    return LinkRecord(
        kind=Kind.CUSTOMER,
        app_id="C-1",
        quickbooks_id="80-1",
        version=draw(st.integers(1, 9)),
        at=T0 + timedelta(minutes=draw(st.integers(0, 9))),
        sent={**draw(contents()), "app_id": "C-1"},
        returned=draw(contents()),
        cleared=draw(st.booleans()),
        seq=draw(st.integers(0, 5)),
        imported=draw(st.booleans()),
    )


@st.composite
def known(draw: st.DrawFn) -> Known:
    app = draw(st.none() | app_records())
    quickbooks = draw(st.none() | quickbooks_records())
    sync = None
    if draw(st.booleans()):
        state = draw(st.sampled_from(list(SyncState)))
        sync = SyncRecord(
            sync_id="s1",
            seq=draw(st.integers(1, 5)),
            direction=draw(st.sampled_from(list(Direction))),
            operation=draw(st.sampled_from(list(Operation))),
            state=state,
            app_digest=app.digest if app and draw(st.booleans()) else None,
            quickbooks_digest=quickbooks.digest if quickbooks and draw(st.booleans()) else None,
            resynced=draw(st.booleans()),
            settled_at=T0 + timedelta(minutes=draw(st.integers(0, 9))),
        )
    link = draw(st.none() | links())
    if link is None and app is not None:
        quickbooks = None  # without a link they are two entities
    return Known(kind=Kind.CUSTOMER, app=app, quickbooks=quickbooks, link=link, sync=sync)


@given(known(), EDITIONS)
def test_an_item_only_does_what_the_matrix_allows(one: Known, edition: Edition) -> None:
    item = evaluate(one, edition)
    if item is None:
        return
    for change in (item.change, item.other):
        if change is not None and change.direction is Direction.EXPORT:
            assert rules(one.kind).allows(edition, change.operation)
            assert change.operation is not Operation.DELETE
    if item.is_conflict:
        assert item.change.direction is Direction.IMPORT
        assert item.other is not None
        assert item.other.direction is Direction.EXPORT


@given(known(), EDITIONS)
def test_create_is_for_what_is_not_linked_and_update_for_what_is(one: Known, edition: Edition) -> None:
    item = evaluate(one, edition)
    linked = one.link is not None and not one.link.cleared
    if item is not None:
        assert (item.change.operation is Operation.CREATE) <= (not linked)
        assert (item.change.operation is Operation.UPDATE) <= linked
        assert (item.base_version is not None) == linked


@given(known(), EDITIONS)
def test_an_update_names_only_fields_that_differ(one: Known, edition: Edition) -> None:
    item = evaluate(one, edition)
    if item is not None and item.change.operation is Operation.UPDATE:
        assert item.change.fields
        assert one.link is not None
        if item.change.direction is Direction.IMPORT:
            assert set(item.change.fields) <= set(changed_fields(one.link.returned, item.change.entity))


@given(known(), EDITIONS)
def test_what_both_sides_agree_on_is_not_reviewed(one: Known, edition: Edition) -> None:
    if one.app is None or one.link is None:
        return
    link = replace(one.link, cleared=False, imported=False, sent=one.app.entity, version=5)
    quickbooks = QuickBooksRecord(kind=one.kind, quickbooks_id="80-1", version=6, entity=link.returned)
    agreed = replace(one, app=replace(one.app, deleted=False), link=link, quickbooks=quickbooks)
    assert evaluate(agreed, edition) is None


@given(
    known(),
    EDITIONS,
    st.sampled_from([SyncState.PENDING, SyncState.IN_FLIGHT, SyncState.WAITING, SyncState.FAILED]),
)
def test_what_is_on_its_way_or_failed_is_not_shown_again(
    one: Known, edition: Edition, state: SyncState
) -> None:
    if state is SyncState.FAILED and one.link is not None:
        one = replace(one, link=replace(one.link, at=T0))
    sync = SyncRecord(
        sync_id="s9",
        seq=9,
        direction=Direction.EXPORT,
        operation=Operation.UPDATE,
        state=state,
        app_digest=one.app.digest if one.app else None,
        quickbooks_digest=one.quickbooks.digest if one.quickbooks else None,
        settled_at=T0 + timedelta(hours=1),
    )
    assert evaluate(replace(one, sync=sync), edition) is None


@given(known(), EDITIONS, st.sampled_from(list(Standing)))
def test_a_decision_holds_for_the_content_it_was_about(
    one: Known, edition: Edition, standing: Standing
) -> None:
    item = evaluate(one, edition)
    if item is None:
        return
    decided = evaluate(replace(one, decision=Decision(standing=standing, content=item.content)), edition)
    assert decided is not None
    assert decided.standing is standing
    other = evaluate(replace(one, decision=Decision(standing=standing, content="something else")), edition)
    assert other is not None
    assert other.standing is (Standing.WAITING if standing is Standing.CLEARED else standing)


@given(known(), EDITIONS)
def test_an_item_survives_its_storage(one: Known, edition: Edition) -> None:
    item = evaluate(one, edition)
    if item is not None:
        assert from_json(to_json(item), standing=item.standing, content=item.content) == item


@given(known(), EDITIONS, st.sampled_from([None, "app", "quickbooks", "create", "link:80-9"]))
def test_an_approval_moves_what_was_shown(one: Known, edition: Edition, choice: str | None) -> None:
    item = evaluate(one, edition)
    if item is None:
        return
    moved = movement(item, choice)
    if isinstance(moved, Need):
        assert item.needs_choice or item.problems
        return
    assert_shown(item, moved)


def assert_shown(item: Item, moved: Movement) -> None:
    shown = [change for change in (item.change, item.other) if change is not None]
    assert (moved.direction, moved.operation) in {(one.direction, one.operation) for one in shown}
    assert moved.entity in [one.entity for one in shown]
    assert set(moved.fields) <= {field for one in shown for field in one.fields}
