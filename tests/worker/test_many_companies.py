"""More companies are busy than a worker drains at once: each gets its turns, and none starves."""

import pytest

from qbsync_qbo_worker.app import assemble
from qbsync_qbo_worker.service import loops as module
from qbsync_shared.clock import SystemClock
from qbsync_shared.loops import Background
from tests.conftest import MakeDatabase
from tests.worker.companies import Companies
from tests.worker.desk import customer
from tests.worker.site import worker_settings

PLACES, COMPANIES, RECORDS = 2, 6, 3
ENDLESS = 150


async def test_two_busy_companies_do_not_keep_the_others_waiting(
    database: MakeDatabase, simulator_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two have more than they can send in a while and came first; four with little are done before them."""
    monkeypatch.setattr(module, "REALMS", PLACES)
    monkeypatch.setattr(module, "TURN_SECONDS", 0.2)
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.2)
    opened = await database("worker", "qbsync_qbo_worker")
    companies = Companies(opened, simulator_url)
    names = [f"t-{n}" for n in range(COMPANIES)]
    for number, name in enumerate(names):
        await companies.open(name)
        count = ENDLESS if number < PLACES else RECORDS
        await companies.approve(name, [customer(f"C-{n}") for n in range(count)])
    app = assemble(worker_settings(simulator_url), opened, clock=SystemClock())
    background = Background()
    background.start([app.state.loops.drain_realms])
    try:
        await companies.drained(*names[PLACES:], within=60)
        assert [(await companies.states(name))["succeeded"] for name in names[PLACES:]] == [RECORDS] * 4
        for name in names[:PLACES]:
            assert (await companies.states(name))["succeeded"] < ENDLESS
    finally:
        await background.stop()
        companies.close()
