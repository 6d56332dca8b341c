"""Background loops of a service: they run until it stops, and come back with a growing pause when they fail."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from qbsync_shared.logging import describe_error
from qbsync_shared.postgres import is_transient

Loop = Callable[[], Awaitable[None]]

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0
CANCEL_AGAIN_SECONDS = 3.0

log = structlog.get_logger()


async def keep_running(loop: Loop, *, name: str, first_pause: float = FIRST_PAUSE) -> None:
    """Run a loop; after a failure again, the pause doubling up to 30 s. Ends when the loop returns."""
    pause = first_pause
    while True:
        started = asyncio.get_running_loop().time()
        try:
            await loop()
        except Exception as error:
            if asyncio.get_running_loop().time() - started > STEADY_SECONDS:
                pause = first_pause
            if is_transient(error):
                log.warning("loop_interrupted", loop=name, pause_seconds=pause, error=describe_error(error))
            else:
                log.exception("loop_failed", loop=name, pause_seconds=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        else:
            return


class Background:
    """The running loops of one service."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, loops: Sequence[Loop]) -> None:
        """Start them all, each restarted when it fails."""
        for loop in loops:
            name = getattr(loop, "__qualname__", type(loop).__name__)
            self._tasks.append(asyncio.create_task(keep_running(loop, name=name), name=name))

    async def stop(self) -> None:
        """Cancel all and wait for their end.

        A cancellation can be lost: Python 3.11's ``asyncio.wait_for`` forgets one that arrives together with the
        result (python/cpython#86296). So it is repeated.
        """
        tasks, self._tasks = set(self._tasks), []
        while tasks:
            for task in tasks:
                task.cancel()
            _, tasks = await asyncio.wait(tasks, timeout=CANCEL_AGAIN_SECONDS)
