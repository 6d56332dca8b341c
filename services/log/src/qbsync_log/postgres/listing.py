"""Lists of syncs. The conditions are put together from fixed pieces, so that each list gets the index that fits it."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from qbsync_log.domain.unsynced import Bucket
from qbsync_log.domain.words import words_of_query
from qbsync_shared.kinds import Direction, Kind
from qbsync_shared.postgres import Connection
from qbsync_shared.states import StateGroup

COUNTED = 10_000
"""Beyond this a filtered list is not counted further: the page says "10,000 or more"."""

_COLUMNS = """s.tenant_id, s.sync_id, s.edition, s.direction, s.kind, s.operation, s.app_id, s.linked_app_id, s.quickbooks_id,
       s.entity_key, s.label, s.amount, s.party, s.party_name, null::jsonb as entity, s.fields, s.entity_seq, s.resync_of,
       s.not_before, s.approved_by, s.approved_at, s.version, s.state, s.state_group, s.attempt, s.code, s.message, s.retry_at, s.waits_for,
       s.in_doubt_since, s.awaiting_app_since, s.warnings, s.cancelled_by, s.superseded_by, s.changed_at, s.latest,
       s.bucket, s.cause, s.asked_at, party.label as party_label, needed.label as waits_for_label,
       newest.state as newest_state, newest.changed_at as newest_at"""

_JOINS = """left join sync party on party.tenant_id = s.tenant_id and party.entity_key = s.party and party.latest
  left join sync needed on needed.tenant_id = s.tenant_id and needed.entity_key = s.waits_for and needed.latest
  left join sync newest on newest.tenant_id = s.tenant_id and newest.entity_key = s.entity_key and newest.latest"""


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What a list is limited to; ``zone`` says where the days of ``since`` and ``until`` begin."""

    group: StateGroup | None = None
    kind: Kind | None = None
    direction: Direction | None = None
    code: str | None = None
    since: date | None = None
    until: date | None = None
    q: str = ""
    zone: tzinfo | None = None
    bucket: Bucket | None = None
    cause: str | None = None


@dataclass
class _Where:
    parameters: list[Any]
    conditions: list[str] = field(default_factory=list)

    def add(self, condition: str, *values: Any) -> None:
        numbers = []
        for value in values:
            self.parameters.append(value)
            numbers.append(f"${len(self.parameters)}")
        self.conditions.append(condition.format(*numbers))

    @property
    def text(self) -> str:
        return " and ".join(self.conditions)


def _where(tenant: str, filters: Filters) -> _Where:
    where = _Where([])
    where.add("s.tenant_id = {}", tenant)
    for column, value in (
        ("state_group", filters.group),
        ("kind", filters.kind),
        ("direction", filters.direction),
        ("bucket", filters.bucket),
    ):
        if value is not None:
            where.add(f"s.{column} = {{}}", value.value)
    for column, text in (("code", filters.code), ("cause", filters.cause)):
        if text:
            where.add(f"s.{column} = {{}}", text)
    if filters.since:
        where.add("s.changed_at >= {}", _begin(filters.since, filters.zone))
    if filters.until:
        where.add("s.changed_at < {}", _begin(filters.until + timedelta(days=1), filters.zone))
    if filters.q.strip():
        _found_by(where, tenant, sorted(words_of_query(filters.q), key=len, reverse=True))
    return where


def _found_by(where: _Where, tenant: str, words: list[str]) -> None:
    """Only syncs that have all words; the longest one, which is the rarest, leads. At most ``COUNTED`` are looked at further."""
    if not words:
        where.add("false")
        return
    others = "".join(
        " and exists (select from sync_word x where x.tenant_id = {0} and x.sync_id = w.sync_id"
        f" and x.word >= {{{2 * n + 1}}} and x.word < {{{2 * n + 2}}})"
        for n in range(1, len(words))
    )
    bounds = [bound for word in words for bound in (word, word + "\U0010ffff")]
    # an array, so that it is looked up once and not per row
    where.add(
        "s.sync_id = any(array(select w.sync_id from sync_word w where w.tenant_id = {0} and w.word >= {1} and w.word < {2}"  # noqa: S608 - fixed pieces
        f"{others} limit {COUNTED:d}))",
        tenant,
        *bounds,
    )


def _begin(day: date, zone: tzinfo | None) -> datetime:
    return datetime.combine(day, time(), zone or UTC)


async def syncs(
    connection: Connection,
    tenant: str,
    filters: Filters,
    *,
    limit: int,
    after: tuple[Any, ...] | None = None,
    newer: bool = False,
) -> list[Any]:
    """Rows, newest change first; after (changed_at, sync_id), or with ``newer`` those right before it."""
    where = _where(tenant, filters)
    if after is not None:
        where.add(f"(s.changed_at, s.sync_id) {'>' if newer else '<'} ({{}}, {{}})", *after)
    order = "s.changed_at, s.sync_id" if newer else "s.changed_at desc, s.sync_id desc"
    found = await _rows(connection, where, order, limit)
    return found[::-1] if newer else found


async def unsynced(
    connection: Connection, tenant: str, filters: Filters, *, limit: int, after: tuple[Any, ...] | None = None
) -> list[Any]:
    """Unsynced rows by bucket and cause, the oldest first; after (bucket, cause, changed_at, sync_id)."""
    where = _where(tenant, filters)
    where.add("s.bucket is not null")
    if after is not None:
        where.add("(s.bucket, s.cause, s.changed_at, s.sync_id) > ({}, {}, {}, {})", *after)
    return await _rows(connection, where, "s.bucket, s.cause, s.changed_at, s.sync_id", limit)


async def _rows(connection: Connection, where: _Where, order: str, limit: int) -> list[Any]:
    # the page is cut first, the names of others are looked up for its rows only
    statement = f"""select {_COLUMNS}
  from (select * from sync s where {where.text} order by {order} limit {limit:d}) s
  {_JOINS}
 order by {order}"""  # noqa: S608 - fixed pieces; every value is a parameter
    return list(await connection.fetch(statement, *where.parameters))


async def total(connection: Connection, tenant: str, filters: Filters) -> int:
    """How many match, at most ``COUNTED`` where a filter needs counting."""
    if not (filters.code or filters.since or filters.until or filters.q or filters.bucket or filters.cause):
        return await _tallied(connection, tenant, filters)
    where = _where(tenant, filters)
    statement = f"select count(*) from (select from sync s where {where.text} limit {COUNTED}) counted"  # noqa: S608
    return int(await connection.fetchval(statement, *where.parameters))


async def _tallied(connection: Connection, tenant: str, filters: Filters) -> int:
    rows = await connection.fetch("select key, n from tally where tenant_id = $1 and scope = 'state'", tenant)
    wanted = [part.value if part else None for part in (filters.group, filters.direction, filters.kind)]
    return sum(
        int(row["n"])
        for row in rows
        if all(want in (None, has) for want, has in zip(wanted, row["key"].split("|"), strict=True))
    )


async def total_unsynced(connection: Connection, tenant: str, filters: Filters) -> int:
    """How many unsynced entities match; only a search needs counting."""
    if filters.kind or filters.direction or filters.code or filters.q:
        where = _where(tenant, filters)
        where.add("s.bucket is not null")
        statement = f"select count(*) from (select from sync s where {where.text} limit {COUNTED}) counted"  # noqa: S608
        return int(await connection.fetchval(statement, *where.parameters))
    rows = await connection.fetch(
        "select key, n from tally where tenant_id = $1 and scope = 'unsynced'", tenant
    )
    return sum(
        int(row["n"])
        for row in rows
        if filters.bucket in (None, row["key"].split("|")[0])
        and filters.cause in (None, row["key"].partition("|")[2])
    )
