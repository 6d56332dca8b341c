"""Pairs of records that are probably the same: kept beside the waiting items, ranked when they are listed."""

from collections.abc import Sequence
from dataclasses import dataclass

from qbsync_shared.kinds import Kind
from qbsync_shared.postgres import Connection
from qbsync_wizard.domain.records import Candidate
from qbsync_wizard.domain.showing import ref_of
from qbsync_wizard.postgres.repository import QUERIES


@dataclass(frozen=True, kw_only=True)
class Match:
    """A waiting record of the app and the one record of QuickBooks that is by far the most probable, on both sides."""

    item_id: str
    revision: int
    kind: Kind
    app_id: str
    label: str
    quickbooks_id: str
    other_label: str
    confidence: int
    same: str
    change_no: int


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many matches there are from each confidence on, and how many rows leave somebody to choose."""

    at: dict[int, int]
    unclear: int

    def from_(self, least: int) -> int:
        """How many are at least so sure."""
        return sum(count for confidence, count in self.at.items() if confidence >= least)


async def keep(
    connection: Connection, tenant_id: str, kind: Kind, app_id: str, candidates: Sequence[Candidate]
) -> None:
    """What the waiting item of a record of the app may be linked to; nothing where it has no item any more."""
    await connection.execute(QUERIES["drop_matches"], tenant_id, kind.value, app_id)
    rows = [
        {
            "quickbooks_id": one.id,
            "label": one.label,
            "confidence": one.confidence,
            "same": ", ".join(one.same),
        }
        for one in candidates
        if one.is_active
    ]
    if rows:
        ref = ref_of(app_id, None)
        await connection.execute(QUERIES["put_matches"], tenant_id, kind.value, app_id, ref, rows)


async def listed(
    connection: Connection,
    tenant_id: str,
    *,
    least: int,
    limit: int,
    as_of: int | None = None,
    after: tuple[int, str] | None = None,
) -> list[Match]:
    """Matches of at least that confidence, the surest first; not those that changed after ``as_of``."""
    confidence, item_id = after or (None, None)
    rows = await connection.fetch(
        QUERIES["list_matches"], tenant_id, least, as_of, confidence, item_id, limit
    )
    return [
        Match(
            item_id=row["item_id"],
            revision=row["revision"],
            kind=Kind(row["kind"]),
            app_id=row["app_id"],
            label=row["label"],
            quickbooks_id=row["quickbooks_id"],
            other_label=row["other_label"],
            confidence=row["confidence"],
            same=row["same"],
            change_no=row["change_no"],
        )
        for row in rows
    ]


async def count(connection: Connection, tenant_id: str) -> Counts:
    """How many there are."""
    rows = await connection.fetch(QUERIES["count_matches"], tenant_id)
    at = {int(row["confidence"]): int(row["n"]) for row in rows if row["n"]}
    return Counts(at=at, unclear=sum(int(row["unclear"]) for row in rows))
