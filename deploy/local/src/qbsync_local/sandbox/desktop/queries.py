"""Answer queries: by id, name or number, by filters, page by page with iterators; the deletion log."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from lxml import etree

from qbsync_local.sandbox.desktop import data, rendering
from qbsync_local.sandbox.desktop.company import Company
from qbsync_local.sandbox.desktop.data import Content
from qbsync_local.sandbox.desktop.kinds import FAMILIES, KINDS
from qbsync_local.sandbox.desktop.statuses import NO_MATCH, OK, RequestRefusedError, Status, missing
from qbsync_local.sandbox.desktop.store import Record

OPEN_ITERATORS = 3  # per company file and session


@dataclass(slots=True)
class Cursor:
    """An open iterator: the ids still to come."""

    request: str
    ids: list[str]


@dataclass(slots=True)
class Session:
    """What lives from BeginSession to EndSession: who asks, and the iterators. They die with it."""

    application: str
    iterators: dict[str, Cursor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """A query's answer: status, body, and the attributes of the Rs besides."""

    status: Status
    body: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


def answer_query(company: Company, session: Session, request: etree._Element) -> Answer:
    """Answer a list or transaction query."""
    name = str(request.tag).removesuffix("QueryRq")
    kinds = FAMILIES.get(name, (name,))
    if not set(kinds) <= KINDS.keys():
        return Answer(NO_MATCH)
    given = data.read(company.schema, request, f"{request.tag}")
    absent: list[str] = []
    attributes: dict[str, str] = {}
    if request.get("iterator") in ("Continue", "Stop"):
        ids, attributes = _continue(session, request, given)
        if request.get("iterator") == "Stop":
            return Answer(OK)
    else:
        ids, absent = _pick(company, kinds, given)
        if request.get("iterator") == "Start":
            ids, attributes = _start(session, request, ids, given)
        elif given.get("MaxReturned"):
            ids = ids[: int(given["MaxReturned"])]
    status = _status(ids, absent)
    attributes["retCount"] = str(len(ids))
    if request.get("metaData") == "MetaDataOnly":
        return Answer(status, "", attributes)
    return Answer(status, "".join(_render(company, name, given, ids)), attributes)


def _render(company: Company, name: str, given: Content, ids: list[str]) -> Iterator[str]:
    lines = given.get("IncludeLineItems", "").strip() in ("true", "1")
    links = given.get("IncludeLinkedTxns", "").strip() in ("true", "1")
    only, owners = given.get("IncludeRetElement", []), given.get("OwnerID", [])
    for record in company.store.many(ids):
        if name == "Transaction":
            yield data.write(
                company.schema, "TransactionRet", _summary(company, record), company.store.full_name
            )
        else:
            yield rendering.render(company, record, lines=lines, links=links, only=only, owners=owners)


def _status(ids: list[str], absent: list[str]) -> Status:
    if absent:
        names = ", ".join(f'"{one}"' for one in absent)
        return Status(
            500,
            "Warn",
            "The query request has not been fully completed. There was a required element "
            f"({names}) that could not be found in QuickBooks.",
        )
    return OK if ids else NO_MATCH


# which records


def _pick(company: Company, kinds: tuple[str, ...], given: Content) -> tuple[list[str], list[str]]:
    """Ids of the records that a query names or filters, and the named ones that do not exist."""
    id_name = KINDS[kinds[0]].id_name
    if id_name in given:
        for one in given[id_name]:
            company.check_id(one, id_name)
        found = {record.id for record in company.store.many(given[id_name]) if record.kind in kinds}
        return [one for one in given[id_name] if one in found], [
            one for one in given[id_name] if one not in found
        ]
    if "FullName" in given:
        matches = {one: company.find(kinds, one) for one in given["FullName"]}
        return [m.id for m in matches.values() if m], [one for one, match in matches.items() if not match]
    for name in ("RefNumber", "RefNumberCaseSensitive"):
        if name in given:
            return _by_number(company, kinds, given[name])
    conditions, parameters = _conditions(company, kinds, given)
    order = "names, name_key" if KINDS[kinds[0]].is_list else "txn_date, seq"
    ids = company.store.ids(" AND ".join(conditions), parameters, order)
    if "TotalBalanceFilter" in given:
        ids = [one for one in ids if _balance_fits(company, one, given["TotalBalanceFilter"])]
    return ids, []


def _by_number(company: Company, kinds: tuple[str, ...], numbers: list[str]) -> tuple[list[str], list[str]]:
    found: list[str] = []
    absent = []
    for number in numbers:
        marks = ", ".join("?" * len(kinds))
        ids = company.store.ids(f"kind IN ({marks}) AND ref_number = ?", [*kinds, number], "seq")
        found += ids
        absent += [] if ids else [number]
    return found, absent


def _conditions(company: Company, kinds: tuple[str, ...], given: Content) -> tuple[list[str], list[Any]]:
    conditions = [f"kind IN ({', '.join('?' * len(kinds))})"]
    parameters: list[Any] = list(kinds)

    def add(condition: str, *values: Any) -> None:
        conditions.append(condition)
        parameters.extend(values)

    if KINDS[kinds[0]].is_list:
        active = given.get("ActiveStatus", "ActiveOnly")
        if active != "All":
            add("active = ?", int(active == "ActiveOnly"))
        _time_range(company, given, "Modified", add)
    else:
        for filter_name in ("ModifiedDateRangeFilter", "TransactionModifiedDateRangeFilter"):
            _time_range(company, given.get(filter_name, {}), "Modified", add)
        for filter_name in ("TxnDateRangeFilter", "TransactionDateRangeFilter"):
            _date_range(given.get(filter_name, {}), add)
        _entity_filter(company, given.get("EntityFilter") or given.get("TransactionEntityFilter") or {}, add)
        if paid := given.get("PaidStatus"):
            add({"All": "1 = 1", "PaidOnly": "open = '0'", "NotPaidOnly": "open <> '0'"}[paid])
    _text_filter(given.get("NameFilter"), "Name", "name", add)
    _text_filter(given.get("RefNumberFilter"), "RefNumber", "ref_number", add)
    for filter_name, column, part in (
        ("NameRangeFilter", "name", "Name"),
        ("RefNumberRangeFilter", "ref_number", "RefNumber"),
    ):
        for bound, sign in (("From", ">="), ("To", "<=")):
            if value := given.get(filter_name, {}).get(f"{bound}{part}"):
                add(f"{column} COLLATE NOCASE {sign} ?", value)
    return conditions, parameters


def _time_range(company: Company, given: Content, what: str, add: Any) -> None:
    start, end = given.get(f"From{what}Date"), given.get(f"To{what}Date")
    if start and end and company.clock.bound(start) > company.clock.bound(end, end=True):
        raise RequestRefusedError(3030, "The date range is invalid: the From date is later than the To date.")
    if start:
        add("modified >= ?", company.clock.bound(start))
    if end:
        add("modified <= ?", company.clock.bound(end, end=True))


def _date_range(given: Content, add: Any) -> None:
    if start := given.get("FromTxnDate"):
        add("txn_date >= ?", start)
    if end := given.get("ToTxnDate"):
        add("txn_date <= ?", end)


def _entity_filter(company: Company, given: Content, add: Any) -> None:
    wanted: list[str] = []
    for name, values in given.items():
        for one in values if isinstance(values, list) else [values]:
            record = (
                company.store.get(one) if name.startswith("ListID") else company.store.by_name("names", one)
            )
            if record is None:
                raise RequestRefusedError(
                    3140, f'There is an invalid reference to QuickBooks Entity "{one}" in the filter.'
                )
            wanted += rendering.family(company, record) if name.endswith("WithChildren") else [record.id]
    if wanted:
        add(f"party IN ({', '.join('?' * len(wanted))})", *wanted)


def _text_filter(given: Content | None, part: str, column: str, add: Any) -> None:
    if not given:
        return
    text = given[part].replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    pattern = {"StartsWith": f"{text}%", "Contains": f"%{text}%", "EndsWith": f"%{text}"}[
        given["MatchCriterion"]
    ]
    add(f"{column} LIKE ? ESCAPE '\\'", pattern)


def _balance_fits(company: Company, identifier: str, given: Content) -> bool:
    record = company.store.get(identifier)
    if record is None:
        return False
    owed, bound = rendering.balance(company, rendering.family(company, record)), Decimal(given["Amount"])
    operator = given["Operator"]
    if operator == "Equal":
        return owed == bound
    if operator.startswith("Less"):
        return owed < bound or (operator.endswith("Equal") and owed == bound)
    return owed > bound or (operator.endswith("Equal") and owed == bound)


# iterators


def _start(
    session: Session, request: etree._Element, ids: list[str], given: Content
) -> tuple[list[str], dict[str, str]]:
    size = _page_size(given)
    page, rest = ids[:size], ids[size:]
    identifier = f"{{{uuid.uuid4()}}}"
    if rest:
        session.iterators[identifier] = Cursor(str(request.tag), rest)
        while len(session.iterators) > OPEN_ITERATORS:
            session.iterators.pop(next(iter(session.iterators)))
    return page, {"iteratorRemainingCount": str(len(rest)), "iteratorID": identifier}


def _continue(session: Session, request: etree._Element, given: Content) -> tuple[list[str], dict[str, str]]:
    identifier = request.get("iteratorID", "")
    cursor = session.iterators.get(identifier)
    if cursor is None or cursor.request != request.tag:
        raise RequestRefusedError(3391, f'The iteratorID "{identifier}" is not valid.')
    if request.get("iterator") == "Stop":
        del session.iterators[identifier]
        return [], {}
    size = _page_size(given)
    page, cursor.ids = cursor.ids[:size], cursor.ids[size:]
    if not cursor.ids:
        del session.iterators[identifier]
    return page, {"iteratorRemainingCount": str(len(cursor.ids)), "iteratorID": identifier}


def _page_size(given: Content) -> int:
    if not given.get("MaxReturned"):
        raise missing("MaxReturned")
    return int(given["MaxReturned"])


# deletions and summaries


def answer_deleted(company: Company, request: etree._Element) -> Answer:
    """Answer ListDeletedQuery and TxnDeletedQuery."""
    is_list = request.tag == "ListDeletedQueryRq"
    type_name, id_name, ret = (
        ("ListDelType", "ListID", "ListDeletedRet") if is_list else ("TxnDelType", "TxnID", "TxnDeletedRet")
    )
    kinds = [data.text_of(child) for child in request if child.tag == type_name]
    bounds = {child.tag: data.text_of(child) for child in request.iterfind("DeletedDateRangeFilter/*")}
    start, end = bounds.get("FromDeletedDate"), bounds.get("ToDeletedDate")
    parts = []
    for row in company.store.deleted(kinds):
        if (start and row.deleted < company.clock.bound(start)) or (
            end and row.deleted > company.clock.bound(end, end=True)
        ):
            continue
        content = {
            type_name: row.kind, id_name: row.id, "TimeCreated": company.clock.shown(row.created),
            "TimeDeleted": company.clock.shown(row.deleted), "FullName": row.full_name, "RefNumber": row.ref_number,
        }  # fmt: skip
        parts.append(data.write(company.schema, ret, content, company.store.full_name))
    return Answer(OK if parts else NO_MATCH, "".join(parts), {"retCount": str(len(parts))})


def _summary(company: Company, record: Record) -> Content:
    content = record.content
    amount = content.get("TotalAmount") or content.get("AmountDue") or content.get("Subtotal")
    return {
        "TxnType": record.kind, "TxnID": record.id, "TimeCreated": company.clock.shown(record.created),
        "TimeModified": company.clock.shown(record.modified), "TxnDate": record.txn_date, "RefNumber": record.ref_number,
        "EntityRef": {"ListID": record.party} if record.party else None, "Amount": amount, "Memo": content.get("Memo"),
    }  # fmt: skip
