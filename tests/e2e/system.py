"""The whole system as processes, and a test that plays the app, the office manager and QuickBooks' user."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
from typer.testing import CliRunner, Result

from qbsync_local import run_file
from qbsync_local.cli import app
from qbsync_local.run_file import RunFile

Json = dict[str, Any]
R = TypeVar("R")

COMMAND = Path(sys.executable).with_name("qbsync")
QBXML = (
    '<?xml version="1.0"?><?qbxml version="16.0"?>'
    '<QBXML><QBXMLMsgsRq onError="stopOnError">{}</QBXMLMsgsRq></QBXML>'
)
START_SECONDS = 120.0
SETTLE_SECONDS = 60.0


def eventually(ask: Callable[[], R], accept: Callable[[R], bool], *, within: float = SETTLE_SECONDS) -> R:
    """Ask until the answer is accepted; the last answer is in the error otherwise."""
    deadline = time.monotonic() + within
    while True:
        found = ask()
        if accept(found):
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:.0f} s; last: {found!r}")
        time.sleep(0.1)


def free_port_base() -> int:
    """A base with room for eight ports; those that are taken meanwhile are found anew by `qbsync up`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return min(port, 60_000)


class System:
    """One running system, found by its run.json."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.http = httpx.Client(timeout=30, trust_env=False)

    @property
    def run(self) -> RunFile:
        """run.json as it is now."""
        found = run_file.read(self.data)
        assert found is not None, "run.json is gone"
        return found

    def url(self, service: str) -> str:
        run = self.run
        return (run.services.get(service) or run.sandbox[service]).url

    def call(
        self, method: str, service: str, path: str, body: Any = None, *, expect: int = 0, **params: Any
    ) -> Any:
        """A call as the admin; JSON back, or text."""
        answer = self.http.request(
            method,
            f"{self.url(service)}{path}",
            json=body,
            params=params or None,
            headers={"Authorization": f"Bearer {self.run.tokens['admin']}"},
        )
        if expect:
            assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        else:
            assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        if "json" in answer.headers.get("content-type", ""):
            return answer.json()
        return answer.text

    def pid(self, program: str) -> int | None:
        """The process of one program of the system."""
        run = self.run
        return {"postgres": run.postgres, "nats": run.nats, **run.services, **run.sandbox}[program].pid

    def kill(self, program: str) -> int:
        """kill -9 of one program of the system; the process that it was."""
        pid = self.pid(program)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        return pid

    def command(self, *arguments: str) -> Result:
        """A `qbsync` command on this system, run in this process: it takes a second to start as one of its own."""
        return CliRunner().invoke(app, [*arguments, "--data", str(self.data)])

    def command_json(self, *arguments: str) -> tuple[int, Any]:
        """Run a command with --json: exit code and what it printed."""
        done = self.command(*arguments, "--json")
        assert done.stdout, done.stderr or done.exception
        return done.exit_code, json.loads(done.stdout)

    def program(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """The same as the installed program."""
        return subprocess.run(
            [COMMAND, *arguments, "--data", self.data],
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    def ready(self, service: str) -> bool:
        try:
            return self.http.get(f"{self.url(service)}/health/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def all_ready(self) -> bool:
        return all(self.ready(name) for name in self.run.services)


@contextmanager
def running(data: Path) -> Iterator[System]:
    """Start the system, hand it out, stop it by its own pid."""
    data.mkdir(parents=True, exist_ok=True)
    log = (data / "up.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.launch", str(data), str(free_port_base())],
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=Path(__file__).parents[2],
    )
    system = System(data)
    try:
        _wait_until_up(system, process, data / "up.log")
        yield system
    finally:
        system.http.close()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _wait_until_up(system: System, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        found = run_file.read(system.data)
        if found is not None and found.sandbox and system.all_ready():
            return
        time.sleep(0.2)
    raise AssertionError("the system did not start:\n" + log.read_text("utf-8", "replace")[-4000:])


class Office:
    """One tenant from all sides: its app, its office manager, its QuickBooks."""

    def __init__(self, system: System, tenant: str, edition: str, *, tax_rate: str | None = "8.25") -> None:
        self.system = system
        self.tenant = tenant
        self.edition = edition
        self.api = f"/api/v1/tenants/{tenant}"
        self.realm = ""
        self.tax_rate = tax_rate

    # the operator

    def open(self) -> None:
        """Make the tenant and connect it to a new, empty QuickBooks."""
        settings = {"name": self.tenant.title(), "plan": "plus", "edition": self.edition, "settings": {}}
        self.system.call("PUT", "wizard", self.api, settings)
        if self.edition == "desktop":
            self._connect_desktop()
        else:
            self._connect_online()
        eventually(self.accounts, lambda found: "Services" in found)

    def accounts(self) -> set[str]:
        """The accounts of QuickBooks that the wizard has heard of; before that it lets nothing go that names one."""
        found = self.system.call("GET", "wizard", f"{self.api}/lists/account")["items"]
        return {one["name"] for one in found}

    def _connect_desktop(self) -> None:
        made = eventually(self._post_connector, lambda answer: answer is not None)
        assert made is not None
        qwc = self.system.call("GET", "qbwc-gateway", f"{self.api}/connector.qwc")
        self.system.call(
            "POST",
            "desktop",
            "/connectors",
            {"tenant": self.tenant, "qwc": qwc, "password": made["password"]},
        )
        self.sync()

    def _post_connector(self) -> Json | None:
        answer = self.system.http.post(
            f"{self.system.url('qbwc-gateway')}{self.api}/connector",
            headers={"Authorization": f"Bearer {self.system.run.tokens['admin']}"},
        )
        return answer.json() if answer.status_code == 201 else None

    def _connect_online(self) -> None:
        company = {"name": self.tenant, "tax_rate": self.tax_rate}
        self.realm = self.system.call("POST", "online", "/control/companies", company)["realm"]
        worker = self.system.url("qbo-worker")
        with httpx.Client(timeout=30, trust_env=False) as browser:
            token = self.system.run.tokens["admin"]
            browser.get(f"{worker}/session", params={"token": token, "next": "/status"})
            consent = eventually(
                lambda: browser.get(f"{worker}/connect/{self.tenant}"),
                lambda answer: answer.status_code == 303,
            )
            approved = browser.get(f"{consent.headers['location']}&auto_approve={self.realm}")
            done = browser.get(approved.headers["location"])
            assert done.status_code == 303, done.text
        eventually(self.connection, lambda found: found["state"] == "connected" and bool(found["company"]))

    def connection(self) -> Json:
        found: Json = self.system.call("GET", "qbo-worker", f"{self.api}/connection")
        return found

    # the app

    def put(self, entity: Json) -> None:
        """The app hands over a record."""
        path = f"{self.api}/entities/{entity['kind']}/{entity['app_id']}"
        self.system.call("PUT", "wizard", path, entity, expect=202)

    # the office manager

    def review(self, **params: Any) -> list[Json]:
        found: list[Json] = self._review(**params)["items"]
        return found

    def _review(self, **params: Any) -> Json:
        found: Json = self.system.call("GET", "wizard", f"{self.api}/review", limit=1000, **params)
        return found

    def approve(self, *app_ids: str) -> Json:
        """Approve what waits: the named records, or all."""
        rows = self.review()
        if app_ids:
            rows = [row for row in rows if row["app_id"] in app_ids]
        checked = [{"id": row["id"], "revision": row["revision"]} for row in rows]
        body = {"checked": checked, "unchecked": "keep"}
        answer: Json = self.system.call("POST", "wizard", f"{self.api}/review/approve", body)
        return answer

    def clear_review(self) -> None:
        """Clear all that waits, so that it comes back only when it changes."""
        body = {
            "all_matching": {"filter": {}, "as_of": self._review()["as_of"]},
            "except": [row["id"] for row in self.review()],
            "unchecked": "clear",
        }
        self.system.call("POST", "wizard", f"{self.api}/review/approve", body)

    def syncs(self, state: str | None = None) -> list[Json]:
        params: Json = {"state": state} if state else {}
        found: list[Json] = self.system.call("GET", "log", f"{self.api}/syncs", limit=1000, **params)["items"]
        return found

    def latest(self, app_id: str) -> Json | None:
        """The newest sync of a record, as the log has it."""
        mine = [one for one in self.syncs() if one["app_id"] == app_id]
        return max(mine, key=lambda one: str(one["approved_at"])) if mine else None

    def settled(self, app_id: str, state: str = "succeeded") -> Json:
        """Wait for the newest sync of a record to come to a state."""
        found = eventually(
            lambda: self.latest(app_id), lambda one: one is not None and one["sync_state"] == state
        )
        assert found is not None
        return found

    def unsynced(self) -> list[Json]:
        found: list[Json] = self.system.call("GET", "log", f"{self.api}/unsynced")["items"]
        return found

    # QuickBooks

    def sync(self) -> Json:
        """Let QuickBooks and qbsync meet: the Web Connector runs; Online needs no push."""
        if self.edition != "desktop":
            return {}
        self.handed_on()
        found: Json = self.system.call("POST", "desktop", f"/connectors/{self.tenant}/run")
        return found

    def handed_on(self) -> None:
        """Wait until everything approved is in the connector service's queue."""
        service = {"desktop": "qbwc-gateway", "online": "qbo-worker"}[self.edition]

        def behind() -> int:
            approved: int = self.system.call("GET", "wizard", f"{self.api}/approvals")["total"]
            queued: int = self.system.call("GET", service, f"{self.api}/work")["total"]
            return approved - queued

        eventually(behind, lambda missing: missing == 0)

    def books(self, what: str) -> list[Json]:
        """What QuickBooks holds: ``customers``, ``items`` or ``invoices``."""
        if self.edition == "desktop":
            found: list[Json] = self.system.call("GET", "desktop", f"/companies/{self.tenant}/{what}")[
                "items"
            ]
            return found
        resource = {"customers": "Customer", "items": "Item", "invoices": "Invoice", "vendors": "Vendor"}[
            what
        ]
        online: list[Json] = self.system.call("GET", "online", f"/control/companies/{self.realm}/{resource}")[
            "items"
        ]
        return online

    def links(self) -> dict[str, tuple[str, str]]:
        """App id -> kind and QuickBooks id, as the connector service has it."""
        service = {"desktop": "qbwc-gateway", "online": "qbo-worker"}[self.edition]
        found = self.system.call("GET", service, f"{self.api}/links", limit=1000)["items"]
        assert len({one["app_id"] for one in found}) == len(found)
        return {one["app_id"]: (one["kind"], one["quickbooks_id"]) for one in found}

    def delete_by_hand(self, kind: str, quickbooks_id: str) -> None:
        """Somebody deletes a transaction in QuickBooks itself."""
        if self.edition == "online":
            path = f"/control/companies/{self.realm}/{kind}"
            self.system.call("POST", "online", path, {"action": "delete", "id": quickbooks_id})
            return
        request = f"<TxnDelRq><TxnDelType>{kind}</TxnDelType><TxnID>{quickbooks_id}</TxnID></TxnDelRq>"
        answer = self.system.http.post(
            f"{self.system.url('desktop')}/companies/{self.tenant}/qbxml", content=QBXML.format(request)
        )
        assert 'statusCode="0"' in answer.text, answer.text


def customer(app_id: str, name: str, revision: int = 1, **more: Any) -> Json:
    return {
        "kind": "customer",
        "app_id": app_id,
        "revision": str(revision),
        "name": name,
        "active": True,
        **more,
    }


def item(app_id: str, name: str, account: str, revision: int = 1, **more: Any) -> Json:
    return {
        "kind": "item",
        "app_id": app_id,
        "revision": str(revision),
        "type": "service",
        "name": name,
        "unit_price": "95.00",
        "income_account": {"name": account},
        "active": True,
        **more,
    }


def invoice(app_id: str, customer_id: str, item_id: str, revision: int = 1, **more: Any) -> Json:
    line = {
        "line_id": "1",
        "item": {"app_id": item_id},
        "description": "Front oaks",
        "quantity": "2.5",
        "unit_price": "95.00",
        "amount": "237.50",
    }
    return {
        "kind": "invoice",
        "app_id": app_id,
        "revision": str(revision),
        "number": app_id,
        "customer": {"app_id": customer_id},
        "date": "2026-11-02",
        "total": "237.50",
        "lines": [line],
        **more,
    }
