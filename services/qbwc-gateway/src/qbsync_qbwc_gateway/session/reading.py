"""Read what changed in QuickBooks: per list with a cursor, page by page where QuickBooks can iterate."""

from collections.abc import Iterable, Mapping
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
from qbsync_shared.clock import Clock
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

MARGIN = timedelta(minutes=5)
DAY = timedelta(days=1)

ITERATOR_LOST = "3391"
RESTARTS = 3

SMALLEST = 5
"""Below that many records a page is not made smaller."""


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

    def __init__(self, keeper: LinkKeeper, *, clock: Clock) -> None:
        self._keeper = keeper
        self._clock = clock

    async def plan(self, connection: Connection, session: Session, *, lost: int = 0) -> None:
        """Everything is to be read from where it was read to.

        ``lost``: how often in a row an answer to a reading did not arrive. It may have been too much for one answer: the
        lists are read one by one, in pages that are half as long each time.
        """
        if lost:
            session.plan["smaller"] = lost
        rows = await connection.fetch(store.QUERIES["get_cursors"], session.tenant)
        known = {row["name"]: _plan_of(row, self._clock.now()) for row in rows}
        session.plan["reads"] = [
            {"name": source.name, **known.get(source.name, {"since": None})} for source in SOURCES
        ]

    def left(self, session: Session) -> bool:
        """Whether something is left to read."""
        return bool(session.plan.get("reads"))

    def request(self, session: Session, version: Version) -> str:
        """One set of queries for all that is left, or, of what takes many pages, for the first.

        QuickBooks keeps only a few iterators open: all is asked together, and what does not fit into a page goes on one
        by one.
        """
        reads: list[Json] = session.plan["reads"]
        smaller = session.plan.get("smaller", 0)
        asked = _asked_together(reads) if not smaller else reads[:1]
        session.plan["asked"] = [reading["name"] for reading in asked]
        members = [
            _query(_BY_NAME[reading["name"]], reading, smaller).element(reading["name"], version)
            for reading in asked
        ]
        stops = [reading for reading in reads if "stop" in reading]
        members += [
            Request(
                _BY_NAME[one["name"]].query, {}, {"iterator": "Stop", "iteratorID": one.pop("stop")}
            ).element(f"stop-{one['name']}", version)
            for one in stops
        ]
        return message_set(members, version=version)

    async def take(self, connection: Connection, session: Session, responses: Responses) -> None:
        """Note what was read; what has more pages stays in the plan, what is whole moves its cursor."""
        asked = session.plan.pop("asked", None) or [reading["name"] for reading in session.plan["reads"]]
        left: list[Json] = []
        if sum(bool(one.remaining) for one in responses.results.values()) > 1:
            session.plan["crowd"] = True
        for reading in session.plan["reads"]:
            result = responses.results.get(reading["name"])
            if reading["name"] not in asked or await self._take_one(connection, session, reading, result):
                left.append(reading)
        session.plan.pop("crowd", None)
        _keep_one_iterator(left)
        session.plan["reads"] = left

    async def _take_one(
        self, connection: Connection, session: Session, reading: Json, result: Result | None
    ) -> bool:
        """Whether there is more of it."""
        if result is None or not result.applied:
            return self._refused(session, reading, result)
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
        known, settles = reading.get("known"), bool(reading.get("settles"))
        if known is None or reading["top"] > known or settles:
            now = self._clock.now()
            await connection.execute(
                store.QUERIES["put_cursor"], session.tenant, reading["name"], reading["top"], now, settles
            )
        return False

    def _refused(self, session: Session, reading: Json, result: Result | None) -> bool:
        """Whether it is asked again: an iterator may be lost, or not be had while others are open."""
        code = result.code if result else "none"
        lost = code == ITERATOR_LOST and reading.get("restarts", 0) < RESTARTS
        again = lost or ("crowd" in session.plan and "long" not in reading)
        log.warning("read.refused", list=reading["name"], code=code, again=again, tenant=session.tenant)
        reading.pop("iterator", None)
        reading["restarts"] = reading.get("restarts", 0) + 1
        reading["long"] = True
        return again

    async def _observe(
        self, connection: Connection, session: Session, records: tuple[etree._Element, ...]
    ) -> None:
        readable = [record for ret in records if (record := read_record(ret)) is not None]
        if not readable:
            return
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
        if not moved:
            return
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
        if gone:
            session.received += sum(await self._keeper.observe_many(connection, session.tenant, gone))


def _asked_together(reads: list[Json]) -> list[Json]:
    """What goes into one set: all, until something takes several pages; then one after the other."""
    long = next((reading for reading in reads if "long" in reading), None)
    return reads if long is None else [long]


def _keep_one_iterator(reads: list[Json]) -> None:
    """Of several that are open the first goes on; the others are stopped and begin anew when it is their turn."""
    open_ones = [reading for reading in reads if "iterator" in reading]
    for reading in open_ones[1:]:
        reading["stop"] = reading.pop("iterator")
    for reading in open_ones:
        reading["long"] = True


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


def _query(source: Source, reading: Json, smaller: int) -> Request:
    since = reading.get("since") or None
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
    page = max(SMALLEST, source.page >> smaller)
    return Request(source.query, {"MaxReturned": str(page), **content}, attributes)


def _plan_of(cursor: Mapping[str, Any], now: datetime) -> Json:
    """From when on to read, as local time without an offset (``""`` reads all), and whether that settles it.

    A while after the newest modification that was read nothing older can come any more. Then only what is newer is
    read, and once a day the last day again, in case that the PC's clock was set back.
    """
    if not cursor["watermark"]:
        return {"since": "", "known": ""}
    settles = now - cursor["moved_at"] >= OVERLAP
    earlier = MARGIN if settles else OVERLAP
    if cursor["quiet_at"] is not None:
        settles = now - cursor["quiet_at"] >= DAY
        earlier = DAY if settles else -timedelta(seconds=1)
    since = datetime.fromisoformat(cursor["watermark"]) - earlier
    return {"since": since.isoformat(timespec="seconds"), "known": cursor["watermark"], "settles": settles}
