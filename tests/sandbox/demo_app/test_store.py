"""Records and their outbox: one transaction, whatever happens."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from tests.sandbox.demo_app.outside import TENANT

from qbsync_local.sandbox.demo_app.store import Store
from qbsync_shared.messages import AppEntityChanged

CUSTOMER = {"name": "Oak & Sons", "email": "office@oak.example"}
WRITER = """
import sys
from pathlib import Path
from qbsync_local.sandbox.demo_app.store import Store
store = Store(Path(sys.argv[1]))
for number in range(10**9):
    store.save("thistle-loam", "customer", f"C-{number % 7}", {"name": f"Name {number}"})
    print(number, flush=True)
"""


def test_each_edit_raises_the_revision_and_waits_in_the_outbox(store: Store) -> None:
    assert store.save(TENANT, "customer", "C-1", CUSTOMER).revision == 1
    assert store.save(TENANT, "customer", "C-1", {**CUSTOMER, "phone": "555-0100"}).revision == 2
    assert store.delete(TENANT, "customer", "C-1") == 3
    bodies = [one.event.body for one in store.queued(TENANT)]
    assert [body.get("entity", body)["revision"] for body in bodies] == ["1", "2", "3"]
    assert bodies[2] == {"deleted": True, "kind": "customer", "app_id": "C-1", "revision": "3"}


def test_a_deleted_record_is_gone_here_but_its_revision_goes_on(store: Store) -> None:
    store.save(TENANT, "customer", "C-1", CUSTOMER)
    store.delete(TENANT, "customer", "C-1")
    assert store.record(TENANT, "customer", "C-1") is None
    assert store.delete(TENANT, "customer", "C-1") is None
    assert store.save(TENANT, "customer", "C-1", CUSTOMER).revision == 3


def test_ids_are_never_used_again(store: Store) -> None:
    assert store.new_id(TENANT, "customer") == "C-101"
    store.save(TENANT, "customer", "C-101", CUSTOMER)
    store.delete(TENANT, "customer", "C-101")
    assert store.new_id(TENANT, "customer") == "C-102"
    assert store.new_id("another", "customer") == "C-101"


def test_what_it_says_is_a_message_of_the_contract(store: Store) -> None:
    store.save(TENANT, "customer", "C-1", CUSTOMER, import_sync_id="s-1")
    store.delete(TENANT, "customer", "C-1")
    changed, deleted = (one.event for one in store.queued(TENANT))
    message = AppEntityChanged.decode(changed.payload())
    assert message.subject == changed.subject == "qbsync.v1.thistle-loam.app.entity.changed"
    assert message.import_sync_id == "s-1"
    assert AppEntityChanged.decode(deleted.payload()).deleted
    headers = changed.headers()
    assert headers["ce-id"] == headers["Nats-Msg-Id"] == message.id
    assert headers["ce-type"] == AppEntityChanged.ce_type()
    assert headers["ce-tenant"] == TENANT


def test_an_import_leaves_a_record_settled_unless_the_app_has_news_of_its_own(store: Store) -> None:
    assert store.save(TENANT, "customer", "C-1", CUSTOMER, import_sync_id="s-1").settled == 1
    assert store.save(TENANT, "customer", "C-1", {**CUSTOMER, "phone": "1"}).settled == 1
    assert store.save(TENANT, "customer", "C-1", CUSTOMER, import_sync_id="s-2").settled == 1


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    def half() -> None:
        with store.transaction():
            store.save(TENANT, "customer", "C-1", CUSTOMER)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        half()
    assert store.record(TENANT, "customer", "C-1") is None
    assert store.queued(TENANT) == []


def test_the_teller_is_woken_after_a_commit_and_only_by_news(store: Store) -> None:
    woken: list[int] = []
    store.changed = lambda: woken.append(len(store.queued(TENANT)))
    store.save(TENANT, "customer", "C-1", CUSTOMER)
    store.finish_step(TENANT, "tenant")
    assert woken == [1]


def test_no_change_is_lost_when_the_app_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "app.sqlite3"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    seen = -1
    with writer.stdout as lines:
        while seen < 40:
            seen = int(lines.readline())
        writer.kill()
        writer.wait(10)
        seen = max([seen, *(int(line) for line in lines if line.endswith("\n"))])
    with sqlite3.connect(path) as db:
        told = [
            json.loads(body)["entity"] for (body,) in db.execute("select body from outbox order by place")
        ]
        kept = dict(db.execute("select app_id, revision from record"))
    db.close()
    assert len(told) >= seen + 1
    assert {one["app_id"]: int(one["revision"]) for one in told} == kept
    assert sum(kept.values()) == len(told)
