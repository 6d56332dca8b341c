"""The AsyncAPI document: complete, closed in itself, and the committed one is the current one."""

import json
import re

import pytest

from qbsync_shared.messages import ALL_MESSAGES
from qbsync_shared.messaging import asyncapi
from tests.shared.messaging.support import DURABLE, subscription
from tests.shared.messaging.write_asyncapi import FILE, current

DOCUMENT = asyncapi.document(title="sample", version="1", receives=[subscription()])


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def resolve(reference):
    node = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def test_every_reference_leads_somewhere():
    found = set(references(DOCUMENT))
    assert len(found) > len(ALL_MESSAGES)
    assert all(resolve(reference) for reference in found)


@pytest.mark.parametrize("message", ALL_MESSAGES, ids=lambda message: message.__name__)
def test_every_message_has_its_channel_with_parameters_and_all_fields(message):
    channel = DOCUMENT["channels"][message.__name__]
    assert set(channel["parameters"]) == set(re.findall(r"\{(\w+)\}", channel["address"]))
    assert channel["address"].endswith(f".{message.noun}.{message.verb}")
    payload = resolve(DOCUMENT["components"]["messages"][message.__name__]["payload"]["$ref"])
    assert set(message.model_fields) == set(payload["properties"])


def test_the_operations_are_what_the_service_receives():
    assert DOCUMENT["operations"][DURABLE]["channel"] == {"$ref": "#/channels/Pause"}
    assert len(DOCUMENT["operations"]) == 1


def test_the_committed_document_is_current():
    """Write it anew with ``python -m tests.shared.messaging.write_asyncapi``."""
    assert json.loads(FILE.read_text(encoding="utf-8")) == json.loads(current())
