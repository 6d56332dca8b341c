"""What all tests share: the servers of the run, databases, a clock that stands, and no network beyond this machine."""

import ipaddress
import random
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from qbsync_shared.clock import FrozenClock
from qbsync_shared.ids import MakeId, uuid7_maker
from qbsync_shared.logging import describe_exception
from qbsync_shared.postgres import Database
from tests.shared.databases import Databases
from tests.shared.servers import Server, WipeableServer, make_nats, make_postgres

POSTGRES_URL = "qbsync_postgres_url"
RUN_SERVERS = pytest.StashKey["RunServers"]()

MakeDatabase = Callable[[str, str], Awaitable[Database]]


class RunServers:
    """The one PostgreSQL of a run, started when it is first asked for."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="qbsync-tests-"))
        self._postgres: Server | None = None

    def postgres_url(self) -> str:
        if self._postgres is None:
            self._postgres = make_postgres(self._folder / "postgres")
            self._postgres.start()
        return self._postgres.url

    def stop(self) -> None:
        if self._postgres is not None:
            self._postgres.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    """Close the network, and prepare the servers in the process that leads the run."""
    block_network()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            describe_exception,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    if not hasattr(config, "workerinput"):
        config.stash[RUN_SERVERS] = RunServers()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what the run started."""
    if RUN_SERVERS in config.stash:
        config.stash[RUN_SERVERS].stop()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where the run's PostgreSQL is."""
    node.workerinput[POSTGRES_URL] = node.config.stash[RUN_SERVERS].postgres_url()


def block_network() -> None:
    """Only this machine can be reached: a test that needs the world would be a test of the world."""
    for name in ("connect", "connect_ex"):
        original = getattr(socket.socket, name)

        def guarded(self: socket.socket, address: Any, original: Any = original) -> Any:
            if self.family in {socket.AF_INET, socket.AF_INET6} and not _is_local(address[0]):
                raise OSError(f"tests reach only this machine, not {address[0]}")
            return original(self, address)

        setattr(socket.socket, name, guarded)


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(scope="session")
def postgres_server_url(request: pytest.FixtureRequest) -> str:
    """The superuser's URL of the run's PostgreSQL."""
    handed_over = getattr(request.config, "workerinput", {}).get(POSTGRES_URL)
    return handed_over or request.config.stash[RUN_SERVERS].postgres_url()


@pytest.fixture(scope="session")
def idle_databases() -> dict[str, list[str]]:
    """Databases that a test of this process has given back, by the package of their schema."""
    return {}


@pytest.fixture
async def databases(
    postgres_server_url: str, idle_databases: dict[str, list[str]]
) -> AsyncIterator[Databases]:
    """Makes databases; all are given back after the test."""
    made = Databases(postgres_server_url, idle_databases)
    yield made
    await made.give_back()


@pytest.fixture
async def postgres_url(databases: Databases) -> str:
    """A fresh, empty database."""
    return await databases.empty()


@pytest.fixture
def database(databases: Databases) -> MakeDatabase:
    """``await database("wizard", "qbsync_wizard")``: an open pool on a fresh database with that service's schema."""
    return databases.opened


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[WipeableServer]:
    """A NATS of the test's own, running; it may be stopped, killed, wiped and started again."""
    server = make_nats(tmp_path / "nats")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def nats_url(nats_server: WipeableServer) -> str:
    """The URL of the test's own NATS."""
    return nats_server.url


@pytest.fixture
def clock() -> FrozenClock:
    """Stands at noon on 2 November 2026 until it is moved."""
    return FrozenClock(datetime(2026, 11, 2, 12, 0, tzinfo=UTC))


@pytest.fixture
def make_id(clock: FrozenClock) -> MakeId:
    """Real UUIDv7, the same ones in every run."""
    return uuid7_maker(clock, random.Random(7).getrandbits)
