"""How records stand in QuickBooks, from a stream in any order and doubled."""

import random
from typing import Any

import pytest
from tests.sandbox.demo_app.outside import TENANT, heard

from qbsync_local.sandbox.demo_app.events import Heard, read
from qbsync_local.sandbox.demo_app.standing import Standing
from qbsync_local.sandbox.demo_app.store import Store


def sync(verb: str, version: int, sync_id: str = "0001", **more: Any) -> Heard:
    return heard(
        "sync", verb, sync_id=sync_id, version=version, direction="export", kind="invoice", app_id="V-1", operation="create", **more
    )  # fmt: skip


APPROVED = sync("approved", 0, entity={"kind": "invoice", "revision": "1"})
LINKED = heard("link", "created", kind="invoice", app_id="V-1", quickbooks_id="8-1", version=5)


def shown(store: Store, standing: Standing) -> str:
    record = store.record(TENANT, "invoice", "V-1")
    assert record is not None
    return standing.of(record).text


@pytest.fixture(autouse=True)
def invoice(store: Store) -> None:
    store.save(TENANT, "invoice", "V-1", {"number": "1"})


@pytest.mark.parametrize("seed", range(12))
def test_any_order_and_repetition_ends_the_same(store: Store, standing: Standing, seed: int) -> None:
    stream = [
        APPROVED,
        sync("started", 1),
        sync("waiting", 2, code="QS-WAITS-FOR"),
        sync("succeeded", 4),
        LINKED,
    ]
    told = stream * 2
    random.Random(seed).shuffle(told)
    for event in told:
        standing.hear(event)
    assert shown(store, standing) == "In QuickBooks"


def test_the_words_follow_the_life_of_a_sync(store: Store, standing: Standing) -> None:
    assert shown(store, standing) == "Waits for approval"
    standing.hear(APPROVED)
    assert shown(store, standing) == "Pending"
    standing.hear(sync("failed", 3, code="3100", message="The name is in use."))
    assert shown(store, standing) == "Failed"
    standing.hear(sync("approved", 0, "0002", entity={"kind": "invoice", "revision": "1"}))
    assert shown(store, standing) == "Pending"
    standing.hear(sync("succeeded", 2, "0002", warnings=[{"code": "QS-TOTAL-DIFFERS", "message": "108.25"}]))
    standing.hear(LINKED)
    record = store.record(TENANT, "invoice", "V-1")
    assert record is not None
    assert standing.of(record).detail == "QS-TOTAL-DIFFERS 108.25"
    store.save(TENANT, "invoice", "V-1", {"number": "1", "memo": "news"})
    assert shown(store, standing) == "Change waits for approval"
    standing.hear(heard("link", "cleared", kind="invoice", app_id="V-1", quickbooks_id="8-1", version=9))
    assert shown(store, standing) == "Waits for approval"


def test_the_badge_never_goes_back(standing: Standing) -> None:
    for version, waiting in ((2, 5), (1, 9)):
        standing.hear(heard("badge", "changed", channel="wizard", version=version, waiting=waiting))
    assert standing.badge(TENANT) == (5, 2)
    assert standing.badge("nobody") == (0, 0)


def test_what_was_heard_is_kept_short(standing: Standing) -> None:
    for version in range(300):
        standing.hear(heard("badge", "changed", channel="wizard", version=version, waiting=version))
    assert standing.heard(TENANT, 1000)[0][1] == "badge.changed 299 waiting"
    assert len(standing.heard(TENANT, 1000)) == 200


@pytest.mark.parametrize("subject", ["qbsync.v2.a.desktop.sync.failed", "qbsync.v1.a.desktop.sync", "other"])
def test_what_is_no_event_of_version_1_is_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="version 1"):
        read(subject, b"{}")
