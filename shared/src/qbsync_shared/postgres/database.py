"""The pool of one service: it runs as the service's role, so row-level security holds."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from qbsync_shared.ids import is_tenant_id

Connection: TypeAlias = asyncpg.Connection | PoolConnectionProxy
"""A connection of the pool, or one of its own; jsonb goes in and out as Python objects."""

EVERYONE = "*"
STATEMENT_TIMEOUT = "30s"
LOCK_TIMEOUT = "10s"
IDLE_IN_TRANSACTION_TIMEOUT = "60s"
CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 10.0

_UNAVAILABLE: tuple[type[BaseException], ...] = (
    OSError,  # TimeoutError is one of them
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InternalClientError,  # what is left of a connection that died in the middle of a statement
)
_CONTENDED: tuple[type[BaseException], ...] = (
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)


def application_role(schema: str) -> str:
    """The role as which a service works in its schema."""
    return f"qbsync_{schema}"


def is_unavailable(error: BaseException) -> bool:
    """Whether the server could not be reached or went away."""
    if isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError):
        return "closed" in str(error) or "released" in str(error)
    return isinstance(error, _UNAVAILABLE)


def is_transient(error: BaseException) -> bool:
    """Whether the same statements may well succeed in a moment: the server was away, busy, or broke a deadlock."""
    return is_unavailable(error) or isinstance(error, _CONTENDED)


def _server_settings(schema: str, purpose: str) -> dict[str, str]:
    return {
        "application_name": f"qbsync-{schema}-{purpose}",
        "role": application_role(schema),
        "search_path": schema,
        "statement_timeout": STATEMENT_TIMEOUT,
        "lock_timeout": LOCK_TIMEOUT,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_TIMEOUT,
        "timezone": "UTC",
    }


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} does not go into jsonb: make it a string, number, list or dict")


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


async def _prepare(connection: Any) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=_to_json, decoder=json.loads)


async def _keep(connection: Any) -> None:
    """A connection goes back as it is: all that a transaction sets ends with it, so that nothing is left to reset."""


async def connect(url: str, *, schema: str, purpose: str) -> "asyncpg.Connection[asyncpg.Record]":
    """One connection of its own, as the service's role, that sees every tenant; for advisory locks and LISTEN."""
    settings = {**_server_settings(schema, purpose), "qbsync.tenant": EVERYONE}
    connection = await asyncpg.connect(url, server_settings=settings, timeout=CONNECT_SECONDS)
    await _prepare(connection)
    return connection


class Database:
    """A pool on one service's schema. Every statement runs in a transaction that says whose rows it may see.

    jsonb goes in and out as Python objects; a Decimal inside becomes a string.
    """

    def __init__(self, url: str, *, schema: str, max_size: int = 10) -> None:
        self.url = url
        self.schema = schema
        self.max_size = max_size
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self) -> None:
        """Make the pool; connections are made when they are first needed, so this succeeds while the server is down."""
        if self._pool is None:
            self._pool = await asyncpg.create_pool(
                self.url,
                min_size=0,
                max_size=self.max_size,
                server_settings=_server_settings(self.schema, "pool"),
                init=_prepare,
                reset=_keep,
                timeout=CONNECT_SECONDS,
            )

    async def close(self) -> None:
        """Close the pool once its connections have been given back, or after ten seconds in any case."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                await asyncio.wait_for(pool.close(), CLOSE_SECONDS)
            except (OSError, asyncpg.InterfaceError):
                pool.terminate()

    @asynccontextmanager
    async def tenant(self, tenant_id: str) -> AsyncIterator[Connection]:
        """One transaction that sees and writes this tenant's rows only.

        Raises:
            ValueError: not a tenant id.
        """
        if not is_tenant_id(tenant_id):
            raise ValueError(f"{tenant_id!r} is not a tenant id")
        async with self._transaction(tenant_id) as connection:
            yield connection

    @asynccontextmanager
    async def everyone(self) -> AsyncIterator[Connection]:
        """One transaction that sees all tenants; for the relay, claims and operations only."""
        async with self._transaction(EVERYONE) as connection:
            yield connection

    async def ping(self) -> None:
        """Ask the server for a sign of life; raises what went wrong."""
        async with self.everyone() as connection:
            await connection.execute("select 1", timeout=5)

    @asynccontextmanager
    async def _transaction(self, tenant: str) -> AsyncIterator[Connection]:
        if self._pool is None:
            raise RuntimeError("the database is not open")
        async with self._pool.acquire(timeout=CONNECT_SECONDS) as connection, connection.transaction():
            await connection.execute("select set_config('qbsync.tenant', $1, true)", tenant)
            yield connection
