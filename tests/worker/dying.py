"""A worker that is killed at a chosen moment: before or after any of its transactions and calls, without a last word."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from qbsync_shared.postgres import Connection, Database


class Killed(BaseException):
    """kill -9: no handler of the worker runs."""


class Fate:
    """Counts the moments at which the worker may die, and kills it at one of them. A dead worker does nothing more."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.moment = 0
        self.dead = False

    def moment_passes(self) -> None:
        self.moment += 1
        self.dead = self.dead or self.moment == self.at
        if self.dead:
            raise Killed


class DyingDatabase:
    """The worker's database: it may die before a transaction, before its commit (which undoes it) and after it."""

    def __init__(self, database: Database, fate: Fate) -> None:
        self._database = database
        self._fate = fate

    @asynccontextmanager
    async def tenant(self, tenant_id: str) -> AsyncIterator[Connection]:
        self._fate.moment_passes()
        async with self._database.tenant(tenant_id) as connection:
            yield connection
            self._fate.moment_passes()
        self._fate.moment_passes()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)


class DyingTransport(httpx.AsyncBaseTransport):
    """The worker's network: it may die before a call goes out, and after QuickBooks answered."""

    def __init__(self, fate: Fate) -> None:
        self._fate = fate
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._fate.moment_passes()
        answer = await self._inner.handle_async_request(request)
        await answer.aread()
        self._fate.moment_passes()
        return answer

    async def aclose(self) -> None:
        await self._inner.aclose()
