"""kill -9 of any program in the middle of a drain of 200 records: nothing is lost, nothing is doubled."""

import os
import random
import shutil
import signal

import pytest

from tests.e2e.books import (
    RECORDS,
    answered,
    compare_books,
    connector_runs,
    hand_over_and_approve,
    wait_until_drained,
    written,
)
from tests.e2e.system import Office, System, eventually

pytestmark = pytest.mark.xdist_group("e2e")

ACCOUNT = "Services"
VICTIMS = {
    "desktop": ("wizard", "qbwc-gateway", "log", "postgres", "nats"),
    "online": ("wizard", "qbo-worker", "log", "postgres", "nats"),
}
CASES = [(edition, victim) for edition, victims in VICTIMS.items() for victim in victims]


def moment(name: str) -> int:
    """After how many written records to strike: by chance, and the same in every run."""
    return random.Random(name).randrange(5, 120)


def drain_until(office: Office, before: int, records: int) -> None:
    """Watch QuickBooks until so many records have arrived."""
    eventually(
        lambda: answered(lambda: written(office) - before),
        lambda found: found is not None and found >= records,
    )
    assert written(office) - before < RECORDS, "the drain was over before the kill"


def back_again(system: System, victim: str, pid: int | None) -> None:
    """Wait for the supervisor's restart of a killed program, and for readiness of all."""
    eventually(lambda: system.pid(victim), lambda found: found not in (None, pid))
    eventually(system.all_ready, bool)


def audited(office: Office) -> None:
    """`qbsync audit` proves that every approval has one outcome, and finds nothing."""
    code, report = office.system.command_json("audit", office.tenant)
    assert (code, report["findings"]) == (0, [])
    assert report["clean"]
    assert report["books_compared"]
    assert (report["approvals"], report["settled"], report["pending"]) == (RECORDS, RECORDS, 0)
    code, letters = office.system.command_json("dlq", "list")
    assert (code, [one for one in letters if one["tenant_id"] == office.tenant]) == (0, [])


@pytest.mark.parametrize("edition", ["desktop", "online"])
def test_nats_with_a_wiped_disk_heals_by_itself(system: System, edition: str) -> None:
    office = Office(system, f"wiped-{edition}", edition)
    office.open()
    before = hand_over_and_approve(office, ACCOUNT)
    with connector_runs(office):
        drain_until(office, before, moment(office.tenant))
        supervisor = system.run.pid
        os.kill(supervisor, signal.SIGSTOP)  # so that the disk is gone before the restart
        try:
            pid = system.kill("nats")
            shutil.rmtree(system.data / "nats" / "store")
        finally:
            os.kill(supervisor, signal.SIGCONT)
        back_again(system, "nats", pid)
        wait_until_drained(office)
    audited(office)
    compare_books(office, before)


@pytest.mark.parametrize(("edition", "victim"), CASES)
def test_a_kill_in_the_middle_of_a_drain_loses_and_doubles_nothing(
    system: System, edition: str, victim: str
) -> None:
    office = Office(system, f"kill-{edition}-{victim}", edition)
    office.open()
    before = hand_over_and_approve(office, ACCOUNT)
    with connector_runs(office):
        drain_until(office, before, moment(office.tenant))
        pid = system.kill(victim)
        back_again(system, victim, pid)
        wait_until_drained(office)
    audited(office)
    compare_books(office, before)
