"""The rules of AsyncAPI 3.0 that can be checked offline, and what counts as a break of the committed document."""

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

_COMMON = {"title", "summary", "description", "tags", "externalDocs", "bindings"}
_KEYS = {
    "root": {
        "asyncapi",
        "id",
        "info",
        "servers",
        "defaultContentType",
        "channels",
        "operations",
        "components",
    },
    "info": {
        "title",
        "version",
        "description",
        "termsOfService",
        "contact",
        "license",
        "tags",
        "externalDocs",
    },
    "server": {"host", "protocol", "protocolVersion", "pathname", "variables", "security"} | _COMMON,
    "channel": {"address", "messages", "servers", "parameters"} | _COMMON,
    "parameter": {"enum", "default", "description", "examples", "location"},
    "operation": {"action", "channel", "messages", "security", "traits", "reply"} | _COMMON,
    "message": {"headers", "payload", "correlationId", "contentType", "name", "examples", "traits"} | _COMMON,
}
_REQUIRED = {
    "root": {"asyncapi", "info"},
    "info": {"title", "version"},
    "server": {"host", "protocol"},
    "operation": {"action", "channel"},
}
# AsyncAPI's schema object extends JSON Schema draft 7: what later drafts brought means nothing in it
_SCHEMA_KEYS = {
    *("title", "description", "type", "enum", "const", "default", "examples", "format", "pattern", "$ref"),
    *("properties", "required", "additionalProperties", "items", "minItems", "maxItems", "uniqueItems"),
    *("minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("anyOf", "oneOf", "allOf", "not", "if", "then", "else", "propertyNames", "patternProperties"),
}
_TYPES = {"string", "number", "integer", "boolean", "object", "array", "null"}
_NAME = re.compile(r"^[A-Za-z0-9._-]+$")


def problems(document: Json) -> list[str]:
    """Everything in which a document is not as AsyncAPI 3.0 wants it; empty when it is right."""
    found = [*_shape("root", "", document), *_shape("info", "info", document["info"])]
    if not re.fullmatch(r"3\.0\.\d+", document["asyncapi"]):
        found.append("asyncapi: not a version 3.0")
    for name, server in document.get("servers", {}).items():
        found += _shape("server", f"servers.{name}", server)
        found += _same(f"servers.{name}", _expressions(server["host"]), server.get("variables", {}))
    for name, channel in document["channels"].items():
        found += _channel(f"channels.{name}", channel)
    for name, operation in document["operations"].items():
        found += _operation(f"operations.{name}", operation)
    components = document["components"]
    for name, message in components["messages"].items():
        found += _shape("message", f"messages.{name}", message)
    for name, schema in components["schemas"].items():
        found += _schema(f"schemas.{name}", schema)
    names = [name for group in components.values() for name in group]
    found += [f"components: {name!r} is no name" for name in names if not _NAME.match(name)]
    return found + _loose_references(document)


def _shape(what: str, path: str, value: Json) -> Iterator[str]:
    keys = {key for key in value if not key.startswith("x-")}
    yield from (f"{path}: {key} is unknown" for key in sorted(keys - _KEYS[what]))
    yield from (f"{path}: {key} is missing" for key in sorted(_REQUIRED.get(what, set()) - keys))


def _channel(path: str, channel: Json) -> Iterator[str]:
    yield from _shape("channel", path, channel)
    parameters = channel.get("parameters", {})
    yield from _same(path, _expressions(channel["address"]), parameters)
    for name, parameter in parameters.items():
        yield from _shape("parameter", f"{path}.parameters.{name}", parameter)


def _operation(path: str, operation: Json) -> Iterator[str]:
    yield from _shape("operation", path, operation)
    if operation["action"] not in {"send", "receive"}:
        yield f"{path}: {operation['action']} is no action"
    channel = operation["channel"]["$ref"]
    if not channel.startswith("#/channels/"):
        yield f"{path}: its channel is not in the root's channels"
    for message in operation.get("messages", []):
        if not message["$ref"].startswith(f"{channel}/messages/"):
            yield f"{path}: {message['$ref']} is no message of its channel"


def _schema(path: str, schema: Any) -> Iterator[str]:
    if isinstance(schema, bool):
        return
    yield from (f"{path}: {key} is unknown" for key in sorted(set(schema) - _SCHEMA_KEYS))
    if schema.get("type", "object") not in _TYPES:
        yield f"{path}: {schema['type']} is no type"
    if len(set(schema.get("required", []))) != len(schema.get("required", [])):
        yield f"{path}: required names something twice"
    if "pattern" in schema:
        re.compile(schema["pattern"])
    for name, inner in _inner_schemas(schema):
        yield from _schema(f"{path}.{name}", inner)


def _inner_schemas(schema: Json) -> Iterator[tuple[str, Any]]:
    yield from schema.get("properties", {}).items()
    for key in ("items", "additionalProperties", "propertyNames", "not"):
        if key in schema:
            yield key, schema[key]
    for key in ("anyOf", "oneOf", "allOf"):
        yield from ((f"{key}.{index}", member) for index, member in enumerate(schema.get(key, [])))


def _expressions(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def _same(path: str, expressions: set[str], given: Json) -> Iterator[str]:
    if expressions != set(given):
        yield f"{path}: {sorted(expressions)} in the address, {sorted(given)} explained"


def _loose_references(document: Json) -> list[str]:
    return [reference for reference in _references(document) if resolve(document, reference) is None]


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for inner in node.values():
            yield from _references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _references(inner)


def resolve(document: Json, reference: str) -> Any:
    """What a reference such as ``#/channels/SyncFailed`` leads to; None where it leads nowhere."""
    node: Any = document
    for step in reference.removeprefix("#/").split("/"):
        node = node.get(step) if isinstance(node, dict) else None
    return node


def breaks(old: Json, new: Json) -> list[str]:
    """What a program written for the old document would trip over: gone channels, addresses, senders and fields,
    fields of another type, fields newly required."""
    found: list[str] = []
    for name, channel in old["channels"].items():
        now = new["channels"].get(name)
        if now is None:
            found.append(f"channel {name}: removed")
        elif now["address"] != channel["address"]:
            found.append(f"channel {name}: another address")
    for name, operation in old["operations"].items():
        if operation["action"] == "send" and name not in new["operations"]:
            found.append(f"operation {name}: removed")
    for name, schema in old["components"]["schemas"].items():
        found += _schema_breaks(name, schema, new["components"]["schemas"].get(name))
    return found


def _schema_breaks(path: str, old: Json, new: Json | None) -> list[str]:
    if new is None:
        return [f"{path}: removed"]
    found = []
    before, after = old.get("properties", {}), new.get("properties", {})
    for name, field in before.items():
        if name not in after:
            found.append(f"{path}.{name}: removed")
        elif _retyped(field, after[name]):
            found.append(f"{path}.{name}: retyped")
    gone = set(map(str, old.get("enum", []))) - set(map(str, new.get("enum", [])))
    found += [f"{path}: the value {value} was removed" for value in sorted(gone)]
    newly = set(new.get("required", [])) - set(old.get("required", []))
    return found + [f"{path}.{name}: newly required" for name in sorted(newly)]


def _retyped(old: Json, new: Json) -> bool:
    """Whether a field's possible forms changed; a further record among its references only adds."""
    before, after = _forms(old), _forms(new)
    added = {form for form in after - before if not form.startswith("#/")}
    return bool(before - after or added)


def _forms(schema: Any) -> set[str]:
    if not isinstance(schema, dict):
        return {"anything"}
    members = [*schema.get("anyOf", []), *schema.get("oneOf", []), *schema.get("allOf", [])]
    if members:
        return {form for member in members for form in _forms(member)}
    if "$ref" in schema:
        return {schema["$ref"]}
    if schema.get("type") == "array":
        return {f"array of {form}" for form in _forms(schema.get("items"))}
    return {f"{schema.get('type', 'anything')}:{schema.get('format', '')}:{schema.get('const', '')}"}
