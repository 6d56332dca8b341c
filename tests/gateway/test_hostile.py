"""Hostile input against a real process of the service: refused without harm, and its memory does not grow."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from qbsync_local.sandbox.desktop.seeding import open_company
from qbsync_qbwc_gateway.app import assemble
from qbsync_qbwc_gateway.soap.bodies import Bodies
from qbsync_qbwc_gateway.soap.envelope import NAMESPACE, SOAP, SoapFaultError
from qbsync_shared.clock import FrozenClock
from qbsync_shared.ids import MakeId
from qbsync_shared.postgres import Database
from tests.browser.server import free_socket
from tests.gateway.conftest import gateway_settings
from tests.gateway.desktop import Desktop, envelope
from tests.shared.databases import Databases

MEGABYTE = 1_000_000
ROUNDS = 3
FLOODS = 3
MAY_GROW = 60
"""Megabytes between the first round and the last; a body that was kept would be ten of them each."""
MAY_TAKE = 300
"""Megabytes at any moment, also while several bodies of 100 MB arrive at the same time."""


@dataclass
class Process:
    """The gateway as it is deployed, on a database of its own; NATS is away, which HTTP does not need."""

    url: str
    pid: int
    client: httpx.AsyncClient
    user: str
    password: str

    async def call(self, method: str, **arguments: Any) -> httpx.Response:
        return await self.post(envelope(method, **arguments))

    async def post(self, body: Any) -> httpx.Response:
        headers = {"content-type": "text/xml; charset=utf-8"}
        return await self.client.post("/qbwc", content=body, headers=headers)

    def resident(self, line: str = "VmRSS") -> float:
        """Megabytes now, or at most since the last reset (``VmHWM``)."""
        text = Path(f"/proc/{self.pid}/status").read_text("ascii")
        found = next(one for one in text.splitlines() if one.startswith(f"{line}:"))
        return int(found.split()[1]) * 1024 / MEGABYTE

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", "ascii")

    async def ticket(self) -> str:
        answer = await self.call("authenticate", strUserName=self.user, strPassword=self.password)
        return answer.text.split("<string>", 1)[1].split("</string>", 1)[0]


@pytest.fixture
async def process(
    databases: Databases, tmp_path: Path, clock: FrozenClock, make_id: MakeId
) -> AsyncIterator[Process]:
    database_url = await databases.copy("gateway", "qbsync_qbwc_gateway")
    bound = free_socket()
    port = bound.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    database = Database(database_url, schema="gateway")
    await database.open()
    gateway = assemble(gateway_settings(url), database, clock=clock, make_id=make_id)
    company = open_company(tmp_path / "oak.qbw", now=clock.now)
    desktop = Desktop(gateway=gateway, database=database, company=company, clock=clock, make_id=make_id)
    await desktop.configure()
    access = await gateway.connectors.create("oak", by="Dana")
    company.store.close()
    await database.close()
    bound.close()
    given = {
        "DATABASE_URL": database_url, "NATS_URL": "nats://127.0.0.1:9", "PUBLIC_URL": url, "JWT_KEY": "k" * 32,
        "HOST": "127.0.0.1", "PORT": str(port),
    }  # fmt: skip
    environment = {**os.environ, **{f"QBSYNC_{name}": value for name, value in given.items()}}
    command = [sys.executable, "-m", "qbsync_qbwc_gateway"]
    with (tmp_path / "gateway.log").open("wb") as output:
        running = subprocess.Popen(  # noqa: ASYNC220 - it is waited for by asking it
            command, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
            await _until_alive(client, running)
            yield Process(url, running.pid, client, access.username, access.password)
    finally:
        running.terminate()
        running.wait(30)


async def _until_alive(client: httpx.AsyncClient, running: "subprocess.Popen[bytes]") -> None:
    for _ in range(1200):
        assert running.poll() is None, "the service ended"
        try:
            if (await client.get("/health/live")).status_code == 200:
                return
        except httpx.TransportError:
            await asyncio.sleep(0.05)
    raise AssertionError("the service did not start")


def wrapped(content: str, head: str = "") -> bytes:
    return (
        f'{head}<soap:Envelope xmlns:soap="{SOAP}"><soap:Body>{content}</soap:Body></soap:Envelope>'.encode()
    )


def login(user: str) -> str:
    return f'<authenticate xmlns="{NAMESPACE}"><strUserName>{user}</strUserName></authenticate>'


LAUGHS = '<!ENTITY l0 "lol">' + "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)
)  # 3 GB if it were expanded
QUADRATIC = f'<!ENTITY l9 "{"x" * 100_000}">'
ATTRIBUTES = " ".join(f"a{n}='x'" for n in range(50_000))
HOSTILE = {
    "a bomb": wrapped(login("&l9;"), f"<!DOCTYPE l [{LAUGHS}]>"),
    "a quadratic bomb": wrapped(login("&l9;" * 5_000), f"<!DOCTYPE l [{QUADRATIC}]>"),
    "a file": wrapped(login("&f;"), '<!DOCTYPE l [<!ENTITY f SYSTEM "file:///etc/passwd">]>'),
    "an address": wrapped(login("&f;"), '<!DOCTYPE l [<!ENTITY f SYSTEM "http://127.0.0.1:9/x">]>'),
    "a DTD elsewhere": wrapped(login("u"), '<!DOCTYPE l SYSTEM "http://127.0.0.1:9/x.dtd">'),
    "a parameter entity": wrapped(
        login("u"), '<!DOCTYPE l [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>'
    ),
    "a wrong namespace": wrapped('<authenticate xmlns="http://example.com/"/>'),
    "a wrong envelope": envelope("serverVersion").replace(SOAP.encode(), b"urn:soap"),
    "many elements": wrapped("<a/>" * 500_000),
    "many attributes": wrapped(f"<a {ATTRIBUTES}/>"),
    "much depth": wrapped("<a>" * 200_000 + "</a>" * 200_000),
    "no end": wrapped("<a>" * 500_000),
    "nine megabytes of a name": wrapped(f"<{'n' * 9_000_000}/>"),
    "just too long": b" " * 10_000_001,
    "zeros": b"\0" * 5_000_000,
}
EMPTY_PARTS = [
    ("authenticate", {}),
    ("clientVersion", {}),
    ("sendRequestXML", {"ticket": "x"}),
    ("receiveResponseXML", {}),
    ("connectionError", {}),
    ("getLastError", {}),
    ("closeConnection", {}),
    ("interactiveRejected", {}),
    ("sendRequestXML", {"ticket": "x" * 1_000_000, "strHCPResponse": "y" * 1_000_000}),
    ("receiveResponseXML", {"ticket": "", "response": "<QBXML>" * 500_000}),
    ("authenticate", {"strUserName": "u" * 2_000_000, "strPassword": "p" * 2_000_000}),
]


async def attack(process: Process) -> None:
    """All of it once; what is well-formed gets a harmless answer, everything else a fault."""
    for name, body in HOSTILE.items():
        try:
            answered = await process.post(body)
        except httpx.TransportError:
            assert len(body) > 10_000_000, name  # hung up before all of it was sent
            continue
        assert answered.status_code == 500, name
        assert "<faultcode>soap:" in answered.text, name
        assert "root:" not in answered.text, name
    for method, arguments in EMPTY_PARTS:
        answered = await process.call(method, **arguments)
        assert answered.status_code == 200, method
        assert "NoOp" not in answered.text
    await out_of_order(process)


async def out_of_order(process: Process) -> None:
    """A known ticket, and calls where none of them is due."""
    ticket = await process.ticket()
    for _ in range(2):
        early = await process.call("receiveResponseXML", ticket=ticket, response="<QBXML/>")
        assert "<receiveResponseXMLResult>-1<" in early.text
    told = await process.call("sendRequestXML", ticket=ticket, strHCPResponse="&" * 100_000)
    assert told.status_code == 200
    bomb = f"<!DOCTYPE l [{LAUGHS}]><QBXML>&l9;</QBXML>"
    refused = await process.call("receiveResponseXML", ticket=ticket, response=bomb)
    assert "<receiveResponseXMLResult>-" in refused.text
    assert (await process.call("closeConnection", ticket=ticket)).status_code == 200
    late = await process.call("sendRequestXML", ticket=ticket)
    assert "<sendRequestXMLResult></sendRequestXMLResult>" in late.text


async def flood(process: Process, megabytes: int = 100) -> None:
    """A body of 100 MB in chunks, without its length."""

    async def body() -> AsyncIterator[bytes]:
        for _ in range(megabytes):
            yield b" " * MEGABYTE

    with suppress(httpx.TransportError):  # it may hang up while more is to come
        assert (await process.post(body())).status_code == 500


async def test_what_is_hostile_does_no_harm_and_takes_no_memory(process: Process) -> None:
    await attack(process)
    await asyncio.gather(*(flood(process) for _ in range(FLOODS)))
    before = process.resident()
    process.forget_peak()
    for _ in range(ROUNDS):
        await attack(process)
    await asyncio.gather(*(flood(process) for _ in range(FLOODS)))
    after, peak = process.resident(), process.resident("VmHWM")
    assert after - before < MAY_GROW, (before, after)
    assert peak < MAY_TAKE
    assert "qbsync" in (await process.call("serverVersion")).text
    assert (await process.ticket()) != ""


# how bodies are bounded, without a process


class Arriving:
    """A request whose pieces come as they are told to."""

    def __init__(self, *pieces: bytes, waits: asyncio.Event | None = None, **headers: str) -> None:
        self.headers = headers
        self._pieces = pieces
        self._waits = waits

    async def stream(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        if self._waits is not None:
            await self._waits.wait()


def read(bodies: Bodies, request: Any) -> Any:
    return bodies.read(request)


@pytest.fixture
def bodies() -> Bodies:
    return Bodies(largest=10, under_way=15, seconds=60)


async def test_all_bodies_together_are_bounded_and_give_back_what_they_took(bodies: Bodies) -> None:
    hold = asyncio.Event()
    first = asyncio.create_task(read(bodies, Arriving(b"1234567890", waits=hold)))
    await asyncio.sleep(0)
    with pytest.raises(SoapFaultError, match="many requests") as crowded:
        await read(bodies, Arriving(b"123", b"456"))
    assert crowded.value.code == "Server"
    assert await read(bodies, Arriving(b"12345")) == b"12345"
    hold.set()
    assert await first == b"1234567890"
    for _ in range(5):
        assert await read(bodies, Arriving(b"12345", b"67890")) == b"1234567890"
        with pytest.raises(SoapFaultError, match="longer than 10"):
            await read(bodies, Arriving(b"12345", b"67890", b"1"))


async def test_a_declared_length_is_believed_before_a_byte_is_read(bodies: Bodies) -> None:
    with pytest.raises(SoapFaultError, match="longer than"):
        await read(bodies, Arriving(b"1", **{"content-length": "11"}))


async def test_a_body_that_never_ends_is_given_up() -> None:
    patient = Bodies(largest=10, under_way=15, seconds=0.01)
    with pytest.raises(SoapFaultError, match="too long"):
        await read(patient, Arriving(b"1234567890", waits=asyncio.Event()))
    assert await read(patient, Arriving(b"1234567890")) == b"1234567890"
