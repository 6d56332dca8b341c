"""A database per test: fresh, or a copy of a template that was migrated once per run."""

import secrets
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from qbsync_shared.postgres import Database, Queries
from qbsync_shared.postgres.migrate import migrate


def database_url(server_url: str, name: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


EMPTIED = """
do $$
declare
    found record;
begin
    set local session_replication_role = replica;
    for found in select format('%I.%I', schemaname, tablename) as name from pg_tables
                  where schemaname = '{schema}' and tablename <> 'alembic_version' loop
        execute 'delete from ' || found.name;
    end loop;
    for found in select format('%I.%I', schemaname, sequencename) as name from pg_sequences
                  where schemaname = '{schema}' and last_value is not null loop
        execute 'alter sequence ' || found.name || ' restart';
    end loop;
end $$
"""
TABLES = "select tablename from pg_tables where schemaname = $1 and tablename <> 'alembic_version'"


class Databases:
    """Makes databases on the run's PostgreSQL for one test.

    Making a database takes longer than most tests, so one with a service's schema is emptied after a test and kept in
    `idle` for the next test of this process. Where migrations put rows in, it is dropped instead.
    """

    def __init__(self, server_url: str, idle: dict[str, list[str]]) -> None:
        self.server_url = server_url
        self._idle = idle
        self._made: list[str] = []
        self._lent: list[tuple[str, str, str]] = []
        self._open: list[Database] = []

    async def empty(self) -> str:
        """The URL of a new, empty database."""
        return await self._create(template="template0")

    async def copy(self, schema: str, package: str) -> str:
        """The URL of a new database with one service's schema, migrated to its head."""
        if idle := self._idle.get(package):
            name = idle.pop()
            self._lent.append((name, schema, package))
            return database_url(self.server_url, name)
        template, reusable = await self._template(schema, package)
        url = await self._create(template=template)
        if reusable:
            self._lent.append((self._made.pop(), schema, package))
        return url

    async def opened(self, schema: str, package: str) -> Database:
        """An open pool, as the service's role, on a new database with its schema."""
        database = Database(await self.copy(schema, package), schema=schema)
        await database.open()
        self._open.append(database)
        return database

    async def give_back(self) -> None:
        """Close what was opened, empty what was lent, drop what was made."""
        for database in self._open:
            await database.close()
        for name, schema, package in self._lent:
            await self._empty(name, schema)
            self._idle.setdefault(package, []).append(name)
        await self._execute(*(f'drop database if exists "{name}" with (force)' for name in self._made))

    async def _create(self, *, template: str) -> str:
        name = f"test_{secrets.token_hex(6)}"
        await self._execute(f'create database "{name}" template "{template}"')
        self._made.append(name)
        return database_url(self.server_url, name)

    async def _empty(self, name: str, schema: str) -> None:
        connection = await asyncpg.connect(database_url(self.server_url, name))
        try:
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
            await connection.execute(EMPTIED.format(schema=schema))
        finally:
            await connection.close()

    async def _template(self, schema: str, package: str) -> tuple[str, bool]:
        """Built under another name and renamed, so that a half-made one is never copied; workers wait for each other.

        Returns its name, and whether a copy is as new once it was emptied.
        """
        name = f"template_{package}"
        maintenance = await asyncpg.connect(database_url(self.server_url, "postgres"))
        try:
            await maintenance.execute("select pg_advisory_lock(hashtext($1))", name)
            if not await maintenance.fetchval("select true from pg_database where datname = $1", name):
                await maintenance.execute(f'drop database if exists "{name}_new" with (force)')
                await maintenance.execute(f'create database "{name}_new" template template0')
                seeded = await self._build(f"{name}_new", schema, package)
                await maintenance.execute(f'alter database "{name}_new" rename to "{name}"')
                await maintenance.execute(
                    f"comment on database \"{name}\" is '{'seeded' if seeded else 'empty'}'"
                )
            state = await maintenance.fetchval(
                "select shobj_description(oid, 'pg_database') from pg_database where datname = $1", name
            )
        finally:
            await maintenance.close()
        return name, state == "empty"

    async def _build(self, name: str, schema: str, package: str) -> bool:
        """Migrate a new database and tell whether that put rows in."""
        url = database_url(self.server_url, name)
        await migrate(url, schema, package)
        connection = await asyncpg.connect(url)
        try:
            tables = [row["tablename"] for row in await connection.fetch(TABLES, schema)]
            filled = [
                await connection.fetchval(f'select exists (select from {schema}."{table}")')
                for table in tables
            ]
            return any(filled)
        finally:
            await connection.close()

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
