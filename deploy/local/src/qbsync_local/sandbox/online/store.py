"""The books of the simulated companies, in SQLite: committed before an answer leaves, so a kill -9 loses nothing."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from qbsync_local.sandbox.online.jsonio import Json, dumps, loads
from qbsync_shared.clock import Clock


@dataclass(frozen=True, slots=True)
class Company:
    """One company: `realm` is its id at Intuit; its local time is a fixed offset from UTC."""

    realm: str
    name: str
    zone: timezone


@dataclass(frozen=True, slots=True)
class Record:
    """One record as stored. Times are whole seconds since 1970, as QuickBooks keeps no fraction.

    name_key is what must be unique (None where nothing must), open_cents what the party owes by it.
    """

    realm: str
    entity: str
    id: str
    body: Json
    sync_token: int = 0
    created: int = 0
    updated: int = 0
    live: bool = True
    name_key: str | None = None
    doc_number: str | None = None
    party: str | None = None
    open_cents: int = 0

    def changed(self, **parts: Any) -> Self:
        """A copy with these parts."""
        return replace(self, **parts)


class Store:
    """Companies and their records. One connection, used from one thread at a time."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        """Open (or make) the file; None keeps everything in memory."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        self.connection.execute("pragma journal_mode = wal")
        self.connection.execute("pragma synchronous = normal")  # survives a killed process; not a power cut
        tables = files("qbsync_local.sandbox.online").joinpath("store.sql").read_text(encoding="utf-8")
        self.connection.executescript(tables)
        self._clock = clock
        self._offset = int(self.meta("clock_offset", "0"))

    def close(self) -> None:
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside become durable together; an inner transaction joins the outer one."""
        if self.connection.in_transaction:
            yield
            return
        self.connection.execute("begin immediate")
        try:
            yield
        except BaseException:
            self.connection.execute("rollback")
            raise
        self.connection.execute("commit")

    # Clock and small settings

    def now(self) -> datetime:
        """The simulated time, in UTC; the control API can move it ahead."""
        return self._clock.now() + timedelta(seconds=self._offset)

    def seconds(self) -> int:
        return int(self.now().timestamp())

    def advance(self, seconds: int) -> None:
        self._offset += seconds
        self.set_meta("clock_offset", str(self._offset))

    def meta(self, name: str, default: str) -> str:
        row = self.connection.execute("select value from meta where name = ?", (name,)).fetchone()
        return str(row[0]) if row else default

    def set_meta(self, name: str, value: str) -> None:
        self.connection.execute("insert or replace into meta values (?, ?)", (name, value))

    # Companies

    def add_company(self, realm: str, name: str, utc_offset_minutes: int) -> Company:
        """Raises sqlite3.IntegrityError if the realm exists."""
        created = self.now().isoformat(timespec="seconds")
        self.connection.execute(
            "insert into companies values (?, ?, ?, ?)", (realm, name, utc_offset_minutes, created)
        )
        return Company(realm, name, timezone(timedelta(minutes=utc_offset_minutes)))

    def companies(self) -> list[Company]:
        rows = self.connection.execute(
            "select realm, name, utc_offset from companies order by created, realm"
        ).fetchall()
        return [Company(realm, name, timezone(timedelta(minutes=offset))) for realm, name, offset in rows]

    def company(self, realm: str) -> Company | None:
        return next((company for company in self.companies() if company.realm == realm), None)

    def rename_company(self, realm: str, name: str) -> None:
        self.connection.execute("update companies set name = ? where realm = ?", (name, realm))

    def remove_company(self, realm: str) -> None:
        with self.transaction():
            for table in ("companies", "sequences", "records", "replies", "tokens"):
                self.connection.execute(f"delete from {table} where realm = ?", (realm,))  # noqa: S608 - fixed names

    # Records

    def next_id(self, realm: str, sequence: str) -> str:
        """The next id of a sequence. Ids are never used twice, as in QuickBooks."""
        row = self.connection.execute(
            "insert into sequences values (?, ?, 1) on conflict do update set value = value + 1 returning value",
            (realm, sequence),
        ).fetchone()
        return str(row[0])

    def get(self, realm: str, entity: str, identifier: str) -> Record | None:
        found = self.select("realm = ? and entity = ? and id = ?", (realm, entity, identifier))
        return found[0] if found else None

    def select(self, where: str, values: Sequence[Any], order: str = "+id") -> list[Record]:
        """Records that match a condition on the columns; `where` and `order` are ours, never a client's text.

        The plus keeps SQLite from choosing the primary key for the order's sake, where an index finds few rows.
        """
        statement = f"select {_COLUMNS} from records where {where} order by {order}"  # noqa: S608 - as said above
        rows = self.connection.execute(statement, values)
        return [_record(row) for row in rows.fetchall()]

    def put(self, record: Record) -> None:
        values = (
            record.realm, record.entity, record.id, record.sync_token, record.created, record.updated, record.live,
            record.name_key, record.doc_number, record.party, record.open_cents, dumps(record.body),
        )  # fmt: skip
        self.connection.execute(f"insert or replace into records ({_COLUMNS}) values ({_MARKS})", values)  # noqa: S608

    def touch(self, realm: str, entity: str, identifier: str) -> None:
        """Move LastUpdatedTime alone, as QuickBooks does with the customer of a saved invoice."""
        self.connection.execute(
            "update records set updated = ? where realm = ? and entity = ? and id = ?",
            (self.seconds(), realm, entity, identifier),
        )

    def open_cents(self, realm: str, party: str) -> int:
        row = self.connection.execute(
            "select coalesce(sum(open_cents), 0) from records where realm = ? and party = ? and live",
            (realm, party),
        ).fetchone()
        return int(row[0])

    def counts(self, realm: str) -> dict[str, int]:
        rows = self.connection.execute(
            "select entity, count(*) from records where realm = ? and live group by entity order by entity",
            (realm,),
        )
        return dict(rows.fetchall())


_COLUMNS = (
    "realm, entity, id, sync_token, created, updated, live, name_key, doc_number, party, open_cents, body"
)
_MARKS = ", ".join("?" * 12)


def _record(row: Sequence[Any]) -> Record:
    realm, entity, identifier, token, created, updated, live, name_key, number, party, cents, body = row
    return Record(
        realm,
        entity,
        str(identifier),
        loads(body),
        token,
        created,
        updated,
        bool(live),
        name_key,
        number,
        party,
        cents,
    )
