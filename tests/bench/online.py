"""The worker against the simulated QuickBooks Online with Intuit's limits: how much of what is permitted it uses.

QuickBooks takes its own time, as the real one does: a second and a half for a batch, 0.3 s for a single write.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from tests.bench.figures import Figure
from tests.shared.databases import Databases
from tests.worker.companies import Companies, mixed
from tests.worker.desk import customer
from tests.worker.hired import hired

MIXED = 3_000
REALMS = 50
EACH = 60
SPEED = 0.05
"""At 50 companies a minute of the limits lasts twenty, for both sides: two cores do not carry 50 x 1,200 records a minute."""

SINGLES = 15
PER_MINUTE = 40 * 30
"""What Intuit permits in batches: 40 a minute, 30 records each."""

FINISHED = "select finished_at from work_item where app_id = $1"
BATCH_SECONDS, WRITE_SECONDS = 1.5, 0.3


async def measure(server_url: str) -> list[Figure]:
    """One company with much to send, then many at once, then one record at a time."""
    with simulator() as url:
        return [
            *await _one_company(server_url, url),
            *await _many_companies(server_url, url),
            await _one_record(server_url, url),
        ]


@contextmanager
def simulator() -> Iterator[str]:
    """The simulated QuickBooks Online as a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="qbsync-bench-") as folder:
        told = {"QBSYNC_DATA": folder, "QBSYNC_SANDBOX_ONLINE_PORT": str(port)}
        command = [sys.executable, "-m", "qbsync_local.sandbox.online"]
        log = (Path(folder) / "log").open("wb")
        with subprocess.Popen(command, env={**os.environ, **told}, stdout=log, stderr=log) as running:
            try:
                _wait_for(f"http://127.0.0.1:{port}")
                yield f"http://127.0.0.1:{port}"
            finally:
                running.terminate()
                running.wait(20)
                log.close()


def _wait_for(url: str) -> None:
    ends = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"{url}/health/live", trust_env=False).raise_for_status()
        except httpx.HTTPError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)
        else:
            return


@asynccontextmanager
async def stage(server_url: str, url: str, tenants: int, *, speed: float = 1.0) -> AsyncIterator[Companies]:
    """Companies on a fresh database, QuickBooks with its limits and its own time."""
    databases = Databases(server_url, {})
    companies = Companies(await databases.opened("worker", "qbsync_qbo_worker"), url)
    companies.control.post("/reset").raise_for_status()
    companies.limits(on=True, speed=speed)
    companies.trouble("delay", operation="batch", seconds=BATCH_SECONDS / speed)
    companies.trouble("delay", operation="create", seconds=WRITE_SECONDS / speed)
    for number in range(tenants):
        await companies.open(f"t-{number}")
    try:
        yield companies
    finally:
        companies.close()
        await databases.give_back()


async def _one_company(server_url: str, url: str) -> list[Figure]:
    async with stage(server_url, url, 1) as companies:
        await companies.approve("t-0", mixed(MIXED))
        with hired(1, companies.database.url, url):
            await companies.drained(within=600)
        assert await companies.states("t-0") == {"succeeded": MIXED}
        calls = companies.calls("t-0")
    writes = [one for one in calls if one["operation"] in ("batch", "create")]
    rate = _per_minute(writes, MIXED, 1.0)
    batches = sum(one["operation"] == "batch" for one in writes)
    about = f"{MIXED:,} mixed approvals of one company"
    return [
        Figure(name=f"{about}: records a minute", value=rate, unit="records", promise="at least 1,140"),
        Figure(
            name=f"{about}: share of Intuit's batch allowance",
            value=100 * rate / PER_MINUTE,
            unit="%",
            promise="at least 95",
        ),
        Figure(name=f"{about}: calls", value=len(calls), unit="calls", promise="none"),
        Figure(name=f"{about}: batches among them", value=batches, unit="calls", promise="none"),
        Figure(name=f"{about}: 429s", value=_refused(calls), unit="429s", promise="0"),
    ]


async def _many_companies(server_url: str, url: str) -> list[Figure]:
    """Two workers; what the slowest of the companies reaches counts."""
    async with stage(server_url, url, REALMS, speed=SPEED) as companies:
        for tenant in companies.realms:
            await companies.approve(tenant, [customer(f"C-{n}") for n in range(EACH)])
        with hired(2, companies.database.url, url, speed=SPEED):
            await companies.drained(within=600)
        calls = [companies.calls(tenant) for tenant in companies.realms]
    shares = sorted(
        100
        * _per_minute([one for one in own if one["operation"] in ("batch", "create")], EACH, SPEED)
        / PER_MINUTE
        for own in calls
    )
    about = f"{REALMS} companies at once, a minute lasts {1 / SPEED:.0f}"
    return [
        Figure(
            name=f"{about}: share of the batch allowance, the slowest",
            value=shares[0],
            unit="%",
            promise="at least 95",
        ),
        Figure(name=f"{about}: share, the median", value=statistics.median(shares), unit="%", promise="none"),
        Figure(name=f"{about}: 429s", value=sum(map(_refused, calls)), unit="429s", promise="0"),
    ]


async def _one_record(server_url: str, url: str) -> Figure:
    """Approved alone, one after the other, until its outcome is recorded and told."""
    async with stage(server_url, url, 1) as companies:
        took: list[float] = []
        with hired(1, companies.database.url, url):
            await companies.approve("t-0", [customer("C-first")])
            await companies.drained(within=60)
            for number in range(SINGLES):
                began = datetime.now(UTC)
                await companies.approve("t-0", [customer(f"C-{number}")])
                await companies.drained(within=60)
                (row,) = await companies.rows(FINISHED, f"C-{number}")
                took.append((row["finished_at"] - began).total_seconds())
    return Figure(
        name="From approval to outcome on top of QuickBooks' own 0.3 s, one record, p50",
        value=(statistics.median(took) - WRITE_SECONDS) * 1_000,
        unit="ms",
        promise="at most 300",
    )


def _per_minute(writes: list[dict[str, Any]], records: int, speed: float) -> float:
    """Records in a minute of the limits. The last batch's place lasts as long as the others', and the second may come
    half a place early: that much is added.
    """
    times = [datetime.fromisoformat(one["at"]).timestamp() for one in writes if one["status"] == 200]
    lasted = (max(times) - min(times)) * speed / 60 + 1.5 / 39
    return records / lasted


def _refused(calls: list[dict[str, Any]]) -> int:
    return sum(one["status"] == 429 for one in calls)
