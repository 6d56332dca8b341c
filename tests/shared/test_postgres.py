"""The pool's role, row-level security, migrations and named statements, on a real PostgreSQL."""

import asyncio
from decimal import Decimal

import asyncpg
import pytest

from qbsync_shared.messaging.outbox import QUERIES
from qbsync_shared.postgres import Database, Queries
from qbsync_shared.postgres.migrate import MigrationError, migrate
from qbsync_shared.postgres.queries import QueryFileError
from tests.shared.databases import assert_queries_prepare, database_url
from tests.shared.messaging.support import PACKAGE, SCHEMA


@pytest.fixture
async def sample(database):
    return await database(SCHEMA, PACKAGE)


async def insert(connection, tenant, event="e-1", data=None):
    await connection.execute(
        "insert into effect (tenant_id, event_id, data) values ($1, $2, $3)", tenant, event, data or {}
    )


async def test_work_is_done_as_the_role_of_the_service(sample):
    async with sample.tenant("acme") as connection:
        row = await connection.fetchrow(
            "select current_user, current_setting('search_path') as path, current_setting('timezone') as zone,"
            " current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock"
        )
    assert dict(row) == {
        "current_user": "qbsync_sample",
        "path": "sample",
        "zone": "UTC",
        "statement": "30s",
        "lock": "10s",
    }


async def test_a_tenant_cannot_cross_into_another(sample):
    async with sample.tenant("acme") as connection:
        await insert(connection, "acme")
    async with sample.tenant("other") as connection:
        assert await connection.fetch("select * from effect") == []
        assert await connection.execute("update effect set event_id = 'x'") == "UPDATE 0"
        assert await connection.execute("delete from effect") == "DELETE 0"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await insert(connection, "acme")


@pytest.mark.parametrize("table", ["effect", "outbox", "inbox", "dead_letter"])
async def test_every_table_with_a_tenant_is_secured(sample, table):
    async with sample.everyone() as connection:
        secured = await connection.fetchval(
            "select relrowsecurity and exists (select from pg_policy where polrelid = c.oid)"
            "  from pg_class c where oid = $1::text::regclass",
            table,
        )
    assert secured is True


async def test_rows_cannot_be_moved_to_another_tenant(sample):
    async with sample.tenant("acme") as connection:
        await insert(connection, "acme")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("update effect set tenant_id = 'other'")


async def test_everyone_sees_all_tenants(sample):
    for tenant in ("acme", "other"):
        async with sample.tenant(tenant) as connection:
            await insert(connection, tenant)
    async with sample.everyone() as connection:
        assert await connection.fetchval("select count(*) from effect") == 2


async def test_the_tenant_ends_with_its_transaction(sample):
    async with sample.tenant("acme") as connection:
        await insert(connection, "acme")
    pool = sample._pool
    async with pool.acquire() as connection:  # the same connection, no tenant named
        assert await connection.fetch("select * from effect") == []


@pytest.mark.parametrize("text", ["*", "", "a.b", "ACME", "acme' or 1=1"])
async def test_only_tenant_ids_are_taken(sample, text):
    with pytest.raises(ValueError, match="not a tenant id"):
        async with sample.tenant(text):
            pass


async def test_one_service_cannot_read_anothers_schema(sample):
    await migrate(sample.url, "stranger", PACKAGE)
    async with sample.everyone() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("select * from stranger.effect")


async def test_the_role_cannot_change_the_schema(sample):
    async with sample.everyone() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("create table sample.mine ()")
    async with sample.everyone() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("alter table effect disable row level security")


async def test_json_goes_in_and_out_as_objects(sample):
    data = {"total": Decimal("237.50"), "lines": [{"n": 1}], "name": "Öak & Sons", "none": None}
    async with sample.tenant("acme") as connection:
        await insert(connection, "acme", data=data)
        assert await connection.fetchval("select data from effect") == {**data, "total": "237.50"}
        with pytest.raises(asyncpg.DataError, match="does not go into jsonb"):
            await insert(connection, "acme", data={"when": object()})


async def test_a_failing_transaction_leaves_nothing(sample):
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what fails
        async with sample.tenant("acme") as connection:
            await insert(connection, "acme")
            raise ZeroDivisionError
    async with sample.tenant("acme") as connection:
        assert await connection.fetch("select * from effect") == []


async def test_migrations_run_once_and_in_order(postgres_url):
    assert await migrate(postgres_url, SCHEMA, PACKAGE) == ["0001", "0002"]
    assert await migrate(postgres_url, SCHEMA, PACKAGE) == []


async def test_overlapping_migrations_of_one_cluster_wait_for_each_other(databases):
    urls = [await databases.empty() for _ in range(3)]
    schemas = ("brandnew_a", "brandnew_b")  # roles belong to the cluster, so they race across databases
    runs = [migrate(url, schema, PACKAGE) for url in urls for schema in schemas for _ in range(2)]
    applied = await asyncio.gather(*runs)
    assert sorted(map(len, applied)) == [0] * 6 + [2] * 6


async def test_a_login_without_superuser_rights_can_migrate_and_work(databases):
    url = await databases.empty()
    owner = await asyncpg.connect(url)
    name = url.rsplit("/", 1)[1]
    try:
        await owner.execute(f"create role owner_{name} login createrole password 'secret'")
        await owner.execute(f"grant create, connect on database {name} to owner_{name}")
        host = url.split("@", 1)[1]
        login = f"postgresql://owner_{name}:secret@{host}"
        await migrate(login, f"plain_{name}", PACKAGE)
        database = Database(login, schema=f"plain_{name}")
        await database.open()
        async with database.tenant("acme") as connection:
            await insert(connection, "acme")
        async with database.tenant("other") as connection:
            assert await connection.fetch("select * from effect") == []
        await database.close()
    finally:
        await owner.execute(f"drop owned by owner_{name} cascade")
        await owner.execute(f"drop role if exists qbsync_plain_{name}")
        await owner.execute(f"drop role owner_{name}")
        await owner.close()


def package(tmp_path, monkeypatch, **files):
    name = f"package_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / name / "postgres" / "migrations"
    folder.mkdir(parents=True)
    (tmp_path / name / "__init__.py").touch()
    for file, text in files.items():
        (folder / f"{file}.sql").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return name


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({}, "no postgres/migrations"),
        ({"first": "select 1"}, "NNNN_name"),
        ({"0001_a": "select 1", "0001_b": "select 1"}, "two migrations"),
    ],
)
async def test_misnamed_migrations_are_refused(tmp_path, monkeypatch, files, fault):
    with pytest.raises(MigrationError, match=fault):
        await migrate("postgresql://nowhere/x", "sample", package(tmp_path, monkeypatch, **files))


async def test_a_failing_migration_leaves_the_one_before(postgres_url, tmp_path, monkeypatch):
    name = package(
        tmp_path,
        monkeypatch,
        **{"0001_good": "create table one ();", "0002_bad": "create table two (); select * from nowhere;"},
    )
    with pytest.raises(Exception, match="nowhere"):
        await migrate(postgres_url, SCHEMA, name)
    connection = await asyncpg.connect(postgres_url)
    try:
        assert await connection.fetchval("select version_num from sample.alembic_version") == "0001"
        assert await connection.fetchval("select to_regclass('sample.two')") is None
    finally:
        await connection.close()


async def test_shared_statements_fit_the_shared_tables(sample):
    await assert_queries_prepare(QUERIES, sample)


def statements(tmp_path, monkeypatch, text):
    name = package(tmp_path, monkeypatch)
    (tmp_path / name / "queries.sql").write_text(text)
    return Queries.load(name)


def test_statements_are_read_by_name(tmp_path, monkeypatch):
    queries = statements(
        tmp_path,
        monkeypatch,
        "-- All of them.\n\n-- name: one\n-- The first.\nselect 1;\n\n-- name: two\n-- Second.\nselect 2",
    )
    assert dict(queries) == {"one": "select 1", "two": "select 2"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("-- name: one\nselect 1", "what it does"),
        ("-- name: one\n-- A.\nselect 1\n-- name: one\n-- B.\nselect 2", "twice"),
        ("select 1\n-- name: one\n-- A.\nselect 1", "without"),
    ],
)
def test_statements_out_of_form_are_refused(tmp_path, monkeypatch, text, fault):
    with pytest.raises(QueryFileError, match=fault):
        statements(tmp_path, monkeypatch, text)


async def test_opening_does_not_need_the_server():
    database = Database("postgresql://qbsync@127.0.0.1:1/none", schema=SCHEMA)
    await database.open()
    with pytest.raises(ConnectionRefusedError):
        await database.ping()
    await database.close()


def test_another_database_of_the_same_server():
    assert database_url("postgresql://a:b@h:1/x", "y") == "postgresql://a:b@h:1/y"
