"""Applying imports: once per sync id, and the same answer each time it is asked again (docs: section 4)."""

import json
from collections.abc import Callable

from qbsync_local.sandbox.demo_app.records import KINDS, Json, merged
from qbsync_local.sandbox.demo_app.standing import Standing
from qbsync_local.sandbox.demo_app.store import Store

Answer = tuple[str, Json]
"""Type of the event and its body: `entity.applied` or `entity.rejected`."""


class Imports:
    """Takes approved changes of QuickBooks into the app's records."""

    def __init__(self, store: Store, standing: Standing) -> None:
        self._store = store
        self._standing = standing

    def take(self, tenant: str, body: Json) -> Answer:
        """Apply an import, or repeat the answer that it had. Record, answer and outbox are one transaction."""
        with self._store.transaction() as db:
            key = (tenant, body["sync_id"])
            row = db.execute("select * from answer where tenant = ? and sync_id = ?", key).fetchone()
            if row is not None:
                answer: Answer = (row["type"], json.loads(row["body"]))
            else:
                answer = self._apply(tenant, body)
                db.execute("insert into answer values (?, ?, ?, ?)", (*key, answer[0], json.dumps(answer[1])))
            self._store.say(tenant, *answer)
        return answer

    def _apply(self, tenant: str, body: Json) -> Answer:
        sync_id, kind = body["sync_id"], body["kind"]
        if kind not in KINDS:
            reason = f"This app keeps no {kind.replace('_', ' ')}s. Leave it out of the next import."
            return "entity.rejected", {"sync_id": sync_id, "reason": reason}
        app_id = body.get("app_id") or self._standing.linked(tenant, kind, body["quickbooks_id"])
        mine = self._store.record(tenant, kind, app_id) if app_id else None
        if body.get("deleted"):
            return self._remove(tenant, kind, app_id, sync_id)
        if app_id and mine is None:
            reason = f"{app_id} was deleted in the app. Delete it in QuickBooks too, or clear its ID."
            return "entity.rejected", {"sync_id": sync_id, "reason": reason}
        data = merged(
            mine.data if mine else None, body["entity"], body.get("changed", ()), self._find(tenant)
        )
        app_id = app_id or self._store.new_id(tenant, kind)
        saved = self._store.save(tenant, kind, app_id, data, import_sync_id=sync_id)
        return "entity.applied", {"sync_id": sync_id, "app_id": app_id, "revision": str(saved.revision)}

    def _remove(self, tenant: str, kind: str, app_id: str | None, sync_id: str) -> Answer:
        """Deleted in QuickBooks. A record that the app no longer has needs no second deletion."""
        known = self._store.record(tenant, kind, app_id, deleted=True) if app_id else None
        if known is None:
            reason = "The app has no record of it, so there is nothing to delete."
            return "entity.rejected", {"sync_id": sync_id, "reason": reason}
        deleted = self._store.delete(tenant, kind, known.app_id, import_sync_id=sync_id)
        revision = str(known.revision if deleted is None else deleted)
        return "entity.applied", {"sync_id": sync_id, "app_id": known.app_id, "revision": revision}

    def _find(self, tenant: str) -> Callable[[str, str], str | None]:
        return lambda kind, quickbooks_id: self._standing.linked(tenant, kind, quickbooks_id)
