"""Look-ups: what QuickBooks holds under a name or number, asked for as soon as somebody wants to know."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import httpx
import structlog

from qbsync_qbo_worker.mapping import MAPPERS, Json
from qbsync_qbo_worker.mapping.contacts import contact_in
from qbsync_qbo_worker.postgres import connections
from qbsync_qbo_worker.quickbooks.client import literal, query_call, read_call
from qbsync_qbo_worker.service import requests
from qbsync_qbo_worker.service.sending import NotSentError, Sender
from qbsync_qbo_worker.service.tokens import NotConnectedError
from qbsync_shared.clock import Clock
from qbsync_shared.connector import AskedFor, LinkKeeper, LookUps, Seen, tenants
from qbsync_shared.connector.lookups import CONTACTS, asked_for
from qbsync_shared.connector.repository import QUERIES
from qbsync_shared.kinds import Kind
from qbsync_shared.logging import describe_error
from qbsync_shared.postgres import Connection, Database, connect, is_transient

log = structlog.get_logger()

AGAIN = timedelta(seconds=30)
"""How long a worker that took a look-up has for it, and how soon one that failed is tried again."""

TRIES = 3
AT_ONCE = 50
SWEEP_SECONDS = 5.0
ANY_STATE = "Active IN (true, false)"

_CONTACTS = {"Customer": Kind.CUSTOMER, "Vendor": Kind.VENDOR, "Employee": Kind.EMPLOYEE}
"""The resources that share one list of names."""


class Finder:
    """Asks QuickBooks what it holds, and tells who wanted to know."""

    def __init__(
        self, *, database: Database, look_ups: LookUps, links: LinkKeeper, sender: Sender, clock: Clock
    ) -> None:
        self._database = database
        self._look_ups = look_ups
        self._links = links
        self._sender = sender
        self._clock = clock
        self._wanted = asyncio.Event()

    async def listen(self) -> None:
        """Wake up when a look-up is committed; the sweep covers what is missed while this is down."""
        schema = self._database.schema
        connection = await connect(self._database.url, schema=schema, purpose="lookup-listener")
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda *_: lost.set())
            await connection.add_listener(f"lookup_{schema}", lambda *_: self._wanted.set())
            await lost.wait()
        finally:
            await connection.close()
        raise ConnectionError("the connection that listens for look-ups was lost")

    async def run(self) -> None:
        """Until cancelled; replicas may do it at the same time."""
        while True:
            self._wanted.clear()
            await self.once()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), SWEEP_SECONDS)

    async def once(self) -> int:
        """Make what is due now; returns how many."""
        async with self._database.everyone() as connection:
            rows = await connection.fetch(QUERIES["tenants_with_look_ups"], self._clock.now(), AT_ONCE)
        return sum([await self._of(row["tenant_id"]) for row in rows])

    async def _of(self, tenant: str) -> int:
        now = self._clock.now()
        async with self._database.tenant(tenant) as connection:
            rows = await connection.fetch(QUERIES["take_look_ups"], tenant, now, now + AGAIN)
        for row in rows:
            await self._find(asked_for(row))
        return len(rows)

    async def _find(self, wanted: AskedFor) -> None:
        """One of them. Whatever goes wrong, the others are made."""
        if not _resources(wanted.kind):
            await self._give_up(
                wanted, f"qbsync cannot look for a {wanted.kind.label} in QuickBooks Online yet."
            )
            return
        try:
            found = await self._held(wanted)
        except NotConnectedError:
            await self._give_up(
                wanted, "QuickBooks Online is not connected, so this is what was read before."
            )
        except (NotSentError, httpx.HTTPError, _RefusedError) as error:
            log.warning("look_up_failed", tenant=wanted.tenant, error=type(error).__name__)
            if wanted.tries >= TRIES:
                await self._give_up(wanted, "QuickBooks did not answer, so this is what was read before.")
        except Exception as error:
            if is_transient(error):
                log.warning("look_up_interrupted", tenant=wanted.tenant, error=describe_error(error))
                return
            log.exception("look_up_not_understood", tenant=wanted.tenant)
            await self._give_up(
                wanted, "QuickBooks' answer was not understood; this is what was read before."
            )
        else:
            async with self._database.tenant(wanted.tenant) as connection:
                await self._tell(connection, wanted, found)

    async def _tell(self, connection: Connection, wanted: AskedFor, found: list[Seen]) -> None:
        row = await connections.get(connection, wanted.tenant)
        known = await tenants.get(connection, wanted.tenant)
        await self._links.observe_many(
            connection,
            wanted.tenant,
            [one for one in found if one.kind in MAPPERS],
            import_since=tenants.import_since(known, row.connected_at if row else None),
        )
        await self._look_ups.answer(connection, wanted, found)

    async def _give_up(self, wanted: AskedFor, why: str) -> None:
        async with self._database.tenant(wanted.tenant) as connection:
            await self._look_ups.give_up(connection, wanted, why)

    async def _held(self, wanted: AskedFor) -> list[Seen]:
        """By name or number, in the record's own list first; then by the id that a fault named."""
        found: dict[tuple[Kind, str], Seen] = {}
        resources = _resources(wanted.kind)
        for resource in resources:
            for record in await self._rows(wanted, resource):
                seen = _seen(resource, wanted.kind, record)
                found[seen.kind, seen.quickbooks_id] = seen
            if found:
                break
        if wanted.quickbooks_id and not any(known == wanted.quickbooks_id for _, known in found):
            for resource in resources:
                answer = await self._sender.send(wanted.tenant, read_call(resource, wanted.quickbooks_id))
                record = answer.entity(resource) if answer.fault is None else {}
                if record:
                    seen = _seen(resource, wanted.kind, record)
                    found[seen.kind, seen.quickbooks_id] = seen
                    break
        return [one for one in found.values() if not one.deleted]

    async def _rows(self, wanted: AskedFor, resource: str) -> list[Json]:
        if resource in _CONTACTS:
            where = f"DisplayName = {literal(wanted.text)} AND {ANY_STATE}"
        else:
            where = f"{MAPPERS[wanted.kind].found_by} = {literal(wanted.text)}"
            if wanted.kind is Kind.ITEM:
                where += f" AND {ANY_STATE}"
        statement = f"SELECT * FROM {resource} WHERE {where} ORDERBY Id MAXRESULTS 20"  # noqa: S608 - QuickBooks' own language, values escaped by literal()
        answer = await self._sender.send(wanted.tenant, query_call(statement))
        if answer.fault is not None:
            raise _RefusedError(answer.fault.code)
        return answer.rows(resource)


class _RefusedError(Exception):
    """QuickBooks refused to look; the argument is its code."""


def _resources(kind: Kind) -> tuple[str, ...]:
    """Where a name or number of this kind may stand, its own list first."""
    if kind in CONTACTS:
        own = next((name for name, one in _CONTACTS.items() if one is kind), "Customer")
        return (own, *(name for name in _CONTACTS if name != own))
    return (MAPPERS[kind].resource,) if kind in MAPPERS and MAPPERS[kind].found_by else ()


def _seen(resource: str, wanted: Kind, record: Json) -> Seen:
    """A record as it was read, also of a kind that has no mapping."""
    kind = _CONTACTS.get(resource, wanted)
    if resource == "Customer" and record.get("ParentRef"):
        kind = Kind.JOB
    if kind in MAPPERS:
        return requests.seen_of(kind, record)
    return Seen(
        kind=kind,
        quickbooks_id=str(record["Id"]),
        token=str(record.get("SyncToken", "")),
        entity={"kind": kind.value, **contact_in(record)},
    )
