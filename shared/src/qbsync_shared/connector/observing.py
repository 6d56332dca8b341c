"""What was read of QuickBooks, compared with what was read before: own writes do not echo back (architecture, rule 6)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from qbsync_shared.connector import repository as store
from qbsync_shared.connector.domain import Json, LinkRow, Seen
from qbsync_shared.connector.references import with_app_ids
from qbsync_shared.diff import same
from qbsync_shared.entities import ItemType, parse_entity
from qbsync_shared.kinds import Direction, Kind, rules
from qbsync_shared.postgres import Connection

Record = tuple[Kind, str]
"""A record of QuickBooks: its kind and id."""


@dataclass(frozen=True, kw_only=True)
class Observed:
    """One record as it was read, with app ids in its references; ``version`` is 0 where it is no news."""

    seen: Seen
    link: LinkRow | None
    is_news: bool
    is_new: bool = False
    version: int = 0

    def is_for_matching(self, import_since: datetime | None) -> bool:
        """Whether it is told for matching only: import is off for it, or it is new to us and older than the imports."""
        if Direction.IMPORT not in rules(self.seen.kind).directions or _read_only(self.seen.entity):
            return True
        changed_at = self.seen.changed_at
        if not self.is_new or self.link is not None or import_since is None or changed_at is None:
            return False
        return changed_at < import_since


async def observe(connection: Connection, tenant: str, records: Sequence[Seen]) -> list[Observed]:
    """Store what was read, in a handful of statements however many records; the tenant's lane is held.

    Only a mapped field that differs from QuickBooks' own last form is news, not a version token that moved.
    """
    entities = [parse_entity(one.entity) if one.entity is not None else None for one in records]
    own: list[Record] = [(one.kind, one.quickbooks_id) for one in records]
    referred: list[Record] = [
        (kind, ref.quickbooks_id)
        for entity in entities
        if entity is not None
        for _, kind, ref in entity.references()
        if ref.quickbooks_id
    ]
    links = await store.links_of_quickbooks(connection, tenant, [*own, *referred])
    app_ids = {record: link.app_id for record, link in links.items()}
    before = await store.seen_of(connection, tenant, own)
    observed: list[Observed] = []
    kept: list[int] = []
    for place, (one, entity, key) in enumerate(zip(records, entities, own, strict=True)):
        named = with_app_ids(entity, app_ids).to_json() if entity is not None else None
        known = before.get(key)
        found = _compare(replace(one, entity=named), known, links.get(key))
        observed.append(found)
        if found.is_news or (known is not None and known.token != one.token):
            kept.append(place)
            before[key] = found.seen
    versions = await store.put_seen_many(connection, tenant, [observed[place].seen for place in kept])
    for place, version in zip(kept, versions, strict=True):
        observed[place] = replace(observed[place], version=version)
    await _move_tokens(connection, tenant, [observed[place] for place in kept])
    return observed


def _compare(seen: Seen, before: Seen | None, link: LinkRow | None) -> Observed:
    if before is None:
        return Observed(seen=seen, link=link, is_news=not seen.deleted, is_new=True)
    unchanged = before.deleted == seen.deleted and _alike(before.entity, seen.entity)
    return Observed(seen=seen, link=link, is_news=not unchanged)


async def _move_tokens(connection: Connection, tenant: str, kept: Sequence[Observed]) -> None:
    """Nothing that matters changed since the last sync: the newest token saves a stale write."""
    moved = [
        (tenant, one.seen.kind.value, one.seen.quickbooks_id, one.seen.token)
        for one in kept
        if one.link is not None
        and one.seen.entity is not None
        and one.seen.token
        and _alike(one.link.returned, one.seen.entity)
    ]
    if moved:
        await connection.executemany(store.QUERIES["set_token"], moved)


def _alike(before: Json | None, after: Json | None) -> bool:
    """Whether two readings say the same; a reference that only learnt its app id does."""
    return same(_bare(before), _bare(after))


def _bare(entity: Json | None) -> Json | None:
    if entity is None:
        return None

    def strip(value: object) -> object:
        if isinstance(value, dict):
            keep = {key: strip(inner) for key, inner in value.items()}
            if "quickbooks_id" in keep:
                keep.pop("app_id", None)
            return keep
        if isinstance(value, list):
            return [strip(inner) for inner in value]
        return value

    return {key: strip(value) for key, value in entity.items() if key not in ("app_id", "revision")}


def _read_only(entity: Json | None) -> bool:
    """Sales-tax and group items are read like a list and never reviewed (contract, section 2)."""
    return entity is not None and entity.get("type") in (ItemType.SALES_TAX, ItemType.GROUP)
