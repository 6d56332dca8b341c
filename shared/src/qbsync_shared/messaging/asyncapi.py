"""The messages of the contract as one AsyncAPI 3.0 document, and what a service receives of them.

FastStream's own generator knows no publishers, leaves out the parameters of an address, and names the server it runs
on; so the document is made from the messages themselves.
"""

from collections.abc import Sequence
from typing import Any

from pydantic.json_schema import models_json_schema

from qbsync_shared.messages import ALL_MESSAGES, CONTRACT_VERSION, Channel, EditionMessage, Message
from qbsync_shared.messaging.outbox import stream_of
from qbsync_shared.messaging.subscriptions import Subscription

_PARAMETERS: dict[str, dict[str, Any]] = {
    "tenant": {"description": "The tenant's id: [a-z0-9][a-z0-9-]{0,62}.", "examples": ["acme"]},
    "edition": {"description": "The edition of the tenant's QuickBooks.", "enum": ["desktop", "online"]},
    "channel": {"description": "Who speaks.", "enum": [channel.value for channel in Channel]},
}
_HEADERS: dict[str, str] = {
    "ce-specversion": "1.0",
    "ce-id": "Id of the event; the body repeats it. Consumers drop an id they know.",
    "ce-type": "qbsync.v1.{noun}.{verb}",
    "ce-source": "The service that said it.",
    "ce-time": "When it occurred, RFC 3339.",
    "ce-subject": "The subject it was published on.",
    "ce-dataschema": "Where its JSON Schema lies, relative to the documentation.",
    "ce-tenant": "The tenant; the body repeats it.",
    "ce-causationid": "Id of the event or command that led to it.",
    "traceparent": "W3C trace context.",
    "Nats-Msg-Id": "As ce-id, or {ce-id}.r{n} for a replayed dead letter.",
}
_OPTIONAL_HEADERS = {"ce-causationid", "traceparent"}


def document(*, title: str, version: str, receives: Sequence[Subscription[Any]] = ()) -> dict[str, Any]:
    """Return an AsyncAPI 3.0 document with every message of the contract.

    Args:
        title: names the system, or the service whose document it is.
        version: of the software.
        receives: the subscriptions of one service; they become its operations.
    """
    _, definitions = models_json_schema(
        [(message, "validation") for message in ALL_MESSAGES], ref_template="#/components/schemas/{model}"
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": title,
            "version": version,
            "license": {"name": "Apache-2.0"},
            "description": "Facts and commands on NATS JetStream: CloudEvents 1.0 in binary mode, JSON bodies.",
        },
        "defaultContentType": "application/json",
        "channels": {message.__name__: _channel(message) for message in ALL_MESSAGES},
        "operations": {subscription.durable: _operation(subscription) for subscription in receives},
        "components": {
            "messages": {message.__name__: _message(message) for message in ALL_MESSAGES},
            "schemas": {"CloudEventHeaders": _header_schema(), **definitions["$defs"]},
        },
    }


def _speaker(message: type[Message]) -> str:
    if message.fixed_channel is not None:
        return message.fixed_channel.value
    return "{edition}" if issubclass(message, EditionMessage) else "{channel}"


def _channel(message: type[Message]) -> dict[str, Any]:
    address = f"qbsync.{CONTRACT_VERSION}.{{tenant}}.{_speaker(message)}.{message.noun}.{message.verb}"
    return {
        "address": address,
        "description": f"In the stream {stream_of(message.noun)}.",
        "parameters": {name: about for name, about in _PARAMETERS.items() if f"{{{name}}}" in address},
        "messages": {message.__name__: {"$ref": f"#/components/messages/{message.__name__}"}},
    }


def _message(message: type[Message]) -> dict[str, Any]:
    return {
        "name": message.ce_type(),
        "title": message.__name__,
        "summary": (message.__doc__ or "").strip().split("\n", 1)[0],
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/CloudEventHeaders"},
        "payload": {"$ref": f"#/components/schemas/{message.__name__}"},
    }


def _operation(subscription: Subscription[Any]) -> dict[str, Any]:
    name = subscription.message.__name__
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{name}"},
        "summary": f"Durable consumer {subscription.durable} of {subscription.subject}",
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
    }


def _header_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": about} for name, about in _HEADERS.items()},
        "required": [name for name in _HEADERS if name not in _OPTIONAL_HEADERS],
    }
