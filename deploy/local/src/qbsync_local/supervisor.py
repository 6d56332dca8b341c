"""Keeps programs running: starts them, waits until they are ready, restarts what crashes, stops all in order."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from qbsync_local.embedded.process import EmbeddedServerError
from qbsync_local.programs import Program
from qbsync_local.terminal import Terminal

READY_SECONDS = 60.0
TICK_SECONDS = 0.1
STABLE_SECONDS = 10.0
FIRST_DELAY, LONGEST_DELAY = 0.2, 5.0


class StartError(RuntimeError):
    """A program did not become ready; the message holds its last words."""


class StopRequested(Exception):  # noqa: N818  # not an error: the user pressed Ctrl-C while programs were starting
    """Raised inside a start when the user asked to stop."""


@dataclass
class Watched:
    """A program and the history of its crashes, by the monotonic clock."""

    program: Program
    started_at: float
    crashes: int = 0
    next_start: float | None = None

    def delay_after_crash(self, now: float) -> float:
        """Seconds until the next start: doubles per crash, and begins anew after a stable time."""
        if now - self.started_at > STABLE_SECONDS:
            self.crashes = 0
        self.crashes += 1
        return float(min(FIRST_DELAY * 2 ** (self.crashes - 1), LONGEST_DELAY))


class Supervisor:
    """Runs in one thread. `stopping` is set from a signal handler and looked at every tenth of a second.

    `after_restart` is called with the program's name once a crashed program has been started again.
    """

    def __init__(
        self, terminal: Terminal, *, after_restart: Callable[[str], None] = lambda _name: None
    ) -> None:
        self.stopping = False
        self._terminal = terminal
        self._after_restart = after_restart
        self._groups: list[list[Watched]] = []
        self._ending: list[Watched] = []

    def request_stop(self) -> None:
        """End `run` and starts that are under way; asked again while stopping, stop at once. For signal handlers."""
        if self._ending:
            for watched in self._ending:
                watched.program.kill()
        self.stopping = True

    def start(self, programs: Sequence[Program]) -> None:
        """Start the programs together, and return when all are ready; they form one group of the stop order.

        Raises StartError when one ends or is not ready within a minute, StopRequested when asked to stop.
        """
        began = time.monotonic()
        group: list[Watched] = []
        self._groups.append(group)
        for program in programs:
            self._check_stop()
            group.append(Watched(program, time.monotonic()))
            try:
                program.start()
            except EmbeddedServerError as error:
                raise StartError(str(error)) from error
        waiting = list(programs)
        while waiting:
            self._check_stop()
            for program in [program for program in waiting if program.ready()]:
                waiting.remove(program)
                self._terminal.event(f"{program.name} is ready ({time.monotonic() - began:.1f} s)")
            self._check_alive(waiting, began)
            if waiting:
                time.sleep(TICK_SECONDS)

    def run(self, every_tick: Callable[[], None] = lambda: None) -> None:
        """Watch until asked to stop; what has crashed is started again, with growing pauses."""
        while not self.stopping:
            for watched in self._all():
                self._revive(watched)
            every_tick()
            time.sleep(TICK_SECONDS)

    def stop(self) -> None:
        """Stop group after group, the last started first; within a group all together."""
        self.stopping = True
        while self._groups:
            group = self._ending = self._groups.pop()
            names = ", ".join(watched.program.name for watched in group if watched.program.running)
            if names:
                self._terminal.event(f"stopping {names}")
            with ThreadPoolExecutor(max_workers=max(1, len(group))) as executor:
                list(executor.map(lambda watched: watched.program.stop(), group))

    def _all(self) -> Iterable[Watched]:
        return (watched for group in self._groups for watched in group)

    def _check_stop(self) -> None:
        if self.stopping:
            raise StopRequested

    def _check_alive(self, waiting: Sequence[Program], began: float) -> None:
        for program in waiting:
            if not program.running:
                raise StartError(f"{program.name} ended before it was ready: {program.last_words()}")
            if time.monotonic() - began > READY_SECONDS:
                raise StartError(
                    f"{program.name} was not ready within {READY_SECONDS:.0f} s. Its last lines:\n{program.last_words()}"
                )

    def _revive(self, watched: Watched) -> None:
        program, now = watched.program, time.monotonic()
        if program.running:
            return
        if watched.next_start is None:
            delay = watched.delay_after_crash(now)
            watched.next_start = now + delay
            self._terminal.event(f"{program.name} ended by itself, starting it again in {delay:.1f} s")
        if now < watched.next_start:
            return
        watched.next_start, watched.started_at = None, now
        try:
            program.start()
            self._after_restart(program.name)
        except (EmbeddedServerError, OSError) as error:
            self._terminal.event(f"{program.name} could not be started again: {error}")
