"""The query language: `SELECT *|count(*) FROM Entity [WHERE ...] [ORDERBY ...] [STARTPOSITION n] [MAXRESULTS n]`.

No OR, GROUP BY, JOIN or projection. `parse` turns text into a Query or a fault, `run` answers it from the books.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from qbsync_local.sandbox.online import faults
from qbsync_local.sandbox.online.books import Books
from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.jsonio import Json
from qbsync_local.sandbox.online.schema import EntityType, schema
from qbsync_local.sandbox.online.store import Record

LARGEST_PAGE = 1000
_DEFAULT_PAGE = 100
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][A-Za-z0-9_.]*)"""
    r"""|(?P<sign><=|>=|=|<|>|\(|\)|,|\*))"""
)
_SCALARS = frozenset({"text", "decimal", "integer", "boolean", "date", "time", "enum"})
_NOT_FILTERABLE = frozenset(
    {"DepartmentRef", "AccountRef", "APAccountRef", "ARAccountRef", "DepositToAccountRef"}
)
_META = {"MetaData.CreateTime": "time", "MetaData.LastUpdatedTime": "time"}


@dataclass(frozen=True, slots=True)
class Condition:
    """`field operator values`; operator is one of = < > <= >= IN LIKE, only IN has several values."""

    field: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query. start counts from 1; order holds (field, descending)."""

    entity: EntityType
    count: bool = False
    conditions: tuple[Condition, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    start: int = 1
    limit: int = _DEFAULT_PAGE


class _Unreadable(Exception):  # noqa: N818 - never leaves this module
    """Carries the fault out of the nested parser."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault


def parse(text: str) -> Query | Fault:
    """Read a query: 4000 if it cannot be parsed, 4001 if it names what does not exist or cannot be filtered."""
    try:
        return _Parser(text).query()
    except _Unreadable as problem:
        return problem.fault


def run(books: Books, text: str) -> Json | Fault:
    """The `QueryResponse` for this text, or the fault."""
    query = parse(text)
    if isinstance(query, Fault):
        return query
    found = list(matching(books, query))
    if query.count:
        return {"totalCount": len(found)}
    page = found[query.start - 1 : query.start - 1 + query.limit]
    if not page:
        return {}
    labels: dict[tuple[str, str], str | None] = {}
    shown = [books.show(record, labels) for record in page]
    return {query.entity.name: shown, "startPosition": query.start, "maxResults": len(shown)}


def matching(books: Books, query: Query) -> Iterator[Record]:
    """The records that match, in order. Without ORDERBY the latest change comes first, so paging without it skips."""
    records = [record for record in _candidates(books, query) if _matches(books, query, record)]
    records.sort(key=lambda record: (record.updated, _id_key(record)), reverse=True)
    for name, descending in reversed(query.order):
        keys = {record.id: _sort_key(_value(books, query.entity, name, record)) for record in records}
        records.sort(key=lambda record, keys=keys: keys[record.id], reverse=descending)  # type: ignore[misc]
    yield from records


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.position = 0

    def query(self) -> Query:
        self._expect("SELECT")
        count = self._selection()
        self._expect("FROM")
        name = self._next("word")
        entity = next((e for e in schema().entities.values() if e.name.lower() == name.lower()), None)
        if entity is None or "query" not in entity.operations:
            raise _Unreadable(faults.query_invalid(f"invalid context declaration: {name}"))
        conditions = self._conditions(entity) if self._accept("WHERE") else ()
        order = self._order(entity) if self._accept("ORDERBY") else ()
        start = self._whole("STARTPOSITION", 1)
        limit = self._whole("MAXRESULTS", _DEFAULT_PAGE)
        if start < 1:
            raise _Unreadable(faults.query_invalid("startposition must be 1 or more"))
        if limit > LARGEST_PAGE:
            raise _Unreadable(
                faults.query_invalid(f"maxresults {limit} is too large. Max allowed value is {LARGEST_PAGE}.")
            )
        if self.position < len(self.tokens):
            raise self._unexpected()
        return Query(entity, count, conditions, order, start, limit)

    def _selection(self) -> bool:
        if self._accept("*"):
            return False
        self._expect("COUNT")
        for sign in "(*)":
            self._expect(sign)
        return True

    def _conditions(self, entity: EntityType) -> tuple[Condition, ...]:
        conditions = [self._condition(entity)]
        while self._accept("AND"):
            conditions.append(self._condition(entity))
        return tuple(conditions)

    def _condition(self, entity: EntityType) -> Condition:
        field = _field(entity, self._next("word"), filtering=True)
        operator = self._next("sign", "word").upper()
        if operator == "IN":
            values = self._list()
        elif operator in {"=", "<", ">", "<=", ">=", "LIKE"}:
            values = (self._literal(),)
        else:
            self.position -= 1
            raise self._unexpected()
        if field == "Id" and operator not in {"=", "IN"}:
            raise _Unreadable(faults.query_invalid("Id supports only = and IN"))
        return Condition(field, operator, values)

    def _list(self) -> tuple[str, ...]:
        self._expect("(")
        values = [self._literal()]
        while self._accept(","):
            values.append(self._literal())
        self._expect(")")
        return tuple(values)

    def _literal(self) -> str:
        value = self._next("text", "number", "word")
        kind = self.tokens[self.position - 1][0]
        if kind == "text":
            return re.sub(r"\\(.)", r"\1", value[1:-1])
        if kind == "word" and value.lower() not in {"true", "false"}:
            self.position -= 1
            raise self._unexpected()
        return value

    def _order(self, entity: EntityType) -> tuple[tuple[str, bool], ...]:
        fields = [self._order_field(entity)]
        while self._accept(","):
            fields.append(self._order_field(entity))
        return tuple(fields)

    def _order_field(self, entity: EntityType) -> tuple[str, bool]:
        name = _field(entity, self._next("word"), filtering=False)
        return name, not self._accept("ASC") and self._accept("DESC")

    def _whole(self, word: str, default: int) -> int:
        if not self._accept(word):
            return default
        value = self._next("number")
        if not value.isdigit():
            raise _Unreadable(faults.query_invalid(f"{word.lower()} must be a whole number: {value}"))
        return int(value)

    def _accept(self, word: str) -> bool:
        if self.position < len(self.tokens) and self.tokens[self.position][1].upper() == word:
            self.position += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise self._unexpected()

    def _next(self, *kinds: str) -> str:
        if self.position >= len(self.tokens) or self.tokens[self.position][0] not in kinds:
            raise self._unexpected()
        self.position += 1
        return self.tokens[self.position - 1][1]

    def _unexpected(self) -> _Unreadable:
        seen = self.tokens[self.position][1] if self.position < len(self.tokens) else "<EOF>"
        return _Unreadable(faults.query_unreadable(f'Encountered "{seen}" at token {self.position + 1}.'))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    stripped = text.rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None or match.lastgroup is None:
            raise _Unreadable(
                faults.query_unreadable(
                    f"Encountered {stripped[position : position + 1]!r} at column {position + 1}."
                )
            )
        yield match.lastgroup, match[match.lastgroup]
        position = match.end()


def _field(entity: EntityType, name: str, *, filtering: bool) -> str:
    if name in _META:
        return name
    known = entity.properties.get(name)
    if known is None:
        raise _Unreadable(faults.query_invalid(f"Property {name} not found for Entity {entity.name}"))
    refused = known.many or (known.form not in _SCALARS and known.form != "ref")
    if refused or (filtering and name in _NOT_FILTERABLE):
        raise _Unreadable(faults.query_invalid(f"property '{name}' is not queryable"))
    return name


def _candidates(books: Books, query: Query) -> list[Record]:
    """What an index can pick beforehand: records by id, or changed since a time. Conditions are checked after it."""
    where, values = "realm = ? and entity = ? and live", [books.realm, query.entity.name]
    for condition in query.conditions:
        if condition.field == "Id":
            where += f" and id in ({', '.join('?' * len(condition.values))})"
            values += condition.values
        elif condition.field == "MetaData.LastUpdatedTime" and condition.operator in {">", ">="}:
            since = _moment(condition.values[0], books.store.now().astimezone(books.company.zone))
            if isinstance(since, datetime):
                where += " and updated >= ?"
                values.append(str(int(since.timestamp())))
    return books.store.select(where, values)


def _matches(books: Books, query: Query, record: Record) -> bool:
    asked = {condition.field for condition in query.conditions}
    if "Active" in query.entity.properties and "Active" not in asked and record.body.get("Active") is False:
        return False
    return all(
        _holds(condition, _value(books, query.entity, condition.field, record))
        for condition in query.conditions
    )


def _holds(condition: Condition, value: Any) -> bool:
    if value is None:
        return False
    if condition.operator == "LIKE":
        return _like(condition.values[0]).fullmatch(str(value)) is not None
    if condition.operator == "IN":
        return any(_compare(value, wanted) == 0 for wanted in condition.values)
    order = _compare(value, condition.values[0])
    if order is None:
        return False
    return {"=": order == 0, "<": order < 0, ">": order > 0, "<=": order <= 0, ">=": order >= 0}[
        condition.operator
    ]


def _compare(value: Any, wanted: str) -> int | None:
    """-1, 0 or 1; None when the literal cannot be read as what the property holds. Text ignores case."""
    left, right = _typed(value, wanted)
    if right is None:
        return None
    return int(left > right) - int(left < right)


def _typed(value: Any, wanted: str) -> tuple[Any, Any]:
    if isinstance(value, bool):
        return int(value), {"true": 1, "false": 0}.get(wanted.lower())
    if isinstance(value, (int, Decimal)):
        return Decimal(value), _decimal(wanted)
    if isinstance(value, (datetime, date)):
        return value, _moment(wanted, value)
    return str(value).casefold(), wanted.casefold()


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _moment(text: str, like: datetime | date) -> datetime | date | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not isinstance(like, datetime):
        return moment.date()
    return moment if moment.tzinfo else moment.replace(tzinfo=like.tzinfo)


def _like(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("%"))), re.IGNORECASE | re.DOTALL)


def _value(books: Books, entity: EntityType, name: str, record: Record) -> Any:
    """The comparable value of a property of a stored record; None if it has none."""
    special = _SPECIAL.get(name)
    if special is not None:
        return special(books, record)
    value = record.body.get(name)
    form = entity.properties[name].form
    if value is None or form not in {"ref", "date"}:
        return value
    return value["value"] if form == "ref" else date.fromisoformat(value)


def _moment_of(seconds: int, books: Books) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).astimezone(books.company.zone)


_SPECIAL: dict[str, Callable[[Books, Record], Any]] = {
    "Id": lambda _books, record: Decimal(record.id) if record.id.isdigit() else record.id,
    "SyncToken": lambda _books, record: record.sync_token,
    "MetaData.CreateTime": lambda books, record: _moment_of(record.created, books),
    "MetaData.LastUpdatedTime": lambda books, record: _moment_of(record.updated, books),
    "Balance": lambda books, record: books.show(record).get("Balance"),
    "BalanceWithJobs": lambda books, record: books.show(record).get("BalanceWithJobs"),
}


def _sort_key(value: Any) -> tuple[int, Any]:
    """Nothing before numbers and dates, those before text, which ignores case."""
    if value is None:
        return 0, 0
    return (2, value.casefold()) if isinstance(value, str) else (1, value)


def _id_key(record: Record) -> int:
    return int(record.id) if record.id.isdigit() else 0
