"""The PCs of the sandbox: for each tenant a company file, its faults, and the application in the Web Connector."""

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from qbsync_local.sandbox.desktop.company import Company
from qbsync_local.sandbox.desktop.extensions import stamp_file_id
from qbsync_local.sandbox.desktop.faults import Faults
from qbsync_local.sandbox.desktop.qwc import read_qwc
from qbsync_local.sandbox.desktop.seeding import load_plan, open_company, seed
from qbsync_local.sandbox.desktop.soap_client import CallFailedError, SoapClient
from qbsync_local.sandbox.desktop.times import Clock, system_now
from qbsync_local.sandbox.desktop.web_connector import RunReport, WebConnector
from qbsync_shared.ids import is_tenant_id


class UnknownTenantError(LookupError):
    """No PC, or no application in its Web Connector, is known for this tenant."""


class AlreadyRunningError(RuntimeError):
    """An update of this tenant is running; the Web Connector runs one at a time."""


@dataclass(slots=True)
class Application:
    """An application that was added to the Web Connector; `every_seconds` None = Auto-Run is off."""

    qwc: str
    password: str
    every_seconds: float | None = None


@dataclass(slots=True)
class Pc:
    """One tenant's PC: the company file that is open, what is to go wrong, and the last update."""

    tenant: str
    company: Company
    faults: Faults
    application: Application | None = None
    other: Company | None = None
    last: RunReport | None = None
    last_at: float | None = None
    not_before: float = 0.0


class Desk:
    """All PCs, kept in a folder: `<tenant>.qbw` files and `connectors.json`. Safe to use from several threads."""

    def __init__(
        self, folder: Path, now: Clock = system_now, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._now = now
        self._sleep = sleep
        self._lock = threading.RLock()
        self._running: dict[str, threading.Lock] = {}
        self._pcs: dict[str, Pc] = {}
        self._load()

    def close(self) -> None:
        """Close all company files."""
        with self._lock:
            for pc in self._pcs.values():
                pc.company.store.close()
                if pc.other is not None:
                    pc.other.store.close()
            self._pcs.clear()

    # PCs and companies

    def tenants(self) -> list[str]:
        """The tenants that have a PC."""
        with self._lock:
            return sorted(self._pcs)

    def pc(self, tenant: str) -> Pc:
        """The PC of a tenant. Raises UnknownTenantError."""
        with self._lock:
            if tenant not in self._pcs:
                raise UnknownTenantError(f"There is no simulated QuickBooks Desktop for the tenant {tenant}.")
            return self._pcs[tenant]

    def set_up(self, tenant: str, company_name: str = "", plan: str | None = None) -> Pc:
        """The PC of a tenant, made with a new company file where there is none; `plan` names records to seed."""
        if not is_tenant_id(tenant):
            raise UnknownTenantError(f"{tenant!r} is not a tenant id.")
        with self._lock:
            if tenant not in self._pcs:
                self._pcs[tenant] = self._open(tenant, company_name)
                self._running[tenant] = threading.Lock()
            pc = self._pcs[tenant]
        if plan:
            seed(pc.company, load_plan(plan))
        return pc

    def snapshot(self, tenant: str, name: str = "backup") -> None:
        """The user makes a backup of the company file."""
        self.pc(tenant).company.store.backup(self._file(tenant, f".{name}.backup"))

    def restore(self, tenant: str, name: str = "backup") -> None:
        """The user restores a backup: everything since is gone, the records of message set recovery too."""
        path = self._file(tenant, f".{name}.backup")
        if not path.exists():
            raise UnknownTenantError(f"The tenant {tenant} has no backup called {name}.")
        self.pc(tenant).company.store.restore(path)

    def replace_file(self, tenant: str) -> None:
        """Somebody opens a new, empty company file in place of the old one, without our FileID."""
        with self._lock:
            pc = self.pc(tenant)
            pc.company.store.close()
            for suffix in ("", "-wal", "-shm"):
                self._file(tenant, suffix).unlink(missing_ok=True)
            pc.company = self._company(self._file(tenant, ""), "Somebody else's Company")

    # the Web Connector

    def register(self, tenant: str, qwc: str, password: str, every_seconds: float | None = None) -> Pc:
        """Add an application to the Web Connector, which stamps the company file. Raises QwcRefusedError."""
        content = read_qwc(qwc)
        pc = self.set_up(tenant)
        stamp_file_id(pc.company, content.owner_id, content.file_id)
        pc.application = Application(qwc, password, every_seconds)
        self._save()
        return pc

    def set_auto_run(self, tenant: str, every_seconds: float | None) -> None:
        """Switch Auto-Run on (every so many seconds) or off."""
        pc = self._with_application(tenant)[0]
        assert pc.application is not None
        pc.application.every_seconds = every_seconds
        self._save()

    def run(self, tenant: str, *, auto: bool = False) -> RunReport:
        """Run one update now. Raises UnknownTenantError without an application, AlreadyRunningError."""
        pc, application = self._with_application(tenant)
        lock = self._running[tenant]
        if not lock.acquire(blocking=False):
            raise AlreadyRunningError(f"An update of {tenant} is running.")
        try:
            report = self._update(pc, application, auto=auto)
        finally:
            lock.release()
        moment = time.monotonic()
        pc.last, pc.last_at = report, moment
        pc.not_before = moment + max(report.postpone_seconds, report.minimum_seconds)
        return report

    def due(self) -> list[str]:
        """The tenants whose Auto-Run is due now."""
        moment = time.monotonic()
        found = []
        with self._lock:
            for pc in self._pcs.values():
                every = pc.application.every_seconds if pc.application else None
                if every is not None and moment >= max(pc.not_before, (pc.last_at or -1e9) + every):
                    found.append(pc.tenant)
        return found

    def _update(self, pc: Pc, application: Application, *, auto: bool) -> RunReport:
        qwc = read_qwc(application.qwc)
        try:
            client = SoapClient(qwc.app_url)
        except CallFailedError as error:
            return RunReport("error", str(error))
        try:
            connector = WebConnector(
                qwc, application.password, client, lambda: self._open_file(pc), pc.faults, sleep=self._sleep
            )
            return connector.run(auto=auto)
        finally:
            client.close()

    def _open_file(self, pc: Pc) -> Company:
        """The company file that is open; another one when the user has opened the wrong one."""
        if pc.faults.take("wrong_company"):
            if pc.other is None:
                pc.other = self._company(self._file(pc.tenant, ".other"), "Another Company")
            return pc.other
        return pc.company

    # keeping

    def _with_application(self, tenant: str) -> tuple[Pc, Application]:
        pc = self.pc(tenant)
        if pc.application is None:
            raise UnknownTenantError(
                f"The Web Connector of {tenant} has no application yet: add its .qwc file."
            )
        return pc, pc.application

    def _file(self, tenant: str, suffix: str) -> Path:
        return self._folder / f"{tenant}.qbw{suffix}"

    def _company(self, path: Path, name: str) -> Company:
        return open_company(path, name or "Oak Hill Landscaping", self._now)

    def _open(self, tenant: str, company_name: str) -> Pc:
        return Pc(tenant, self._company(self._file(tenant, ""), company_name), Faults(sleep=self._sleep))

    def _load(self) -> None:
        for path in sorted(self._folder.glob("*.qbw")):
            if is_tenant_id(path.stem):
                self.set_up(path.stem)
        kept = self._folder / "connectors.json"
        if kept.exists():
            for tenant, values in json.loads(kept.read_text("utf-8")).items():
                self.set_up(tenant).application = Application(**values)

    def _save(self) -> None:
        """Keep the applications, passwords too: the real program keeps them encrypted, this one in a private file."""
        with self._lock:
            values = {pc.tenant: asdict(pc.application) for pc in self._pcs.values() if pc.application}
            path = self._folder / "connectors.json"
            fresh = path.with_suffix(".new")
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(values, file)
            fresh.replace(path)
