"""What an admin decides about a restored backup: approve again, take QuickBooks' version, or leave it (contract, section 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from qbsync_qbwc_gateway.postgres import repository as store
from qbsync_qbwc_gateway.session.announcing import Announcing
from qbsync_shared.clock import Clock
from qbsync_shared.connector import LinkKeeper, Seen
from qbsync_shared.ids import EntityKey, MakeId
from qbsync_shared.kinds import Kind
from qbsync_shared.messages import AuditRecorded, Channel, ConnectionState
from qbsync_shared.messages.base import stamp
from qbsync_shared.messaging import publish
from qbsync_shared.postgres import Connection, Database

WHY = "a restored backup"


class Finding(StrEnum):
    """How a linked record stands in the company file."""

    MISSING = "missing"
    OLDER = "older"


class Choice(StrEnum):
    """What becomes of the records of a group."""

    AGAIN = "again"  # back for review in the Sync Wizard; nothing is sent by itself
    LINK = "link"  # what QuickBooks holds comes for review as an import
    LEAVE = "leave"  # the links stay as they are


CHOICES = {
    Finding.MISSING: (Choice.AGAIN, Choice.LEAVE),
    Finding.OLDER: (Choice.AGAIN, Choice.LINK, Choice.LEAVE),
}


class NotOfferedError(Exception):
    """That choice makes no sense for this finding; the text says why, for a user."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Records of a kind with the same finding. ``examples`` are up to five names or numbers."""

    kind: Kind
    finding: Finding
    records: int
    undecided: int
    examples: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Report:
    """A comparison that is under way (``is_open`` false) or waits for an admin."""

    is_open: bool
    groups: tuple[Group, ...]


class Reconciling:
    """Reads the comparison and carries out what an admin chose."""

    def __init__(
        self,
        database: Database,
        keeper: LinkKeeper,
        announcing: Announcing,
        *,
        clock: Clock,
        make_id: MakeId,
    ) -> None:
        self._database = database
        self._keeper = keeper
        self._announcing = announcing
        self._clock = clock
        self._make_id = make_id

    async def report(self, tenant: str) -> Report | None:
        """How the company file compares; None where it is not an older one."""
        async with self._database.tenant(tenant) as connection:
            connector = await store.get_connector(connection, tenant)
            if connector is None or connector.compare is None:
                return None
            rows = await connection.fetch(store.QUERIES["count_findings"], tenant)
        return Report(is_open=connector.compare == "open", groups=tuple(_group(row) for row in rows))

    async def findings(self, tenant: str, *, after: tuple[str, str], limit: int) -> list[Mapping[str, Any]]:
        """The records, in the order of kind and app id."""
        async with self._database.tenant(tenant) as connection:
            rows = await connection.fetch(store.QUERIES["findings"], tenant, *after, limit)
        return [dict(row) for row in rows]

    async def decide(
        self, tenant: str, *, finding: Finding, kind: Kind | None, choice: Choice, by: str
    ) -> int:
        """Carry out a choice for a group; with the last one the connection goes on. Returns how many records it concerned.

        Raises:
            NotOfferedError: the choice does not fit the finding.
        """
        if choice not in CHOICES[finding]:
            raise NotOfferedError(
                "QuickBooks does not hold these records, so there is nothing to take from it."
            )
        async with self._database.tenant(tenant) as connection:
            connector = await store.lock_connector(connection, tenant)
            if connector is None or connector.compare != "open":
                return 0
            rows = await connection.fetch(
                store.QUERIES["undecided"], tenant, finding.value, kind.value if kind else None
            )
            for row in rows:
                await self._carry_out(connection, tenant, row, choice, by=by)
                await connection.execute(
                    store.QUERIES["choose"], tenant, row["kind"], row["app_id"], choice.value
                )
            await self._audit(
                connection, tenant, by=by, finding=finding.value, choice=choice.value, records=len(rows)
            )
            groups = await connection.fetch(store.QUERIES["count_findings"], tenant)
            if not any(group["undecided"] for group in groups):
                await connection.execute(
                    store.QUERIES["end_comparison"], tenant, connector.compare_marker or 0
                )
                await self._announcing.state(connection, connector, ConnectionState.CONNECTED, seen=False)
            return len(rows)

    async def _carry_out(
        self, connection: Connection, tenant: str, row: Mapping[str, Any], choice: Choice, *, by: str
    ) -> None:
        key = EntityKey(Kind(row["kind"]), row["app_id"])
        held = Seen(
            kind=key.kind, quickbooks_id=row["quickbooks_id"], token=row["token"], entity=row["entity"]
        )
        if choice is Choice.AGAIN and row["finding"] == Finding.MISSING:
            await self._keeper.forget(connection, tenant, key, by=by, why=WHY)
        elif choice is Choice.AGAIN:
            await self._keeper.rebase(connection, tenant, key, held)
        elif choice is Choice.LINK:
            await self._keeper.observe(connection, tenant, held)

    async def _audit(self, connection: Connection, tenant: str, *, by: str, **details: Any) -> None:
        await publish(
            connection,
            AuditRecorded(
                **stamp(self._make_id(), tenant, self._clock.now()),
                speaker=Channel.DESKTOP,
                by=by,
                action="reconcile",
                why=WHY,
                details=details,
            ),
        )


def _group(row: Mapping[str, Any]) -> Group:
    return Group(
        kind=Kind(row["kind"]),
        finding=Finding(row["finding"]),
        records=row["records"],
        undecided=row["undecided"],
        examples=tuple(row["examples"]),
    )
