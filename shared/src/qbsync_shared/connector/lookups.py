"""What QuickBooks holds under a name or number: told at once from what was read, then from QuickBooks itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qbsync_shared.clock import Clock
from qbsync_shared.connector import repository as store
from qbsync_shared.connector.domain import Json, Seen
from qbsync_shared.connector.events import Announcer
from qbsync_shared.ids import MakeId
from qbsync_shared.kinds import Edition, Kind
from qbsync_shared.messages import LookUp, LookUpAnswered, LookUpSource
from qbsync_shared.messaging import publish
from qbsync_shared.postgres import Connection

CONTACTS = (Kind.CUSTOMER, Kind.JOB, Kind.VENDOR, Kind.EMPLOYEE)
"""These share one list of names, in both editions."""


def namesakes(kind: Kind) -> tuple[Kind, ...]:
    """The kinds among which a name or number of this kind must be unique; the kind itself first."""
    return (kind, *(one for one in CONTACTS if one is not kind)) if kind in CONTACTS else (kind,)


@dataclass(frozen=True, kw_only=True)
class AskedFor:
    """A look-up that waits for QuickBooks: a name or number, and the id of a record if a fault named one."""

    tenant: str
    command_id: str
    kind: Kind
    text: str
    quickbooks_id: str | None
    asked_at: datetime
    tries: int = 0


def asked_for(row: Mapping[str, Any]) -> AskedFor:
    """One row of the table."""
    return AskedFor(
        tenant=row["tenant_id"],
        command_id=row["command_id"],
        kind=Kind(row["kind"]),
        text=row["text"],
        quickbooks_id=row["quickbooks_id"],
        asked_at=row["asked_at"],
        tries=row["tries"],
    )


class LookUps:
    """Takes look-ups in, and tells what was found. Nothing in QuickBooks or in the app changes by them."""

    def __init__(self, edition: Edition, *, clock: Clock, make_id: MakeId) -> None:
        self._clock = clock
        self._say = Announcer(edition, make_id)

    async def ask(self, connection: Connection, command: LookUp, *, as_of: datetime | None = None) -> None:
        """Answer from what was read, the last time at ``as_of``, and note that QuickBooks is to be asked."""
        wanted = AskedFor(
            tenant=command.tenant,
            command_id=command.id,
            kind=command.kind,
            text=command.text,
            quickbooks_id=command.quickbooks_id,
            asked_at=self._clock.now(),
        )
        await connection.execute(
            store.QUERIES["put_look_up"],
            wanted.tenant,
            wanted.command_id,
            wanted.kind.value,
            wanted.text,
            command.app_id,
            wanted.quickbooks_id,
            wanted.asked_at,
        )
        await connection.execute(store.QUERIES["tell_look_up"], wanted.tenant)
        await self._tell(connection, wanted, await _held(connection, wanted), as_of=as_of, pending=True)

    async def answer(
        self,
        connection: Connection,
        wanted: AskedFor,
        records: Sequence[Seen],
        *,
        others: Sequence[Json] = (),
    ) -> None:
        """QuickBooks answered: tell its records. The caller lets them be observed, so that others learn of them, too.

        Args:
            records: what it holds, each as it was read.
            others: what it holds of kinds that qbsync does not sync, with ``quickbooks_id``, ``kind`` and ``entity``.
        """
        if not await connection.fetchval(store.QUERIES["drop_look_up"], wanted.tenant, wanted.command_id):
            return
        pairs = [(one.kind, one.quickbooks_id) for one in records]
        app_ids = await store.app_ids_of(connection, wanted.tenant, pairs)
        found = [
            _found(one.kind, one.quickbooks_id, one.entity, app_ids.get((one.kind, one.quickbooks_id)))
            for one in sorted(records, key=lambda one: one.kind is not wanted.kind)
        ]
        await self._tell(
            connection,
            wanted,
            [*found, *others],
            source=LookUpSource.QUICKBOOKS,
            as_of=self._clock.now(),
        )

    async def give_up(self, connection: Connection, wanted: AskedFor, why: str) -> None:
        """QuickBooks could not be asked: what was read has to do."""
        if await connection.fetchval(store.QUERIES["drop_look_up"], wanted.tenant, wanted.command_id):
            await self._tell(connection, wanted, await _held(connection, wanted), message=why)

    async def _tell(
        self, connection: Connection, wanted: AskedFor, found: Sequence[Json], **more: Any
    ) -> None:
        await publish(
            connection,
            LookUpAnswered(
                **self._say.stamp(wanted.tenant, self._clock.now()),
                command_id=wanted.command_id,
                kind=wanted.kind,
                text=wanted.text,
                found=tuple(found),
                **more,
            ),
            caused_by=wanted.command_id,
        )


async def held(
    connection: Connection, tenant: str, kind: Kind, text: str, *, quickbooks_id: str | None = None
) -> list[Json]:
    """What QuickBooks was last seen to hold under a name or number, or under that id; records of the kind first."""
    rows = await connection.fetch(
        store.QUERIES["find_held"],
        tenant,
        [one.value for one in namesakes(kind)],
        text,
        quickbooks_id,
        kind.value,
    )
    return [
        _found(Kind(row["kind"]), row["quickbooks_id"], row["entity"], row["linked_app_id"]) for row in rows
    ]


async def _held(connection: Connection, wanted: AskedFor) -> list[Json]:
    return await held(connection, wanted.tenant, wanted.kind, wanted.text, quickbooks_id=wanted.quickbooks_id)


async def waiting(connection: Connection, tenant: str, *, limit: int) -> list[AskedFor]:
    """Look-ups of a tenant that QuickBooks was not asked for yet, the oldest first."""
    rows = await connection.fetch(store.QUERIES["open_look_ups"], tenant, limit)
    return [asked_for(row) for row in rows]


def _found(kind: Kind, quickbooks_id: str, entity: Json | None, app_id: str | None) -> Json:
    found: Json = {"quickbooks_id": quickbooks_id, "kind": kind.value, "entity": entity or {}}
    return {**found, "app_id": app_id} if app_id else found
