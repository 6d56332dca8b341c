"""Imports are applied once per sync id, and answered the same each time."""

from typing import Any

from tests.sandbox.demo_app.outside import TENANT, heard

from qbsync_local.sandbox.demo_app.imports import Imports
from qbsync_local.sandbox.demo_app.standing import Standing
from qbsync_local.sandbox.demo_app.store import Store
from qbsync_shared.messages import EntityApplied, EntityRejected

OAK = {"kind": "customer", "name": "Oak & Sons", "phone": "555-0100", "terms": {"quickbooks_id": "8-1", "name": "Net 30"}}  # fmt: skip


def imported(sync_id: str = "s-1", entity: dict[str, Any] = OAK, **more: Any) -> dict[str, Any]:
    kind = entity["kind"]
    return {"sync_id": sync_id, "kind": kind, "quickbooks_id": "8-17", "entity": entity, **more}


def test_a_new_record_gets_an_id_and_marks_the_change_it_causes(store: Store, imports: Imports) -> None:
    kind, body = imports.take(TENANT, imported())
    assert (kind, body) == ("entity.applied", {"sync_id": "s-1", "app_id": "C-101", "revision": "1"})
    record = store.record(TENANT, "customer", "C-101")
    assert record is not None
    assert record.data["terms"] == {"quickbooks_id": "8-1", "name": "Net 30"}
    changed, applied = (one.event for one in store.queued(TENANT))
    assert changed.body["import_sync_id"] == "s-1"
    assert EntityApplied.decode(applied.payload()).app_id == "C-101"


def test_the_same_import_again_changes_nothing_and_repeats_the_answer(store: Store, imports: Imports) -> None:
    first = imports.take(TENANT, imported())
    store.save(TENANT, "customer", "C-101", {**OAK, "phone": "555-0199"})
    assert imports.take(TENANT, imported()) == first
    record = store.record(TENANT, "customer", "C-101")
    assert record is not None
    assert (record.revision, record.data["phone"]) == (2, "555-0199")
    assert [one.event.type for one in store.queued(TENANT)].count("entity.applied") == 2


def test_an_update_takes_only_what_changed_in_quickbooks(store: Store, imports: Imports) -> None:
    store.save(TENANT, "customer", "C-5", {"name": "Oak", "phone": "555-0001", "email": "a@oak.example"})
    body = imported(app_id="C-5", changed=["phone", "email"])
    imports.take(TENANT, body)
    record = store.record(TENANT, "customer", "C-5")
    assert record is not None
    assert record.data == {"kind": "customer", "app_id": "C-5", "name": "Oak", "phone": "555-0100"}


def test_references_become_the_apps_own_ids(store: Store, standing: Standing, imports: Imports) -> None:
    standing.hear(heard("link", "created", kind="customer", app_id="C-9", quickbooks_id="8-9", version=3))
    job = {"kind": "job", "name": "Roof", "customer": {"quickbooks_id": "8-9", "name": "Oak & Sons"}}
    imports.take(TENANT, imported(entity=job))
    record = store.record(TENANT, "job", "J-101")
    assert record is not None
    assert record.data["customer"] == {"app_id": "C-9"}


def test_a_record_linked_meanwhile_is_not_made_twice(
    store: Store, standing: Standing, imports: Imports
) -> None:
    store.save(TENANT, "customer", "C-9", {"name": "Oak & Sons"})
    standing.hear(heard("link", "created", kind="customer", app_id="C-9", quickbooks_id="8-17", version=3))
    assert imports.take(TENANT, imported(changed=["phone"]))[1]["app_id"] == "C-9"
    assert len(store.records(TENANT, "customer")) == 1


def test_a_deletion_deletes_once(store: Store, imports: Imports) -> None:
    store.save(TENANT, "customer", "C-5", {"name": "Oak"})
    body = imported(app_id="C-5", deleted=True)
    assert imports.take(TENANT, body) == imports.take(TENANT, body)
    assert store.record(TENANT, "customer", "C-5") is None
    assert imports.take(TENANT, imported("s-2", app_id="C-5", deleted=True))[1]["revision"] == "2"


def test_what_the_app_cannot_take_is_rejected_with_a_reason(store: Store, imports: Imports) -> None:
    kind, body = imports.take(TENANT, imported(entity={"kind": "time_entry", "hours": "2"}))
    assert kind == "entity.rejected"
    assert EntityRejected.decode(store.queued(TENANT)[0].event.payload()).reason == body["reason"]
    assert imports.take(TENANT, imported("s-2", app_id="C-77"))[0] == "entity.rejected"
    assert imports.take(TENANT, imported("s-3", deleted=True))[0] == "entity.rejected"
