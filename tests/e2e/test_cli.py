"""The whole journey through the `qbsync` command alone; the app hands its records over by HTTP with a token of it."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.system import Json, System, customer, eventually, invoice, item

pytestmark = pytest.mark.xdist_group("e2e")

CODE = {"desktop": "3100", "online": "6240"}


class Shell:
    """One tenant, as somebody at a terminal knows it."""

    def __init__(self, system: System, edition: str, folder: Path) -> None:
        self.system = system
        self.edition = edition
        self.tenant = f"shell-{edition}"
        self.folder = folder

    def says(self, *arguments: str) -> Any:
        """A command with --json that ends well."""
        code, printed = self.system.command_json(*arguments)
        assert code == 0, printed
        return printed

    def shows(self, *arguments: str) -> str:
        """The same command for people."""
        done = self.system.command(*arguments)
        assert done.exit_code == 0, done.stderr
        return done.stdout

    def once_it_works(self, *arguments: str) -> Any:
        """A command that may come before the news of a new tenant."""
        done = eventually(
            lambda: self.system.command(*arguments, "--json"), lambda ended: ended.exit_code == 0
        )
        return json.loads(done.stdout)

    def connect(self) -> None:
        if self.edition == "online":
            assert self.once_it_works("sandbox", "online", "connect", self.tenant)["state"] == "connected"
            return
        qwc = self.folder / "shell.qwc"
        access = self.once_it_works("connector", "create", self.tenant, "--qwc", str(qwc))
        assert qwc.stat().st_mode & 0o077 == 0
        added = self.says(
            "sandbox", "desktop", "add", self.tenant, "--qwc", str(qwc), "--password", access["password"]
        )
        assert added["registered"]
        self.sync()

    def until_the_accounts_are_known(self) -> None:
        """Before that the wizard lets nothing go that names one."""
        path = f"/api/v1/tenants/{self.tenant}/lists/account"
        eventually(
            lambda: [one["name"] for one in self.system.call("GET", "wizard", path)["items"]],
            lambda names: "Services" in names,
        )

    def hand_over(self, *entities: Json) -> None:
        """What the app does, with a token made for it."""
        token = self.shows("token", "--tenant", self.tenant, "--role", "admin").strip()
        for entity in entities:
            path = f"/api/v1/tenants/{self.tenant}/entities/{entity['kind']}/{entity['app_id']}"
            answer = httpx.put(
                self.system.url("wizard") + path,
                json=entity,
                headers={"Authorization": f"Bearer {token}"},
                trust_env=False,
            )
            assert answer.status_code == 202, answer.text

    def sync(self) -> None:
        """The Web Connector runs; Online runs by itself."""
        if self.edition == "desktop":
            self.says("sandbox", "desktop", "run", self.tenant)

    def standing(self) -> Json:
        """The tenant's row of `qbsync status`."""
        (found,) = [one for one in self.says("status")["tenants"] if one["tenant"] == self.tenant]
        return dict(found)

    def settled(self, **counts: int) -> None:
        """Let it sync until the status shows these numbers."""

        def look() -> Json:
            self.sync()
            return self.standing()

        eventually(look, lambda row: counts.items() <= row.items())

    def waiting(self) -> list[Json]:
        found: list[Json] = self.says("approve", self.tenant, "--dry-run", "--direction", "export")
        return found


@pytest.fixture(scope="module", params=["desktop", "online"])
def shell(request: pytest.FixtureRequest, system: System, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(system, request.param, tmp_path_factory.mktemp("shell"))


def test_a_tenant_is_made_and_connected(shell: Shell) -> None:
    made = shell.says("tenant", "create", shell.tenant, "--edition", shell.edition, "--name", "Shell & Sons")
    assert (made["id"], made["edition"]) == (shell.tenant, shell.edition)
    assert shell.tenant in {one["id"] for one in shell.says("tenant", "list")}
    assert shell.says("tenant", "show", shell.tenant)["name"] == "Shell & Sons"
    assert "Shell & Sons" in shell.shows("tenant", "show", shell.tenant)
    shell.connect()
    shell.until_the_accounts_are_known()


def test_what_waits_is_approved_and_arrives(shell: Shell) -> None:
    shell.hand_over(
        customer("C-1", "Oak & Sons"), item("I-1", "Pruning", "Services"), invoice("V-1", "C-1", "I-1")
    )
    assert [row["kind"] for row in shell.waiting()] == ["customer", "item", "invoice"]
    assert "Oak & Sons" in shell.shows("approve", shell.tenant, "--dry-run")
    assert shell.says("approve", shell.tenant, "--direction", "export")["approved"] == 3
    shell.settled(pending=0, succeeded=3)
    assert shell.waiting() == []
    held = [(one["kind"], one["name"]) for one in shell.says("sandbox", "books", shell.tenant)]
    for found in (("customer", "Oak & Sons"), ("item", "Pruning"), ("invoice", "V-1")):
        assert held.count(found) == 1


def test_a_taken_name_is_explained_and_resync_makes_it_good(shell: Shell) -> None:
    shell.hand_over(customer("C-2", "Oak & Sons"))
    (row,) = shell.waiting()
    assert shell.says("approve", shell.tenant, "--id", row["id"])["approved"] == 1
    shell.settled(failed=1, unsynced=1)
    (entry,) = shell.says("unsynced", shell.tenant)
    assert entry["code"] == CODE[shell.edition]
    assert entry["guidance"]["cause"]
    assert entry["guidance"]["steps"]
    assert CODE[shell.edition] in shell.shows("unsynced", shell.tenant)
    shell.hand_over(customer("C-2", "Oak and Daughters", revision=2))
    assert shell.says("resync", shell.tenant, "--id", entry["sync_id"])["asked"] == [entry["sync_id"]]
    shell.settled(pending=0, succeeded=4, unsynced=0)
    assert shell.says("unsynced", shell.tenant) == []


def test_the_installed_program_does_the_same(shell: Shell) -> None:
    done = shell.system.program("status", "--json")
    assert done.returncode == 0, done.stderr
    assert shell.standing() in json.loads(done.stdout)["tenants"]


def test_the_audit_proves_it_and_there_are_no_dead_letters(shell: Shell) -> None:
    report = shell.says("audit", shell.tenant)
    assert report["clean"]
    assert report["books_compared"]
    assert (report["approvals"], report["settled"], report["pending"]) == (5, 5, 0)
    assert "all books agree" in shell.shows("audit", shell.tenant)
    mine = [one for one in shell.says("dlq", "list") if one["tenant_id"] == shell.tenant]
    assert mine == []


def test_everything_said_is_said_again_and_changes_nothing(shell: Shell) -> None:
    before = shell.standing()
    for service in ("wizard", "qbwc-gateway" if shell.edition == "desktop" else "qbo-worker"):
        assert "published again" in shell.shows("replay", service, "--since", "2020-01-01")
    assert shell.says("audit", shell.tenant)["clean"]
    assert shell.standing() == before
