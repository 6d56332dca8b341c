"""The servers that tests run on: embedded, or containers where QBSYNC_TEST_BACKEND=containers."""

import os
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Protocol

from qbsync_local.embedded import EmbeddedNats, EmbeddedPostgres

# The tests' cluster dies with them: what costs time only to survive a crash is off.
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300"}
POSTGRES_IMAGE = os.environ.get("QBSYNC_TEST_POSTGRES_IMAGE", "postgres:18")
NATS_IMAGE = os.environ.get("QBSYNC_TEST_NATS_IMAGE", "nats:2")
START_SECONDS = 60.0


class Server(Protocol):
    """What both backends offer."""

    @property
    def url(self) -> str: ...

    @property
    def running(self) -> bool: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def kill(self) -> None: ...


class WipeableServer(Server, Protocol):
    """A NATS that can lose its disk."""

    def wipe(self) -> None: ...


def in_containers() -> bool:
    """Whether this run uses containers."""
    return os.environ.get("QBSYNC_TEST_BACKEND", "embedded") == "containers"


def make_postgres(data: Path, *, careful: bool = False) -> Server:
    """A PostgreSQL, not yet started; `careful` is durable as in production, for tests that kill it."""
    if in_containers():
        return PostgresContainer(careful=careful)
    return EmbeddedPostgres(data, settings=None if careful else CARELESS)


def make_nats(data: Path, *, careful: bool = False) -> WipeableServer:
    """A NATS with JetStream, not yet started."""
    if in_containers():
        return NatsContainer()
    return EmbeddedNats(data, sync_interval="always" if careful else "2m")


class _Container:
    """A container that can be killed and started again on the same disk and the same port."""

    def __init__(self, image: str, port: int, command: list[str], environment: dict[str, str]) -> None:
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - only where they are used

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._container: Any = DockerContainer(image).with_bind_ports(port, self.port).with_command(command)
        for name, value in environment.items():
            self._container.with_env(name, value)
        self._made = False

    @property
    def docker(self) -> Any:
        return self._container.get_wrapped_container()

    @property
    def running(self) -> bool:
        if not self._made:
            return False
        self.docker.reload()
        return bool(self.docker.status == "running")

    def start(self) -> None:
        if not self._made:
            self._container.start()
            self._made = True
        elif not self.running:
            self.docker.start()
        self._wait_ready(time.monotonic() + START_SECONDS)

    def stop(self) -> None:
        if self._made:
            self._container.stop()
            self._made = False

    def kill(self) -> None:
        self.docker.kill()
        self.docker.wait()

    def _wait_ready(self, deadline: float) -> None:
        while not self._ready():
            if time.monotonic() > deadline:
                raise TimeoutError(self.docker.logs(tail=20).decode(errors="replace"))
            time.sleep(0.05)

    def _ready(self) -> bool:
        raise NotImplementedError


class PostgresContainer(_Container):
    def __init__(self, *, careful: bool) -> None:
        settings = {"max_connections": "300"} if careful else CARELESS
        command = [
            "postgres",
            *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
        ]
        super().__init__(
            POSTGRES_IMAGE,
            5432,
            command,
            {"POSTGRES_USER": "qbsync", "POSTGRES_PASSWORD": "test", "POSTGRES_DB": "qbsync"},
        )

    @property
    def url(self) -> str:
        return f"postgresql://qbsync:test@127.0.0.1:{self.port}/qbsync"

    def _ready(self) -> bool:
        # the image's first start runs a server without TCP: ask over TCP
        asked = self.docker.exec_run(["pg_isready", "-h", "127.0.0.1", "-U", "qbsync", "-d", "qbsync"])
        return bool(asked.exit_code == 0)


class NatsContainer(_Container):
    def __init__(self) -> None:
        super().__init__(NATS_IMAGE, 4222, ["-js", "-sd", "/data", "-m", "8222"], {})
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._monitor: int = probe.getsockname()[1]
        self._container.with_bind_ports(8222, self._monitor)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def wipe(self) -> None:
        """Remove the container with its disk; the next start makes a new one on the same port."""
        self.stop()

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._monitor}/healthz", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
