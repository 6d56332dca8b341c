"""The examples of the integrator's guide do what they promise: they are run, as they stand on the page."""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import nats
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr, TypeAdapter

from qbsync_log.messages import SUBSCRIPTIONS
from qbsync_shared.clock import FrozenClock, SystemClock
from qbsync_shared.entities import parse_entity
from qbsync_shared.ids import uuid7_maker
from qbsync_shared.kinds import Edition, Plan
from qbsync_shared.messages import AppEntityChanged, TenantConfigured
from qbsync_shared.messages.base import stamp
from qbsync_shared.messaging import provision
from qbsync_shared.postgres import Database
from qbsync_shared.subjects import EVENTS
from qbsync_shared.web import Role, issue_token
from qbsync_wizard.app import assemble
from qbsync_wizard.service.context import Context
from qbsync_wizard.settings import WizardSettings
from tests.browser.server import free_socket
from tests.conftest import MakeDatabase
from tests.contract.markdown import page
from tests.log.conftest import KEY
from tests.log.conftest import make_app as make_log
from tests.shared.servers import WipeableServer

GUIDE, REVIEW, SYNCS = (page(f"docs/integrator/{name}.md") for name in ("README", "review", "syncs"))
TENANT = "oak-field"
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="the examples need curl")


@dataclass
class Installation:
    """A wizard and a log that answer, without NATS, and what an integrator has of them."""

    wizard_url: str
    log_url: str
    log_database: Database

    @property
    def variables(self) -> dict[str, str]:
        token = issue_token(KEY, tenant="*", role=Role.OPERATOR, sub="u1", name="Dana R.")
        return {"WIZARD_URL": self.wizard_url, "LOG_URL": self.log_url, "TOKEN": token}

    async def shell(self, script: str, **more: str) -> list[Any]:
        """Run a block; returns the JSON of each answer."""
        printed = await run("bash", "-euc", script, **self.variables, **more)
        return list(read_all(printed))

    async def tell_log(self) -> None:
        """The tenant reaches the log, as it would over NATS."""
        clock = SystemClock()
        message = TenantConfigured(
            **stamp(uuid7_maker(clock)(), TENANT, clock.now()),
            version=1,
            name="Oak Field",
            plan=Plan.PLUS,
            edition=Edition.ONLINE,
        )
        handle = next(one.handle for one in SUBSCRIPTIONS if one.message is TenantConfigured)
        async with self.log_database.tenant(TENANT) as connection:
            await handle(connection, message)


async def run(*command: str, **variables: str) -> str:
    """What a program printed; it must end well."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, out.decode() + errors.decode()
    return out.decode()


def read_all(text: str) -> Any:
    """The JSON values of a text that has them one after the other; other text is passed over."""
    decoder, at = json.JSONDecoder(), 0
    while (at := text.find("{", at)) >= 0:
        value, at = decoder.raw_decode(text, at)
        yield value


class Server(uvicorn.Server):
    """Answers on a socket; without lifespan, so that nothing runs beside the requests, and without signal handlers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def answering(app: FastAPI, bound: socket.socket) -> AsyncIterator[None]:
    """The app on a socket while the test runs."""
    server = Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=5))
    running = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.wait_for(running, 20)


@pytest.fixture
async def installation(database: MakeDatabase) -> AsyncIterator[Installation]:
    wizard_database = await database("wizard", "qbsync_wizard")
    log_database = await database("log", "qbsync_log")
    sockets = free_socket(), free_socket()
    wizard_url, log_url = (f"http://127.0.0.1:{one.getsockname()[1]}" for one in sockets)
    settings = WizardSettings(
        database_url=SecretStr(wizard_database.url),
        nats_url=SecretStr("nats://127.0.0.1:9"),
        jwt_key=SecretStr(KEY),
        public_url=wizard_url,
    )
    clock = SystemClock()
    wizard = assemble(settings, wizard_database, Context(clock, uuid7_maker(clock)))
    log = make_log(log_database, FrozenClock(clock.now()), uuid7_maker(clock), log_url)
    async with answering(wizard, sockets[0]), answering(log, sockets[1]):
        yield Installation(wizard_url, log_url, log_database)


@needs_curl
async def test_the_first_steps_by_http(installation: Installation) -> None:
    tenant, handed_over, many, looked = [await installation.shell(one) for one in GUIDE.blocks("sh")]
    assert tenant[0]["id"] == TENANT
    assert [one["outcome"] for one in handed_over] == ["accepted"] * 3
    assert [one["status"] for one in many[0]["items"]] == [202, 202]
    badge, entities = looked
    assert badge["exports"] == 3
    assert {one["app_id"] for one in entities["items"]} >= {"C-17", "I-3", "V-1042"}


@needs_curl
async def test_the_review_by_http(installation: Installation) -> None:
    for block in GUIDE.blocks("sh"):
        await installation.shell(block)
    look, approve, approve_all, matching = REVIEW.blocks("sh")
    (review,) = await installation.shell(look)
    (row,) = review["items"]
    assert set(row) >= {"ready", "problems", "duplicates", "conflict", "changes"}
    seen = {"ITEM_ID": row["id"], "ITEM_REVISION": str(row["revision"]), "AS_OF": review["as_of"]}
    (approved,) = await installation.shell(approve, **seen)
    assert (approved["approved"], approved["changed"], approved["blocked"], approved["job"]) == (
        1,
        [],
        [],
        None,
    )
    (review,) = await installation.shell(look)
    (rest,) = await installation.shell(approve_all, **seen)
    matches, linked = await installation.shell(matching, **seen)
    assert (matches["total"], linked) == (0, {"linked": 0, "remaining": 0})
    assert review["total"] == 0
    assert rest["changed"] == []


@needs_curl
async def test_syncs_by_http(installation: Installation) -> None:
    await installation.shell(GUIDE.blocks("sh")[0])
    await installation.tell_log()
    reading, asking, looking, linking, imports, answering = SYNCS.blocks("sh")
    assert [one.get("total") for one in await installation.shell(reading)][:2] == [0, 0]
    resync, clear = await installation.shell(asking, SYNC_ID="s-1")
    assert resync["asked"] == []
    assert [one["sync_id"] for one in clear["refused"]] == ["s-1"]
    (unknown,) = await installation.shell(looking, SYNC_ID="s-1")
    assert unknown["status"] == 404
    (linked,) = await installation.shell(linking, SYNC_ID="s-1", QUICKBOOKS_ID="58")
    assert [one["sync_id"] for one in linked["refused"]] == ["s-1"]
    assert (await installation.shell(imports))[0]["items"] == []
    for problem in await installation.shell(
        answering, SYNC_ID="s-1"
    ):  # the body fits, there is no such import
        assert problem["status"] == 404


async def test_the_python_job(installation: Installation) -> None:
    headers = {"Authorization": f"Bearer {installation.variables['TOKEN']}"}
    tenant = f"{installation.wizard_url}/api/v1/tenants/{TENANT}"
    async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
        body = {"name": "Oak Field", "plan": "plus", "edition": "online"}
        (await client.put(tenant, json=body)).raise_for_status()
        await run(sys.executable, "-c", GUIDE.blocks("python")[0], **installation.variables)
        known = (await client.get(f"{tenant}/entities")).json()["items"]
    assert [one["app_id"] for one in known] == ["C-20"]


async def test_the_python_publisher(nats_server: WipeableServer) -> None:
    await provision(nats_server.url)
    printed = await run(sys.executable, "-c", GUIDE.blocks("python")[1], NATS_URL=nats_server.url)
    assert printed.startswith(f"stored in {EVENTS}")
    client = await nats.connect(nats_server.url)
    stored = await client.jetstream().get_last_msg(EVENTS, "qbsync.v1.oak-field.app.entity.changed")
    await client.close()
    assert stored.data is not None
    assert stored.headers is not None
    message = AppEntityChanged.decode(stored.data)
    assert stored.headers["ce-id"] == stored.headers["Nats-Msg-Id"] == message.id
    assert stored.headers["ce-type"] == AppEntityChanged.ce_type()
    assert message.subject == "qbsync.v1.oak-field.app.entity.changed"


def test_the_json_on_the_pages_fits() -> None:
    claims = TypeAdapter(dict[str, Any]).validate_json(GUIDE.blocks("json")[0])
    assert {"sub", "name", "tenant", "role", "aud", "exp"} == set(claims)
    handed_over = [json.loads(body) for body in _bodies() if "revision" in body and "line1" in body]
    assert parse_entity({"kind": "customer", "app_id": "C-17", **handed_over[0]}).label == "Oak & Sons"


def _bodies() -> list[str]:
    """The bodies of the guide's curl commands."""
    shell = "\n".join(GUIDE.blocks("sh"))
    return [part.rsplit("'", 1)[0] for part in shell.split("-d '")[1:]]
