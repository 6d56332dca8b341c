"""Read what changed in QuickBooks: per list with a cursor, page by page where QuickBooks can iterate."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from lxml import etree
from pydantic import ValidationError

from qbsync_qbwc_gateway.mapping import Record, read
from qbsync_qbwc_gateway.postgres import repository as store
from qbsync_qbwc_gateway.qbxml.reader import Responses, Result, value
from qbsync_qbwc_gateway.qbxml.writer import Request, Version, message_set
from qbsync_qbwc_gateway.session.model import Json, Session
from qbsync_shared.connector import LinkKeeper, Seen, tenants
from qbsync_shared.kinds import Kind
from qbsync_shared.postgres import Connection

log = structlog.get_logger(__name__)

PAGE = 200
DOCUMENTS = 100
"""How many transactions make a page: with their lines they are several times as long as names."""

TRANSACTIONS = (
    ("invoice", "Invoice"),
    ("estimate", "Estimate"),
    ("sales_receipt", "SalesReceipt"),
    ("credit_memo", "CreditMemo"),
    ("payment", "ReceivePayment"),
    ("purchase_order", "PurchaseOrder"),
    ("bill", "Bill"),
    ("time_entry", "TimeTracking"),
)
"""Kind and what QuickBooks calls it. Payments are imported; of the others changes and deletions are watched."""

OVERLAP = timedelta(minutes=70)
"""An hour is repeated when daylight saving ends, and TimeModified follows the wall clock (qbxml.md, section 7)."""

ITERATOR_LOST = "3391"


@dataclass(frozen=True)
class Source:
    """One list or sort of transaction: its query, and how many records make a page where QuickBooks can iterate."""

    name: str
    query: str
    page: int = 0
    documents: bool = False
    deletions: tuple[str, ...] = ()


SOURCES = (
    Source("account", "AccountQueryRq"),
    Source("class", "ClassQueryRq"),
    Source("term", "TermsQueryRq"),
    Source("tax_code", "SalesTaxCodeQueryRq"),
    Source("payment_method", "PaymentMethodQueryRq"),
    Source("customer", "CustomerQueryRq", page=PAGE),
    Source("vendor", "VendorQueryRq", page=PAGE),
    Source("employee", "EmployeeQueryRq"),
    Source("item", "ItemQueryRq", page=PAGE),
    *(Source(name, f"{element}QueryRq", page=DOCUMENTS, documents=True) for name, element in TRANSACTIONS),
    Source(
        "deleted_names",
        "ListDeletedQueryRq",
        deletions=(
            "Customer",
            "Vendor",
            "Employee",
            "ItemService",
            "ItemNonInventory",
            "ItemOtherCharge",
            "ItemInventory",
            "ItemDiscount",
        ),
    ),
    Source(
        "deleted_transactions", "TxnDeletedQueryRq", deletions=tuple(element for _, element in TRANSACTIONS)
    ),
)
_BY_NAME = {source.name: source for source in SOURCES}
_KINDS_OF_DELETED = {
    "Customer": (Kind.CUSTOMER, Kind.JOB),
    "Vendor": (Kind.VENDOR,),
    "Employee": (Kind.EMPLOYEE,),
    **{element: (Kind(name),) for name, element in TRANSACTIONS},
}


class Reading:
    """The step of a session that reads. What is under way stands in the session's plan."""

    def __init__(self, keeper: LinkKeeper) -> None:
        self._keeper = keeper

    async def plan(self, connection: Connection, session: Session) -> None:
        """Everything is to be read from where it was read to."""
        rows = await connection.fetch(store.QUERIES["get_cursors"], session.tenant)
        cursors = {row["name"]: row["watermark"] for row in rows}
        session.plan["reads"] = [
            {"name": source.name, "since": cursors.get(source.name)} for source in SOURCES
        ]

    def left(self, session: Session) -> bool:
        """Whether something is left to read."""
        return bool(session.plan.get("reads"))

    def request(self, session: Session, version: Version) -> str:
        """One set of queries for all that is left."""
        members = [
            _query(_BY_NAME[read["name"]], read).element(read["name"], version)
            for read in session.plan["reads"]
        ]
        return message_set(members, version=version)

    async def take(self, connection: Connection, session: Session, responses: Responses) -> None:
        """Note what was read; what has more pages stays in the plan, what is whole moves its cursor."""
        left: list[Json] = []
        for reading in session.plan["reads"]:
            result = responses.results.get(reading["name"])
            if await self._take_one(connection, session, reading, result):
                left.append(reading)
        session.plan["reads"] = left

    async def _take_one(
        self, connection: Connection, session: Session, reading: Json, result: Result | None
    ) -> bool:
        """Whether there is more of it."""
        if result is None or not result.applied:
            code = result.code if result else "none"
            again = code == ITERATOR_LOST and reading.get("restarts", 0) < 2
            log.warning("read.refused", list=reading["name"], code=code, again=again, tenant=session.tenant)
            reading.pop("iterator", None)
            reading["restarts"] = reading.get("restarts", 0) + 1
            return again
        deletions = _BY_NAME[reading["name"]].deletions
        if deletions:
            await self._observe_deleted(connection, session, result.records)
        else:
            await self._observe(connection, session, result.records)
        stamp = "TimeDeleted" if deletions else "TimeModified"
        reading["top"] = max([reading.get("top") or "", *_stamps(result.records, stamp)])
        if result.remaining and result.iterator_id:
            reading["iterator"] = result.iterator_id
            return True
        if reading["top"]:
            await connection.execute(
                store.QUERIES["put_cursor"], session.tenant, reading["name"], reading["top"]
            )
        return False

    async def _observe(
        self, connection: Connection, session: Session, records: tuple[etree._Element, ...]
    ) -> None:
        readable = [record for ret in records if (record := read_record(ret)) is not None]
        rows = await connection.fetch(
            store.QUERIES["seen_tokens"],
            session.tenant,
            [record.kind.value for record in readable],
            [record.quickbooks_id for record in readable],
        )
        known = {row["quickbooks_id"]: row["token"] for row in rows}
        moved = [
            record
            for record in readable
            if record.token is None or known.get(record.quickbooks_id) != record.token
        ]
        news = await self._keeper.observe_many(
            connection,
            session.tenant,
            [seen_of(record) for record in moved],
            import_since=await self._import_since(connection, session),
        )
        session.received += sum(
            one and not record.kind.is_list for one, record in zip(news, moved, strict=True)
        )

    async def _import_since(self, connection: Connection, session: Session) -> datetime | None:
        connector = await store.get_connector(connection, session.tenant)
        known = await tenants.get(connection, session.tenant)
        return tenants.import_since(known, connector.bound_at if connector else None)

    async def _observe_deleted(
        self, connection: Connection, session: Session, records: Iterable[etree._Element]
    ) -> None:
        gone = []
        for record in records:
            deleted = value(record, "ListID") or value(record, "TxnID")
            sort = value(record, "ListDelType") or value(record, "TxnDelType") or ""
            gone += [
                Seen(kind=kind, quickbooks_id=deleted or "", deleted=True)
                for kind in _KINDS_OF_DELETED.get(sort, (Kind.ITEM,))
            ]
        session.received += sum(await self._keeper.observe_many(connection, session.tenant, gone))


def restart(session: Session) -> None:
    """An answer got lost, and with it perhaps a page: what was being iterated begins anew."""
    for reading in session.plan.get("reads") or []:
        reading.pop("iterator", None)


def read_record(ret: etree._Element) -> Record | None:
    """One record; None for what qbsync does not read or cannot make sense of."""
    try:
        return read(ret)
    except ValidationError as error:
        log.warning("read.not_understood", element=ret.tag, faults=error.error_count())
        return None


def seen_of(record: Record) -> Seen:
    """What the link keeper wants to know of a record."""
    return Seen(
        kind=record.kind,
        quickbooks_id=record.quickbooks_id,
        token=record.token,
        entity=record.entity,
        changed_at=record.changed_at,
    )


def _stamps(records: Iterable[etree._Element], element: str) -> list[str]:
    """The local wall-clock times of records, as text that sorts."""
    return [text[:19] for record in records if (text := value(record, element))]


def _query(source: Source, reading: Json) -> Request:
    since = _since(reading.get("since"))
    if source.deletions:
        kind = "ListDelType" if source.query.startswith("List") else "TxnDelType"
        period = {"FromDeletedDate": since} if since else None
        return Request(source.query, {kind: list(source.deletions), "DeletedDateRangeFilter": period})
    content: dict[str, Any]
    if source.documents:
        content = {"ModifiedDateRangeFilter": {"FromModifiedDate": since} if since else None}
        if source.name != Kind.TIME_ENTRY.value:
            content["IncludeLineItems"] = True
    else:
        content = {"ActiveStatus": "All", "FromModifiedDate": since}
    if not source.page:
        return Request(source.query, content)
    if "iterator" in reading:
        attributes = {"iterator": "Continue", "iteratorID": reading["iterator"]}
    else:
        attributes = {"iterator": "Start"}
    return Request(source.query, {"MaxReturned": str(source.page), **content}, attributes)


def _since(watermark: str | None) -> str | None:
    """The watermark, a little earlier, as local time without an offset."""
    if not watermark:
        return None
    return (datetime.fromisoformat(watermark) - OVERLAP).isoformat(timespec="seconds")
