"""What the app knows of its records in QuickBooks: links, syncs, the badge. Events come in any order, and doubled."""

import sqlite3
from dataclasses import dataclass

from qbsync_local.sandbox.demo_app.events import Heard
from qbsync_local.sandbox.demo_app.records import Json
from qbsync_local.sandbox.demo_app.store import HEARD_KEPT, Record, Store

PENDING = frozenset({"approved", "started", "waiting"})


@dataclass(frozen=True)
class Shown:
    """How a record stands, in words: `tone` and `icon` as in the shared styles."""

    text: str
    tone: str
    icon: str
    detail: str = ""


class Standing:
    """Keeps and tells how each record stands."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def hear(self, event: Heard) -> None:
        """Take over what an event says, if it is newer than what is known."""
        with self._store.transaction() as db:
            if event.noun == "link":
                _hear_link(db, event)
            elif event.noun == "sync":
                self._hear_sync(db, event)
            elif event.noun == "badge":
                self.set_badge(event.tenant, int(event.body["waiting"]), int(event.body["version"]))
            self._note(db, event)

    def _hear_sync(self, db: sqlite3.Connection, event: Heard) -> None:
        body = event.body
        key = (event.tenant, body["sync_id"])
        db.execute(
            "insert or ignore into sync (tenant, sync_id, kind, app_id) values (?, ?, ?, ?)",
            (*key, body["kind"], body.get("app_id")),
        )
        if event.verb == "approved" and body["direction"] == "export":
            revision = body["entity"].get("revision")
            db.execute("update sync set revision = ? where tenant = ? and sync_id = ?", (revision, *key))
        db.execute(
            "update sync set version = ?, state = ?, code = ?, message = ? where tenant = ? and sync_id = ? and version < ?",
            (int(body["version"]), event.verb, *_reason(body), *key, int(body["version"])),
        )
        row = db.execute("select * from sync where tenant = ? and sync_id = ?", key).fetchone()
        if row["state"] == "succeeded" and row["revision"] and row["app_id"]:
            self._store.settle(event.tenant, row["kind"], row["app_id"], row["revision"])

    def set_badge(self, tenant: str, waiting: int, version: int) -> None:
        """How many changes wait in the Sync Wizard."""
        with self._store.transaction() as db:
            db.execute(
                "insert into badge values (?, ?, ?) on conflict do update set version = excluded.version,"
                " waiting = excluded.waiting where excluded.version >= version",
                (tenant, version, waiting),
            )

    def badge(self, tenant: str) -> tuple[int, int]:
        """(waiting, version); zeros before anything was heard."""
        with self._store.transaction() as db:
            row = db.execute("select waiting, version from badge where tenant = ?", (tenant,)).fetchone()
        return (row["waiting"], row["version"]) if row else (0, 0)

    def linked(self, tenant: str, kind: str, quickbooks_id: str) -> str | None:
        """The app's id of the record that is linked to that one of QuickBooks."""
        with self._store.transaction() as db:
            row = db.execute(
                "select app_id from link where tenant = ? and kind = ? and quickbooks_id = ?",
                (tenant, kind, quickbooks_id),
            ).fetchone()
        return str(row["app_id"]) if row else None

    def is_linked(self, tenant: str, kind: str, app_id: str) -> bool:
        """Whether the record is linked to one of QuickBooks."""
        with self._store.transaction() as db:
            row = db.execute(
                "select 1 from link where tenant = ? and kind = ? and app_id = ? and quickbooks_id is not null",
                (tenant, kind, app_id),
            ).fetchone()
        return row is not None

    def of(self, record: Record) -> Shown:
        """How one record stands."""
        key = (record.tenant, record.kind, record.app_id)
        with self._store.transaction() as db:
            link = db.execute(
                "select quickbooks_id from link where tenant = ? and kind = ? and app_id = ?", key
            ).fetchone()
            sync = db.execute(
                "select * from sync where tenant = ? and kind = ? and app_id = ? order by sync_id desc limit 1",
                key,
            ).fetchone()
        return _shown(record, bool(link and link["quickbooks_id"]), sync)

    def heard(self, tenant: str, limit: int = 8) -> list[tuple[str, str]]:
        """The latest events: (time, what)."""
        with self._store.transaction() as db:
            rows = db.execute(
                "select at, what from heard where tenant = ? order by place desc limit ?", (tenant, limit)
            ).fetchall()
        return [(row["at"], row["what"]) for row in rows]

    def _note(self, db: sqlite3.Connection, event: Heard) -> None:
        whom = event.body.get("app_id") or event.body.get("quickbooks_id") or ""
        if event.type == "badge.changed":
            whom = f"{event.body['waiting']} waiting"
        what = f"{event.type} {whom}".strip()
        db.execute(
            "insert into heard (tenant, at, what) values (?, ?, ?)",
            (event.tenant, event.body["occurred_at"], what),
        )
        db.execute("delete from heard where place <= (select max(place) from heard) - ?", (HEARD_KEPT,))


def _hear_link(db: sqlite3.Connection, event: Heard) -> None:
    body = event.body
    quickbooks_id = body["quickbooks_id"] if event.verb == "created" else None
    db.execute(
        "insert into link values (?, ?, ?, ?, ?) on conflict do update set version = excluded.version,"
        " quickbooks_id = excluded.quickbooks_id where excluded.version > version",
        (event.tenant, body["kind"], body["app_id"], int(body["version"]), quickbooks_id),
    )


def _reason(body: Json) -> tuple[str | None, str | None]:
    """Code and message; of a success, those of its first warning."""
    warnings = body.get("warnings") or [{}]
    return body.get("code") or warnings[0].get("code"), body.get("message") or warnings[0].get("message")


def _shown(record: Record, linked: bool, sync: sqlite3.Row | None) -> Shown:
    state = sync["state"] if sync else ""
    detail = " ".join(filter(None, (sync["code"], sync["message"]))) if sync else ""
    current = record.settled >= record.revision
    if state in PENDING:
        return Shown("Pending", "neutral", "clock", detail if state == "waiting" else "")
    if state == "failed" and not current:
        return Shown("Failed", "bad", "fail", detail)
    if linked and current:
        if state == "succeeded" and detail:
            return Shown("In QuickBooks, look at it", "warn", "warn", detail)
        return Shown("In QuickBooks", "ok", "check")
    return Shown("Change waits for approval" if linked else "Waits for approval", "neutral", "wizard")
