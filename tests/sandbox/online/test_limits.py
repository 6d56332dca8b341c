"""The simulator refuses what is over Intuit's limits, in any second and any minute."""

import pytest
from tests.sandbox.online.office import Simulator

from qbsync_local.sandbox.online.limits import CallLimits, Gate
from qbsync_local.sandbox.online.store import Store
from qbsync_local.sandbox.online.traffic import Call, Traffic, Trouble
from qbsync_shared.clock import FrozenClock


class Ticks:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def gate_at(clock: FrozenClock, ticks: Ticks, **limits: float) -> Gate:
    gate = Gate(Store(None, clock), ticks)
    gate.set_limits(CallLimits.model_validate({"on": True, **limits}))
    return gate


def passed(gate: Gate, tries: int, *, batch: bool = False, realm: str = "1") -> int:
    return sum(gate.lets_in(realm, batch=batch) for _ in range(tries))


@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_ten_calls_pass_in_any_second_and_five_hundred_in_any_minute(
    clock: FrozenClock, speed: float
) -> None:
    ticks = Ticks()
    gate = gate_at(clock, ticks, speed=speed)
    for _ in range(50):
        assert passed(gate, 12) == 10
        ticks.now += 1.0 / speed
    assert passed(gate, 12) == 0
    assert passed(gate, 12, realm="2") == 10
    ticks.now += 10.5 / speed
    assert passed(gate, 12) == 10


def test_forty_batches_pass_in_any_minute_and_single_calls_beside_them(clock: FrozenClock) -> None:
    ticks = Ticks()
    gate = gate_at(clock, ticks)
    for _ in range(5):
        assert passed(gate, 8, batch=True) == 8
        ticks.now += 1.0
    assert passed(gate, 8, batch=True) == 0
    assert passed(gate, 8) == 8
    ticks.now = 60.5
    assert passed(gate, 10, batch=True) == 8


def test_ten_calls_are_under_way_at_once(clock: FrozenClock) -> None:
    gate = gate_at(clock, Ticks(), at_once=1)
    with gate.inside("1"):
        assert passed(gate, 1) == 0
    assert passed(gate, 1) == 1


def test_a_call_too_many_is_refused_as_intuit_does_and_changes_nothing(simulator: Simulator) -> None:
    simulator.control("POST", "/limits", {"on": True, "per_minute": 1})
    try:
        answers = [simulator.call("POST", "/customer", {"DisplayName": f"Oak {n}"}) for n in range(2)]
    finally:
        simulator.control("POST", "/limits", {})
    assert [one.status_code for one in answers] == [200, 429]
    assert answers[1].headers["content-type"].startswith("application/xml")
    assert "ThrottleExceeded" in answers[1].text
    assert [one["code"] for one in simulator.journal(operation="create")] == [None, "3001"]
    assert len(simulator.control("GET", f"/companies/{simulator.realm}/customer")["items"]) == 1


def test_a_trouble_may_strike_a_share_of_the_calls(clock: FrozenClock) -> None:
    chances = iter([0.05, 0.5, 0.95, 0.09, 0.2, 0.3])
    traffic = Traffic(Store(None, clock), chance=lambda: next(chances))
    traffic.inject(Trouble(effect="lose_answer", share=0.1, times=2))
    call = Call(at="", tid="", method="POST", path="", operation="create")
    struck = [traffic.strike(call) is not None for _ in range(5)]
    assert struck == [True, False, False, True, False]
