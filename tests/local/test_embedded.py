"""The embedded servers: kept data, crashes, leftovers."""

import asyncio
import os
import signal
import subprocess
import sys

import asyncpg
import nats
import pytest

from qbsync_local.embedded import EmbeddedNats, EmbeddedPostgres, EmbeddedServerError
from qbsync_local.embedded import postgres as module
from qbsync_local.embedded.process import process_exists, wait_until


@pytest.fixture
def postgres(tmp_path):
    server = EmbeddedPostgres(tmp_path / "postgres")
    yield server
    server.stop()


@pytest.fixture
def nats_server(tmp_path):
    server = EmbeddedNats(tmp_path / "nats")
    yield server
    server.stop()


async def execute(url, statement):
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


def test_postgres_keeps_data_over_stop_and_crash(postgres):
    postgres.start()
    asyncio.run(execute(postgres.url, "create table kept as select 1 as n"))
    first = postgres.pid
    postgres.stop()
    assert not postgres.running
    postgres.start()
    assert postgres.pid != first
    asyncio.run(execute(postgres.url, "insert into kept values (2)"))
    postgres.kill()
    assert not postgres.running
    postgres.start()
    rows = asyncio.run(execute(postgres.url, "select n from kept order by n"))
    assert [row["n"] for row in rows] == [1, 2]


def test_postgres_asks_for_its_password(postgres):
    postgres.start()
    password = postgres.url.split(":")[2].split("@")[0]
    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.run(execute(postgres.url.replace(password, "wrong"), "select 1"))
    assert (postgres.data / "password").stat().st_mode & 0o077 == 0


def test_postgres_ends_a_server_left_by_a_crashed_run(postgres):
    postgres.start()
    left_over = postgres.pid
    second = EmbeddedPostgres(postgres.data)
    second.start()
    try:
        assert not process_exists(left_over)
        assert asyncio.run(execute(second.url, "select 1 as one"))[0]["one"] == 1
    finally:
        second.stop()


def test_postgres_ignores_a_pid_file_that_names_another_process(postgres):
    postgres.start()
    postgres.kill()
    pid_file = postgres.data / "cluster" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    postgres.start()
    assert postgres.running


def test_postgres_recovers_from_an_interrupted_initdb(postgres):
    (postgres.data / "cluster.new" / "cluster" / "base").mkdir(parents=True)
    postgres.start()
    assert not (postgres.data / "cluster.new").exists()


def test_postgres_says_why_it_does_not_start(tmp_path):
    server = EmbeddedPostgres(tmp_path / "postgres", settings={"shared_buffers": "nonsense"})
    with pytest.raises(EmbeddedServerError, match="shared_buffers"):
        server.start()


CRASHING_PARENT = """
import sys
from pathlib import Path
from qbsync_local.embedded import EmbeddedNats, EmbeddedPostgres
servers = EmbeddedPostgres(Path(sys.argv[1]) / "postgres"), EmbeddedNats(Path(sys.argv[1]) / "nats")
for server in servers:
    server.start()
print(*(server.pid for server in servers), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel tells children only on Linux")
def test_servers_end_when_their_parent_is_killed(tmp_path):
    command = [sys.executable, "-c", CRASHING_PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert wait_until(lambda: not any(process_exists(pid) for pid in pids), 20)


async def publish(url, body):
    client = await nats.connect(url)
    try:
        stream = client.jetstream()
        await stream.add_stream(name="KEPT", subjects=["kept.>"])
        await stream.publish("kept.one", body)
    finally:
        await client.close()


async def stored(url):
    client = await nats.connect(url)
    try:
        return (await client.jetstream().stream_info("KEPT")).state.messages
    finally:
        await client.close()


def test_nats_keeps_messages_over_stop_and_crash(nats_server):
    nats_server.start()
    asyncio.run(publish(nats_server.url, b"1"))
    nats_server.kill()
    assert not nats_server.running
    nats_server.start()
    asyncio.run(publish(nats_server.url, b"2"))
    nats_server.stop()
    nats_server.start()
    assert asyncio.run(stored(nats_server.url)) == 2


def test_nats_syncs_each_message(nats_server):
    nats_server.start()
    configuration = (nats_server.data / "nats.conf").read_text()
    assert 'sync_interval: "always"' in configuration
    assert "warn" not in nats_server.data.joinpath("nats.log").read_text().lower()


def test_nats_ends_a_server_left_by_a_crashed_run(nats_server):
    nats_server.start()
    left_over = nats_server.pid
    second = EmbeddedNats(nats_server.data)
    second.start()
    try:
        assert not process_exists(left_over)
    finally:
        second.stop()


def test_nats_store_can_be_wiped_only_while_it_is_down(nats_server):
    nats_server.start()
    asyncio.run(publish(nats_server.url, b"1"))
    with pytest.raises(EmbeddedServerError, match="stop it"):
        nats_server.wipe()
    nats_server.stop()
    nats_server.wipe()
    nats_server.start()
    with pytest.raises(nats.js.errors.NotFoundError):
        asyncio.run(stored(nats_server.url))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change to another user")
def test_root_falls_back_to_nobody_and_back(tmp_path, monkeypatch):
    assert tmp_path.parent.stat().st_mode & 0o007 == 0
    for account in (module.nobody(), module.account()):
        with monkeypatch.context() as patch:
            patch.setattr(module, "account", lambda account=account: account)
            server = EmbeddedPostgres(tmp_path / "postgres")
        server.start()
        try:
            assert asyncio.run(execute(server.url, "select 1 as one"))[0]["one"] == 1
        finally:
            server.stop()
