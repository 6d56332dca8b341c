"""The log's rules: what is unsynced, who acts, what may be pressed, what is found, what is hidden."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbsync_log.domain.causes import entity_words, title, waits_title
from qbsync_log.domain.connections import Connection
from qbsync_log.domain.permissions import may_cancel, may_clear_id, may_resync
from qbsync_log.domain.records import Approval, Fact, Problem, Standing, SyncRecord, apply, describe
from qbsync_log.domain.redaction import redact, redact_text
from qbsync_log.domain.unsynced import Bucket, bucket, cause_of, moves, words_for
from qbsync_log.domain.words import words_of, words_of_query
from qbsync_shared.kinds import Direction, Edition, Kind, Operation
from qbsync_shared.messages import ConnectionState
from qbsync_shared.states import OPEN, SyncState
from tests.log.story import invoice

AT = datetime(2026, 11, 12, 8, 0, tzinfo=UTC)


def record(
    state: SyncState, *, resync_of: str | None = None, edition: Edition = Edition.DESKTOP, **standing: Any
) -> SyncRecord:
    approval = Approval(
        entity={},
        fields=(),
        entity_seq=1,
        label="1042",
        amount=Decimal("237.50"),
        party=None,
        party_name="Oak & Sons",
        resync_of=resync_of,
        not_before=None,
        approved_by="Dana R.",
        approved_at=AT,
    )
    return SyncRecord(
        tenant="oak",
        sync_id="s1",
        edition=edition,
        direction=Direction.EXPORT,
        kind=Kind.INVOICE,
        operation=Operation.CREATE,
        app_id="V-1042",
        quickbooks_id=None,
        approval=approval,
        standing=Standing(version=1, state=state, **standing),
        changed_at=AT,
    )


LATER = AT + timedelta(hours=6)
TOTAL_DIFFERS = (Problem(code="QS-TOTAL-DIFFERS", message="237.50 and 250.00"),)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (record(SyncState.PENDING), None),
        (record(SyncState.PENDING, resync_of="s0"), Bucket.RESYNCING),
        (record(SyncState.IN_FLIGHT, resync_of="s0"), Bucket.RESYNCING),
        (record(SyncState.IN_FLIGHT), None),
        (record(SyncState.SUCCEEDED), None),
        (record(SyncState.SUCCEEDED, warnings=TOTAL_DIFFERS), Bucket.NEEDS_YOU),
        (record(SyncState.SUCCEEDED, warnings=(Problem(code="560"),)), None),
        (record(SyncState.CANCELLED, code="QS-CANCELLED"), None),
        (record(SyncState.FAILED, code="3100"), Bucket.NEEDS_YOU),
        (record(SyncState.FAILED, code="never heard of"), Bucket.NEEDS_YOU),
        (record(SyncState.FAILED), Bucket.NEEDS_YOU),
        (record(SyncState.WAITING, code="3176", retry_at=LATER), Bucket.RETRIES),
        (record(SyncState.WAITING, code="3140", retry_at=LATER), Bucket.RETRIES),
        (record(SyncState.WAITING, code="3140"), Bucket.NEEDS_YOU),
        (record(SyncState.WAITING, code="3260", retry_at=LATER), Bucket.NEEDS_YOU),
        (record(SyncState.WAITING, code="QS-WRONG-COMPANY"), Bucket.NEEDS_YOU),
        (record(SyncState.WAITING, code="QS-NOT-CONNECTED"), Bucket.RETRIES),
        (record(SyncState.WAITING, code="QS-OF-A-LATER-RELEASE"), Bucket.NEEDS_YOU),
        (record(SyncState.WAITING, code="3001", edition=Edition.ONLINE), Bucket.RETRIES),
    ],
)
def test_where_a_latest_sync_is_listed(made: SyncRecord, expected: Bucket | None) -> None:
    assert bucket(made) is expected


def test_what_waits_follows_what_it_waits_for() -> None:
    waiting = record(SyncState.WAITING, code="QS-WAITS-FOR", waits_for="customer/app/C-17")
    assert bucket(waiting, dependency_moves=True) is Bucket.RETRIES
    assert bucket(waiting, dependency_moves=False) is Bucket.NEEDS_YOU
    assert bucket(waiting, asked=True) is Bucket.RESYNCING
    failed = record(SyncState.FAILED, code="3100")
    assert not moves(None, None)
    assert not moves(failed, bucket(failed))
    assert moves(failed, bucket(failed, asked=True))
    assert not moves(record(SyncState.CANCELLED), None)
    assert moves(record(SyncState.PENDING), None)


def test_the_same_deed_solves_one_cause() -> None:
    waits = record(SyncState.WAITING, code="QS-WAITS-FOR", waits_for="customer/app/C-17")
    other = replace(waits, sync_id="s2", app_id="V-2")
    assert cause_of(waits) == cause_of(other)
    missing = record(SyncState.FAILED, code="3140", message='Customer "Oak" is not there')
    elsewhere = record(SyncState.FAILED, code="3140", message='Terms "Net 45" are not there')
    assert cause_of(missing) != cause_of(elsewhere)
    taken = record(SyncState.FAILED, code="3100", message="Oak")
    assert cause_of(taken) == cause_of(record(SyncState.FAILED, code="3100", message="Elm"))
    assert cause_of(taken) != cause_of(replace(taken, kind=Kind.CUSTOMER))


STATES = st.sampled_from(SyncState)
CODES = st.sampled_from(
    ["3100", "3120", "3140", "3176", "3180", "6240", "QS-WAITS-FOR", "QS-TOTAL-DIFFERS", "9999", None]
)


@given(STATES, CODES, st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_what_may_be_pressed_fits_where_it_is_listed(
    state: SyncState, code: str | None, given_: tuple[bool, bool, bool]
) -> None:
    doubt, latest, resync = given_
    made = record(
        state,
        code=code,
        message="",
        resync_of="s0" if resync else None,
        in_doubt_since=AT if doubt else None,
        warnings=TOTAL_DIFFERS if state is SyncState.SUCCEEDED and code else (),
    )
    listed = bucket(made)
    allowed = may_resync(made, latest=latest) is None
    if doubt or not latest or state is SyncState.IN_FLIGHT:
        assert not allowed
        assert may_clear_id(made, latest=latest) is not None
    elif listed in (Bucket.NEEDS_YOU, Bucket.RETRIES):
        assert allowed
    elif listed is None:
        assert not allowed
    if may_clear_id(made, latest=latest) is None:
        assert allowed
        assert code in ("3120",)
    assert (may_cancel(made) is None) == (state in OPEN - {SyncState.IN_FLIGHT} and not doubt)
    assert (listed is None) == (cause_of(made) is None) or listed is Bucket.RESYNCING
    assert words_for(Problem(code=code or "*"), Edition.DESKTOP).steps


@st.composite
def facts(draw: st.DrawFn) -> list[Fact]:
    """What may be said about one sync, each version once."""
    said: list[Fact] = []
    common: dict[str, Any] = {
        "tenant": "oak",
        "edition": Edition.DESKTOP,
        "sync_id": "s1",
        "direction": Direction.EXPORT,
        "kind": Kind.INVOICE,
        "app_id": "V-1042",
    }
    if draw(st.booleans()):
        base = record(SyncState.PENDING).approval
        said.append(
            Fact(
                **common,
                message_id="m0",
                occurred_at=AT,
                verb="approved",
                operation=Operation.CREATE,
                quickbooks_id=None,
                approval=base,
            )
        )
    known = None
    for version in range(1, draw(st.integers(1, 5)) + 1):
        known = known or draw(st.sampled_from([None, "80-1"]))
        said.append(
            Fact(
                **common,
                message_id=f"m{version}",
                occurred_at=AT + timedelta(minutes=version),
                verb="started",
                operation=draw(st.sampled_from(Operation)),
                quickbooks_id=known,
                standing=Standing(version=version, state=draw(STATES), code=draw(CODES)),
            )
        )
    return said


@given(facts(), st.randoms(use_true_random=False))
def test_any_order_and_repetition_give_the_same_record(said: list[Fact], chance: Any) -> None:
    def after(heard: list[Fact]) -> SyncRecord | None:
        current: SyncRecord | None = None
        for fact in heard:
            current = apply(current, fact)
        return current

    shuffled = said + said
    chance.shuffle(shuffled)
    assert after(shuffled) == after(said)


def test_a_record_is_found_by_number_name_amount_and_ids() -> None:
    words = words_of(record(SyncState.FAILED, code="3100"))
    for query in ("1042", "oak sons", "$237.50", "237.50", "v-1042", "3100", "SONS"):
        assert all(any(word.startswith(part) for word in words) for part in words_of_query(query)), query
    assert words_of_query("  !! ") == []
    assert words_of_query("José") == ["jose"]


@given(st.text(max_size=300))
def test_any_text_can_be_looked_for(text: str) -> None:
    found = words_of_query(text)
    assert len(found) <= 6
    assert all(word and "\x00" not in word for word in found)


@pytest.mark.parametrize(
    ("count", "kind", "label", "expected"),
    [
        (1, Kind.CUSTOMER, "Oak & Sons", "Customer Oak & Sons: the name is already in use"),
        (2, Kind.TIME_ENTRY, "", "2 time entries: the name is already in use"),
    ],
)
def test_titles(count: int, kind: Kind, label: str, expected: str) -> None:
    assert title(count, kind, label, what="The name is already in use") == expected


def test_more_titles() -> None:
    oak = entity_words("customer/app/C-17", "Oak & Sons")
    assert waits_title(7, Kind.INVOICE, "", waits_for=oak) == "7 invoices wait for customer Oak & Sons"
    assert waits_title(1, Kind.INVOICE, "1042", waits_for=oak) == "Invoice 1042 waits for customer Oak & Sons"
    assert entity_words("purchase_order/app/P/1", None) == "purchase order P/1"
    assert title(1, Kind.INVOICE, "7", what="QuickBooks refuses it") == "Invoice 7: QuickBooks refuses it"


def test_private_data_is_hidden_wherever_it_stands() -> None:
    given_ = {
        "requestid": "q1",
        "headers": {"Authorization": "Bearer abc.def", "intuit_tid": "1-2"},
        "request": '{"DisplayName": "Oak", "PrimaryPhone": {"FreeFormNumber": "555-0100"}, "BillAddr": {"Line1": "1 Elm St"}}',
        "answer": "<CustomerRet><Name>Oak</Name><BillAddress><Addr1>1 Elm St</Addr1></BillAddress></CustomerRet>",
        "lines": [{"notes": "gate code 1234"}, "mail ann@oak.example"],
    }
    text = str(redact(given_))
    for private in ("abc.def", "555-0100", "1 Elm St", "1234", "ann@oak.example"):
        assert private not in text
    for kept in ("q1", "1-2", "DisplayName", "<Name>Oak</Name>"):
        assert kept in text
    assert len(redact_text("x" * 30_000)) < 20_100


@pytest.mark.parametrize(
    "text",
    [
        f"{'x' * 19_980}<Phone>555-0100</Phone>",
        f'{"x" * 19_980}"phone": "555-0100"',
        '{"a": {"billing_address": {"line1": {"deep": "555-0100"}}}}',
        "<Phone>" * 2_000 + "555-0100",
    ],
    ids=["cut element", "cut member", "nested", "open elements"],
)
def test_nothing_private_is_left_at_a_cut(text: str) -> None:
    assert "555-0" not in redact_text(text)


def test_an_entity_that_carries_only_ids_still_has_a_label() -> None:
    assert describe({"app_id": "V-1"}, Kind.INVOICE)[0] == "V-1"
    label, amount, party, _ = describe(invoice(), Kind.INVOICE)
    assert (label, amount, party) == ("1042", Decimal("237.50"), "customer/app/C-17")


@pytest.mark.parametrize(
    ("state", "seen", "expected", "silent"),
    [
        (ConnectionState.CONNECTED, 5, 25, False),
        (ConnectionState.CONNECTED, 60, -5, False),
        (ConnectionState.CONNECTED, 60, -11, True),
        (ConnectionState.CONNECTED, 60 * 27, None, True),
        (ConnectionState.PAUSED, 60, -30, False),
        (ConnectionState.WRONG_COMPANY, 60, -30, False),
    ],
)
def test_when_a_connector_is_silent(
    state: ConnectionState, seen: int, expected: int | None, *, silent: bool
) -> None:
    connection = Connection(
        edition=Edition.DESKTOP,
        state=state,
        last_seen_at=AT - timedelta(minutes=seen),
        next_expected_at=AT + timedelta(minutes=expected) if expected is not None else None,
    )
    assert (connection.silent_since(AT) is not None) is silent
    assert replace(connection, edition=Edition.ONLINE).silent_since(AT) is None
