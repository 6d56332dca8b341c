"""How fast a company is called, by how many workers it is shared, and what Intuit meters."""

from datetime import timedelta

import pytest

from qbsync_qbo_worker.postgres import calls as store
from qbsync_qbo_worker.quickbooks import Call
from qbsync_qbo_worker.quickbooks.client import BATCH_PATH, query_call
from qbsync_qbo_worker.service import sharing
from qbsync_qbo_worker.service.quota import ReadMeter
from qbsync_qbo_worker.service.rates import INTUITS, Rates, RealmRestsError
from qbsync_qbo_worker.service.sharing import Sharing, surplus
from tests.worker.desk import Desk, T, customer

BATCH = Call(method="POST", path=BATCH_PATH, requestid="b")
WRITE = Call(method="POST", path="customer", requestid="w")


def rates_of(desk: Desk) -> tuple[Rates, list[float]]:
    """Limits at the desk's clock: waiting moves it on. Two of these share what is in the database."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        desk.clock.advance(timedelta(seconds=seconds, microseconds=1))  # never less: clocks have microseconds

    return Rates(database=desk.database, clock=desk.clock, limits=INTUITS, sleep=sleep), waited


async def moments(desk: Desk, call: Call, count: int, *many: Rates) -> list[float]:
    """When each of so many calls may go, taken in turns by several workers."""
    times: list[float] = []
    for number in range(count):
        await many[number % len(many)].admit(T, call)
        times.append(desk.clock.now().timestamp())
    return times


def most_within(times: list[float], seconds: float) -> int:
    return max(sum(start <= one < start + seconds for one in times) for start in times)


async def test_two_workers_together_use_the_batches_of_a_minute_and_no_more(desk: Desk) -> None:
    (one, _), (two, _) = rates_of(desk), rates_of(desk)
    times = await moments(desk, BATCH, 120, one, two)
    assert most_within(times, 60.0) <= 40
    assert 119 / (times[-1] - times[0]) * 60 >= 38.9


async def test_single_calls_keep_both_limits(desk: Desk) -> None:
    rates, _ = rates_of(desk)
    times = await moments(desk, WRITE, 900, rates)
    assert most_within(times, 1.0) <= 10
    assert most_within(times, 60.0) <= 440
    assert 899 / (times[-1] - times[0]) * 60 >= 420


async def test_a_refusal_pauses_the_company_and_doubles_the_distances_until_quiet_minutes_passed(
    desk: Desk,
) -> None:
    rates, _ = rates_of(desk)
    await moments(desk, BATCH, 10, rates)
    await rates.throttled(T, timedelta(seconds=60))
    with pytest.raises(RealmRestsError):
        await rates.admit(T, WRITE)
    desk.clock.advance(timedelta(seconds=60))
    after, _ = rates_of(desk)  # another worker: the state stands in the database
    slow = await moments(desk, BATCH, 12, after)
    assert 11 / (slow[-1] - slow[0]) * 60 < 22
    desk.clock.advance(timedelta(minutes=1))
    quick = await moments(desk, BATCH, 12, after)
    assert 11 / (quick[-1] - quick[0]) * 60 > 38


async def test_readings_are_counted_by_company_and_month_and_writes_are_not(desk: Desk) -> None:
    meter = ReadMeter(database=desk.database, clock=desk.clock, quota=1_000)
    before = await meter.use(T)
    assert before.company == len(desk.requests(operation="query")) > 0
    await desk.approve(customer())
    await desk.run()
    assert await meter.use(T) == before
    await desk.sender.send(T, query_call("SELECT * FROM Term"))
    async with desk.database.tenant("other") as connection:
        await store.count_reading(connection, "other", month=before.month, calls=99)
    after = await meter.use(T)
    assert (after.company, after.everyone) == (before.company + 1, before.company + 100)
    assert after.share == after.everyone / 1_000
    desk.clock.advance(timedelta(days=31))
    assert (await meter.use(T)).everyone == 0


@pytest.mark.parametrize(
    ("mine", "others", "count"),
    [(0, [], 0), (9, [], 0), (9, [8], 0), (9, [7], 1), (100, [0], 50), (50, [50, 0], 25), (3, [9, 9], 0)],
)
def test_half_of_what_another_worker_has_less_is_handed_over(
    mine: int, others: list[int], count: int
) -> None:
    loads = {"me": mine, **{f"w-{n}": held for n, held in enumerate(others)}}
    assert surplus(loads, "me") == count


async def test_a_worker_that_came_first_hands_over_to_one_that_comes_later(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "AT_LEAST", 0.0)
    monkeypatch.setattr(sharing, "EVERY", 0.0)
    first, second = (
        Sharing(database=desk.database, holder=name, clock=desk.clock) for name in ("one", "two")
    )
    now = desk.clock.now()
    names = [f"t-{n}" for n in range(6)]
    for name in names:
        async with desk.database.tenant(name) as connection:
            assert await store.take_lease(connection, name, "one", now=now, until=now + timedelta(hours=1))
        first.begins(name)
    await first.look()
    assert not any(map(first.must_go, names))
    await second.look()
    await first.look()
    going = [name for name in names if first.must_go(name)]
    assert going == names[:3]
    await first.look()
    assert sum(map(first.must_go, names)) == 3
    for name in going:
        first.ends(name)
    assert set(first.left_to_others()) == set(going)
    desk.clock.advance(timedelta(minutes=1))
    await first.look()
    async with desk.database.everyone() as connection:
        assert set(await store.worker_loads(connection, now=now)) == {"one"}
