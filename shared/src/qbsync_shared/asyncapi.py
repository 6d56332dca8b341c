"""The event stream as AsyncAPI 3.0 documents: every message, who sends it and who listens.

``whole()`` is the public contract, committed as ``docs/events/asyncapi.json``; ``of_service()`` is what a service
shows at ``/docs/asyncapi``: the same channels and messages, with its own operations.
"""

import inspect
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from qbsync_shared import messages as said
from qbsync_shared import subjects
from qbsync_shared.messages import ALL_MESSAGES, CONTRACT_VERSION, Channel, EditionMessage, Message
from qbsync_shared.messaging import Subscription
from qbsync_shared.messaging.outbox import stream_of

Json = dict[str, Any]

APP, WIZARD, GATEWAY, WORKER, LOG = "app", "wizard", "qbwc-gateway", "qbo-worker", "log"
CONNECTORS = (GATEWAY, WORKER)


class Flow(NamedTuple):
    """Who sends a message and who listens. Without senders it is accepted, but no part of qbsync sends it."""

    senders: tuple[str, ...]
    listeners: tuple[str, ...]


_OUTCOME = Flow(CONNECTORS, (APP, WIZARD, LOG))
_BY_OPERATORS = Flow((), CONNECTORS)

FLOWS: dict[type[Message], Flow] = {
    said.AppEntityChanged: Flow((APP,), (WIZARD,)),
    said.EntityApplied: Flow((APP, WIZARD), CONNECTORS),
    said.EntityRejected: Flow((APP, WIZARD), CONNECTORS),
    said.TenantConfigured: Flow((WIZARD,), (*CONNECTORS, LOG)),
    said.TenantDeleted: Flow((WIZARD,), (*CONNECTORS, LOG)),
    said.BadgeChanged: Flow((WIZARD,), (APP, *CONNECTORS, LOG)),
    said.SyncApproved: Flow((WIZARD,), (APP, *CONNECTORS, LOG)),
    said.SyncStarted: _OUTCOME,
    said.SyncWaiting: _OUTCOME,
    said.SyncSucceeded: _OUTCOME,
    said.SyncFailed: _OUTCOME,
    said.SyncCancelled: _OUTCOME,
    said.QuickBooksEntityChanged: Flow(CONNECTORS, (WIZARD,)),
    said.EntityImported: Flow(CONNECTORS, (APP, WIZARD)),
    said.LinkCreated: Flow(CONNECTORS, (APP, WIZARD, LOG)),
    said.LinkCleared: Flow(CONNECTORS, (APP, WIZARD, LOG)),
    said.ConnectionChanged: Flow(CONNECTORS, (WIZARD, LOG)),
    said.SessionEnded: Flow((GATEWAY,), (WIZARD, LOG)),
    said.CompanyChanged: Flow(CONNECTORS, (WIZARD,)),
    said.Resync: Flow((LOG,), (WIZARD,)),
    said.ClearId: Flow((LOG,), CONNECTORS),
    said.Cancel: Flow((WIZARD, LOG), CONNECTORS),
    said.Link: Flow((LOG,), CONNECTORS),
    said.LookUp: Flow((LOG,), CONNECTORS),
    said.Pause: _BY_OPERATORS,
    said.Resume: _BY_OPERATORS,
    said.CommandRefused: Flow((WIZARD, *CONNECTORS), (WIZARD, LOG)),
    said.LookUpAnswered: Flow(CONNECTORS, (LOG,)),
    said.ReconcileReported: Flow((GATEWAY,), ()),
    said.AuditRecorded: Flow((WIZARD, *CONNECTORS, LOG), (LOG,)),
}
"""Checked against the code of the services by a test."""

_PARAMETERS: dict[str, Json] = {
    "tenant": {"description": "The tenant's id: [a-z0-9][a-z0-9-]{0,62}.", "examples": ["oak-field"]},
    "edition": {"description": "The edition of the tenant's QuickBooks.", "enum": ["desktop", "online"]},
    "channel": {"description": "Who speaks.", "enum": [channel.value for channel in Channel]},
}
_KEPT = {
    subjects.EVENTS: "kept for 30 days",
    subjects.COMMANDS: "kept for 30 days",
    subjects.TENANTS: "the last one per subject, for ever",
}
_HEADERS: dict[str, str] = {
    "ce-specversion": "The version of CloudEvents: 1.0.",
    "ce-id": "Id of the event; the body repeats it. Consumers drop an id they know.",
    "ce-type": "qbsync.v1.{noun}.{verb}",
    "ce-source": "Who said it.",
    "ce-time": "When it occurred, RFC 3339.",
    "ce-subject": "The subject it was published on.",
    "ce-dataschema": "Its JSON Schema, relative to the documentation.",
    "ce-tenant": "The tenant; the body repeats it.",
    "ce-causationid": "Id of the event or command that led to it.",
    "traceparent": "W3C trace context.",
    "Nats-Msg-Id": "As ce-id, so that the stream drops a repetition; {ce-id}.r{n} for a replayed dead letter.",
}
_REQUIRED_HEADERS = ("ce-specversion", "ce-id", "ce-type", "ce-source")
_ABOUT = (
    "Facts and commands of qbsync on NATS JetStream: CloudEvents 1.0 in binary mode, JSON bodies that make sense alone. "
    "Within v1 changes only add: ignore fields that you do not know, drop an id that you have handled, apply only a "
    "higher version, and never rely on order across subjects."
)


class ContractSchema(GenerateJsonSchema):
    """JSON Schema within what AsyncAPI allows, and as strict as the messages are."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> Json:  # noqa: ARG002
        """Money and quantities are strings; a JSON number is refused."""
        return {"type": "string", "pattern": r"^-?\d{1,13}(\.\d{1,7})?$"}

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> Json:
        """Without OpenAPI's discriminator object; each member pins its own ``kind``."""
        found = super().tagged_union_schema(schema)
        found.pop("discriminator", None)
        return found


def whole() -> Json:
    """The document of the whole stream, with the operations of all services and of the app."""
    return _document("qbsync", _all_operations())


def of_service(name: str, receives: Sequence[Subscription[Any]]) -> Json:
    """The document of one service.

    Args:
        name: ``wizard``, ``qbwc-gateway``, ``qbo-worker`` or ``log``.
        receives: its subscriptions; each becomes an operation named like its durable consumer.
    """
    sends = (message for message, flow in FLOWS.items() if name in flow.senders)
    received = {one.durable: _operation("receive", name, one.message) for one in receives}
    return _document(f"qbsync {name}", received | dict(_named("send", name, sends)))


def _document(title: str, operations: Json) -> Json:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": title,
            "version": CONTRACT_VERSION,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "servers": {"nats": _server()},
        "defaultContentType": "application/json",
        "channels": {message.__name__: _channel(message) for message in ALL_MESSAGES},
        "operations": operations,
        "components": {
            "messages": {message.__name__: _message(message) for message in ALL_MESSAGES},
            "schemas": {"CloudEventHeaders": _header_schema(), **_schemas()},
        },
    }


@cache
def _schemas() -> Json:
    _, definitions = models_json_schema(
        [(message, "validation") for message in ALL_MESSAGES],
        ref_template="#/components/schemas/{model}",
        schema_generator=ContractSchema,
    )
    schemas: Json = definitions["$defs"]
    for message in ALL_MESSAGES:  # what is refused when a message is made is tolerated when it is read
        schemas[message.__name__].pop("additionalProperties", None)
    return schemas


def _server() -> Json:
    return {
        "host": "{host}",
        "protocol": "nats",
        "description": "The operator's NATS with JetStream; QBSYNC_NATS_URL names it.",
        "variables": {"host": {"description": "Name and port.", "default": "localhost:4222"}},
    }


def _speaker(message: type[Message]) -> str:
    if message.fixed_channel is not None:
        return message.fixed_channel.value
    return "{edition}" if issubclass(message, EditionMessage) else "{channel}"


def _channel(message: type[Message]) -> Json:
    address = f"qbsync.{CONTRACT_VERSION}.{{tenant}}.{_speaker(message)}.{message.noun}.{message.verb}"
    stream = stream_of(message.noun)
    return {
        "address": address,
        "description": f"In the stream {stream}, {_KEPT[stream]}.{_remark(FLOWS[message])}",
        "parameters": {name: about for name, about in _PARAMETERS.items() if f"{{{name}}}" in address},
        "messages": {message.__name__: {"$ref": f"#/components/messages/{message.__name__}"}},
    }


def _remark(flow: Flow) -> str:
    if flow.senders:
        return ""
    if flow.listeners:
        return " Nothing in qbsync sends it yet; it is obeyed when an operator's own program does."
    return " Reserved: nothing in qbsync sends it yet."


def _message(message: type[Message]) -> Json:
    summary, _, rest = inspect.cleandoc(message.__doc__ or "").partition("\n\n")
    about = {"description": " ".join(rest.split())} if rest else {}
    return {
        "name": message.ce_type(),
        "title": message.__name__,
        "summary": " ".join(summary.split()),
        **about,
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/CloudEventHeaders"},
        "payload": {"$ref": f"#/components/schemas/{message.__name__}"},
    }


def _all_operations() -> Json:
    return {
        name: operation
        for service in (APP, WIZARD, *CONNECTORS, LOG)
        for action, place in (("send", 0), ("receive", 1))
        for name, operation in _named(
            action, service, (message for message, flow in FLOWS.items() if service in flow[place])
        )
    }


def _named(action: str, service: str, messages: Iterable[type[Message]]) -> Iterable[tuple[str, Json]]:
    for message in messages:
        yield f"{service}-{action}s-{message.__name__}", _operation(action, service, message)


def _operation(action: str, service: str, message: type[Message]) -> Json:
    name = message.__name__
    return {
        "action": action,
        "summary": f"{service} {action}s {name}.",
        "tags": [{"name": service}],
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
    }


def _header_schema() -> Json:
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": about} for name, about in _HEADERS.items()},
        "required": list(_REQUIRED_HEADERS),
    }
