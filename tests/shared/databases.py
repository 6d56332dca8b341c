"""A database per test: fresh, or a copy of a template that was migrated once per run."""

import secrets
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from qbsync_shared.postgres import Database, Queries, migrate


def database_url(server_url: str, name: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


class Databases:
    """Makes and drops databases on the run's PostgreSQL."""

    def __init__(self, server_url: str) -> None:
        self.server_url = server_url
        self._made: list[str] = []
        self._open: list[Database] = []

    async def empty(self) -> str:
        """The URL of a new, empty database."""
        return await self._create(template="template0")

    async def copy(self, schema: str, package: str) -> str:
        """The URL of a new database with one service's schema, migrated to its head."""
        return await self._create(template=await self._template(schema, package))

    async def opened(self, schema: str, package: str) -> Database:
        """An open pool, as the service's role, on a new database with its schema."""
        database = Database(await self.copy(schema, package), schema=schema)
        await database.open()
        self._open.append(database)
        return database

    async def drop_all(self) -> None:
        """Close what was opened and drop what was made."""
        for database in self._open:
            await database.close()
        await self._execute(*(f'drop database if exists "{name}" with (force)' for name in self._made))

    async def _create(self, *, template: str) -> str:
        name = f"test_{secrets.token_hex(6)}"
        await self._execute(f'create database "{name}" template "{template}"')
        self._made.append(name)
        return database_url(self.server_url, name)

    async def _template(self, schema: str, package: str) -> str:
        """Built under another name and renamed, so that a half-made one is never copied; workers wait for each other."""
        name = f"template_{package}"
        maintenance = await asyncpg.connect(database_url(self.server_url, "postgres"))
        try:
            await maintenance.execute("select pg_advisory_lock(hashtext($1))", name)
            if not await maintenance.fetchval("select true from pg_database where datname = $1", name):
                await maintenance.execute(f'drop database if exists "{name}_new" with (force)')
                await maintenance.execute(f'create database "{name}_new" template template0')
                await migrate(database_url(self.server_url, f"{name}_new"), schema, package)
                await maintenance.execute(f'alter database "{name}_new" rename to "{name}"')
        finally:
            await maintenance.close()
        return name

    async def _execute(self, *statements: str) -> None:
        maintenance = await asyncpg.connect(database_url(self.server_url, "postgres"))
        try:
            for statement in statements:
                await maintenance.execute(statement)
        finally:
            await maintenance.close()


async def assert_queries_prepare(queries: Queries, database: Database) -> None:
    """Every named statement fits the migrated schema, with the rights of the service's role."""
    faults: list[str] = []
    for name, statement in queries.items():
        try:
            async with database.everyone() as connection:
                await connection.prepare(statement)
        except asyncpg.PostgresError as error:
            faults.append(f"{queries.source}: {name}: {error}")
    assert not faults, "\n".join(faults)
