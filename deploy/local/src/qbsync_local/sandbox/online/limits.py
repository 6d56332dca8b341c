"""How often a company may be called: Intuit's limits, refused with a 429 as Intuit does. Off until they are switched on."""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pydantic import BaseModel, ConfigDict, Field

from qbsync_local.sandbox.online.store import Store


class CallLimits(BaseModel):
    """What one company allows one app, in any second and any minute, and at once.

    `speed` is how fast time passes for them: with 2 a minute is over after 30 s.
    """

    model_config = ConfigDict(extra="forbid")

    on: bool = False
    speed: float = Field(1.0, gt=0, le=1000)
    per_second: int = Field(10, ge=1)
    per_minute: int = Field(500, ge=1)
    batches_per_minute: int = Field(40, ge=1)
    at_once: int = Field(10, ge=1)


class Gate:
    """Counts the calls of every company over windows that slide. What was refused does not count."""

    def __init__(self, store: Store, seconds: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._seconds = seconds
        self._passed: dict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._under_way: dict[str, int] = defaultdict(int)
        self._limits = CallLimits.model_validate_json(store.meta("call_limits", "{}"))

    @property
    def limits(self) -> CallLimits:
        return self._limits

    def set_limits(self, limits: CallLimits) -> None:
        """From now on; what passed before is forgotten."""
        self._limits = limits
        self._store.set_meta("call_limits", limits.model_dump_json())
        self._passed.clear()

    def lets_in(self, realm: str, *, batch: bool) -> bool:
        """Whether one more call may pass now; if so it is counted."""
        if not self._limits.on:
            return True
        if self._under_way[realm] >= self._limits.at_once:
            return False
        now = self._seconds() * self._limits.speed
        windows = [(1.0, self._limits.per_second, "second"), (60.0, self._limits.per_minute, "minute")]
        if batch:
            windows.append((60.0, self._limits.batches_per_minute, "batch"))
        for length, most, name in windows:
            passed = self._passed[realm, name]
            while passed and passed[0] <= now - length:
                passed.popleft()
            if len(passed) >= most:
                return False
        for *_, name in windows:
            self._passed[realm, name].append(now)
        return True

    @contextmanager
    def inside(self, realm: str) -> Iterator[None]:
        """While a call is under way."""
        self._under_way[realm] += 1
        try:
            yield
        finally:
            self._under_way[realm] -= 1
