"""The messages are a public contract: their bodies are pinned, and changes may only add."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from qbsync_shared.messages import ALL_MESSAGES, AppEntityChanged, Message
from tests.contract.samples import all_samples, sample
from tests.contract.schemas import breaking_changes, current_schemas

GOLDEN = Path(__file__).parent / "golden"
SCHEMAS = Path(__file__).parents[2] / "docs" / "events"


def _golden(message: type[Message]) -> Path:
    return GOLDEN / f"{message.noun}.{message.verb}.{message.__name__}.v1.json"


@pytest.mark.parametrize("message", ALL_MESSAGES, ids=lambda message: message.__name__)
def test_a_message_reads_as_its_golden_file(message: type[Message]) -> None:
    written = json.loads(_golden(message).read_text("utf-8"))
    assert json.loads(sample(message).encode()) == written["body"]
    assert sample(message).subject == written["subject"]
    assert message.decode(json.dumps(written["body"]).encode()) == sample(message)


@pytest.mark.parametrize("message", ALL_MESSAGES, ids=lambda message: message.__name__)
def test_a_consumer_tolerates_fields_it_does_not_know(message: type[Message]) -> None:
    body = {**json.loads(sample(message).encode()), "from_the_future": 1}
    assert message.decode(json.dumps(body).encode()) == sample(message)


@pytest.mark.parametrize("message", ALL_MESSAGES, ids=lambda message: message.__name__)
def test_a_message_is_frozen_and_refuses_unknown_fields_when_made(message: type[Message]) -> None:
    made = sample(message)
    with pytest.raises(ValidationError):
        made.id = "other"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        message.model_validate({**made.model_dump(), "unknown": 1})


def test_every_message_has_its_own_type_and_subject() -> None:
    subjects = [(one.subject.split(".", 3)[3], type(one).__name__) for one in all_samples()]
    assert len({name for _, name in subjects}) == len(ALL_MESSAGES)


def test_a_deletion_carries_its_key_and_no_entity() -> None:
    base: dict[str, Any] = {"id": "1", "tenant": "a", "occurred_at": "2026-11-02T00:00:00Z"}
    AppEntityChanged.model_validate(
        {**base, "deleted": True, "kind": "customer", "app_id": "C", "revision": "2"}
    )
    with pytest.raises(ValidationError, match="a deletion carries"):
        AppEntityChanged.model_validate({**base, "deleted": True, "kind": "customer"})
    with pytest.raises(ValidationError, match="a change carries"):
        AppEntityChanged.model_validate({**base, "entity": {"kind": "customer", "name": "x"}})


def test_the_committed_schemas_are_current_and_nothing_broke() -> None:
    for name, schema in current_schemas().items():
        committed = json.loads((SCHEMAS / name).read_text("utf-8"))
        assert breaking_changes(committed, schema) == []
        assert committed == schema, f"{name} is not current: run python -m tests.contract.schemas"


def test_a_breaking_change_is_found() -> None:
    old = {"properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a"]}
    new = {"properties": {"a": {"type": "integer"}, "c": {"type": "string"}}, "required": ["a", "c"]}
    found = breaking_changes(old, new)
    assert found == ["a: retyped", "b: removed", "c: newly required"]
