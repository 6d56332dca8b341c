"""Many at once does what one by one does: the same rows, the same messages."""

import random
from datetime import timedelta
from typing import Any

import pytest

from qbsync_shared.connector import Settled
from qbsync_shared.messages import SyncApproved
from qbsync_shared.outcomes import (
    Cancelled,
    Failed,
    NotProcessed,
    Outcome,
    Succeeded,
    Unknown,
    Waiting,
    Warned,
)
from tests.conftest import MakeDatabase
from tests.shared.connector.bench import HOLDER, Bench, T

RECORDS = 40
NAMES = 24
IGNORED = frozenset({"id", "version", "tenant_id", "event_id", "created_at", "updated_at", "seen_at"})


def approvals(bench: Bench) -> list[SyncApproved]:
    """Customers, and invoices that refer to some of them; the ids are the same in every bench."""
    made = [bench.approved(f"C-{n}", sync_id=f"s-{n}") for n in range(NAMES)]
    made += [
        bench.invoice(f"V-{n}", f"C-{n % 20}" if n % 7 else "C-nobody", sync_id=f"s-{n}")
        for n in range(NAMES, RECORDS)
    ]
    return made


def outcome_of(chance: random.Random, item: Any, bench: Bench) -> Outcome:
    returned = {
        "kind": item.kind.value,
        "name": item.data.get("name"),
        "total": chance.choice(["10.00", "11.00"]),
    }
    arrived = Succeeded(quickbooks_id=f"Q-{item.app_id}", token="1", returned=returned)
    warned = Succeeded(
        quickbooks_id=f"Q-{item.app_id}",
        token="2",
        returned=returned,
        warnings=(Warned(code="530", message="A field."),),
    )
    others: list[Outcome] = [
        Failed(code="3100", message="Taken."),
        Waiting(code="QS-UNREACHABLE", message="Later.", retry_at=bench.clock.now() + timedelta(minutes=1)),
        Cancelled(code="QS-CHANGED-IN-QUICKBOOKS", message="It changed."),
        NotProcessed(),
        Unknown(message="Lost."),
    ]
    return chance.choices([arrived, warned, *others], weights=[8, 2, 3, 1, 1, 1, 1])[0]


async def lived(bench: Bench, seed: int, *, together: bool) -> None:
    """The same life of the same approvals, settled one by one or together."""
    chance = random.Random(seed)
    await bench.accept(*approvals(bench))
    for _ in range(6):
        claimed = await bench.claim(limit=15)
        settled = [
            Settled(item=item, outcome=outcome_of(chance, item, bench), technical={"set": "1"})
            for item in claimed
        ]
        late = [Settled(item=item, outcome=Failed(code="9", message="Twice.")) for item in claimed[:3]]
        if together:
            async with bench.database.tenant(T) as connection:
                counts = await bench.queue.settle_many(connection, T, [*settled, *late], holder=HOLDER)
                assert counts == [True] * len(settled) + [False] * len(late)
                strangers = await bench.queue.settle_many(connection, T, settled, holder="somebody else")
                assert not any(strangers)
        else:
            for one in settled:
                async with bench.database.tenant(T) as connection:
                    assert await bench.queue.settle(
                        connection, one.item, one.outcome, holder=HOLDER, technical=one.technical
                    )
        bench.clock.advance(timedelta(minutes=3))


async def remains(bench: Bench) -> dict[str, Any]:
    """All rows and messages, without ids and the numbers of versions."""
    tables = {}
    async with bench.database.tenant(T) as connection:
        for table, order in (
            ("work_item", "sync_id"),
            ("link", "kind, app_id"),
            ("seen_entity", "kind, quickbooks_id"),
        ):
            rows = await connection.fetch(f"select * from {table} order by {order}")
            tables[table] = [{key: value for key, value in row.items() if key not in IGNORED} for row in rows]
    said = [
        (subject, {key: value for key, value in body.items() if key not in IGNORED})
        for subject, body in await bench.said()
    ]
    by_sync: dict[str, list[Any]] = {}
    for one in said:
        by_sync.setdefault(one[1]["sync_id"], []).append(one)
    return {**tables, "said": by_sync}


@pytest.mark.parametrize("seed", range(4))
async def test_together_is_as_one_by_one(bench: Bench, database: MakeDatabase, seed: int) -> None:
    start = bench.clock.now()
    await lived(bench, seed, together=False)
    alone = await remains(bench)
    other = Bench(await database("gateway", "qbsync_qbwc_gateway"), bench.clock, bench.make_id)
    bench.clock.advance(start - bench.clock.now())
    await lived(other, seed, together=True)
    together = await remains(other)
    assert {state["state"] for state in alone["work_item"]} >= {"succeeded", "failed"}
    assert together == alone
