"""Everything goes wrong at once, and nothing is lost or doubled: lost answers, errors after the write, tokens that
expire, and workers that are killed and replaced in the middle.
"""

import asyncio
import signal
import subprocess
from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from qbsync_local.audit import Evidence, Report, compare
from qbsync_local.sandbox_books import online_record
from qbsync_shared.kinds import Kind
from tests.conftest import MakeDatabase
from tests.worker.companies import Companies, mixed
from tests.worker.hired import hire

TENANTS = ("ash", "birch")
RECORDS = 120
SPEED = 20.0
TOKEN_SECONDS = 5
RESOURCES = {Kind.CUSTOMER: "Customer", Kind.ITEM: "Item", Kind.INVOICE: "Invoice"}
WORK = "select sync_id, kind, app_id, operation, state, in_doubt_since from work_item where tenant_id = $1"
LINKS = "select kind, app_id, quickbooks_id from link where tenant_id = $1"
TOLD = """
select convert_from(payload, 'UTF8')::jsonb as said, substring(subject from '[a-z]+$') as sync_state
  from outbox where tenant_id = $1 and subject ~ 'sync[.](succeeded|failed|cancelled)$'
"""


async def test_nothing_is_lost_nothing_doubled_and_each_token_is_renewed_once(
    database: MakeDatabase, simulator_url: str, tmp_path: Path
) -> None:
    companies = Companies(await database("worker", "qbsync_qbo_worker"), simulator_url)
    policy = {
        "access_seconds": TOKEN_SECONDS,
        "rotate": "daily",
    }  # as Intuit: the refresh token itself changes once a day
    companies.control.post("/oauth", json=policy).raise_for_status()
    companies.limits(on=True, speed=SPEED)
    approved: dict[str, list[str]] = {}
    try:
        for tenant in TENANTS:
            await companies.open(tenant)
            approved[tenant] = await companies.approve(tenant, mixed(RECORDS))
        make_trouble(companies)
        await drain_with_deaths(companies, simulator_url, tmp_path / "workers.log")
        for tenant in TENANTS:
            report = await audited(companies, tenant, approved[tenant])
            assert report.clean, report.findings
            assert (report.settled, report.pending) == (RECORDS, 0)
            assert_one_renewal_each(companies, tenant)
        writes = [*companies.calls(operation="batch"), *companies.calls(operation="create")]
        struck = Counter(one["effect"] for one in writes)
        assert struck["lose_answer"] + struck["error_after"] > 0, "nothing went wrong: the run proves nothing"
        assert max(Counter(one["request_id"] for one in writes).values()) > 1
    finally:
        companies.control.delete("/faults")
        companies.limits()
        companies.control.post("/oauth", json={})
        companies.close()


def make_trouble(companies: Companies) -> None:
    """10 % of the answers are lost and 5 % are a 500 after the write; QuickBooks takes a little time for each."""
    for tenant in TENANTS:
        realm = companies.realms[tenant]
        for operation in ("batch", "create", "query"):
            companies.trouble("lose_answer", realm=realm, operation=operation, share=0.10)
            companies.trouble("error_after", realm=realm, operation=operation, share=0.05)
            companies.trouble("delay", realm=realm, operation=operation, seconds=0.1)


async def drain_with_deaths(companies: Companies, simulator: str, log: Path) -> None:
    """Two workers; first one and then the other is killed in the middle, and replaced."""

    def worker() -> "subprocess.Popen[bytes]":
        return hire(companies.database.url, simulator, speed=SPEED, answer_seconds=2.0, log=log)

    workers = [worker(), worker()]
    try:
        for number, victim in enumerate(list(workers), 1):
            await arrived(companies, number * len(TENANTS) * RECORDS // 4)
            victim.send_signal(signal.SIGKILL)
            victim.wait()
            workers.append(worker())
        await companies.drained(within=120)
    finally:
        for one in workers:
            one.kill()
            one.wait()


async def arrived(companies: Companies, count: int) -> None:
    """Wait until QuickBooks holds so many of the records."""
    async with asyncio.timeout(60):
        while sum(map(held, [companies] * len(TENANTS), TENANTS)) < count:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.05)


def held(companies: Companies, tenant: str) -> int:
    counts = companies.control.get(f"/companies/{companies.realms[tenant]}").json()["entities"]
    return sum(counts.get(resource, 0) for resource in RESOURCES.values())


async def audited(companies: Companies, tenant: str, approved: list[str]) -> Report:
    """What `qbsync audit` compares; what the worker told stands for the log."""
    told = await companies.rows(TOLD, tenant)
    return compare(
        Evidence(
            approvals=[{"sync_id": one} for one in approved],
            syncs=[{**one["said"], "sync_state": one["sync_state"]} for one in told],
            work=await companies.rows(WORK, tenant),
            links=await companies.rows(LINKS, tenant),
            books=[
                online_record(kind, record)
                for kind, resource in RESOURCES.items()
                for record in companies.books(tenant, resource)
            ],
        )
    )


def assert_one_renewal_each(companies: Companies, tenant: str) -> None:
    """A token is renewed when a fifth of its life is left, or once QuickBooks refused it, which may be a second earlier."""
    renewals = companies.calls(tenant, operation="token")
    assert {one["status"] for one in renewals} == {200}
    times = [datetime.fromisoformat(one["at"]) for one in renewals]
    assert len(times) > 1
    gaps = [(later - sooner).total_seconds() for sooner, later in pairwise(times)]
    assert min(gaps) > TOKEN_SECONDS * 4 / 5 - 1, gaps
