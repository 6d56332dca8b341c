"""Approved imports at sync time: what is handed to the app is what was approved, or nothing (contract, section 4)."""

from qbsync_shared.connector.domain import Json, Seen, WorkItem
from qbsync_shared.connector.references import name_app_ids
from qbsync_shared.diff import changed_fields
from qbsync_shared.entities import parse_entity
from qbsync_shared.kinds import Operation
from qbsync_shared.outcomes import Cancelled, HandedOver, Outcome
from qbsync_shared.postgres import Connection

_REMOVALS = (Operation.DELETE, Operation.DEACTIVATE, Operation.VOID)


async def judge_import(connection: Connection, item: WorkItem, read: Seen) -> Outcome:
    """Compare what QuickBooks holds now with what was approved.

    Returns:
        HandedOver with the entity for the app, or Cancelled with ``QS-CHANGED-IN-QUICKBOOKS`` where a mapped field
        differs; the caller then lets the reading be observed, which makes a new review item.
    """
    if item.operation in _REMOVALS:
        gone = read.deleted or (read.entity or {}).get("active") is False
        if not gone:
            return _changed("The record is in use in QuickBooks again.")
        return HandedOver(entity=item.data, changed=item.fields)
    if read.deleted or read.entity is None:
        return _changed("The record was deleted in QuickBooks after it was approved.")
    named: Json = (await name_app_ids(connection, item.tenant, parse_entity(read.entity))).to_json()
    moved = changed_fields(_comparable(item.data), _comparable(named))
    if moved:
        words = ", ".join(field.replace("_", " ") for field in moved)
        return _changed(f"Changed in QuickBooks after it was approved: {words}.")
    return HandedOver(entity={**named, "app_id": item.app_id} if item.app_id else named, changed=item.fields)


def _changed(why: str) -> Cancelled:
    return Cancelled(code="QS-CHANGED-IN-QUICKBOOKS", message=why)


def _comparable(value: Json) -> Json:
    """Without app ids in references: they may have been learnt since the approval."""

    def strip(inner: object) -> object:
        if isinstance(inner, dict):
            return {
                key: strip(one)
                for key, one in inner.items()
                if key != "app_id" or "quickbooks_id" not in inner
            }
        if isinstance(inner, list):
            return [strip(one) for one in inner]
        return inner

    return {key: strip(inner) for key, inner in value.items()}
