"""The company file on disk: one SQLite database, committed per member of a message set, safe against kill -9."""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, names TEXT NOT NULL,
  name TEXT NOT NULL, full_name TEXT NOT NULL, name_key TEXT NOT NULL, active INTEGER NOT NULL,
  parent TEXT, party TEXT, ref_number TEXT, txn_date TEXT, open TEXT NOT NULL DEFAULT '0',
  created TEXT NOT NULL, modified TEXT NOT NULL, edit_sequence INTEGER NOT NULL, content TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS record_name ON record (names, name_key) WHERE names <> '';
CREATE INDEX IF NOT EXISTS record_kind ON record (kind, modified);
CREATE INDEX IF NOT EXISTS record_party ON record (party) WHERE party IS NOT NULL;
CREATE INDEX IF NOT EXISTS record_parent ON record (parent) WHERE parent IS NOT NULL;
CREATE INDEX IF NOT EXISTS record_number ON record (kind, ref_number) WHERE ref_number IS NOT NULL;
CREATE TABLE IF NOT EXISTS reference (holder TEXT NOT NULL, target TEXT NOT NULL, PRIMARY KEY (target, holder)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS reference_holder ON reference (holder);
CREATE TABLE IF NOT EXISTS deleted (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, created TEXT NOT NULL, deleted TEXT NOT NULL, full_name TEXT, ref_number TEXT);
CREATE TABLE IF NOT EXISTS message_set (
  application TEXT NOT NULL, id TEXT NOT NULL, checksum TEXT NOT NULL, finished INTEGER NOT NULL, answers TEXT NOT NULL,
  PRIMARY KEY (application, id)) WITHOUT ROWID;
"""
_COLUMNS = (
    "id", "kind", "names", "name", "full_name", "name_key", "active", "parent", "party", "ref_number", "txn_date",
    "open", "created", "modified", "edit_sequence", "content",
)  # fmt: skip
_UPSERT = (
    "INSERT INTO record (id, kind, names, name, full_name, name_key, active, parent, party, ref_number, txn_date, open, created,"
    " modified, edit_sequence, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
    " names = excluded.names, name = excluded.name, full_name = excluded.full_name, name_key = excluded.name_key,"
    " active = excluded.active, parent = excluded.parent, party = excluded.party, ref_number = excluded.ref_number,"
    " txn_date = excluded.txn_date, open = excluded.open, modified = excluded.modified,"
    " edit_sequence = excluded.edit_sequence, content = excluded.content"
)


@dataclass(slots=True)
class Record:
    """One list element or transaction. `open` is what it still adds to the party's balance, a decimal string."""

    id: str
    kind: str
    created: str
    modified: str
    edit_sequence: int
    content: dict[str, Any]
    names: str = ""
    name: str = ""
    full_name: str = ""
    active: bool = True
    parent: str | None = None
    party: str | None = None
    ref_number: str | None = None
    txn_date: str | None = None
    open: str = "0"
    references: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Deleted:
    """A line of the deletion log."""

    id: str
    kind: str
    created: str
    deleted: str
    full_name: str | None
    ref_number: str | None


@dataclass(frozen=True, slots=True)
class StoredSet:
    """What QuickBooks remembers of a message set, until it is cleared. `answers` has one entry per member."""

    checksum: str
    finished: bool
    answers: list[dict[str, Any]]


class Store:
    """One company file. Every method may be called from any thread; `transaction` keeps others out."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.lock = threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_TABLES)
        self._full_names: dict[str, str] = {}

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; nests."""
        with self.lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                self._full_names.clear()
                raise
            self._db.execute("COMMIT")

    def backup(self, path: Path) -> None:
        """Copy the company file as it is now."""
        path.unlink(missing_ok=True)
        with self.lock, sqlite3.connect(path) as copy:
            self._db.backup(copy)
        copy.close()

    def restore(self, path: Path) -> None:
        """Put a copy in the place of the company file: everything since is gone, recovery records too."""
        with self.lock:
            source = sqlite3.connect(path)
            source.backup(self._db)
            source.close()
            self._full_names.clear()

    # meta

    def meta(self, name: str, default: str = "") -> str:
        """A single value of the file."""
        row = self._one("SELECT value FROM meta WHERE name = ?", name)
        return str(row[0]) if row else default

    def set_meta(self, name: str, value: str) -> None:
        """Keep a single value."""
        self._run(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            value,
        )

    def next_number(self, name: str, start: int = 1) -> int:
        """Count up and give the number."""
        with self.transaction():
            number = int(self.meta(name, str(start - 1))) + 1
            self.set_meta(name, str(number))
        return number

    # records

    def put(self, record: Record) -> None:
        """Write a record, new or changed, and what it refers to. Raises sqlite3.IntegrityError for a taken name."""
        with self.transaction():
            self._db.execute(
                _UPSERT,
                (
                    record.id, record.kind, record.names, record.name, record.full_name, record.full_name.casefold(),
                    int(record.active), record.parent, record.party, record.ref_number, record.txn_date, record.open,
                    record.created, record.modified, record.edit_sequence, json.dumps(record.content),
                ),
            )  # fmt: skip
            self._db.execute("DELETE FROM reference WHERE holder = ?", (record.id,))
            self._db.executemany(
                "INSERT OR IGNORE INTO reference VALUES (?, ?)",
                [(record.id, target) for target in record.references],
            )
            if record.names:
                self._full_names[record.id] = record.full_name

    def get(self, identifier: str) -> Record | None:
        """A record by id."""
        row = self._one("SELECT * FROM record WHERE id = ?", identifier)
        return _record(row) if row else None

    def by_name(self, names: str, full_name: str) -> Record | None:
        """A list element by its full name, whatever the case."""
        row = self._one(
            "SELECT * FROM record WHERE names = ? AND name_key = ? AND names <> ''",
            names,
            full_name.casefold(),
        )
        return _record(row) if row else None

    def full_name(self, identifier: str) -> str | None:
        """The full name of a list element, from memory where it is known."""
        known = self._full_names.get(identifier)
        if known is None:
            row = self._one("SELECT full_name FROM record WHERE id = ?", identifier)
            known = self._full_names[identifier] = str(row[0]) if row else ""
        return known or None

    def children(self, identifier: str) -> list[Record]:
        """The list elements directly below one."""
        return [_record(row) for row in self._all("SELECT * FROM record WHERE parent = ?", identifier)]

    def used_by(self, identifier: str) -> int:
        """How many records name this one."""
        row = self._one("SELECT count(*) FROM reference WHERE target = ?", identifier)
        return int(row[0]) if row else 0

    def ids(self, where: str, parameters: Iterable[Any], order: str) -> list[str]:
        """Ids of the records that a condition picks (conditions are the simulator's own text, values are parameters)."""
        rows = self._all(f"SELECT id FROM record WHERE {where} ORDER BY {order}", *parameters)  # noqa: S608
        return [str(row[0]) for row in rows]

    def many(self, identifiers: Iterable[str]) -> Iterator[Record]:
        """The records of these ids that still exist, in this order."""
        for identifier in identifiers:
            record = self.get(identifier)
            if record is not None:
                yield record

    def open_amounts(self, parties: Iterable[str]) -> list[str]:
        """What each open transaction adds to the balance of these parties."""
        found: list[str] = []
        for party in parties:
            found += [
                str(row[0])
                for row in self._all("SELECT open FROM record WHERE party = ? AND open <> '0'", party)
            ]
        return found

    def delete(self, record: Record, when: str) -> None:
        """Take a record out and note it in the deletion log."""
        with self.transaction():
            self._db.execute("DELETE FROM record WHERE id = ?", (record.id,))
            self._db.execute("DELETE FROM reference WHERE holder = ?", (record.id,))
            self._db.execute(
                "INSERT OR REPLACE INTO deleted VALUES (?, ?, ?, ?, ?, ?)",
                (record.id, record.kind, record.created, when, record.full_name or None, record.ref_number),
            )
            self._full_names.pop(record.id, None)

    def deleted(self, kinds: Iterable[str]) -> list[Deleted]:
        """The deletion log of these kinds, oldest first."""
        wanted = list(kinds)
        marks = ", ".join("?" * len(wanted))
        rows = self._all(f"SELECT * FROM deleted WHERE kind IN ({marks}) ORDER BY deleted, id", *wanted)  # noqa: S608
        return [Deleted(**dict(row)) for row in rows]

    def counts(self) -> Mapping[str, int]:
        """How many records of each kind."""
        return {
            str(row[0]): int(row[1]) for row in self._all("SELECT kind, count(*) FROM record GROUP BY kind")
        }

    # message set recovery

    def message_set(self, application: str, identifier: str) -> StoredSet | None:
        """What is remembered of a message set."""
        row = self._one("SELECT * FROM message_set WHERE application = ? AND id = ?", application, identifier)
        return StoredSet(row["checksum"], bool(row["finished"]), json.loads(row["answers"])) if row else None

    def keep_message_set(self, application: str, identifier: str, stored: StoredSet) -> None:
        """Remember a message set."""
        self._run(
            "INSERT OR REPLACE INTO message_set VALUES (?, ?, ?, ?, ?)",
            application, identifier, stored.checksum, int(stored.finished), json.dumps(stored.answers),
        )  # fmt: skip

    def clear_message_set(self, application: str, identifier: str | None) -> None:
        """Forget one message set of an application, or all."""
        if identifier is None:
            self._run("DELETE FROM message_set WHERE application = ?", application)
        else:
            self._run("DELETE FROM message_set WHERE application = ? AND id = ?", application, identifier)

    def message_set_ids(self) -> list[str]:
        """The ids of all remembered message sets."""
        return [str(row[0]) for row in self._all("SELECT id FROM message_set ORDER BY id")]

    def _run(self, statement: str, *parameters: Any) -> None:
        with self.lock:
            self._db.execute(statement, parameters)

    def _one(self, statement: str, *parameters: Any) -> sqlite3.Row | None:
        with self.lock:
            row: sqlite3.Row | None = self._db.execute(statement, parameters).fetchone()
            return row

    def _all(self, statement: str, *parameters: Any) -> list[sqlite3.Row]:
        with self.lock:
            return self._db.execute(statement, parameters).fetchall()


def _record(row: sqlite3.Row) -> Record:
    values = {name: row[name] for name in _COLUMNS if name not in ("name_key", "content", "active")}
    return Record(**values, active=bool(row["active"]), content=json.loads(row["content"]))
