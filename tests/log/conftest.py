"""The log on a real PostgreSQL: one server for all tests, a fresh copy of the migrated database for each."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from qbsync_local.embedded import EmbeddedPostgres
from qbsync_shared.postgres import Database, migrate

_numbers = count(1)


@pytest.fixture(scope="session")
def log_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address, with a database ``log_template`` that has the log's schema."""
    folder: Path = tmp_path_factory.mktemp("log-postgres")
    server = EmbeddedPostgres(folder / "data")
    server.start()
    try:
        asyncio.run(_prepare(server.url))
        yield server.url
    finally:
        server.stop()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _prepare(url: str) -> None:
    await _execute(url, "create database log_template")
    await migrate(in_database(url, "log_template"), "log", "qbsync_log")


def in_database(url: str, name: str) -> str:
    """The same server, another database."""
    return f"{url.rsplit('/', 1)[0]}/{name}"


@pytest.fixture
async def log_database(log_server: str) -> AsyncIterator[Database]:
    """The log's schema, empty."""
    name = f"log_{next(_numbers)}"
    await _execute(log_server, f"create database {name} template log_template")
    database = Database(in_database(log_server, name), schema="log")
    await database.open()
    yield database
    await database.close()
    await _execute(log_server, f"drop database {name} with (force)")
