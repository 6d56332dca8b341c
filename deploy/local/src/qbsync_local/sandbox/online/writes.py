"""Create, update, delete and void: the order of the checks, sparse and full update, SyncToken, what is kept.

Every function gives the shown record, or the fault; it writes only when there is no fault.
"""

import re
from collections.abc import Callable
from typing import Any

from qbsync_local.sandbox.online import faults
from qbsync_local.sandbox.online.books import Books, Draft, without_empty
from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.jsonio import Json
from qbsync_local.sandbox.online.lists import (
    account_rules,
    customer_rules,
    employee_rules,
    item_rules,
    no_rules,
    term_rules,
    vendor_rules,
)
from qbsync_local.sandbox.online.money import ZERO
from qbsync_local.sandbox.online.names import PEOPLE, name_key, name_rules, rename_children
from qbsync_local.sandbox.online.payments import open_cents, payment_rules, settle_documents, unapply
from qbsync_local.sandbox.online.purchases import purchase_rules, time_rules
from qbsync_local.sandbox.online.sales import sale_rules
from qbsync_local.sandbox.online.schema import EntityType, schema
from qbsync_local.sandbox.online.shape import read_body, references
from qbsync_local.sandbox.online.store import Record
from qbsync_local.sandbox.online.transactions import NUMBERED, document_rules, locked

Rule = Callable[[Books, Draft], Fault | None]

_OWN_RULES: dict[str, Rule] = {
    "Customer": customer_rules,
    "Vendor": vendor_rules,
    "Employee": employee_rules,
    "Item": item_rules,
    "Account": account_rules,
    "Term": term_rules,
    "Invoice": sale_rules,
    "Estimate": sale_rules,
    "SalesReceipt": sale_rules,
    "CreditMemo": sale_rules,
    "RefundReceipt": sale_rules,
    "Payment": payment_rules,
    "Bill": purchase_rules,
    "PurchaseOrder": purchase_rules,
    "TimeActivity": time_rules,
}
_LABELS = {"Account": "Accounts", "Class": "Klasses", "Department": "Depts", "Item": "Items", "Term": "Terms"}
_KEPT = ("DocNumber", "TxnStatus", "POStatus", "Classification", "CurrentBalance", "Type", "Job")
_NUMBER = re.compile(r"\d{1,18}|TAX|NON")


def read(books: Books, entity: EntityType, identifier: str) -> Json | Fault:
    """One record by id; 2030 for an id that is no number, 610 for one that is not there."""
    record = _existing(books, entity, identifier)
    return record if isinstance(record, Fault) else books.show(record)


def write(books: Books, entity: EntityType, operation: str, posted: Any) -> Json | Fault:
    """Carry out `create`, `update`, `delete` or `void` as posted. All in one transaction."""
    if operation not in entity.operations:
        return faults.unsupported(operation)
    with books.store.transaction():
        sent = read_body(entity, posted)
        if isinstance(sent, Fault):
            return sent
        if operation == "create":
            return _save(books, entity, sent, None)
        record = _current(books, entity, sent)
        if isinstance(record, Fault):
            return record
        if operation == "update":
            return _save(books, entity, sent, record)
        return _delete(books, record) if operation == "delete" else _void(books, record)


def _existing(books: Books, entity: EntityType, identifier: str) -> Record | Fault:
    if not _NUMBER.fullmatch(identifier):
        return faults.bad_id(identifier)
    record = books.store.get(books.realm, entity.name, identifier)
    if record is None:
        return faults.not_found()
    return record if record.live else faults.not_found(faults.DELETED)


def _current(books: Books, entity: EntityType, sent: Json) -> Record | Fault:
    """The record that a change means, if its SyncToken is still the newest."""
    absent = next((name for name in ("Id", "SyncToken") if sent.get(name) is None), None)
    if absent is not None:
        return faults.missing(absent)
    record = _existing(books, entity, str(sent["Id"]))
    if isinstance(record, Record) and sent["SyncToken"] != str(record.sync_token):
        return faults.stale()
    return record


def _save(books: Books, entity: EntityType, sent: Json, old: Record | None) -> Json | Fault:
    fault = _feature(books, entity) or _required(entity, sent, old) or _references(books, entity, sent, old)
    if fault is not None:
        return fault
    draft = Draft(entity, without_empty(_merged(entity, sent, old)), sent, old, old.id if old else "")
    own = _OWN_RULES.get(entity.name, no_rules)
    steps = (document_rules, own) if entity.transaction else (name_rules, own) if entity.list else (own,)
    for step in steps:
        fault = step(books, draft)
        if fault is not None:
            return fault
    if old is not None and entity.list and draft.body == old.body:
        return books.show(old)  # recorded: an update that changes nothing keeps the SyncToken
    return books.show(_keep(books, draft))


def _feature(books: Books, entity: EntityType) -> Fault | None:
    if not entity.feature or books.preference(*entity.feature) is not False:
        return None
    return faults.rule(
        "5020", "Permission Denied Error", f"Sorry, you do not have permission to use {entity.name}."
    )


def _required(entity: EntityType, sent: Json, old: Record | None) -> Fault | None:
    names = entity.required_sparse if old is not None and sent.get("sparse") else entity.required
    absent = [name for name in names if sent.get(name) in (None, [])]
    emptied = [name for name in entity.required if name in sent and sent[name] in (None, [])]
    found = absent + emptied
    return faults.missing(found[0]) if found else None


def _references(books: Books, entity: EntityType, sent: Json, old: Record | None) -> Fault | None:
    """2500 for what does not exist, 610 for what is inactive; a reference the record already had is left in peace."""
    before = {(target, ref["value"]) for _, target, ref in references(entity, old.body)} if old else set()
    for element, target, reference in references(entity, sent):
        identifier = str(reference["value"])
        record = books.find(target, identifier) if _NUMBER.fullmatch(identifier) else None
        if record is None:
            label = "Names" if target in PEOPLE else _LABELS.get(target, target)
            return faults.bad_reference(label, identifier, element)
        if record.body.get("Active") is False and (target, identifier) not in before:
            return faults.not_found()
    return None


def _merged(entity: EntityType, sent: Json, old: Record | None) -> Json:
    """The new body. A full update empties every writable property that was left out; a sparse one leaves them."""
    given = {key: value for key, value in sent.items() if key not in {"Id", "SyncToken", "sparse"}}
    if old is None:
        return given
    if entity.name == "Preferences":
        return old.body | {key: old.body.get(key, {}) | (value or {}) for key, value in given.items()}
    if sent.get("sparse"):
        stale: set[str] = set()
        if "TxnDate" in given or "SalesTermRef" in given:
            stale.add("DueDate")
        if "Line" in given:
            stale.add("TxnTaxDetail")
        return {key: value for key, value in old.body.items() if key not in stale} | given
    kept = {name: old.body[name] for name in (*_KEPT, *entity.readonly) if name in old.body}
    links = [link for link in old.body.get("LinkedTxn", []) if link.get("TxnType") in {"Payment", "Deposit"}]
    merged = kept | given
    if links:
        merged["LinkedTxn"] = links + [link for link in given.get("LinkedTxn") or [] if link not in links]
    return merged


def _keep(books: Books, draft: Draft) -> Record:
    store, name, now = books.store, draft.entity.name, books.store.seconds()
    old = draft.old
    identifier = old.id if old else store.next_id(books.realm, draft.entity.sequence)
    draft.id = identifier
    record = Record(
        realm=books.realm,
        entity=name,
        id=identifier,
        body=draft.body,
        sync_token=old.sync_token + 1 if old else 0,
        created=old.created if old else now,
        updated=now,
        name_key=name_key(draft) if draft.entity.list else None,
        doc_number=draft.body.get("DocNumber") if name in NUMBERED else None,
        party=draft.party,
        open_cents=open_cents(name, draft.body),
    )
    store.put(record)
    _effects(books, record, old)
    return record


def _effects(books: Books, record: Record, old: Record | None) -> None:
    if record.entity == "Payment":
        settle_documents(books, record.id, old.body if old else {}, record.body if record.live else {})
    elif record.entity in schema().entities and old is not None and "FullyQualifiedName" in record.body:
        rename_children(books, record)
    elif record.entity == "CompanyInfo":
        books.store.rename_company(books.realm, str(record.body.get("CompanyName", "")))
    if record.party and record.party.startswith("Customer:"):
        books.store.touch(books.realm, "Customer", record.party.partition(":")[2])


def _delete(books: Books, record: Record) -> Json | Fault:
    fault = locked(books, record)
    if fault is not None:
        return fault
    if record.entity != "Payment" and any(
        link["TxnType"] == "Payment" for link in record.body.get("LinkedTxn", [])
    ):
        return faults.rule(
            "800", "Cannot delete the object: dependencies exist", "Unlink its payments first."
        )
    gone = record.changed(live=False, sync_token=record.sync_token + 1, updated=books.store.seconds())
    books.store.put(gone)
    _effects(books, gone, record)
    return {"status": "Deleted", "domain": "QBO", "Id": record.id}


def _void(books: Books, record: Record) -> Json | Fault:
    """Amounts become 0 and PrivateNote "Voided"; payments keep their money as unapplied."""
    fault = locked(books, record)
    if fault is not None:
        return fault
    unapply(books, record.entity, record)
    links = [link for link in record.body.get("LinkedTxn", []) if link.get("TxnType") != "Payment"]
    lines = [] if record.entity == "Payment" else [_emptied(line) for line in record.body.get("Line", [])]
    body = record.body | {"PrivateNote": "Voided", "TotalAmt": ZERO, "Line": lines, "LinkedTxn": links}
    body |= {name: ZERO for name in ("Balance", "UnappliedAmt", "Deposit") if name in record.body}
    if "TxnTaxDetail" in body:
        body["TxnTaxDetail"] = {"TotalTax": ZERO}
    voided = record.changed(
        body=body, sync_token=record.sync_token + 1, updated=books.store.seconds(), open_cents=0
    )
    books.store.put(voided)
    _effects(books, voided, record)
    return books.show(voided)


def _emptied(line: Json) -> Json:
    empty = line | ({"Amount": ZERO} if "Amount" in line else {})
    detail = line.get("SalesItemLineDetail")
    return empty | {"SalesItemLineDetail": detail | {"Qty": ZERO}} if detail and "Qty" in detail else empty
