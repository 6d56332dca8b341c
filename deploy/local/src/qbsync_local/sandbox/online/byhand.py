"""Edits by the hand of a QuickBooks user: the same rules, but with the newest SyncToken and by action."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from qbsync_local.sandbox.online import faults
from qbsync_local.sandbox.online.books import Books
from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.jsonio import Json
from qbsync_local.sandbox.online.schema import EntityType
from qbsync_local.sandbox.online.store import Record
from qbsync_local.sandbox.online.writes import write

Action = Literal["create", "update", "rename", "inactivate", "activate", "delete", "void", "deposit"]


class Edit(BaseModel):
    """One edit: `record` for create and update (only what changes), `id` for all but create, `name` for rename.

    `delete` inactivates where QuickBooks cannot delete; `deposit` freezes a payment or sales receipt in a deposit.
    """

    model_config = ConfigDict(extra="forbid")

    action: Action
    id: str | None = None
    name: str | None = None
    record: dict[str, Any] = {}


def edit(books: Books, entity: EntityType, wanted: Edit) -> Json | Fault:
    """Carry the edit out; the shown record, or the fault that a user would see as an error."""
    if wanted.action == "create":
        return write(books, entity, "create", wanted.record)
    record = books.find(entity.name, wanted.id or "1")
    if record is None:
        return faults.not_found()
    known = {"Id": record.id, "SyncToken": str(record.sync_token)}
    match wanted.action:
        case "deposit":
            return _deposit(books, record)
        case "void":
            return write(books, entity, "void", known)
        case "delete" if "delete" in entity.operations:
            return write(books, entity, "delete", known)
        case "delete" | "inactivate":
            changed: Json = {"Active": False}
        case "activate":
            changed = {"Active": True}
        case "rename":
            changed = {entity.label: wanted.name}
        case _:
            changed = dict(wanted.record)
    needed = {name: record.body.get(name) for name in entity.required_sparse}
    return write(books, entity, "update", needed | changed | known | {"sparse": True})


def _deposit(books: Books, record: Record) -> Json | Fault:
    if record.entity not in {"Payment", "SalesReceipt"}:
        return faults.business("Only a payment or a sales receipt can be deposited.")
    number = books.store.next_id(books.realm, "transactions")
    links = [*record.body.get("LinkedTxn", []), {"TxnId": number, "TxnType": "Deposit"}]
    changed = record.changed(
        body=record.body | {"LinkedTxn": links},
        sync_token=record.sync_token + 1,
        updated=books.store.seconds(),
    )
    books.store.put(changed)
    return books.show(changed)
