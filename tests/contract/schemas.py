"""JSON Schemas of the messages, and what counts as a breaking change. Run to write them and the golden files anew."""

import json
from pathlib import Path
from typing import Any

from qbsync_shared.asyncapi import ContractSchema
from qbsync_shared.messages import ALL_MESSAGES
from tests.contract.samples import sample

ROOT = Path(__file__).parents[2]


def current_schemas() -> dict[str, dict[str, Any]]:
    """File name -> schema of every message type."""
    return {
        f"{message.noun}.{message.verb}.{message.__name__}.v1.json": message.model_json_schema(
            schema_generator=ContractSchema
        )
        for message in ALL_MESSAGES
    }


def breaking_changes(old: dict[str, Any], new: dict[str, Any], path: str = "") -> list[str]:
    """What a consumer of the old schema would trip over: removed, retyped and newly required fields."""
    found: list[str] = []
    before, after = old.get("properties", {}), new.get("properties", {})
    for name, field in before.items():
        if name not in after:
            found.append(f"{path}{name}: removed")
        elif field.get("type") != after[name].get("type") or field.get("$ref") != after[name].get("$ref"):
            found.append(f"{path}{name}: retyped")
    required = set(new.get("required", [])) - set(old.get("required", []))
    found += [f"{path}{name}: newly required" for name in sorted(required)]
    for name, definition in old.get("$defs", {}).items():
        found += breaking_changes(definition, new.get("$defs", {}).get(name, definition), f"{name}.")
    return found


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")


def main() -> None:
    """Write docs/events and the golden files."""
    for name, schema in current_schemas().items():
        _write(ROOT / "docs" / "events" / name, schema)
    for message in ALL_MESSAGES:
        one = sample(message)
        name = f"{message.noun}.{message.verb}.{message.__name__}.v1.json"
        body = json.loads(one.encode())
        _write(
            ROOT / "tests" / "contract" / "golden" / name,
            {"subject": one.subject, "ce_type": one.ce_type(), "body": body},
        )


if __name__ == "__main__":
    main()
