"""The app's database: records, and an outbox that is written in the same transaction.

SQLite, used from one thread. Each public method is one transaction; a kill at any moment leaves all of it or nothing.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from qbsync_local.sandbox.demo_app.events import Event, make
from qbsync_local.sandbox.demo_app.records import KINDS, Json

HEARD_KEPT = 200


@dataclass(frozen=True)
class Record:
    """One record with its revision. `data` is the contract's JSON without `revision`."""

    tenant: str
    kind: str
    app_id: str
    revision: int
    settled: int
    deleted: bool
    data: Json


@dataclass(frozen=True)
class Queued:
    """An event of the outbox, and why qbsync refused it, if it did."""

    place: int
    event: Event
    refused: str | None = None


class Store:
    """All that the app keeps. `changed` is called after each transaction that wrote to the outbox."""

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.now = now
        self.changed = changed
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")
        self._db.executescript(files(__package__).joinpath("schema.sql").read_text("utf-8"))

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; inside another one it is part of that."""
        if self._db.in_transaction:
            yield self._db
            return
        told = self._outbox_top()
        self._db.execute("begin immediate")
        try:
            yield self._db
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")
        if self._outbox_top() != told:
            self.changed()

    # records

    def save(
        self, tenant: str, kind: str, app_id: str, data: Json, *, import_sync_id: str | None = None
    ) -> Record:
        """Add or change a record: its revision grows, and the change waits in the outbox."""
        with self.transaction() as db:
            before = self.record(tenant, kind, app_id, deleted=True)
            revision = (before.revision if before else 0) + 1
            whole = {**data, "kind": kind, "app_id": app_id}
            settled = before.settled if before else 0
            if import_sync_id is not None and (before is None or before.settled == before.revision):
                settled = revision
            db.execute(
                "insert into record (tenant, kind, app_id, revision, settled, data) values (?, ?, ?, ?, ?, ?)"
                " on conflict do update set revision = excluded.revision, settled = excluded.settled,"
                " data = excluded.data, deleted = 0",
                (tenant, kind, app_id, revision, settled, json.dumps(whole)),
            )
            body: Json = {"entity": {**whole, "revision": str(revision)}}
            if import_sync_id is not None:
                body["import_sync_id"] = import_sync_id
            self.say(tenant, "entity.changed", body)
        return Record(tenant, kind, app_id, revision, settled, False, whole)

    def delete(self, tenant: str, kind: str, app_id: str, *, import_sync_id: str | None = None) -> int | None:
        """Delete a record: the revision of the deletion, or None where there is no such record."""
        with self.transaction() as db:
            before = self.record(tenant, kind, app_id)
            if before is None:
                return None
            revision = before.revision + 1
            db.execute(
                "update record set deleted = 1, revision = ? where tenant = ? and kind = ? and app_id = ?",
                (revision, tenant, kind, app_id),
            )
            body: Json = {"deleted": True, "kind": kind, "app_id": app_id, "revision": str(revision)}
            if import_sync_id is not None:
                body["import_sync_id"] = import_sync_id
            self.say(tenant, "entity.changed", body)
        return revision

    def record(self, tenant: str, kind: str, app_id: str, *, deleted: bool = False) -> Record | None:
        """One record; a deleted one only if asked for."""
        row = self._db.execute(
            "select * from record where tenant = ? and kind = ? and app_id = ? and deleted <= ?",
            (tenant, kind, app_id, int(deleted)),
        ).fetchone()
        return _record(row) if row else None

    def records(self, tenant: str, kind: str) -> list[Record]:
        """All records of a kind, the newest first."""
        rows = self._db.execute(
            "select * from record where tenant = ? and kind = ? and deleted = 0 order by rowid desc",
            (tenant, kind),
        )
        return [_record(row) for row in rows]

    def new_id(self, tenant: str, kind: str) -> str:
        """An id that no record of the kind has or had."""
        prefix = KINDS[kind].prefix if kind in KINDS else kind[:1].upper()
        rows = self._db.execute("select app_id from record where tenant = ? and kind = ?", (tenant, kind))
        numbers = [int(tail) for (app_id,) in rows if (tail := app_id.rpartition("-")[2]).isdigit()]
        return f"{prefix}-{max(numbers, default=100) + 1}"

    def settle(self, tenant: str, kind: str, app_id: str, revision: int) -> None:
        """QuickBooks has this revision."""
        with self.transaction() as db:
            db.execute(
                "update record set settled = max(settled, ?) where tenant = ? and kind = ? and app_id = ?",
                (revision, tenant, kind, app_id),
            )

    # the outbox

    def say(self, tenant: str, event_type: str, body: Json) -> None:
        """Put an event into the outbox, within the caller's transaction."""
        event = make(tenant, event_type, body, self.now())
        with self.transaction() as db:
            db.execute(
                "insert into outbox (id, tenant, type, at, body) values (?, ?, ?, ?, ?)",
                (event.id, tenant, event_type, event.at.isoformat(), json.dumps(body)),
            )

    def next_queued(self) -> Queued | None:
        """The oldest event that is still to be told."""
        row = self._db.execute("select * from outbox where refused is null order by place limit 1").fetchone()
        return _queued(row) if row else None

    def told(self, place: int) -> None:
        """qbsync has it."""
        with self.transaction() as db:
            db.execute("delete from outbox where place = ?", (place,))

    def refused(self, place: int, why: str) -> None:
        """qbsync will never take it as it is."""
        with self.transaction() as db:
            db.execute("update outbox set refused = ? where place = ?", (why, place))

    def queued(self, tenant: str) -> list[Queued]:
        """What waits or was refused, oldest first."""
        rows = self._db.execute("select * from outbox where tenant = ? order by place", (tenant,))
        return [_queued(row) for row in rows]

    def _outbox_top(self) -> int:
        return int(self._db.execute("select coalesce(max(place), 0) from outbox").fetchone()[0])

    # the sandbox's set-up

    def step_done(self, tenant: str, step: str) -> bool:
        """Whether a step of the set-up was finished."""
        row = self._db.execute("select 1 from setup_step where tenant = ? and step = ?", (tenant, step))
        return row.fetchone() is not None

    def finish_step(self, tenant: str, step: str) -> None:
        """A step of the set-up is finished."""
        with self.transaction() as db:
            db.execute("insert or ignore into setup_step values (?, ?)", (tenant, step))


def _record(row: sqlite3.Row) -> Record:
    return Record(
        row["tenant"], row["kind"], row["app_id"], row["revision"], row["settled"], bool(row["deleted"]),
        json.loads(row["data"]),
    )  # fmt: skip


def _queued(row: sqlite3.Row) -> Queued:
    at = datetime.fromisoformat(row["at"])
    event = Event(row["id"], row["tenant"], row["type"], at, json.loads(row["body"]))
    return Queued(row["place"], event, row["refused"])
