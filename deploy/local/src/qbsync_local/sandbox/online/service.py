"""Answers calls of the company API: which operation a request is, replay by requestid, batch and change data capture."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from qbsync_local.sandbox.online import faults
from qbsync_local.sandbox.online.books import Books
from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.jsonio import Json, dumps, loads
from qbsync_local.sandbox.online.query import run
from qbsync_local.sandbox.online.schema import EntityType, schema
from qbsync_local.sandbox.online.traffic import Traffic, fingerprint
from qbsync_local.sandbox.online.writes import read, write

BATCH_SIZE = 30
CDC_DAYS = 30
CDC_OBJECTS = 1000
_NOT_IN_CDC = frozenset({"TimeActivity", "TaxCode", "TaxRate", "CompanyInfo"})


@dataclass(frozen=True)
class Request:
    """One call as it came in. `segments` is the path after the realm; `url` the whole address for messages."""

    method: str
    realm: str
    segments: tuple[str, ...]
    parameters: Mapping[str, str]
    body: bytes
    content_type: str
    url: str

    @property
    def entity(self) -> EntityType | None:
        return schema().paths.get(self.segments[0]) if self.segments else None

    @cached_property
    def operation(self) -> str | None:
        """create, update, delete, void, read, query, batch or cdc; None for what does not exist."""
        match (self.method, *self.segments):
            case ("GET" | "POST", "query"):
                return "query"
            case ("GET", "cdc") | ("POST", "batch"):
                return self.segments[0]
            case ("GET", "preferences") | ("GET", _, _) if self.entity:
                return "read"
            case ("POST", _) if self.entity:
                return self._write_operation()
        return None

    def _write_operation(self) -> str:
        asked = self.parameters.get("operation", "")
        if asked == "update" and self.parameters.get("include") == "void":
            return "void"
        if asked:
            return asked
        try:
            posted = loads(self.body)
        except ValueError:
            return "create"
        return "update" if isinstance(posted, dict) and posted.get("Id") else "create"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: HTTP status, JSON text, the code of the first fault, whether it is an earlier answer again."""

    status: int
    text: str
    code: str | None = None
    replayed: bool = False


def answer(books: Books, traffic: Traffic, request: Request) -> Answer:
    """Carry the call out and keep the answer under its requestid, in one transaction."""
    operation = request.operation
    if operation is None:
        relative = f"/v3/company/{request.realm}/{'/'.join(request.segments)}"
        return _faulty(books, faults.no_resource(relative, request.url))
    if operation in {"read", "query", "cdc"}:
        return _carry_out(books, request, operation)
    request_id = request.parameters.get("requestid")
    if request_id is None:
        return _carry_out(books, request, operation)
    if not 1 <= len(request_id) <= (36 if operation == "batch" else 50):
        return _faulty(books, faults.bad_value("2130", "Invalid Request Id Format", "requestid", request_id))
    same = fingerprint(operation, *request.segments, request.body)
    with books.store.transaction():
        first = traffic.replay(request.realm, request_id)
        if first is not None:
            print_, status, text = first
            return (
                Answer(status, text, replayed=True)
                if print_ == same
                else _faulty(books, faults.duplicate_request(request_id))
            )
        result = _carry_out(books, request, operation)
        traffic.remember(request.realm, request_id, same, result.status, result.text)
        return result


def _carry_out(books: Books, request: Request, operation: str) -> Answer:
    if (
        request.method == "POST"
        and operation != "query"
        and not request.content_type.startswith("application/json")
    ):
        return _faulty(
            books, faults.rule("1050", "Invalid Content Type", "Only application/json is accepted here.")
        )
    result = _result(books, request, operation)
    if isinstance(result, Fault):
        return _faulty(books, result)
    return Answer(200, dumps(result | {"time": books.answered()}))


def _result(books: Books, request: Request, operation: str) -> Json | Fault:
    match operation:
        case "query":
            found = run(books, _query_text(request))
            return found if isinstance(found, Fault) else {"QueryResponse": found}
        case "cdc":
            return changes(books, request.parameters)
        case "read":
            return _read(books, request)
    posted = _posted(request.body)
    if isinstance(posted, Fault):
        return posted
    if operation == "batch":
        return batch(books, posted)
    entity = request.entity
    assert entity is not None
    written = write(books, entity, operation, posted)
    return written if isinstance(written, Fault) else {entity.name: written}


def _query_text(request: Request) -> str:
    return request.parameters.get("query") or request.body.decode("utf-8", "replace")


def _posted(body: bytes) -> Any:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return faults.unsupported("MalformedByteSequenceException: Invalid byte of a UTF-8 sequence; it")
    try:
        return loads(text)
    except ValueError:
        return faults.bad_json("the body is not JSON;")


def _read(books: Books, request: Request) -> Json | Fault:
    entity = request.entity
    assert entity is not None
    identifier = request.segments[1] if len(request.segments) > 1 else "1"
    if entity.name == "CompanyInfo":
        identifier = "1" if identifier in {books.realm, "1"} else "0"
    found = read(books, entity, identifier)
    return found if isinstance(found, Fault) else {entity.name: found}


def _faulty(books: Books, fault: Fault) -> Answer:
    return Answer(fault.status, dumps(fault.body(books.answered())), fault.code)


def batch(books: Books, posted: Any) -> Json | Fault:
    """Up to 30 operations, each with its own outcome; HTTP 200 even when members fail."""
    items = posted.get("BatchItemRequest") if isinstance(posted, dict) else None
    if not isinstance(items, list) or not items:
        return Fault("400", "MalformedRequest", "Batch Request is Empty")
    if len(items) > BATCH_SIZE:
        return faults.rule("1040", "Batch size exceeds allowed limit", f"The limit is {BATCH_SIZE} items.")
    with books.store.transaction():
        return {"BatchItemResponse": [_member(books, item) for item in items]}


def _member(books: Books, item: Any) -> Json:
    if not isinstance(item, dict) or not item.get("bId"):
        return {"Fault": {"Error": [faults.missing("bId").error()], "type": "ValidationFault"}}
    result = _member_result(books, item)
    if isinstance(result, Fault):
        result = {"Fault": {"Error": [result.error()], "type": result.kind}}
    return result | {"bId": item["bId"]}


def _member_result(books: Books, item: Json) -> Json | Fault:
    if "Query" in item:
        found = run(books, str(item["Query"]))
        return found if isinstance(found, Fault) else {"QueryResponse": found}
    name = next((key for key in item if key in schema().entities), None)
    if name is None:
        return faults.rule(
            "2000", "Invalid or unsupported object name", ", ".join(sorted(set(item) - {"bId", "operation"}))
        )
    operation = str(item.get("operation", "create"))
    if operation == "update" and item.get("optionsData") == "void":
        operation = "void"
    written = write(books, schema().entities[name], operation, item[name])
    return written if isinstance(written, Fault) else {name: written}


def changes(books: Books, parameters: Mapping[str, str]) -> Json | Fault:
    """What changed since a time, deleted records included: at most 30 days back, at most 1000 objects, no paging."""
    names = [name.strip() for name in parameters.get("entities", "").split(",") if name.strip()]
    entities = {entity.name.lower(): entity for entity in schema().entities.values()}
    unknown = [name for name in names if name.lower() not in entities or name in _NOT_IN_CDC]
    if not names or unknown:
        return faults.rule("2000", "Invalid or unsupported object name", ", ".join(unknown) or "entities")
    since = _since(books, parameters.get("changedSince", ""))
    if isinstance(since, Fault):
        return since
    groups: list[Json] = []
    room = CDC_OBJECTS
    for name in names:
        entity = entities[name.lower()]
        where = "realm = ? and entity = ? and updated >= ?"
        records = books.store.select(where, (books.realm, entity.name, since), "updated, id")[:room]
        room -= len(records)
        if records:
            shown = [
                books.show(record) if record.live else _gone(books, record.id, record.updated)
                for record in records
            ]
            groups.append({entity.name: shown, "startPosition": 1, "maxResults": len(shown)})
    return {"CDCResponse": [{"QueryResponse": groups or [{}]}]}


def _gone(books: Books, identifier: str, updated: int) -> Json:
    return {
        "domain": "QBO",
        "status": "Deleted",
        "Id": identifier,
        "MetaData": {"LastUpdatedTime": books.time(updated)},
    }


def _since(books: Books, text: str) -> int | Fault:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return faults.bad_value("2060", "Invalid Date Format", "changedSince", text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=books.company.zone)
    if books.store.now() - moment.astimezone(UTC) > timedelta(days=CDC_DAYS):
        return faults.bad_value("2190", "Invalid Date Range", "changedSince", text)
    return int(moment.timestamp())
