"""A worker as a process of its own, without NATS: it drains what its database holds, until it is stopped or killed.

``python -m tests.worker.hired DATABASE SIMULATOR [--speed N] [--answer-seconds S]``; with speed 2 a minute of Intuit's
limits is over after 30 s.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qbsync_qbo_worker.app import assemble
from qbsync_qbo_worker.service.rates import INTUITS, faster
from qbsync_shared.clock import SystemClock
from qbsync_shared.logging import configure
from qbsync_shared.loops import Background
from qbsync_shared.postgres import Database
from tests.worker.site import worker_settings


def hire(
    database: str,
    simulator: str,
    *,
    speed: float = 1.0,
    answer_seconds: float = 125.0,
    log: Path | None = None,
) -> "subprocess.Popen[bytes]":
    """Start one; its output goes to ``log``."""
    command = [sys.executable, "-m", "tests.worker.hired", database, simulator]
    command += ["--speed", str(speed), "--answer-seconds", str(answer_seconds)]
    where = Path(__file__).parents[2]
    with (log or Path(os.devnull)).open("ab") as output:
        return subprocess.Popen(command, stdout=output, stderr=output, cwd=where)


@contextmanager
def hired(count: int, database: str, simulator: str, **given: float) -> Iterator[None]:
    """While inside, so many workers drain."""
    workers = [hire(database, simulator, **given) for _ in range(count)]  # type: ignore[arg-type]
    try:
        yield
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            try:
                worker.wait(20)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


async def work(url: str, simulator: str, speed: float, answer_seconds: float) -> None:
    """Drain until SIGTERM."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    database = Database(url, schema="worker", max_size=10)
    await database.open()
    settings = worker_settings(simulator, qbo_answer_seconds=answer_seconds)
    app = assemble(settings, database, clock=SystemClock(), limits=faster(INTUITS, speed))
    background = Background()
    background.start([app.state.loops.listen, app.state.loops.drain_realms])
    await over.wait()
    await background.stop()
    await database.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("database")
    parser.add_argument("simulator")
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--answer-seconds", type=float, default=125.0)
    given = parser.parse_args()
    configure("json")
    asyncio.run(work(given.database, given.simulator, given.speed, given.answer_seconds))


if __name__ == "__main__":
    main()
