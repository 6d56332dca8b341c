"""The rules of the queue, without I/O."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbsync_shared.connector.domain import (
    LinkRow,
    Plan,
    Standing,
    Takeover,
    WorkItem,
    backoff,
    plan,
    standing_of,
    takeover,
    total_warning,
    verdict,
    without_quickbooks_ids,
)
from qbsync_shared.ids import EntityKey
from qbsync_shared.kinds import Direction, Kind, Operation
from qbsync_shared.outcomes import Failed
from qbsync_shared.states import ALLOWED, FINAL, ForbiddenTransitionError, SyncState, transition

AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
DATA = {"kind": "customer", "app_id": "C-1", "revision": "1", "name": "Oak & Sons", "active": True}


def item(**changes: Any) -> WorkItem:
    values: dict[str, Any] = {
        "tenant": "t",
        "sync_id": "s",
        "seq": 1,
        "version": 1,
        "state": SyncState.PENDING,
        "direction": Direction.EXPORT,
        "kind": Kind.CUSTOMER,
        "app_id": "C-1",
        "quickbooks_id": None,
        "operation": Operation.CREATE,
        "data": DATA,
        "fields": (),
        "base_version": None,
        "entity_seq": 2,
        "depends_on": (),
        "attempts": 0,
        "repeats": 0,
        "approved_at": AT,
        "available_at": AT,
    }
    return WorkItem(**{**values, **changes})


def link(**changes: Any) -> LinkRow:
    values: dict[str, Any] = {
        "tenant": "t",
        "kind": Kind.CUSTOMER,
        "app_id": "C-1",
        "quickbooks_id": "80000001-1",
        "version": 3,
        "token": "1",
        "sent": DATA,
        "returned": DATA,
        "entity_seq": 1,
    }
    return LinkRow(**{**values, **changes})


def test_a_create_without_a_link_creates_with_all_fields() -> None:
    assert plan(item(), None) == Plan(operation=Operation.CREATE, fields=("active", "name"))


def test_a_create_that_finds_an_earlier_link_becomes_an_update_of_what_differs() -> None:
    newer = item(data={**DATA, "name": "Oak & Daughters"})
    assert plan(newer, link()) == Plan(operation=Operation.UPDATE, fields=("name",))


@pytest.mark.parametrize("entity_seq", [0, 2, 3])
def test_a_create_with_any_other_link_fails(entity_seq: int) -> None:
    refused = plan(item(), link(entity_seq=entity_seq))
    assert isinstance(refused, Failed)
    assert refused.code == "QS-LINK-EXISTS"


@pytest.mark.parametrize(
    "operation", [Operation.UPDATE, Operation.VOID, Operation.DELETE, Operation.DEACTIVATE]
)
def test_any_other_operation_without_a_link_fails(operation: Operation) -> None:
    refused = plan(item(operation=operation), None)
    assert isinstance(refused, Failed)
    assert refused.code == "QS-LINK-MISSING"


def test_an_update_that_changes_nothing_says_so() -> None:
    planned = plan(item(operation=Operation.UPDATE), link())
    assert isinstance(planned, Plan)
    assert planned.changes_nothing


@pytest.mark.parametrize("state", [SyncState.IN_FLIGHT, *sorted(FINAL)])
def test_nothing_takes_over_what_is_in_flight_or_done(state: SyncState) -> None:
    assert takeover(item(state=state), item(entity_seq=3)) is Takeover.QUEUE_BEHIND


@pytest.mark.parametrize("state", [SyncState.PENDING, SyncState.WAITING])
def test_a_newer_update_keeps_the_create_and_a_removal_cancels_both(state: SyncState) -> None:
    older = item(state=state)
    assert takeover(older, item(operation=Operation.UPDATE)) is Takeover.REPLACE_KEEPING_CREATE
    assert takeover(older, item(operation=Operation.DEACTIVATE)) is Takeover.CANCEL_BOTH
    assert takeover(older, item()) is Takeover.REPLACE


def test_the_worst_reference_decides() -> None:
    ready, away, held, unknown = (EntityKey(Kind.ITEM, name) for name in "abcd")
    standings = {ready: Standing.LINKED, away: Standing.ON_ITS_WAY, held: Standing.HELD_UP}
    assert verdict({ready: Standing.LINKED}).standing is Standing.LINKED
    assert verdict(standings).on == held
    assert verdict({**standings, unknown: Standing.UNKNOWN}).on == unknown


def test_how_an_unlinked_record_stands() -> None:
    assert standing_of([]) is Standing.UNKNOWN
    assert standing_of([SyncState.PENDING, SyncState.FAILED]) is Standing.ON_ITS_WAY
    assert standing_of([SyncState.CANCELLED]) is Standing.HELD_UP
    assert standing_of([SyncState.FAILED]) is Standing.HELD_UP


@given(st.integers(1, 60), st.floats(0, 1))
def test_backoff_grows_and_stays_within_half_an_hour_and_its_spread(attempts: int, spread: float) -> None:
    assert timedelta(seconds=30) <= backoff(attempts, spread) <= timedelta(minutes=36)
    assert backoff(attempts) <= backoff(attempts + 1)


@pytest.mark.parametrize(
    ("total", "tax_total", "returned", "differs"),
    [
        ("237.50", None, "237.50", False),
        (None, None, "237.5", False),
        (None, "10.00", "247.50", False),
        (None, None, "256.50", True),
        ("237.50", None, "237.51", True),
    ],
)
def test_a_total_that_differs_is_a_warning_with_both_amounts(
    total: str | None, tax_total: str | None, returned: str, differs: bool
) -> None:
    entity = {"lines": [{"amount": "200.00"}, {"amount": "37.50"}], "total": total, "tax_total": tax_total}
    warning = total_warning(entity, {"total": returned})
    assert (warning is not None) is differs
    if warning:
        assert warning.code == "QS-TOTAL-DIFFERS"
        assert "237.50" in warning.message
        assert returned in warning.message


def test_an_import_is_remembered_as_the_app_would_send_it() -> None:
    entity = {
        "customer": {"app_id": "C-1", "quickbooks_id": "1", "name": "Oak"},
        "lines": [{"item": {"quickbooks_id": "2", "name": "Pruning"}}],
    }
    assert without_quickbooks_ids(entity) == {
        "customer": {"app_id": "C-1"},
        "lines": [{"item": {"quickbooks_id": "2", "name": "Pruning"}}],
    }


@given(st.sampled_from(SyncState), st.lists(st.sampled_from(SyncState), max_size=8))
def test_a_final_state_is_never_left(start: SyncState, path: list[SyncState]) -> None:
    state = start
    for following in path:
        if following in ALLOWED[state]:
            assert state not in FINAL
            state = transition(state, following)
        else:
            with pytest.raises(ForbiddenTransitionError):
                transition(state, following)


def test_the_first_update_after_a_match_sends_the_fields_that_the_reviewer_saw() -> None:
    matched = link(sent={}, returned={**DATA, "phone": "555-0100"})
    newer = item(operation=Operation.UPDATE, data={**DATA, "phone": "555-0199"}, fields=("phone",))
    assert plan(newer, matched) == Plan(operation=Operation.UPDATE, fields=("phone",))
