"""Messages in any order, each perhaps twice, end in the same state: on a real PostgreSQL (contract, section 1)."""

import random
from datetime import timedelta
from typing import Any

import pytest

from qbsync_shared.entities import parse_entity
from qbsync_shared.kinds import Edition, Plan
from qbsync_shared.messages import AppEntityChanged, ConnectionChanged, ConnectionState, Message
from tests.wizard.conftest import Wizard
from tests.wizard.samples import T0, customer, invoice, item, linked, seen, stamp, told, unlinked

STATE = {
    "items": """
        select kind, ref, direction, operation, standing, label, party, amount, shown, content
          from review_item where tenant_id = $1 order by kind, ref""",
    "links": """
        select kind, app_id, quickbooks_id, version, cleared, sent, returned from link
         where tenant_id = $1 order by kind, app_id""",
    "syncs": "select seq, version, state, code, operation from sync where tenant_id = $1 order by seq",
    "quickbooks": """
        select kind, quickbooks_id, version, deleted, case when deleted then null else entity end as entity
          from quickbooks_entity where tenant_id = $1 order by kind, quickbooks_id""",
    "app": "select kind, app_id, revision, entity, deleted from app_entity where tenant_id = $1 order by kind, app_id",
    "connection": "select state, version, company from connection where tenant_id = $1",
    "tally": """
        select standing, direction, count from tally where tenant_id = $1 and count > 0 order by standing, direction""",
}


def from_app(entity: dict[str, Any]) -> AppEntityChanged:
    at = {key: value for key, value in stamp().items() if key != "edition"}
    return AppEntityChanged(**at, entity=parse_entity(entity))


def gone(kind: str, app_id: str, revision: str) -> AppEntityChanged:
    at = {key: value for key, value in stamp().items() if key != "edition"}
    return AppEntityChanged(**at, deleted=True, kind=kind, app_id=app_id, revision=revision)


def history(approved: dict[str, dict[str, Any]]) -> list[Message]:
    """A morning: changes on both sides, links made, moved and cleared, syncs that succeed, fail and are cancelled."""
    oak, tamsin = customer(), customer("C-2", name="Tamsin Vale", email="t@vale.example", phone="555-0187")
    later = T0 + timedelta(minutes=5)
    connection = {"state": ConnectionState.CONNECTED, "company": "Thistle and Loam.qbw"}
    return [
        from_app(invoice()),
        from_app({**oak, "revision": "2", "phone": "555-0101"}),
        from_app({**oak, "revision": "3", "name": "Oak, Sons & Daughters"}),
        from_app({**tamsin, "revision": "2", "email": "tamsin@vale.example"}),
        gone("item", "I-9", "2"),
        told("started", approved["C-17"], 1),
        linked(3, oak, "80-1", sync_id=approved["C-17"]["sync_id"], at=T0 + timedelta(minutes=1)),
        told("succeeded", approved["C-17"], 2),
        told("waiting", approved["C-2"], 1, code="QS-WAITS-FOR"),
        told("failed", approved["C-2"], 2, code="3100"),
        told("started", approved["I-3"], 1),
        told("cancelled", approved["I-3"], 2, code="QS-CHANGED-IN-QUICKBOOKS"),
        linked(4, item("I-9", name="Stump grinding"), "80-I9", at=T0 + timedelta(minutes=2)),
        seen(10, "80-1", {**oak, "email": "new@oak.example"}),
        seen(12, "80-1", {**oak, "email": "newest@oak.example"}),
        seen(14, "80-5", customer(name="Hazel Court HOA", email="hoa@hazel.example", phone="555-0109")),
        seen(15, "80-6", customer(name="Tamsin Vale", email="", phone="555-0187"), for_matching=True),
        seen(16, "80-7", customer(name="Rowan Court", email="r@rowan.example", phone="555-0132")),
        seen(18, "80-7", None),
        linked(20, customer("C-8", name="Larch Street Clinic"), "80-8", at=later),
        unlinked(22, customer("C-8"), "80-8", at=later + timedelta(minutes=1)),
        ConnectionChanged(**stamp(), version=1, state=ConnectionState.PROBLEM, company=None),
        ConnectionChanged(**stamp(), version=2, **connection),
    ]


async def prepare(wizard: Wizard, tenant: str) -> dict[str, dict[str, Any]]:
    """Three approved exports."""
    body = {"name": tenant, "plan": Plan.PREMIER, "edition": Edition.DESKTOP}
    assert (await wizard.call("PUT", f"/tenants/{tenant}", json=body)).status_code == 201
    entities = [
        customer(),
        customer("C-2", name="Tamsin Vale", email="t@vale.example", phone="555-0187"),
        item(),
        item("I-9", name="Stump grinding"),
    ]
    await wizard.call("POST", f"/tenants/{tenant}/entities", json={"entities": entities})
    shown = (await wizard.call("GET", f"/tenants/{tenant}/review")).json()["items"]
    checked = [{"id": one["id"], "revision": one["revision"]} for one in shown if one["app_id"] != "I-9"]
    await wizard.call("POST", f"/tenants/{tenant}/review/approve", json={"checked": checked})
    said = await wizard.said("sync.approved")
    return {one["app_id"]: one for one in said if one["tenant"] == tenant}


async def state(wizard: Wizard, tenant: str) -> dict[str, list[dict[str, Any]]]:
    async with wizard.database.tenant(tenant) as connection:
        return {
            name: [dict(row) for row in await connection.fetch(sql, tenant)] for name, sql in STATE.items()
        }


def without_ids(found: dict[str, Any], approved: dict[str, dict[str, Any]]) -> str:
    """The state as text, with the ids of syncs replaced by what they were about."""
    text = repr(found)
    for app_id, one in approved.items():
        text = text.replace(one["sync_id"], f"sync of {app_id}")
    return text


@pytest.fixture
async def expected(wizard: Wizard) -> str:
    approved = await prepare(wizard, "in-order")
    for message in history(approved):
        await wizard.hear(message.model_copy(update={"tenant": "in-order"}))
    found = await state(wizard, "in-order")
    assert len(found["items"]) >= 5
    return without_ids(found, approved)


@pytest.mark.parametrize("seed", range(12))
async def test_any_order_ends_in_the_same_state(wizard: Wizard, expected: str, seed: int) -> None:
    approved = await prepare(wizard, "shuffled")
    choice = random.Random(seed)
    messages = history(approved)
    messages += choice.sample(messages, len(messages) // 2)
    choice.shuffle(messages)
    for message in messages:
        await wizard.hear(message.model_copy(update={"tenant": "shuffled"}))
    assert without_ids(await state(wizard, "shuffled"), approved) == expected
