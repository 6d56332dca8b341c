"""Reading what changed in QuickBooks: its lists for mappings, its records for imports and for matching."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import structlog

from qbsync_qbo_worker.mapping import MAPPERS, Json
from qbsync_qbo_worker.mapping.lists import LISTS
from qbsync_qbo_worker.postgres import connections as store
from qbsync_qbo_worker.quickbooks import Answer, Call, QuickBooksClient
from qbsync_qbo_worker.quickbooks.client import literal, query_call
from qbsync_qbo_worker.quickbooks.outcomes import retry_class
from qbsync_qbo_worker.service import requests
from qbsync_qbo_worker.service.announce import connection_changed
from qbsync_qbo_worker.service.tokens import NotConnectedError, Tokens
from qbsync_shared.catalogue import RetryClass
from qbsync_shared.clock import Clock
from qbsync_shared.connector import LinkKeeper, Seen, tenants
from qbsync_shared.ids import MakeId
from qbsync_shared.kinds import Edition, Kind
from qbsync_shared.messages import CompanyChanged
from qbsync_shared.messages.base import stamp
from qbsync_shared.messaging import publish
from qbsync_shared.postgres import Database

log = structlog.get_logger()

PAGE = 1000
OVERLAP = timedelta(minutes=2)
"""LastUpdatedTime has whole seconds and is written before a record can be queried: windows must overlap."""

LISTS_EVERY = timedelta(minutes=15)

ANY_STATE = "Active IN (true, false)"


@dataclass(frozen=True, kw_only=True)
class Source:
    """One resource that is read, and which kind its records are."""

    resource: str
    name_list: bool

    def kind_of(self, record: Json) -> Kind:
        """A Customer with a parent is a job; everything else has one kind."""
        if self.resource == "Customer":
            return Kind.JOB if record.get("ParentRef") else Kind.CUSTOMER
        return next(kind for kind, mapper in MAPPERS.items() if mapper.resource == self.resource)


SOURCES = (
    Source(resource="Customer", name_list=True),
    Source(resource="Item", name_list=True),
    Source(resource="Invoice", name_list=False),
)


class Reader:
    """Reads one tenant's company. Everything is idempotent: what was seen already is no news."""

    def __init__(
        self,
        *,
        database: Database,
        links: LinkKeeper,
        client: QuickBooksClient,
        tokens: Tokens,
        clock: Clock,
        make_id: MakeId,
    ) -> None:
        self._database = database
        self._links = links
        self._client = client
        self._tokens = tokens
        self._clock = clock
        self._make_id = make_id

    async def run(self, tenant: str) -> int:
        """Read all that changed since the last time; returns how many records were news."""
        try:
            await self._company(tenant)
            news = 0
            for entry in LISTS:
                news += await self._read_list(tenant, entry.kind, entry.resource, entry.read)
            for source in SOURCES:
                news += await self._read_source(tenant, source)
        except (NotConnectedError, httpx.HTTPError) as error:
            log.warning("reading_stopped", tenant=tenant, error=type(error).__name__)
            return 0
        return news

    async def _company(self, tenant: str) -> None:
        async with self._database.tenant(tenant) as connection:
            row = await store.get(connection, tenant)
        if row is None or row.company_name is not None:
            return
        answer = await self._ask(tenant, query_call("SELECT * FROM CompanyInfo"))
        preferences = await self._ask(tenant, query_call("SELECT * FROM Preferences"))
        found = (answer.rows("CompanyInfo") or [{}])[0]
        settings = (preferences.rows("Preferences") or [{}])[0]
        name = str(found.get("CompanyName") or "QuickBooks company")
        now = self._clock.now()
        async with self._database.tenant(tenant) as connection:
            changed = await store.set_company(connection, tenant, name, now=now)
            await publish(connection, connection_changed(changed, self._make_id(), now))
            await publish(
                connection,
                CompanyChanged(
                    **stamp(self._make_id(), tenant, now),
                    edition=Edition.ONLINE,
                    version=changed.version,
                    company_id=row.realm_id or "",
                    name=name,
                    facts=_facts(settings),
                ),
            )

    async def _read_list(self, tenant: str, kind: Kind, resource: str, read: Any) -> int:
        """A whole list, now and then: reads are metered, and lists change seldom."""
        now = self._clock.now()
        async with self._database.tenant(tenant) as connection:
            last = await store.get_cursor(connection, tenant, resource)
            if last is not None and now - last < LISTS_EVERY:
                return 0
            await store.put_cursor(connection, tenant, resource, now)
        news = 0
        async for record in self._rows(tenant, resource, ANY_STATE if kind is not Kind.TAX_CODE else ""):
            seen = Seen(
                kind=kind,
                quickbooks_id=str(record["Id"]),
                token=str(record.get("SyncToken", "")),
                entity=read(record),
                changed_at=_changed_at(record),
            )
            async with self._database.tenant(tenant) as connection:
                news += await self._links.observe(connection, tenant, seen)
        return news

    async def _read_source(self, tenant: str, source: Source) -> int:
        async with self._database.tenant(tenant) as connection:
            since = await store.get_cursor(connection, tenant, source.resource)
            import_since = await self._import_since(connection, tenant)
        conditions = [ANY_STATE] if source.name_list else []
        if since is not None:
            moment = (since - OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ")
            conditions.append(f"MetaData.LastUpdatedTime >= {literal(moment)}")
        news, latest = 0, since
        async for record in self._rows(tenant, source.resource, " AND ".join(conditions)):
            seen = requests.seen_of(source.kind_of(record), record)
            moved = _changed_at(record)
            dated = Seen(**{**seen.__dict__, "changed_at": moved})
            async with self._database.tenant(tenant) as connection:
                news += await self._links.observe(connection, tenant, dated, import_since=import_since)
            if moved is not None and (latest is None or moved > latest):
                latest = moved
        if latest is not None:
            async with self._database.tenant(tenant) as connection:
                await store.put_cursor(connection, tenant, source.resource, latest)
        return news

    async def _import_since(self, connection: Any, tenant: str) -> datetime | None:
        """The date an admin set, else the day of connection."""
        known = await tenants.get(connection, tenant)
        chosen = known.settings.get("import_since") if known else None
        if chosen:
            return datetime.fromisoformat(f"{chosen}T00:00:00+00:00")
        row = await store.get(connection, tenant)
        connected = row.connected_at if row else None
        return connected.replace(hour=0, minute=0, second=0, microsecond=0) if connected else None

    async def _rows(self, tenant: str, resource: str, where: str) -> Any:
        """All rows of a query, page by page in a stable order."""
        start = 1
        condition = f" WHERE {where}" if where else ""
        while True:
            statement = (
                f"SELECT * FROM {resource}{condition} ORDERBY Id STARTPOSITION {start} MAXRESULTS {PAGE}"  # noqa: S608 - QuickBooks' own language, no value of a user in it
            )
            answer = await self._ask(tenant, query_call(statement))
            rows = answer.rows(resource)
            for row in rows:
                yield row
            if len(rows) < PAGE:
                return
            start += PAGE

    async def _ask(self, tenant: str, call: Call) -> Answer:
        access = await self._tokens.access(tenant)
        answer = await self._client.send(access.realm, access.token, call)
        if answer.fault is not None and retry_class(answer.fault) is RetryClass.REAUTHORISE:
            access = await self._tokens.access(tenant, refused=access)
            answer = await self._client.send(access.realm, access.token, call)
        if answer.fault is not None:
            log.warning("read_refused", tenant=tenant, code=answer.fault.code, intuit_tid=answer.intuit_tid)
            raise httpx.HTTPError(answer.fault.code)
        return answer


def _changed_at(record: Json) -> datetime | None:
    text = (record.get("MetaData") or {}).get("LastUpdatedTime")
    return datetime.fromisoformat(text) if text else None


def _facts(preferences: Json) -> dict[str, Any]:
    """What pre-checks and the review want to know of the company."""
    books = preferences.get("AccountingInfoPrefs") or {}
    sales = preferences.get("SalesFormsPrefs") or {}
    tax = preferences.get("TaxPrefs") or {}
    currency = ((preferences.get("CurrencyPrefs") or {}).get("HomeCurrency") or {}).get("value")
    return {
        "closing_date": books.get("BookCloseDate"),
        "custom_numbers": sales.get("CustomTxnNumbers"),
        "uses_sales_tax": tax.get("UsingSalesTax"),
        "currency": currency,
    }
