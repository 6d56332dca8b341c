"""`qbsync up`: the whole system on this machine, under one supervisor."""

import asyncio
import fcntl
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from qbsync_local import environment, local_secrets, preparation, run_file
from qbsync_local.catalogue import SANDBOX, SERVICES, SandboxSpec, ServiceSpec
from qbsync_local.embedded import EmbeddedNats, EmbeddedPostgres
from qbsync_local.given import given
from qbsync_local.programs import ChildProgram
from qbsync_local.supervisor import StartError, StopRequested, Supervisor
from qbsync_local.terminal import Terminal
from qbsync_shared.web.auth import EVERYBODY, Role, issue_token

TOKEN_SECONDS = 20 * 60
"""How often the admin token in run.json is renewed; it lasts an hour."""


class AlreadyRunningError(RuntimeError):
    """Another `qbsync up` holds this data directory."""


@dataclass(frozen=True)
class Plan:
    """What to start. `migrate` gets the database's URL, `provision` the one of NATS."""

    data: Path
    port_base: int
    migrate: Callable[[str], Awaitable[object]]
    provision: Callable[[str], Awaitable[object]]
    services: tuple[ServiceSpec, ...] = SERVICES
    sandbox: tuple[SandboxSpec, ...] = SANDBOX


@contextmanager
def exclusive(data: Path) -> Iterator[None]:
    """Hold the data directory; the lock ends with this process, however it ends. Raises AlreadyRunningError."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "lock").open("a", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = run_file.read(data)
            where = "" if other is None else f" (process {other.pid}): {other.services['wizard'].url}"
            raise AlreadyRunningError(
                f"qbsync already runs on {data}{where}. Stop it first, or choose another --data directory."
            ) from None
        yield


def bring_up(plan: Plan, terminal: Terminal) -> int:
    """Run the whole system until the user stops it; return the exit code of the command."""
    try:
        LocalSystem(plan, terminal).run()
    except StopRequested:
        return 0
    except (AlreadyRunningError, StartError) as error:
        terminal.event(str(error))
        return 1
    return 0


class LocalSystem:
    """One run of `qbsync up`, from the first server to the last stop."""

    def __init__(self, plan: Plan, terminal: Terminal) -> None:
        self._plan = plan
        self._terminal = terminal
        self._supervisor = Supervisor(terminal, after_restart=self._restarted)
        self._postgres: EmbeddedPostgres | None = None
        self._nats: EmbeddedNats | None = None
        self._children: dict[str, ChildProgram] = {}
        self._where: environment.Surroundings | None = None
        self._token_made = float("-inf")
        self._streams_due = False

    def run(self) -> None:
        """Start everything, keep it running until SIGINT, SIGTERM or SIGHUP, stop everything.

        Raises StartError, StopRequested, AlreadyRunningError; whatever happens, everything started is stopped.
        """
        with exclusive(self._plan.data), self._signals():
            try:
                self._start()
                self._announce()
                self._supervisor.run(self._tick)
            finally:
                self._supervisor.stop()
                run_file.remove(self._plan.data)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(_number: int, _frame: FrameType | None) -> None:
            self._supervisor.request_stop()

        before = {
            number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _start(self) -> None:
        plan = self._plan
        database_url, nats_url = self._start_servers()
        self._where = environment.Surroundings(
            data=plan.data,
            ports=environment.choose_ports((*plan.services, *plan.sandbox), plan.port_base),
            database_url=database_url,
            nats_url=nats_url,
            secrets=local_secrets.read_or_make(plan.data),
        )
        began = time.monotonic()
        try:
            asyncio.run(self._prepare(database_url, nats_url))
        except preparation.ERRORS as error:
            raise StartError(f"the schemas and streams could not be prepared: {error!r}") from error
        self._terminal.event(f"schemas and streams are up to date ({time.monotonic() - began:.1f} s)")
        shared = environment.common(plan.services, plan.sandbox, self._where)
        first = [self._service(spec, shared) for spec in plan.services]
        first += [self._sandbox(spec, shared) for spec in plan.sandbox if not spec.needs_services]
        second = [self._sandbox(spec, shared) for spec in plan.sandbox if spec.needs_services]
        self._supervisor.start(first)
        self._write_run_file()
        self._supervisor.start(second)
        self._write_run_file()

    def _start_servers(self) -> tuple[str, str]:
        """Start PostgreSQL and NATS, unless the user's environment names running ones; return their URLs."""
        database_url, nats_url = given("QBSYNC_DATABASE_URL"), given("QBSYNC_NATS_URL")
        if database_url is None:
            self._postgres = EmbeddedPostgres(self._plan.data / "postgres")
            self._supervisor.start([self._postgres])
            database_url = self._postgres.url
        if nats_url is None:
            self._nats = EmbeddedNats(self._plan.data / "nats")
            self._supervisor.start([self._nats])
            nats_url = self._nats.url
        return database_url, nats_url

    async def _prepare(self, database_url: str, nats_url: str) -> None:
        await self._plan.migrate(database_url)
        await self._provision(nats_url)

    def _service(self, spec: ServiceSpec, shared: dict[str, str]) -> ChildProgram:
        assert self._where is not None
        return self._child(spec, environment.for_service(spec, shared, self._where))

    def _sandbox(self, spec: SandboxSpec, shared: dict[str, str]) -> ChildProgram:
        assert self._where is not None
        return self._child(spec, environment.for_sandbox(spec, shared, self._where))

    def _child(self, spec: ServiceSpec | SandboxSpec, variables: dict[str, str]) -> ChildProgram:
        assert self._where is not None
        child = ChildProgram(
            spec.name,
            [sys.executable, "-m", spec.module, *spec.arguments],
            environment=variables,
            ready_url=self._where.address(spec.name) + spec.ready_path,
            on_line=self._terminal.line,
        )
        self._children[spec.name] = child
        return child

    def _restarted(self, name: str) -> None:
        """Bring run.json up to date; after a restart of NATS the streams too: its disk may be gone."""
        self._streams_due = self._streams_due or name == "nats"
        if self._where is not None:
            self._write_run_file()
        self._terminal.event(f"{name} has been started again")

    def _tick(self) -> None:
        """What is due while everything runs: streams after a restart of NATS, a fresh token."""
        if self._streams_due and self._nats is not None and self._nats.running:
            try:
                asyncio.run(self._provision(self._nats.url))
                self._streams_due = False
            except preparation.ERRORS as error:
                self._terminal.event(f"the streams could not be provisioned, trying again: {error!r}")
        if time.monotonic() - self._token_made > TOKEN_SECONDS:
            self._write_run_file()

    async def _provision(self, nats_url: str) -> None:
        await self._plan.provision(nats_url)

    def _token(self) -> str:
        assert self._where is not None
        key = local_secrets.signing_key(self._plan.data) or self._where.secrets.jwt_key
        return issue_token(key, tenant=EVERYBODY, role=Role.OPERATOR, sub="local-admin", name="Local admin")

    def _write_run_file(self) -> None:
        where = self._where
        assert where is not None
        self._token_made = time.monotonic()
        places = {
            name: run_file.Place(url=where.address(name), pid=child.pid)
            for name, child in self._children.items()
        }
        run_file.write(
            self._plan.data,
            run_file.RunFile(
                pid=os.getpid(),
                services={spec.name: places[spec.name] for spec in self._plan.services},
                postgres=run_file.Place(
                    url=where.database_url, pid=self._postgres.pid if self._postgres else None
                ),
                nats=run_file.Place(url=where.nats_url, pid=self._nats.pid if self._nats else None),
                tokens={"admin": self._token()},
                sandbox={spec.name: places[spec.name] for spec in self._plan.sandbox},
            ),
        )

    def _announce(self) -> None:
        """Print where to look."""
        where = self._where
        assert where is not None
        token = self._token()
        lines = [f"{'Status':<30} qbsync status --data {self._plan.data}"]
        lines += [f"{spec.title:<30} {where.address(spec.name)}/" for spec in self._plan.sandbox]
        lines += [
            f"{f'Sign in to {spec.name}':<30} {environment.public_url(spec, where)}/session?token={token}"
            for spec in self._plan.services
            if spec.name == "wizard"
        ]
        self._terminal.announce("qbsync is ready. Ctrl-C stops it.", lines)
