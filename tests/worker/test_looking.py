"""Look-ups: answered at once from what was read, and a moment later by QuickBooks itself."""

from typing import Any

import pytest

from qbsync_qbo_worker.service.looking import Finder
from qbsync_shared.connector import LookUps
from qbsync_shared.kinds import Edition, Kind
from qbsync_shared.messages import LookUp
from qbsync_shared.messages.base import stamp
from tests.worker.desk import Desk, T, customer


@pytest.fixture
def look_ups(desk: Desk) -> LookUps:
    return LookUps(Edition.ONLINE, clock=desk.clock, make_id=desk.make_id)


@pytest.fixture
def finder(desk: Desk, look_ups: LookUps) -> Finder:
    return Finder(
        database=desk.database, look_ups=look_ups, links=desk.links, sender=desk.sender, clock=desk.clock
    )


async def ask(desk: Desk, look_ups: LookUps, kind: Kind, text: str, **more: Any) -> str:
    about = stamp(desk.make_id(), T, desk.clock.now())
    command = LookUp(**about, edition=Edition.ONLINE, by="Dana", kind=kind, text=text, **more)
    async with desk.database.tenant(T) as connection:
        await look_ups.ask(connection, command)
    return command.id


async def told(desk: Desk, command: str) -> list[dict[str, Any]]:
    return [one for one in await desk.said("lookup.answered") if one["command_id"] == command]


async def test_a_name_is_found_in_every_list_that_shares_it_and_the_owner_by_its_id(
    desk: Desk, look_ups: LookUps, finder: Finder
) -> None:
    vendor = desk.by_hand("Vendor", "create", record={"DisplayName": "Redfern Nursery"})
    oak = desk.by_hand("Customer", "create", record={"DisplayName": "Oak Yard"})
    by_name = await ask(desk, look_ups, Kind.CUSTOMER, "Redfern Nursery")
    by_id = await ask(desk, look_ups, Kind.CUSTOMER, "Oak Yard, renamed", quickbooks_id=oak["Id"])
    nothing = await ask(desk, look_ups, Kind.ITEM, "Pruning")
    (first,) = await told(desk, by_name)
    assert (first["source"], first["pending"], first["found"]) == ("read", True, [])
    assert await finder.once() == 3
    (found,) = (await told(desk, by_name))[-1]["found"]
    assert (found["kind"], found["quickbooks_id"]) == ("vendor", vendor["Id"])
    (owner,) = (await told(desk, by_id))[-1]["found"]
    assert (owner["kind"], owner["entity"]["name"]) == ("customer", "Oak Yard")
    assert (await told(desk, nothing))[-1]["found"] == []
    assert {(await told(desk, one))[-1]["source"] for one in (by_name, by_id, nothing)} == {"quickbooks"}
    assert await finder.once() == 0


async def test_a_number_is_found_with_the_record_it_is_linked_to(
    desk: Desk, look_ups: LookUps, finder: Finder
) -> None:
    await desk.approve(customer())
    await desk.run()
    (held,) = desk.books("Customer")
    command = await ask(desk, look_ups, Kind.CUSTOMER, held["DisplayName"])
    await finder.once()
    (found,) = (await told(desk, command))[-1]["found"]
    assert (found["quickbooks_id"], found["app_id"]) == (held["Id"], "C-1")


async def test_without_a_connection_the_answer_says_so(desk: Desk, look_ups: LookUps, finder: Finder) -> None:
    async with desk.database.tenant(T) as connection:
        await connection.execute("update connection set state = 'expired', refresh_token = null")
    command = await ask(desk, look_ups, Kind.CUSTOMER, "Oak Yard")
    await finder.once()
    last = (await told(desk, command))[-1]
    assert (last["source"], last["pending"]) == ("read", False)
    assert "not connected" in last["message"]
