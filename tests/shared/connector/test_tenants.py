"""The projections of tenants and badges: any order, any repetition, one company for one tenant."""

import random
from typing import Any

import pytest

from qbsync_shared.clock import FrozenClock
from qbsync_shared.connector import tenants
from qbsync_shared.ids import MakeId
from qbsync_shared.kinds import Edition, Plan
from qbsync_shared.messages import BadgeChanged, TenantConfigured, TenantDeleted
from qbsync_shared.messages.base import stamp
from tests.conftest import MakeDatabase

T = "oak-field"


@pytest.mark.parametrize("seed", range(4))
async def test_the_newest_configuration_and_badge_stand_whatever_the_order(
    database: MakeDatabase, clock: FrozenClock, make_id: MakeId, seed: int
) -> None:
    opened = await database("worker", "qbsync_qbo_worker")

    def base() -> dict[str, Any]:
        return stamp(make_id(), T, clock.now())

    said: list[Any] = [
        TenantConfigured(**base(), version=n, name=f"Name {n}", plan=Plan.PLUS, edition=Edition.ONLINE)
        for n in range(1, 6)
    ]
    said += [BadgeChanged(**base(), version=n, waiting=n, imports=0, exports=n) for n in range(1, 6)]
    doubled = said * 2
    random.Random(seed).shuffle(doubled)
    for message in doubled:
        handle: Any = tenants.badge_changed if isinstance(message, BadgeChanged) else tenants.configured
        async with opened.tenant(T) as connection:
            await handle(connection, message)
    async with opened.tenant(T) as connection:
        known = await tenants.get(connection, T)
        assert await tenants.waiting_items(connection, T) == 5
    assert known is not None
    assert (known.version, known.name) == (5, "Name 5")


async def test_one_company_belongs_to_one_tenant_until_it_is_deleted(
    database: MakeDatabase, clock: FrozenClock, make_id: MakeId
) -> None:
    opened = await database("worker", "qbsync_qbo_worker")
    async with opened.tenant(T) as connection:
        assert await tenants.bind(connection, T, "realm-1")
        assert await tenants.bind(connection, T, "realm-1")
        assert not await tenants.bind(connection, T, "realm-2")
    async with opened.tenant("elm-field") as connection:
        assert not await tenants.bind(connection, "elm-field", "realm-1")
        assert await tenants.company_of(connection, "elm-field") is None
    async with opened.tenant(T) as connection:
        assert await tenants.rebind(connection, T, "realm-2")
        await tenants.deleted(connection, TenantDeleted(**stamp(make_id(), T, clock.now()), version=9))
    async with opened.tenant("elm-field") as connection:
        assert await tenants.bind(connection, "elm-field", "realm-2")
