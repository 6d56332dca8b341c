"""The AsyncAPI document: valid, current, unbroken, and true about who sends and who listens."""

import ast
import copy
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from qbsync_local.sandbox.demo_app import events as demo_app
from qbsync_shared import asyncapi
from qbsync_shared.messages import ALL_MESSAGES, CONTRACT_VERSION, Message
from tests.contract.asyncapi_rules import breaks, problems, resolve
from tests.contract.services import built
from tests.contract.write_asyncapi import FILE

ROOT = Path(__file__).parents[2]
WHOLE = asyncapi.whole()
CODE = {
    "wizard": ["services/wizard/src"],
    "qbwc-gateway": ["services/qbwc-gateway/src", "shared/src/qbsync_shared/connector"],
    "qbo-worker": ["services/qbo-worker/src", "shared/src/qbsync_shared/connector"],
    "log": ["services/log/src"],
}
OBEYED_AT_ONCE = {(owner, name) for owner in ("qbwc-gateway", "qbo-worker") for name in ("Pause", "Resume")}
"""Made by the service's own page and obeyed in the same transaction: nothing is sent."""


def _sent_by(name: str) -> set[str]:
    return {message.__name__ for message, flow in asyncapi.FLOWS.items() if name in flow.senders}


async def _shown(service: str) -> dict[str, Any]:
    """What a service shows at /docs/asyncapi; its operations that receive are its real subscriptions."""
    transport = httpx.ASGITransport(app=built(service))
    async with httpx.AsyncClient(transport=transport, base_url="https://sync.example") as client:
        answer = await client.get("/docs/asyncapi")
    shown: dict[str, Any] = answer.json()
    return shown


def test_the_document_keeps_the_rules_of_asyncapi() -> None:
    assert problems(WHOLE) == []


def test_the_committed_document_is_current_and_nothing_broke() -> None:
    committed = json.loads(FILE.read_text("utf-8"))
    assert breaks(committed, WHOLE) == []
    assert committed == WHOLE, "not current: run python -m tests.contract.write_asyncapi"


@pytest.mark.parametrize("message", ALL_MESSAGES, ids=lambda message: message.__name__)
def test_every_message_has_its_channel_headers_and_fields(message: type[Message]) -> None:
    channel = WHOLE["channels"][message.__name__]
    prefix = f"qbsync.{CONTRACT_VERSION}.{{tenant}}."
    assert channel["address"].startswith(prefix)
    assert channel["address"].endswith(f".{message.noun}.{message.verb}")
    described = WHOLE["components"]["messages"][message.__name__]
    payload = resolve(WHOLE, described["payload"]["$ref"])
    fields = {field.alias or name for name, field in message.model_fields.items()}
    assert set(payload["properties"]) == fields
    assert "additionalProperties" not in payload
    assert "ce-id" in resolve(WHOLE, described["headers"]["$ref"])["required"]


@pytest.mark.parametrize("service", CODE)
async def test_a_service_shows_its_part_and_listens_to_what_the_document_says(service: str) -> None:
    shown = await _shown(service)
    assert problems(shown) == []
    assert shown["channels"] == WHOLE["channels"]
    heard = {
        one["channel"]["$ref"].removeprefix("#/channels/")
        for one in shown["operations"].values()
        if one["action"] == "receive"
    }
    assert heard == {
        message.__name__ for message, flow in asyncapi.FLOWS.items() if service in flow.listeners
    }


@pytest.mark.parametrize("service", CODE)
def test_a_service_sends_what_the_document_says(service: str) -> None:
    made = {name for folder in CODE[service] for name in _messages_made(ROOT / folder)}
    made -= {name for owner, name in OBEYED_AT_ONCE if owner == service}
    assert made == _sent_by(service)


def _messages_made(folder: Path) -> set[str]:
    """The messages of which the code in a folder makes one."""
    names = {message.__name__ for message in ALL_MESSAGES}
    return {
        name
        for path in folder.rglob("*.py")
        for tree in [ast.parse(path.read_text("utf-8"))]
        for name in names & _imported_messages(tree) & _called(tree)
    }


def _imported_messages(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("qbsync_shared.messages"):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and any(alias.name == "messages" for alias in node.names):
            found |= {message.__name__ for message in ALL_MESSAGES}
    return found


def _called(tree: ast.AST) -> set[str]:
    """Names that are called; also as ``said.SyncFailed(...)``."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    plain = {func.id for func in calls if isinstance(func, ast.Name)}
    return plain | {func.attr for func in calls if isinstance(func, ast.Attribute)}


def test_the_demo_app_hears_what_the_document_offers_to_apps() -> None:
    patterns = [subject.split(".")[4:] for subject in demo_app.LISTENS_TO]
    offered = {message for message, flow in asyncapi.FLOWS.items() if "app" in flow.listeners}
    for message in offered:
        assert any(noun == message.noun and verb in (message.verb, "*") for noun, verb in patterns)


def test_money_is_a_string_and_never_a_number() -> None:
    line = WHOLE["components"]["schemas"]["SalesLine"]["properties"]
    assert line["amount"]["type"] == "string"
    assert {one.get("type") for one in line["quantity"]["anyOf"]} == {"string", "null"}


def test_breaks_and_faults_are_found() -> None:
    old = {
        "channels": {"A": {"address": "a"}, "B": {"address": "b"}, "C": {"address": "c"}},
        "operations": {"x": {"action": "send"}},
        "components": {
            "schemas": {
                "M": {"properties": {"kept": {"type": "string"}, "gone": {}, "typed": {"type": "string"}}},
                "E": {"enum": ["a", "b"]},
            }
        },
    }
    new: dict[str, Any] = copy.deepcopy(old)
    del new["channels"]["A"]
    new["channels"]["B"]["address"] = "other"
    new["operations"] = {}
    new["components"]["schemas"] = {
        "M": {"properties": {"kept": {"type": "string"}, "typed": {"type": "integer"}}, "required": ["kept"]},
        "E": {"enum": ["a", "c"]},
    }
    assert breaks(old, old) == []
    assert breaks(old, new) == [
        "channel A: removed",
        "channel B: another address",
        "operation x: removed",
        "M.gone: removed",
        "M.typed: retyped",
        "M.kept: newly required",
        "E: the value b was removed",
    ]
    wrong = copy.deepcopy(WHOLE)
    wrong["channels"]["Pause"]["parameters"].pop("tenant")
    wrong["operations"]["log-sends-Cancel"]["channel"] = {"$ref": "#/channels/Gone"}
    wrong["components"]["schemas"]["SalesLine"]["prefixItems"] = []
    assert len(problems(wrong)) == 4
