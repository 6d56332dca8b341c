"""The frame of a service, as a process: health, metrics, a careful start and a careful end."""

import asyncio
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager
from importlib.metadata import version

import httpx
import pytest

from qbsync_shared.health import Check, examine
from qbsync_shared.loops import Background, keep_running
from tests.shared.messaging.support import PACKAGE, SCHEMA, pause, until

pytestmark = pytest.mark.timeout(90)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(**settings):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("QBSYNC_")}
    own = {
        "QBSYNC_PUBLIC_URL": "http://127.0.0.1",
        "QBSYNC_JWT_KEY": "k" * 32,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return {**inherited, **own, **{f"QBSYNC_{name}": str(value) for name, value in settings.items()}}


@asynccontextmanager
async def sample_process(database_url, nats_url):
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        PACKAGE,
        env=environment(DATABASE_URL=database_url, NATS_URL=nats_url, PORT=port),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:

            async def answers():
                try:
                    return (await client.get("/health/live")).status_code == 200
                except httpx.TransportError:
                    assert process.returncode is None, (await process.communicate())[1].decode()
                    return False

            await until(answers, 40)
            yield client, process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ended(process):
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        _, errors = await process.communicate()
    return process.returncode, errors.decode()


async def is_ready(client):
    return (await client.get("/health/ready")).status_code == 200


async def test_a_service_from_start_to_end(databases, nats_url):
    async with sample_process(await databases.copy(SCHEMA, PACKAGE), nats_url) as (client, process):
        await until(lambda: is_ready(client))
        answer = await client.post(
            "/say", content=pause(1).encode(), headers={"content-type": "application/json"}
        )
        assert answer.status_code == 202

        async def heard():
            return (await client.get("/heard")).json() == ["acme-1"]

        await until(heard)
        assert (await client.get("/health/ready")).json() == {
            "status": "ok",
            "checks": {"database": "ok", "nats": "ok", "consumers": "ok", "relay": "ok"},
        }
        text = (await client.get("/metrics")).text
        assert f'qbsync_build_info{{python="{sys.version.split()[0]}"' in text
        assert f'version="{version("qbsync-shared")}"' in text
        assert 'qbsync_received_processed_messages_total{app_name="sample"' in text
        assert "acme" not in text
        document = (await client.get("/docs/asyncapi")).json()
        assert list(document["operations"]) == ["sample-command-pause"]
        assert "/health/live" not in (await client.get("/openapi.json")).text
        code, errors = await ended(process)
    assert code == 0, errors
    assert '"event": "service_stopped"' in errors
    assert "k" * 32 not in errors


async def test_http_works_while_nats_is_down_and_the_end_is_clean(databases, nats_server):
    url = nats_server.url
    nats_server.stop()
    async with sample_process(await databases.copy(SCHEMA, PACKAGE), url) as (client, process):
        answer = await client.post(
            "/say", content=pause(1).encode(), headers={"content-type": "application/json"}
        )
        assert answer.status_code == 202
        ready = await client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["checks"]["nats"] == "not connected to NATS"
        assert ready.json()["checks"]["database"] == "ok"
        nats_server.start()
        await until(lambda: is_ready(client))
        nats_server.kill()

        async def noticed():
            return not await is_ready(client)

        await until(noticed)
        code, errors = await ended(process)
    assert code == 0, errors


async def test_a_database_that_is_away_is_told_by_readiness_alone(nats_url):
    away = f"postgresql://qbsync@127.0.0.1:{free_port()}/qbsync"
    async with sample_process(away, nats_url) as (client, process):
        ready = await client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["checks"]["database"] == "ConnectionRefusedError"
        code, errors = await ended(process)
    assert code == 0, errors


async def test_faults_in_the_settings_end_the_start_with_all_of_them():
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        PACKAGE,
        env=environment(DATABASE_URL="nonsense", PORT="x"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 2
    lines = errors.decode().splitlines()
    assert lines[0] == "The settings are not right:"
    assert {line.split()[0].rstrip(":") for line in lines[1:]} == {
        "QBSYNC_DATABASE_URL",
        "QBSYNC_NATS_URL",
        "QBSYNC_PORT",
    }


async def test_checks_that_raise_or_hang_are_problems(monkeypatch):
    monkeypatch.setattr("qbsync_shared.health.CHECK_SECONDS", 0.05)

    async def well():
        return None

    async def ill():
        return "it is ill"

    async def raises():
        raise KeyError("secret detail")

    async def hangs():
        await asyncio.Event().wait()

    checks = [Check("well", well), Check("ill", ill), Check("raises", raises), Check("hangs", hangs)]
    findings = {finding.name: finding.problem for finding in await examine(checks)}
    assert findings == {
        "well": None,
        "ill": "it is ill",
        "raises": "KeyError",
        "hangs": "no answer within 0 s",
    }


async def test_a_loop_that_fails_comes_back_and_one_that_returns_is_done():
    runs = []

    async def loop():
        runs.append(1)
        if len(runs) < 4:
            raise KeyError

    await keep_running(loop, name="loop", first_pause=0.001)
    assert len(runs) == 4


async def test_loops_end_with_the_service():
    ended_loops = []
    running = asyncio.Event()

    async def endless():
        try:
            running.set()
            await asyncio.Event().wait()
        finally:
            ended_loops.append(1)

    background = Background()
    background.start([endless])
    await running.wait()
    await background.stop()
    assert ended_loops == [1]


async def test_a_loop_that_loses_its_cancellation_is_cancelled_again(monkeypatch):
    """As ``asyncio.wait_for`` of Python 3.11 loses one that comes together with the result."""
    monkeypatch.setattr("qbsync_shared.loops.CANCEL_AGAIN_SECONDS", 0.01)
    lost = []
    running = asyncio.Event()

    async def forgetful():
        while True:
            running.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if lost:
                    raise
                lost.append(1)

    background = Background()
    background.start([forgetful])
    await running.wait()
    async with asyncio.timeout(5):
        await background.stop()
    assert lost == [1]
