"""Reads a posted body against the property tables: unknown properties, wrong forms, lengths; and finds its references."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from qbsync_local.sandbox.online import faults
from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.jsonio import Json
from qbsync_local.sandbox.online.schema import EntityType, Property, schema

_SERVER = frozenset({"MetaData", "domain", "status"})


def read_body(entity: EntityType, body: Any) -> Json | Fault:
    """The body with numbers as Decimal, empty text as None, read-only properties left out; or the first fault.

    None says that the property is to be emptied.
    """
    if not isinstance(body, Mapping):
        return faults.bad_json("the body is not an object;")
    ignored = entity.readonly | _SERVER
    clean = _object(body, entity.properties, entity.name)
    return clean if isinstance(clean, Fault) else {k: v for k, v in clean.items() if k not in ignored}


def references(entity: EntityType, body: Json) -> Iterator[tuple[str, str, Json]]:
    """(element, target entity, the reference) for everything in the body that refers to a record of the company."""
    yield from _references(entity.properties, body)


def _references(properties: Mapping[str, Property], body: Json) -> Iterator[tuple[str, str, Json]]:
    for name, value in body.items():
        known = properties.get(name)
        if known is None or value is None:
            continue
        if known.form == "ref" and known.target:
            yield name, known.target, value
        elif known.form in schema().types:
            for item in value if known.many else [value]:
                yield from _references(schema().types[known.form], item)


def _object(body: Mapping[str, Any], properties: Mapping[str, Property], owner: str) -> Json | Fault:
    clean: Json = {}
    for name, value in body.items():
        known = properties.get(name)
        if known is None:
            return faults.unknown_property(name, owner, list(properties))
        read = _property(value, known)
        if isinstance(read, Fault):
            return read
        clean[name] = read
    return clean


def _property(value: Any, known: Property) -> Any:
    if value is None or value == "":
        return None
    if not known.many:
        return _value(value, known)
    if not isinstance(value, list):
        return faults.bad_json(f"{known.name} is not an array;")
    items: list[Any] = []
    for item in value:
        read = _value(item, known)
        if isinstance(read, Fault):
            return read
        items.append(read)
    return items


def _value(value: Any, known: Property) -> Any:
    if known.form in schema().types:
        return _nested(value, known.form, known.name)
    return _READERS[known.form](value, known)


def _nested(value: Any, kind: str, name: str) -> Json | Fault:
    if not isinstance(value, Mapping):
        return faults.bad_json(f"{name} is not an object;")
    return _object(value, schema().types[kind], kind)


def _reference(value: Any, known: Property) -> Json | Fault:
    clean = _nested(value, "Reference", known.name)
    if isinstance(clean, Fault):
        return clean
    return clean if clean.get("value") else faults.missing(f"{known.name}.value")


def _choice(value: Any, known: Property) -> str | Fault:
    if isinstance(value, str) and value in known.choices:
        return value
    return faults.bad_value("2170", "Invalid Enumeration", known.name, str(value))


def _text(value: Any, known: Property) -> str | Fault:
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        return faults.bad_json(f"{known.name} is not text;")
    text = str(value)
    return faults.too_long(known.name, known.limit, len(text)) if len(text) > known.limit else text


def _number(value: Any, known: Property) -> Decimal | int | Fault:
    whole = known.form == "integer"
    wrong = faults.bad_value(
        "2080" if whole else "2100",
        f"Invalid {'Number' if whole else 'Decimal'} Format",
        known.name,
        str(value),
    )
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        return wrong
    try:
        number = Decimal(value)
    except InvalidOperation:
        return wrong
    if not number.is_finite() or abs(number) >= Decimal("1e12"):
        return wrong
    if not whole:
        return number
    return int(number) if number == number.to_integral_value() else wrong


def _boolean(value: Any, known: Property) -> bool | Fault:
    if isinstance(value, bool):
        return value
    if value in {"true", "false"}:
        return bool(value == "true")
    return faults.bad_value("2230", "Invalid Boolean", known.name, str(value))


def _time(value: Any, known: Property) -> str | Fault:
    """A date as YYYY-MM-DD (a time after it is dropped), or a time as it was sent."""
    text = str(value)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return faults.bad_value("2060", "Invalid Date Format", known.name, text)
    return date.isoformat(moment.date()) if known.form == "date" else text


_READERS: dict[str, Callable[[Any, Property], Any]] = {
    "ref": _reference,
    "text": _text,
    "decimal": _number,
    "integer": _number,
    "boolean": _boolean,
    "enum": _choice,
    "date": _time,
    "time": _time,
}
