"""Reading what changed in QuickBooks: its lists for mappings, its records for imports and for matching."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import structlog

from qbsync_qbo_worker import metrics
from qbsync_qbo_worker.mapping import MAPPERS, Json
from qbsync_qbo_worker.mapping.company import US, Company
from qbsync_qbo_worker.mapping.item import ITEM_TYPES
from qbsync_qbo_worker.mapping.lists import LISTS, ListKind
from qbsync_qbo_worker.postgres import connections as store
from qbsync_qbo_worker.quickbooks import Answer, Call
from qbsync_qbo_worker.quickbooks.client import literal, query_call
from qbsync_qbo_worker.service import requests
from qbsync_qbo_worker.service.announce import connection_changed
from qbsync_qbo_worker.service.sending import NotSentError, Sender
from qbsync_qbo_worker.service.tokens import NotConnectedError
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

LISTS_EVERY = timedelta(hours=1)

COMPANY = "CompanyInfo"
COMPANY_EVERY = timedelta(days=1)
"""How often the company and its preferences are read again: its closing date moves, its numbering may change."""

ANY_STATE = "Active IN (true, false)"


@dataclass(frozen=True, kw_only=True)
class Source:
    """One resource that is read, and which kind its records are."""

    resource: str
    name_list: bool
    only: str = ""
    """A condition that its records must fulfil."""

    def kind_of(self, record: Json) -> Kind:
        """A Customer with a parent is a job; everything else has one kind."""
        if self.resource == "Customer":
            return Kind.JOB if record.get("ParentRef") else Kind.CUSTOMER
        return next(kind for kind, mapper in MAPPERS.items() if mapper.resource == self.resource)


SOURCES = (
    *(Source(resource=name, name_list=True) for name in ("Customer", "Vendor", "Employee")),
    Source(resource="Item", name_list=True, only=f"Type IN ({', '.join(map(literal, ITEM_TYPES))})"),
    *(
        Source(resource=name, name_list=False)
        for name in (
            "Estimate",
            "Invoice",
            "SalesReceipt",
            "CreditMemo",
            "RefundReceipt",
            "Payment",
            "PurchaseOrder",
            "Bill",
            "TimeActivity",
        )
    ),
)


class ReadRefusedError(Exception):
    """QuickBooks refused a reading; the argument is its code."""


class Reader:
    """Reads one tenant's company. Everything is idempotent: what was seen already is no news."""

    def __init__(
        self,
        *,
        database: Database,
        links: LinkKeeper,
        sender: Sender,
        clock: Clock,
        make_id: MakeId,
    ) -> None:
        self._database = database
        self._links = links
        self._sender = sender
        self._clock = clock
        self._make_id = make_id

    async def run(self, tenant: str) -> int:
        """Read all that changed since the last time; returns how many records were news."""
        return await _unless_stopped(tenant, self._read_all(tenant)) or 0

    async def _read_all(self, tenant: str) -> int:
        await self._company(tenant)
        news = 0
        for entry in LISTS:
            news += await self._read_list(tenant, entry)
        for source in SOURCES:
            news += await self._read_source(tenant, source)
        return news

    async def know_lists(self, tenant: str) -> bool:
        """Read the lists and the company if they never were: before that no account is found, and no country known."""
        return await _unless_stopped(tenant, self._read_unknown_lists(tenant)) is not None

    async def _read_unknown_lists(self, tenant: str) -> int:
        await self._company(tenant)
        news = 0
        for entry in LISTS:
            async with self._database.tenant(tenant) as connection:
                last = await store.get_cursor(connection, tenant, entry.resource)
            if last is None:
                news += await self._read_list(tenant, entry)
        return news

    async def _company(self, tenant: str) -> None:
        now = self._clock.now()
        async with self._database.tenant(tenant) as connection:
            row = await store.get(connection, tenant)
            last = await store.get_cursor(connection, tenant, COMPANY)
        known = row is not None and row.company_name is not None
        if row is None or (known and last is not None and now - last < COMPANY_EVERY):
            return
        answer = await self._ask(tenant, query_call("SELECT * FROM CompanyInfo"))
        preferences = await self._ask(tenant, query_call("SELECT * FROM Preferences"))
        found = (answer.rows("CompanyInfo") or [{}])[0]
        settings = (preferences.rows("Preferences") or [{}])[0]
        name = str(found.get("CompanyName") or "QuickBooks company")
        facts = _facts(found, settings)
        async with self._database.tenant(tenant) as connection:
            company = Company(
                country=facts["country"] or US,
                currency=facts["currency"],
                several_currencies=bool(facts["multi_currency"]),
            )
            changed = await store.set_company(connection, tenant, name, company, now=now)
            await store.put_cursor(connection, tenant, COMPANY, now)
            await publish(connection, connection_changed(changed, self._make_id(), now))
            await publish(
                connection,
                CompanyChanged(
                    **stamp(self._make_id(), tenant, now),
                    edition=Edition.ONLINE,
                    version=changed.version,
                    company_id=row.realm_id or "",
                    name=name,
                    facts=facts,
                ),
            )

    async def _read_list(self, tenant: str, entry: ListKind) -> int:
        """A whole list, now and then: reads are metered, and lists change seldom."""
        now = self._clock.now()
        async with self._database.tenant(tenant) as connection:
            last = await store.get_cursor(connection, tenant, entry.resource)
        if last is not None and now - last < LISTS_EVERY:
            return 0
        news = 0
        where = ANY_STATE if entry.kind is not Kind.TAX_CODE else ""
        async for record in self._rows(tenant, entry.resource, where):
            news += await self._observe(tenant, entry.resource, record, lambda row: _entry(entry, row))
        async with self._database.tenant(tenant) as connection:
            await store.put_cursor(connection, tenant, entry.resource, now)
        return news

    async def _read_source(self, tenant: str, source: Source) -> int:
        async with self._database.tenant(tenant) as connection:
            since = await store.get_cursor(connection, tenant, source.resource)
            import_since = await self._import_since(connection, tenant)
        conditions = [ANY_STATE] if source.name_list else []
        conditions += [source.only] if source.only else []
        if since is not None:
            moment = (since - OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ")
            conditions.append(f"MetaData.LastUpdatedTime >= {literal(moment)}")
        news, latest = 0, since

        def read(record: Json) -> Seen:
            seen = requests.seen_of(source.kind_of(record), record)
            return replace(seen, changed_at=_changed_at(record))

        async for record in self._rows(tenant, source.resource, " AND ".join(conditions)):
            news += await self._observe(tenant, source.resource, record, read, import_since)
            moved = _changed_at(record)
            if moved is not None and (latest is None or moved > latest):
                latest = moved
        if latest is not None:
            async with self._database.tenant(tenant) as connection:
                await store.put_cursor(connection, tenant, source.resource, latest)
        return news

    async def _observe(
        self,
        tenant: str,
        resource: str,
        record: Json,
        read: Callable[[Json], Seen],
        import_since: datetime | None = None,
    ) -> bool:
        """Take note of one record. One that cannot be read is left out, and holds up no other."""
        try:
            async with self._database.tenant(tenant) as connection:
                return await self._links.observe(connection, tenant, read(record), import_since=import_since)
        except (ValueError, KeyError, TypeError, ArithmeticError) as error:
            metrics.UNREADABLE_RECORDS.labels(resource).inc()
            identifier = str(record.get("Id"))
            kind = type(error).__name__
            log.warning("record_unreadable", tenant=tenant, resource=resource, id=identifier, error=kind)
            return False

    async def _import_since(self, connection: Any, tenant: str) -> datetime | None:
        row = await store.get(connection, tenant)
        known = await tenants.get(connection, tenant)
        return tenants.import_since(known, row.connected_at if row else None)

    async def _rows(self, tenant: str, resource: str, where: str) -> AsyncIterator[Json]:
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
        answer = await self._sender.send(tenant, call)
        if answer.fault is not None:
            log.warning("read_refused", tenant=tenant, code=answer.fault.code, intuit_tid=answer.intuit_tid)
            raise ReadRefusedError(answer.fault.code)
        return answer


async def _unless_stopped(tenant: str, reading: Awaitable[int]) -> int | None:
    """None where QuickBooks does not answer; the next reading goes on from the same place."""
    try:
        return await reading
    except NotConnectedError:
        log.info("reading_not_connected", tenant=tenant)
    except (ReadRefusedError, NotSentError, httpx.HTTPError) as error:
        log.warning("reading_stopped", tenant=tenant, error=type(error).__name__)
    return None


def _entry(entry: ListKind, record: Json) -> Seen:
    return Seen(
        kind=entry.kind,
        quickbooks_id=str(record["Id"]),
        token=str(record.get("SyncToken", "")),
        entity=entry.read(record),
        changed_at=_changed_at(record),
    )


def _changed_at(record: Json) -> datetime | None:
    text = (record.get("MetaData") or {}).get("LastUpdatedTime")
    return datetime.fromisoformat(text) if text else None


def _facts(info: Json, preferences: Json) -> dict[str, Any]:
    """What pre-checks and the review want to know of the company."""
    books = preferences.get("AccountingInfoPrefs") or {}
    sales = preferences.get("SalesFormsPrefs") or {}
    tax = preferences.get("TaxPrefs") or {}
    currencies = preferences.get("CurrencyPrefs") or {}
    return {
        "closing_date": books.get("BookCloseDate"),
        "custom_numbers": sales.get("CustomTxnNumbers"),
        "uses_sales_tax": tax.get("UsingSalesTax"),
        "country": info.get("Country"),
        "currency": (currencies.get("HomeCurrency") or {}).get("value"),
        "multi_currency": currencies.get("MultiCurrencyEnabled"),
    }
