"""Readiness: the service can do its whole job now. Liveness is only that it answers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

CHECK_SECONDS = 5.0


@dataclass(frozen=True)
class Check:
    """One thing readiness depends on. ``probe`` returns None when it is well, else what is wrong, in a sentence."""

    name: str
    probe: Callable[[], Awaitable[str | None]]


@dataclass(frozen=True)
class Finding:
    """What a check found."""

    name: str
    problem: str | None


async def examine(checks: Sequence[Check]) -> list[Finding]:
    """Run all checks at once; one that raises or hangs counts as a problem."""
    return list(await asyncio.gather(*(_examine_one(check) for check in checks)))


async def _examine_one(check: Check) -> Finding:
    try:
        problem = await asyncio.wait_for(check.probe(), CHECK_SECONDS)
    except TimeoutError:
        problem = f"no answer within {CHECK_SECONDS:.0f} s"
    except Exception as error:  # noqa: BLE001 - whatever it is, the service is not ready
        problem = type(error).__name__
    return Finding(check.name, problem)
