"""One sample of every message, from which the golden files are made and against which they are read."""

from datetime import UTC, datetime
from typing import Any

from qbsync_shared.messages import ALL_MESSAGES, Message

AT = datetime(2026, 11, 2, 9, 12, tzinfo=UTC)
STAMP: dict[str, Any] = {
    "id": "0192f0c1-0000-7000-8000-000000000001",
    "tenant": "oak-field",
    "occurred_at": AT,
}
CUSTOMER = {"kind": "customer", "app_id": "C-17", "revision": "3", "name": "Oak & Sons", "active": True}
SYNC: dict[str, Any] = {
    "edition": "desktop",
    "sync_id": "0192f0c1-0000-7000-8000-00000000000a",
    "version": 2,
    "direction": "export",
    "kind": "customer",
    "app_id": "C-17",
    "operation": "create",
    "attempt": 1,
}
WANTED = {"edition": "online", "by": "dana", "why": "deleted in QuickBooks"}

FIELDS: dict[str, dict[str, Any]] = {
    "AppEntityChanged": {"entity": CUSTOMER},
    "EntityApplied": {"sync_id": "s-1", "app_id": "C-18", "revision": "1"},
    "EntityRejected": {"sync_id": "s-1", "reason": "The branch is missing."},
    "TenantConfigured": {
        "version": 4,
        "name": "Oak Field",
        "plan": "plus",
        "edition": "desktop",
        "settings": {"hold_seconds": 0},
        "mappings": ({"kind": "term", "app_name": "Net 45", "quickbooks_name": "Net 45"},),
    },
    "TenantDeleted": {"version": 5},
    "BadgeChanged": {"version": 9, "waiting": 20, "imports": 6, "exports": 14},
    "SyncApproved": {
        "edition": "desktop",
        "sync_id": "0192f0c1-0000-7000-8000-00000000000a",
        "direction": "export",
        "kind": "customer",
        "app_id": "C-17",
        "operation": "create",
        "entity": CUSTOMER,
        "fields": ("active", "name"),
        "entity_seq": 1,
        "depends_on": ({"kind": "item", "app_id": "I-3"},),
        "approved_by": "dana",
        "approved_at": AT,
    },
    "SyncStarted": SYNC,
    "SyncWaiting": {
        **SYNC,
        "code": "QS-WAITS-FOR",
        "message": "It waits for item I-3.",
        "waits_for": {"kind": "item", "app_id": "I-3"},
    },
    "SyncSucceeded": {
        **SYNC,
        "quickbooks_id": "80000001-1",
        "warnings": ({"code": "QS-TOTAL-DIFFERS", "message": "Two amounts."},),
        "snapshot": {"kind": "customer", "name": "Oak & Sons"},
    },
    "SyncFailed": {**SYNC, "code": "3100", "message": "The name is already in use."},
    "SyncCancelled": {**SYNC, "code": "QS-SUPERSEDED", "superseded_by": "s-2"},
    "QuickBooksEntityChanged": {
        "edition": "desktop",
        "version": 12,
        "kind": "customer",
        "quickbooks_id": "80000001-1",
        "entity": {"kind": "customer", "name": "Oak & Sons"},
        "changed_at": AT,
    },
    "EntityImported": {
        "edition": "desktop",
        "sync_id": "s-3",
        "kind": "customer",
        "quickbooks_id": "80000002-1",
        "entity": {"kind": "customer", "name": "Fern House"},
        "changed": ("name",),
    },
    "LinkCreated": {
        "edition": "online",
        "version": 3,
        "kind": "customer",
        "app_id": "C-17",
        "quickbooks_id": "58",
        "sync_id": "s-1",
        "sent": CUSTOMER,
        "returned": {"kind": "customer", "name": "Oak & Sons"},
    },
    "LinkCleared": {
        **WANTED,
        "version": 7,
        "kind": "customer",
        "app_id": "C-17",
        "quickbooks_id": "58",
        "command_id": "c-1",
    },
    "ConnectionChanged": {
        "edition": "desktop",
        "version": 2,
        "state": "connected",
        "company": "Oak Field.qbw",
        "last_seen_at": AT,
    },
    "SessionEnded": {
        "edition": "desktop",
        "version": 1,
        "session_id": "t-1",
        "started_at": AT,
        "round_trips": 3,
        "succeeded": 16,
        "failed": 1,
        "result": "done",
    },
    "CompanyChanged": {
        "edition": "desktop",
        "version": 1,
        "company_id": "{F1E0}",
        "name": "Oak Field",
        "facts": {"qbxml_version": "16.0"},
    },
    "Resync": {**WANTED, "edition": "online", "sync_id": "s-1", "kind": "customer", "app_id": "C-17"},
    "ClearId": {**WANTED, "kind": "customer", "app_id": "C-17", "quickbooks_id": "58", "sync_id": "s-1"},
    "Cancel": {**WANTED, "sync_id": "s-1"},
    "Link": {**WANTED, "kind": "customer", "app_id": "C-17", "quickbooks_id": "58"},
    "LookUp": {**WANTED, "kind": "customer", "text": "Oak & Sons"},
    "Pause": {**WANTED, "kind": "invoice"},
    "Resume": WANTED,
    "CommandRefused": {
        "speaker": "online",
        "command_id": "c-1",
        "command": "clear-id",
        "code": "QS-IN-DOUBT",
        "message": "A sync is under way.",
    },
    "LookUpAnswered": {
        "edition": "online",
        "command_id": "c-2",
        "kind": "customer",
        "text": "Oak & Sons",
        "found": ({"quickbooks_id": "58"},),
    },
    "ReconcileReported": {
        "edition": "online",
        "version": 1,
        "kind": "customer",
        "app_count": 31,
        "quickbooks_count": 32,
        "differing": ({"quickbooks_id": "77"},),
    },
    "AuditRecorded": {"speaker": "desktop", "by": "dana", "action": "clear-id", "app_id": "C-17"},
}


def sample(message: type[Message]) -> Message:
    """The sample of one message type."""
    return message.model_validate({**STAMP, **FIELDS[message.__name__]})


def all_samples() -> list[Message]:
    """One sample of each message type."""
    return [sample(message) for message in ALL_MESSAGES]
