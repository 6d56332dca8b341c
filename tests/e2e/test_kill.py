"""kill -9 of any program in the middle of a drain of 200 records: nothing is lost, nothing is doubled, both editions."""

import os
import random
import shutil
import signal
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.e2e.books import (
    RECORDS,
    approve,
    compare_books,
    connector_runs,
    hand_over,
    wait_until_drained,
    written,
)
from tests.e2e.system import Office, System, eventually

pytestmark = pytest.mark.xdist_group("e2e")

ACCOUNT = "Services"
EDITIONS = {"qbwc-gateway": ("desktop",), "qbo-worker": ("online",)}
"""What a connector service drains; any other program is killed while both editions drain 200 records each."""


def moment(name: str) -> int:
    """After how many written records to strike: by chance, and the same in every run."""
    return random.Random(name).randrange(5, 120)


def drained_in_spite_of(system: System, victim: str, strike: Callable[[], int]) -> None:
    """Let drains begin, strike in their middle, and prove that everything arrived once."""
    offices = [
        Office(system, f"{strike.__name__}-{victim}-{edition}", edition)
        for edition in EDITIONS.get(victim, ("desktop", "online"))
    ]
    before: dict[str, int] = {}
    for office in offices:
        office.open()
        before[office.tenant] = hand_over(office, ACCOUNT)
    for office in offices:
        approve(office)
    with ExitStack() as connectors:
        for office in offices:
            connectors.enter_context(connector_runs(office))
        arrived = under_way(offices, before, moment(f"{strike.__name__}-{victim}"))
        assert max(arrived) < RECORDS, "a drain was over before the kill"
        pid = strike()
        eventually(lambda: system.pid(victim), lambda found: found not in (None, pid))
        eventually(system.all_ready, bool)
        for office in offices:
            wait_until_drained(office)
    for office in offices:
        audited(office)
        compare_books(office, before[office.tenant])


def under_way(offices: list[Office], before: dict[str, int], records: int) -> list[int]:
    """Watch QuickBooks until so many records have arrived in one of the editions; how many in each."""

    def look() -> list[int]:
        return [written(office) - before[office.tenant] for office in offices]

    return eventually(look, lambda arrived: max(arrived) >= records)


def audited(office: Office) -> None:
    """`qbsync audit` proves that every approval has one outcome, and finds nothing."""
    code, report = office.system.command_json("audit", office.tenant)
    assert (code, report["findings"]) == (0, [])
    assert report["clean"]
    assert report["books_compared"]
    assert (report["approvals"], report["settled"], report["pending"]) == (RECORDS, RECORDS, 0)
    code, letters = office.system.command_json("dlq", "list")
    assert (code, [one for one in letters if one["tenant_id"] == office.tenant]) == (0, [])


def test_nats_with_a_wiped_disk_heals_by_itself(system: System) -> None:
    def wipe() -> int:
        supervisor = system.run.pid
        os.kill(supervisor, signal.SIGSTOP)  # so that the disk is gone before the restart
        try:
            pid = system.kill("nats")
            shutil.rmtree(system.data / "nats" / "store")
        finally:
            os.kill(supervisor, signal.SIGCONT)
        return pid

    drained_in_spite_of(system, "nats", wipe)


@pytest.mark.parametrize("victim", ["wizard", "qbwc-gateway", "qbo-worker", "log", "postgres", "nats"])
def test_a_kill_in_the_middle_of_a_drain_loses_and_doubles_nothing(system: System, victim: str) -> None:
    def kill() -> int:
        return system.kill(victim)

    drained_in_spite_of(system, victim, kill)
