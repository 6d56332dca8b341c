"""What goes over the wire for one record of each kind. `python -m tests.worker.golden` writes the file anew: read the difference."""

from pathlib import Path
from typing import Any

import simplejson

from qbsync_qbo_worker.mapping import payload_of
from qbsync_qbo_worker.quickbooks.client import encode
from qbsync_shared.diff import changed_fields
from qbsync_shared.entities import parse_entity
from tests.worker.desk import customer, invoice, item
from tests.worker.test_kinds import KINDS

FILE = Path(__file__).with_name("golden.json")

Json = dict[str, Any]

ADDRESS = {"line1": "1 Elm St", "city": "Salem", "state": "OR", "postal_code": "97301", "country": "US"}
RECORDS: dict[str, tuple[Json, Json]] = {
    "customer": (customer(billing_address=ADDRESS, email="office@oak.example"), {"phone": "555-0100"}),
    "item": (item(), {"unit_price": "99.00"}),
    "invoice": (invoice(terms={"name": "Net 30"}, due_date="2026-12-02"), {"date": "2026-11-03"}),
    **{kind: (entity, change) for kind, (entity, change, _) in KINDS.items()},
}


def payloads() -> dict[str, Json]:
    """Kind -> the bodies of its create and of an update, as JSON."""
    return {kind: _both(entity, change) for kind, (entity, change) in sorted(RECORDS.items())}


def _both(entity: Json, change: Json) -> Json:
    entity, changed = _linked(entity), _linked({**entity, **change})
    lines = {line["line_id"]: f"qb-{line['line_id']}" for line in entity.get("lines", [])}
    created = payload_of(parse_entity(entity), changed_fields(None, entity), {}, creating=True)
    updated = payload_of(parse_entity(changed), changed_fields(entity, changed), lines, creating=False)
    whole = payload_of(parse_entity(changed), changed_fields(None, changed), lines, creating=False)
    found = {"create": created, "update": updated, "update of all": whole}
    return {name: simplejson.loads(encode(payload), use_decimal=True) for name, payload in found.items()}


def _linked(value: Any) -> Any:
    """Every reference with an id: the word by which it is named."""
    if isinstance(value, dict):
        inner = {key: _linked(part) for key, part in value.items()}
        if value and value.keys() <= {"app_id", "name"}:
            inner["quickbooks_id"] = next(iter(value.values()))
        return inner
    return [_linked(part) for part in value] if isinstance(value, list) else value


if __name__ == "__main__":
    text = simplejson.dumps(payloads(), indent=1, sort_keys=True, use_decimal=True)
    FILE.write_text(text + "\n", "utf-8")
