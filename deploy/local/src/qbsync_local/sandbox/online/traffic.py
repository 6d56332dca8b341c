"""What happens around a call: injected troubles, replayed answers, and the journal of calls."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from qbsync_local.sandbox.online.jsonio import Json, dumps, loads
from qbsync_local.sandbox.online.store import Store

JOURNAL_SIZE = 5000

Effect = Literal[
    "lose_request",  # the connection closes before anything is done
    "lose_answer",  # everything is done and durable, then the connection closes without an answer
    "error_before",  # HTTP 500 and nothing was done
    "error_after",  # HTTP 500 although everything was done
    "throttle",  # HTTP 429 with an XML body
    "expire_token",  # HTTP 401, as if the access token had just expired
    "delay",  # the answer comes late by `seconds`
    "fault",  # the fault given by `code`, `message`, `detail`, `type`, `status`; nothing was done
]


class Trouble(BaseModel):
    """An injected trouble for the next `times` calls that match; what is None matches everything.

    `share` is how many of the calls that match it strikes, by chance: 0.1 is every tenth. operation is create, update, delete, void, read, query, batch, cdc, token or revoke.
    """

    model_config = ConfigDict(extra="forbid")

    effect: Effect
    times: int = Field(1, ge=1)
    share: float = Field(1.0, gt=0, le=1)
    realm: str | None = None
    entity: str | None = None
    operation: str | None = None
    seconds: float = Field(0, ge=0, le=120)
    retry_after: int | None = None
    code: str = "6000"
    message: str = "A business validation error has occurred while processing your request"
    detail: str = "Injected by the sandbox"
    type: str = "ValidationFault"
    status: int = Field(400, ge=200, le=599)


@dataclass(slots=True)
class Call:
    """One call as the journal keeps it. `path` is without the query string; code is that of the first fault."""

    at: str
    tid: str
    method: str
    path: str
    realm: str | None = None
    entity: str | None = None
    operation: str | None = None
    request_id: str | None = None
    status: int | None = None
    code: str | None = None
    effect: str | None = None


class Traffic:
    """Troubles, replies and journal, kept in the store so that they survive a kill."""

    def __init__(self, store: Store, chance: Callable[[], float] = random.random) -> None:
        self._store = store
        self._chance = chance

    # Troubles

    def inject(self, trouble: Trouble) -> int:
        """Add a trouble; gives its id."""
        match = {"realm": trouble.realm, "entity": trouble.entity, "operation": trouble.operation}
        row = self._store.connection.execute(
            "insert into faults (effect, remaining, match, details) values (?, ?, ?, ?) returning id",
            (trouble.effect, trouble.times, dumps(match), trouble.model_dump_json()),
        ).fetchone()
        return int(row[0])

    def troubles(self) -> list[Json]:
        """The troubles that still wait, with how often each will strike."""
        rows = self._store.connection.execute(
            "select id, remaining, details from faults order by id"
        ).fetchall()
        return [{**loads(details), "id": number, "times": left} for number, left, details in rows]

    def clear_troubles(self) -> None:
        self._store.connection.execute("delete from faults")

    def strike(self, call: Call) -> Trouble | None:
        """The oldest trouble that matches this call and strikes it, counted down; None if there is none."""
        rows = self._store.connection.execute(
            "select id, remaining, match, details from faults order by id"
        ).fetchall()
        for number, remaining, match, details in rows:
            if all(wanted in (None, getattr(call, name)) for name, wanted in loads(match).items()):
                trouble = Trouble.model_validate_json(details)
                if trouble.share < 1 and self._chance() >= trouble.share:
                    continue
                if remaining > 1:
                    self._store.connection.execute(
                        "update faults set remaining = remaining - 1 where id = ?", (number,)
                    )
                else:
                    self._store.connection.execute("delete from faults where id = ?", (number,))
                return trouble
        return None

    # Replies by requestid

    def replay(self, realm: str, request_id: str) -> tuple[str, int, str] | None:
        """(fingerprint, status, body) of the first answer under this id, None if the id is new."""
        row = self._store.connection.execute(
            "select fingerprint, status, body from replies where realm = ? and request_id = ?",
            (realm, request_id),
        ).fetchone()
        return (str(row[0]), int(row[1]), str(row[2])) if row else None

    def remember(self, realm: str, request_id: str, fingerprint: str, status: int, body: str) -> None:
        self._store.connection.execute(
            "insert into replies values (?, ?, ?, ?, ?)", (realm, request_id, fingerprint, status, body)
        )

    # Journal

    def record(self, call: Call) -> None:
        """Keep the call; the oldest beyond JOURNAL_SIZE go."""
        values = asdict(call)
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        statement = f"insert into journal ({names}) values ({marks})"  # noqa: S608 - names of our own fields
        cursor = self._store.connection.execute(statement, tuple(values.values()))
        self._store.connection.execute(
            "delete from journal where id <= ?", ((cursor.lastrowid or 0) - JOURNAL_SIZE,)
        )

    def journal(self, *, after: int = 0, limit: int = JOURNAL_SIZE, **equal: str | None) -> list[Json]:
        """Calls with an id above `after`, oldest first; `equal` filters by the fields of Call."""
        wanted = {name: value for name, value in equal.items() if value is not None}
        names = [item.name for item in fields(Call) if item.name in wanted]
        where = "".join(f" and {name} = ?" for name in names)
        cursor = self._store.connection.execute(
            f"select * from journal where id > ?{where} order by id limit ?",  # noqa: S608 - names of our own fields
            (after, *(wanted[name] for name in names), limit),
        )
        columns = [column[0] for column in cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]

    def clear_journal(self) -> None:
        self._store.connection.execute("delete from journal")


def fingerprint(*parts: Any) -> str:
    """What makes a request the same one: its operation, entity and exact body."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()
