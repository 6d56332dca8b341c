"""Records and messages for the wizard's tests; all invented."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from qbsync_shared.kinds import Direction, Edition, Kind, Operation
from qbsync_shared.messages import (
    LinkCleared,
    LinkCreated,
    QuickBooksEntityChanged,
    SyncCancelled,
    SyncEvent,
    SyncFailed,
    SyncStarted,
    SyncSucceeded,
    SyncWaiting,
)

TENANT = "thistle"
T0 = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
_ids = count(1)


def customer(app_id: str = "C-17", revision: str = "1", **more: Any) -> dict[str, Any]:
    """Oak & Sons, as the app hands it over."""
    return {
        "kind": "customer",
        "app_id": app_id,
        "revision": revision,
        "name": "Oak & Sons",
        "email": "office@oak.example",
        "phone": "555-0100",
        "billing_address": {"line1": "1 Elm St", "city": "Salem", "state": "OR", "postal_code": "97301"},
        **more,
    }


def item(app_id: str = "I-3", revision: str = "1", **more: Any) -> dict[str, Any]:
    """Pruning by the hour."""
    return {
        "kind": "item",
        "app_id": app_id,
        "revision": revision,
        "type": "service",
        "name": "Pruning",
        "unit_price": "95.00",
        "income_account": {"name": "Landscaping Services"},
        **more,
    }


def invoice(app_id: str = "V-1042", revision: str = "1", **more: Any) -> dict[str, Any]:
    """Two and a half hours of pruning for Oak & Sons."""
    return {
        "kind": "invoice",
        "app_id": app_id,
        "revision": revision,
        "number": app_id.removeprefix("V-"),
        "customer": {"app_id": "C-17"},
        "date": "2026-11-02",
        "due_date": "2026-12-02",
        "total": "237.50",
        "lines": [
            {
                "line_id": "1",
                "item": {"app_id": "I-3"},
                "description": "Front oaks",
                "quantity": "2.5",
                "unit_price": "95.00",
                "amount": "237.50",
            }
        ],
        **more,
    }


def stamp(at: datetime = T0) -> dict[str, Any]:
    """Id, tenant, time and edition of a message."""
    return {"id": f"m-{next(_ids)}", "tenant": TENANT, "occurred_at": at, "edition": Edition.DESKTOP}


def seen(
    version: int,
    quickbooks_id: str,
    entity: dict[str, Any] | None,
    *,
    edition: Edition = Edition.DESKTOP,
    at: datetime = T0,
    **more: Any,
) -> QuickBooksEntityChanged:
    """QuickBooks holds this now, or no longer."""
    kind = Kind(entity["kind"]) if entity else Kind.CUSTOMER
    body = {key: value for key, value in (entity or {}).items() if key not in {"app_id", "revision"}}
    return QuickBooksEntityChanged(
        **{**stamp(at), "edition": edition},
        version=version,
        kind=kind,
        quickbooks_id=quickbooks_id,
        entity=body or None,
        deleted=entity is None,
        **more,
    )


def linked(
    version: int,
    entity: dict[str, Any],
    quickbooks_id: str,
    *,
    sync_id: str | None = None,
    returned: dict[str, Any] | None = None,
    edition: Edition = Edition.DESKTOP,
    at: datetime = T0,
) -> LinkCreated:
    """The link after a sync."""
    body = {key: value for key, value in entity.items() if key not in {"app_id", "revision"}}
    return LinkCreated(
        **{**stamp(at), "edition": edition},
        version=version,
        kind=Kind(entity["kind"]),
        app_id=entity["app_id"],
        quickbooks_id=quickbooks_id,
        sync_id=sync_id,
        sent=entity,
        returned=returned if returned is not None else body,
    )


def unlinked(version: int, entity: dict[str, Any], quickbooks_id: str, *, at: datetime = T0) -> LinkCleared:
    """The link was dropped."""
    return LinkCleared(
        **stamp(at),
        version=version,
        kind=Kind(entity["kind"]),
        app_id=entity["app_id"],
        quickbooks_id=quickbooks_id,
        by="Dana R.",
        why="deleted in QuickBooks",
    )


EVENTS: dict[str, type[SyncEvent]] = {
    "started": SyncStarted,
    "waiting": SyncWaiting,
    "succeeded": SyncSucceeded,
    "failed": SyncFailed,
    "cancelled": SyncCancelled,
}


def told(
    verb: str,
    approved: dict[str, Any],
    version: int,
    *,
    at: datetime = T0 + timedelta(minutes=1),
    **more: Any,
) -> SyncEvent:
    """What the connector service says of an approved sync."""
    values = {
        **stamp(at),
        "edition": Edition(approved["edition"]),
        "sync_id": approved["sync_id"],
        "version": version,
        "direction": Direction(approved["direction"]),
        "kind": Kind(approved["kind"]),
        "app_id": approved.get("app_id"),
        "quickbooks_id": approved.get("quickbooks_id"),
        "operation": Operation(approved["operation"]),
        "attempt": 1,
        **more,
    }
    return EVENTS[verb](**values)
