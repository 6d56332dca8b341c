"""Web Connectors in parallel: the gateway's own time for a SOAP call, while each QuickBooks takes its time."""

import asyncio
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from tests.bench.desktop import one_more, renew_statistics, stage
from tests.bench.figures import Figure
from tests.gateway.desktop import Desktop, Endpoint
from tests.gateway.records import customer

PARALLEL = (1, 10, 50)
RECORDS = 10
THINKS = 0.5
"""Seconds that a write takes QuickBooks; a set of ten takes it five."""


async def measure(server_url: str) -> list[Figure]:
    """p50, p95 and p99 of all calls of a run with ten records, for 1, 10 and 50 sessions at once."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(max(PARALLEL) + 4))
    async with stage(server_url) as first:
        desktops = [first] + [await one_more(first, f"t{n}") for n in range(1, max(PARALLEL))]
        for desktop in desktops:
            await desktop.run()
            desktop.faults.seconds_per_write, desktop.faults.sleep = THINKS, time.sleep
        await renew_statistics(first)
        figures: list[Figure] = []
        for sessions in PARALLEL:
            figures += await _parallel(desktops[:sessions])
        for desktop in desktops[1:]:
            desktop.company.store.close()
        return figures


async def _parallel(desktops: list[Desktop]) -> list[Figure]:
    for desktop in desktops:
        for n in range(RECORDS):
            await desktop.approve(customer(f"{len(desktops)}-{n}", f"Customer {len(desktops)} {n}"))
    desktops[0].clock.advance(timedelta(hours=2))
    endpoints = [desktop.endpoint() for desktop in desktops]
    await asyncio.gather(*(_run(*pair, n) for n, pair in enumerate(zip(desktops, endpoints, strict=True))))
    took = sorted(seconds * 1_000 for endpoint in endpoints for _, seconds in endpoint.took)
    cuts = statistics.quantiles(took, n=100) if len(took) > 1 else took * 99
    many = f"{len(desktops)} session{'s' if len(desktops) > 1 else ''} at once"
    promise = "at most 10" if len(desktops) == max(PARALLEL) else "none"
    return [
        Figure(name=f"SOAP call, {many}, p{at}", value=cuts[at - 1], unit="ms", promise=said)
        for at, said in ((50, "none"), (95, promise), (99, "none"))
    ]


async def _run(desktop: Desktop, endpoint: Endpoint, place: int) -> None:
    await asyncio.sleep(place * 0.1)  # nobody starts on the same instant
    report = await desktop.run(endpoint)
    assert report.outcome == "finished", report.message
