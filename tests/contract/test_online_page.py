"""The page on QuickBooks Online says of each field what the mappings write."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from qbsync_qbo_worker.mapping import MAPPERS, payload_of
from qbsync_shared import entities as records
from qbsync_shared.entities import Entity, Reference
from qbsync_shared.kinds import Direction, Kind, matrix
from tests.contract.forms import COMMON, fields_of
from tests.contract.markdown import names, page, rows

PAGE = page("docs/integrator/online.md")
MODELS = {
    kind: next(one for one in vars(records).values() if getattr(one, "model_fields", {}).get("kind") is not None
               and one.model_fields["kind"].default is kind)
    for kind in MAPPERS
}  # fmt: skip
LIKE = {
    Kind.ESTIMATE: Kind.INVOICE,
    Kind.SALES_RECEIPT: Kind.INVOICE,
    Kind.CREDIT_MEMO: Kind.INVOICE,
    Kind.REFUND_RECEIPT: Kind.INVOICE,
    Kind.BILL: Kind.PURCHASE_ORDER,
}
"""Whose table holds for it too."""


def full(kind: Kind) -> Entity:
    """A record with every field."""
    named = Reference(quickbooks_id="1", name="one")
    address = records.Address(**dict.fromkeys(records.Address.model_fields, "x"))
    values: dict[str, Any] = {"reference": named, "address": address, "text": "1", "decimal": "1.00"}
    values |= {"date": date(2026, 11, 2), "yes or no": True, "word": "inventory"}
    for form, part in (("sales", records.SalesLine), ("purchase", records.PurchaseLine)):
        whole = {name: values[of] for name, of, _ in fields_of(part)}
        other = {name: value for name, value in whole.items() if name != "item"} | {"line_id": "2"}
        values[f"list of {form} line"] = (whole, other)
    values["list of applied"] = ({"invoice": named, "amount": "1.00"},)
    given = {name: values[form] for name, form, _ in fields_of(MODELS[kind])}
    given |= {"currency": "USD"} if "currency" in given else {}
    return MODELS[kind](app_id="1", revision="1", **given)


def keys(value: Any) -> Iterator[str]:
    """Every property at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys(inner)
    elif isinstance(value, list):
        for member in value:
            yield from keys(member)


def described(kind: Kind) -> tuple[set[str], set[str]]:
    """The fields in the tables that hold for a kind, and all names of the sections."""
    fields: set[str] = set()
    properties = set(names(PAGE.section("## How it is sent"))) | set(names(PAGE.section("## Sales tax")))
    for one in {kind, LIKE.get(kind, kind)}:
        text = PAGE.section(f"### {one.value}")
        fields |= {name for row in rows(text) for name in names(row[0])}
        properties |= set(names(text))
    return fields, properties


@pytest.mark.parametrize("kind", [kind for kind in MAPPERS if Direction.EXPORT in matrix()[kind].directions])
def test_everything_that_is_written_is_described_and_nothing_else(kind: Kind) -> None:
    entity = full(kind)
    fields, properties = described(kind)
    sent = set(entity.to_json()) - set(COMMON)
    payload = payload_of(entity, sent, {"1": "1"}, creating=True)
    assert set(keys(payload)) - properties == set()

    own = {
        field for field in fields if "." not in field and field in sent and field not in ("total", "lines")
    }
    for field in own - {"type", "employee", "vendor"}:
        changed = payload_of(entity, {field}, {"1": "1"}, creating=False)
        nothing = payload_of(entity, set(), {"1": "1"}, creating=False)
        always = field in (
            "customer",
            "job",
            "vendor",
            "deposit_to",
        )
        assert always or changed != nothing, field
