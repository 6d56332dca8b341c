"""Turns: what a service does for one tenant happens one after the other, whatever subscription it comes from."""

import asyncio

from qbsync_shared.messaging.transactions import Turns


class Inside:
    """Who has the turn now, and who had it together."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.now: list[str] = []
        self.together: set[tuple[str, ...]] = set()
        self.go_on = asyncio.Event()

    async def __call__(self, tenant: str) -> None:
        async with self.turns.of(tenant):
            self.now.append(tenant)
            self.together.add(tuple(sorted(self.now)))
            await self.go_on.wait()
            self.now.remove(tenant)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_transaction_per_tenant_and_others_beside_it() -> None:
    inside = Inside(Turns(5))
    async with asyncio.TaskGroup() as tasks:
        for tenant in ("acme", "acme", "acme", "birch"):
            tasks.create_task(inside(tenant))
        await settle()
        assert sorted(inside.now) == ["acme", "birch"]
        inside.go_on.set()
    assert ("acme", "acme") not in inside.together
    assert len(inside.turns._tenants) == 0


async def test_who_waits_for_its_turn_takes_no_place_from_others() -> None:
    inside = Inside(Turns(2))
    async with asyncio.TaskGroup() as tasks:
        for tenant in ("acme", "acme", "acme", "birch", "cedar"):
            tasks.create_task(inside(tenant))
        await settle()
        assert sorted(inside.now) == ["acme", "birch"]
        inside.go_on.set()
    assert inside.now == []
