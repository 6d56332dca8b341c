"""Review items: stored, listed, set aside, brought back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from qbsync_shared.ids import EntityKey
from qbsync_shared.kinds import Direction, Kind, Operation
from qbsync_shared.postgres import Connection
from qbsync_wizard.domain import showing
from qbsync_wizard.domain.evaluating import Item
from qbsync_wizard.domain.records import Decision, Json, Standing
from qbsync_wizard.postgres.repository import QUERIES, Row


@dataclass(frozen=True, kw_only=True)
class ItemRow:
    """A stored item as lists show it. ``shown`` is read by :attr:`item` when it is opened or approved."""

    item_id: str
    kind: Kind
    ref: str
    app_id: str | None
    quickbooks_id: str | None
    direction: Direction
    operation: Operation
    revision: int
    standing: Standing
    place: int
    label: str
    party: str
    amount: Decimal | None
    document_date: date | None
    shown: Json
    content: str
    change_no: int
    changed_at: datetime
    updated_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    kept_by: str | None

    @property
    def item(self) -> Item:
        """All that was shown."""
        return showing.from_json(self.shown, standing=self.standing, content=self.content)

    @property
    def posted(self) -> str:
        """What a form posts of it: id and the revision that was seen."""
        return f"{self.item_id}:{self.revision}"


def item_row(row: Row) -> ItemRow:
    """One row of the table."""
    return ItemRow(
        item_id=row["item_id"],
        kind=Kind(row["kind"]),
        ref=row["ref"],
        app_id=row["app_id"],
        quickbooks_id=row["quickbooks_id"],
        direction=Direction(row["direction"]),
        operation=Operation(row["operation"]),
        revision=row["revision"],
        standing=Standing(row["standing"]),
        place=row["place"],
        label=row["label"],
        party=row["party"],
        amount=row["amount"],
        document_date=row["document_date"],
        shown=row["shown"],
        content=row["content"],
        change_no=row["change_no"],
        changed_at=row["changed_at"],
        updated_at=row["updated_at"],
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
        kept_by=row["kept_by"],
    )


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What is stored of an entity's item, as far as a new evaluation needs it."""

    item_id: str
    standing: Standing
    shown_digest: str
    content: str


async def stored(
    connection: Connection, tenant_id: str, kind: Kind, ref: str
) -> tuple[Stored | None, Decision | None]:
    """The item of an entity, and what somebody decided about it without approving it."""
    row = await connection.fetchrow(QUERIES["get_item_by_ref"], tenant_id, kind.value, ref)
    assert row is not None
    present = None
    if row["item_id"] is not None:
        present = Stored(
            item_id=row["item_id"],
            standing=Standing(row["standing"]),
            shown_digest=row["shown_digest"],
            content=row["content"],
        )
    if row["skipped"]:
        return present, Decision(standing=Standing.SKIPPED, content="")
    if present is None or present.standing in (Standing.WAITING, Standing.SKIPPED):
        return present, None
    return present, Decision(standing=present.standing, content=present.content)


async def put(
    connection: Connection,
    tenant_id: str,
    item: Item,
    *,
    present: Stored | None,
    item_id: str,
    party: str,
    change_no: int,
    changed_at: datetime,
    now: datetime,
) -> bool:
    """Store an item. False: nothing that is shown has changed, so the revision stays."""
    shown = showing.to_json(item)
    digest = showing.shown_digest({**shown, "party": party})
    if present and (present.shown_digest, present.standing) == (digest, item.standing):
        return False
    summary = showing.summarise(item, party)
    common = (
        item.app_id,
        item.quickbooks_id,
        item.change.direction.value,
        item.change.operation.value,
        item.standing.value,
        summary.place,
        summary.label,
        summary.party,
        summary.amount,
        summary.document_date,
        summary.search,
        shown,
        digest,
        item.content,
        change_no,
        changed_at,
        now,
        _party_ref(item),
    )
    if present is not None:
        await connection.execute(QUERIES["update_item"], tenant_id, present.item_id, *common)
        return True
    ref = showing.ref_of(item.app_id, item.quickbooks_id)
    await connection.execute(QUERIES["insert_item"], tenant_id, item_id, item.kind.value, ref, *common)
    return True


def _party_ref(item: Item) -> str | None:
    found = showing.party_reference(item)
    if found is None or not found[1].get("app_id"):
        return None
    return str(EntityKey(found[0], found[1]["app_id"]))


async def remove(connection: Connection, tenant_id: str, kind: Kind, ref: str) -> None:
    """Nothing is to be reviewed of this entity."""
    await connection.execute(QUERIES["delete_item"], tenant_id, kind.value, ref)


async def get_many(connection: Connection, tenant_id: str, item_ids: Sequence[str]) -> dict[str, ItemRow]:
    """Items by id, on whatever list they stand."""
    rows = await connection.fetch(QUERIES["get_items"], tenant_id, list(item_ids))
    return {row["item_id"]: item_row(row) for row in rows}


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which waiting rows: by section, kind and a word to find."""

    direction: Direction | None = None
    kind: Kind | None = None
    q: str = ""

    @property
    def pattern(self) -> str | None:
        """The word as LIKE reads it."""
        word = self.q.strip().casefold().lstrip("$")
        if not word:
            return None
        escaped = word.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
        return f"%{escaped}%"

    @property
    def values(self) -> tuple[str | None, str | None, str | None]:
        """As the statements take them."""
        return (
            self.direction.value if self.direction else None,
            self.kind.value if self.kind else None,
            self.pattern,
        )


EVERYTHING = Filter()


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The rows that an approval is about: a filter, as they were at a moment, perhaps only some ids.

    ``as_of`` is the number of the last change that was seen, or a time.
    """

    filter: Filter = EVERYTHING
    as_of: int | datetime | None = None
    leave_out: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None

    @property
    def values(self) -> tuple[Any, ...]:
        """As the statements take them."""
        number = self.as_of if isinstance(self.as_of, int) else None
        moment = self.as_of if isinstance(self.as_of, datetime) else None
        only = list(self.only) if self.only is not None else None
        return (*self.filter.values, number, moment, list(self.leave_out), only)


async def in_scope(
    connection: Connection, tenant_id: str, scope: Scope, *, after: tuple[int, str], limit: int
) -> list[ItemRow]:
    """The next waiting rows of a scope, in the order of the list, so that references go before referrers."""
    rows = await connection.fetch(QUERIES["scope_batch"], tenant_id, *scope.values, *after, limit)
    return [item_row(row) for row in rows]


async def count_scope(connection: Connection, tenant_id: str, scope: Scope) -> int:
    """How many waiting rows a scope holds."""
    count: int = await connection.fetchval(QUERIES["count_scope"], tenant_id, *scope.values)
    return count


async def set_aside(
    connection: Connection,
    tenant_id: str,
    scope: Scope,
    standing: Standing,
    *,
    by: str,
    at: datetime,
    approval_id: str | None,
) -> int:
    """Keep or clear what waits in a scope; returns how many."""
    kept_by = approval_id if standing is Standing.KEPT else None
    rows = await connection.fetch(
        QUERIES["set_aside"], tenant_id, *scope.values, standing.value, by, at, kept_by
    )
    return len(rows)


async def section(
    connection: Connection,
    tenant_id: str,
    wanted: Filter,
    *,
    after: tuple[int, str] = (-1, ""),
    limit: int,
) -> list[ItemRow]:
    """Waiting rows of one section (the filter's direction), in order."""
    assert wanted.direction is not None
    rows = await connection.fetch(
        QUERIES["list_section"], tenant_id, Standing.WAITING.value, *wanted.values, *after, limit
    )
    return [item_row(row) for row in rows]


async def count(connection: Connection, tenant_id: str, wanted: Filter) -> dict[Direction, int]:
    """How many rows wait and match, by section; without a word or kind no row is counted."""
    counts = dict.fromkeys(Direction, 0)
    if wanted.kind is None and wanted.pattern is None:
        waiting = (await count_all(connection, tenant_id))[Standing.WAITING]
        return {one: waiting[one] if wanted.direction in (None, one) else 0 for one in Direction}
    rows = await connection.fetch(QUERIES["count_items"], tenant_id, Standing.WAITING.value, *wanted.values)
    return counts | {Direction(row["direction"]): row["count"] for row in rows}


async def count_all(connection: Connection, tenant_id: str) -> dict[Standing, dict[Direction, int]]:
    """How many items stand on which list."""
    counts = {standing: dict.fromkeys(Direction, 0) for standing in Standing}
    for row in await connection.fetch(QUERIES["tallies"], tenant_id):
        counts[Standing(row["standing"])][Direction(row["direction"])] = row["count"]
    return counts


async def decided(
    connection: Connection,
    tenant_id: str,
    standing: Standing,
    *,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[ItemRow]:
    """Kept or cleared rows, latest decision first."""
    moment, item_id = after or (None, None)
    rows = await connection.fetch(QUERIES["list_decided"], tenant_id, standing.value, moment, item_id, limit)
    return [item_row(row) for row in rows]


async def count_new(connection: Connection, tenant_id: str, since: int) -> int:
    """How many waiting rows appeared or changed after this number; 1,000 stands for more."""
    found: int = await connection.fetchval(QUERIES["count_new"], tenant_id, since)
    return found
