"""Migrations: plain SQL files, forward only, run by alembic once per service schema.

A service has ``postgres/migrations/NNNN_name.sql``. A line ``-- include: package/file.sql`` stands for that file of
another package; what is included is frozen once released, a change to it is a new file and a new migration.
Every table with a ``tenant_id`` gets its row-level security here, so that none can be forgotten.
"""

import asyncio
import re
import types
from collections.abc import Iterable
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import asyncpg
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import Script
from alembic.script.revision import RevisionMap
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from qbsync_shared.postgres.database import application_role

LOCK_TIMEOUT = "30s"
_FILE = re.compile(r"^(?P<revision>\d{4})_[a-z0-9_]+\.sql$")
_INCLUDE = re.compile(r"^-- include: (?P<package>[a-z0-9_.]+)/(?P<file>[a-z0-9_]+\.sql)$", re.MULTILINE)
_IDENTIFIER = re.compile(r"^[a-z][a-z0-9_]{0,40}$")
_ROLE_TRIES = 20
_MAY_SET_ROLE = """
    select pg_has_role(current_user, $1,
        case when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end)
"""

# Tenants see their own rows; '*' (relay, claims, operations) sees all; a transaction that said neither sees none.
_POLICY = "((select current_setting('qbsync.tenant', true)) in (tenant_id, '*'))"


class MigrationError(RuntimeError):
    """The migration files of a service are not in the agreed form."""


async def migrate(url: str, schema: str, package: str) -> list[str]:
    """Bring a service's schema up to date and return the revisions that were applied, oldest first.

    Makes the schema and its NOLOGIN role where they are missing. Runs that overlap, in one database or in several of
    one cluster, wait for each other.

    Args:
        url: connects as the owner of the schema, who may create roles.
        schema: the service's schema; its role is ``qbsync_<schema>``.
        package: the service's package, with ``postgres/migrations/``.

    Raises:
        MigrationError: the files are not in the agreed form.
    """
    if not _IDENTIFIER.match(schema):
        raise MigrationError(f"{schema!r} is not a schema name")
    scripts = _load_scripts(package)
    await _ensure_role(url, application_role(schema))
    engine = create_async_engine(_sqlalchemy_url(url), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execute(text(f"set lock_timeout = '{LOCK_TIMEOUT}'"))
            await connection.execute(text("set qbsync.tenant = '*'"))
            await connection.execute(
                text("select pg_advisory_lock(hashtext('qbsync-migrate'), hashtext(:schema))"),
                {"schema": schema},
            )
            await connection.commit()
            await connection.execute(text(f"create schema if not exists {schema}"))
            await connection.execute(text(f"set search_path = {schema}"))
            await connection.commit()
            applied: list[str] = await connection.run_sync(_upgrade, schema, scripts)
            await _secure(connection, schema)
            await connection.commit()
            return applied
    finally:
        await engine.dispose()


def _sqlalchemy_url(url: str) -> str:
    return re.sub(r"^postgres(ql)?://", "postgresql+asyncpg://", url)


def _load_scripts(package: str) -> RevisionMap:
    folder = resources.files(package).joinpath("postgres", "migrations")
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name
    )
    if not files:
        raise MigrationError(f"{package} has no postgres/migrations/*.sql")
    scripts = list(_chain(files))
    return RevisionMap(lambda: scripts)


def _chain(files: Iterable[Traversable]) -> Iterable[Script]:
    previous: str | None = None
    for file in files:
        named = _FILE.match(file.name)
        if named is None:
            raise MigrationError(f"{file.name}: a migration is called NNNN_name.sql")
        revision = named["revision"]
        if revision == previous:
            raise MigrationError(f"{file.name}: two migrations have the number {revision}")
        module = types.ModuleType(f"migration_{revision}", doc=file.name)
        module.down_revision = previous  # type: ignore[attr-defined]
        module.upgrade = _runner(_expand(file.read_text(encoding="utf-8")))  # type: ignore[attr-defined]
        yield Script(module, revision, file.name)
        previous = revision


def _expand(sql: str) -> str:
    def included(line: re.Match[str]) -> str:
        return resources.files(line["package"]).joinpath(line["file"]).read_text(encoding="utf-8")

    return _INCLUDE.sub(included, sql)


def _runner(sql: str) -> Any:
    def upgrade(connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        driver.run_async(lambda raw: raw.execute(sql))  # asyncpg's own execute takes many statements at once

    return upgrade


def _upgrade(connection: Connection, schema: str, scripts: RevisionMap) -> list[str]:
    applied: list[str] = []

    def steps(heads: Any, _context: MigrationContext) -> list[MigrationStep]:
        lower = heads[0] if heads else "base"
        waiting = list(scripts.iterate_revisions("heads", lower))
        applied.extend(script.revision for script in reversed(waiting))
        return [
            MigrationStep.upgrade_from_script(scripts, script)
            for script in reversed(waiting)
            if isinstance(script, Script)
        ]

    context = MigrationContext.configure(
        connection,
        opts={"fn": steps, "version_table_schema": schema, "transaction_per_migration": True},
    )
    with context.begin_transaction():
        context.run_migrations(connection=connection)
    return applied


async def _ensure_role(url: str, role: str) -> None:
    """Make the role and let the login user take it on. Roles belong to the cluster, where no lock of ours reaches."""
    connection = await asyncpg.connect(url)
    try:
        for attempt in range(_ROLE_TRIES):
            try:
                await _make_role(connection, role)
                break
            except (asyncpg.UniqueViolationError, asyncpg.DuplicateObjectError, asyncpg.InternalServerError):
                if attempt == _ROLE_TRIES - 1:
                    raise
                await asyncio.sleep(0.05)  # another database's migration made it in this moment
    finally:
        await connection.close()


async def _make_role(connection: "asyncpg.Connection[asyncpg.Record]", role: str) -> None:
    if not await connection.fetchval("select true from pg_roles where rolname = $1", role):
        await connection.execute(f"create role {role} nologin")
    if not await connection.fetchval(_MAY_SET_ROLE, role):
        await connection.execute(f"grant {role} to current_user")


async def _secure(connection: AsyncConnection, schema: str) -> None:
    """Give the role its rights on rows, and each table with a tenant_id its policy."""
    role = application_role(schema)
    tables = await connection.execute(
        text("""
            select c.relname,
                   exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id'
                              and not a.attisdropped),
                   exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'tenant_isolation')
              from pg_class c
             where c.relnamespace = to_regnamespace(:schema) and c.relkind in ('r', 'p')
               and c.relname <> 'alembic_version'
             order by c.relname
        """),
        {"schema": schema},
    )
    await connection.execute(text(f"grant usage on schema {schema} to {role}"))
    await connection.execute(text(f"grant usage on all sequences in schema {schema} to {role}"))
    for table, has_tenant, has_policy in tables.all():
        await connection.execute(
            text(f'grant select, insert, update, delete on {schema}."{table}" to {role}')
        )
        if has_tenant:
            await connection.execute(text(f'alter table {schema}."{table}" enable row level security'))
        if has_tenant and not has_policy:
            await connection.execute(
                text(f'create policy tenant_isolation on {schema}."{table}" to {role} using {_POLICY}')
            )
