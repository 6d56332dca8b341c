"""The `qbsync` command against the HTTP contract, with the services played by a transport."""

import json
import os

import httpx
import jwt
import pytest
from typer.testing import CliRunner

from qbsync_local import local_secrets, run_file
from qbsync_local.cli import app

SERVICES = {"wizard": 8101, "qbwc-gateway": 8102, "qbo-worker": 8103, "log": 8104}
PORTS = {port: name for name, port in SERVICES.items()}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("QBSYNC_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def data(tmp_path):
    """A data directory as a running `qbsync up` leaves it."""
    local_secrets.read_or_make(tmp_path)
    places = {name: run_file.Place(url=f"http://127.0.0.1:{port}", pid=1) for name, port in SERVICES.items()}
    server = run_file.Place(url="postgresql://127.0.0.1/none")
    content = run_file.RunFile(
        pid=os.getpid(), services=places, postgres=server, nats=server, tokens={"admin": "t"}
    )
    run_file.write(tmp_path, content)
    return tmp_path


class Services(httpx.BaseTransport):
    """Answers by (method, service, path); a list is served in pages of two; keeps what was sent."""

    def __init__(self, answers):
        self.answers = answers
        self.requests = []

    def handle_request(self, request):
        request.read()
        self.requests.append(request)
        answer = self.answers.get((request.method, PORTS[request.url.port], request.url.path))
        if answer is None:
            return httpx.Response(404, json={"title": "Not found", "detail": "Nothing is there."})
        if isinstance(answer, httpx.Response):
            return answer
        if isinstance(answer, list):
            start = int(request.url.params.get("cursor", 0))
            following = str(start + 2) if start + 2 < len(answer) else None
            return httpx.Response(
                200,
                json={
                    "items": answer[start : start + 2],
                    "next_cursor": following,
                    "total": len(answer),
                    "as_of": str(10 + start),
                },
            )
        return httpx.Response(200, json=answer)


@pytest.fixture
def qbsync(data):
    def run(*arguments, answers=None, **options):
        transport = Services(answers or {})
        # a terminal of a fixed width, so that tables do not fold
        result = CliRunner().invoke(
            app, [*arguments, "--data", str(data)], obj=transport, env={"COLUMNS": "300"}, **options
        )
        result.requests = transport.requests
        return result

    return run


def test_tenant_create_puts_the_tenant_with_an_admin_token(qbsync, data):
    answer = {"id": "oak", "name": "Oak & Sons", "plan": "plus", "edition": "desktop"}
    result = qbsync(
        "tenant", "create", "oak", "--edition", "desktop", "--name", "Oak & Sons", "--json",
        answers={("PUT", "wizard", "/api/v1/tenants/oak"): answer},
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == answer
    request = result.requests[-1]
    assert json.loads(request.content) == {"name": "Oak & Sons", "plan": "plus", "edition": "desktop"}
    token = request.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, local_secrets.read(data).jwt_key, algorithms=["HS256"], audience="qbsync")
    assert (claims["tenant"], claims["role"]) == ("*", "operator")


def test_tenant_create_leaves_the_settings_of_one_that_is_there(qbsync):
    known = {"id": "oak", "name": "Oak", "paused": True, "settings": {"a": 1}, "mappings": [], "version": 3}
    path = "/api/v1/tenants/oak"
    answers = {("GET", "wizard", path): known, ("PUT", "wizard", path): known}
    result = qbsync("tenant", "create", "oak", "--edition", "online", "--plan", "premier", answers=answers)
    assert json.loads(result.requests[-1].content) == {
        "name": "Oak", "plan": "premier", "edition": "online", "paused": True, "settings": {"a": 1}, "mappings": [],
    }  # fmt: skip


def test_tenant_list_reads_every_page(qbsync):
    tenants = [{"id": f"t{n}", "name": "N", "plan": "plus", "edition": "online"} for n in range(5)]
    answers = {("GET", "wizard", "/api/v1/tenants"): tenants}
    assert json.loads(qbsync("tenant", "list", "--json", answers=answers).stdout) == tenants
    table = qbsync("tenant", "list", answers=answers).stdout
    assert "t4" in table
    assert table.splitlines()[0].split() == ["id", "name", "plan", "edition", "paused"]


def test_a_refusal_is_told_in_the_services_words(qbsync):
    problem = httpx.Response(
        409, json={"title": "Edition cannot change", "detail": "Two syncs are not final."}
    )
    answers = {("PUT", "wizard", "/api/v1/tenants/oak"): problem}
    result = qbsync("tenant", "create", "oak", "--edition", "online", answers=answers)
    assert result.exit_code == 1
    assert result.stderr == "wizard: Edition cannot change (409). Two syncs are not final.\n"


def test_connector_create_shows_the_password_and_writes_the_file(qbsync, tmp_path):
    base = "/api/v1/tenants/oak/connector"
    answers = {
        ("POST", "qbwc-gateway", base): {"username": "oak-1", "password": "shown-once"},
        ("GET", "qbwc-gateway", f"{base}.qwc"): httpx.Response(200, content=b"<QBWCXML/>"),
    }
    file = tmp_path / "oak.qwc"
    result = qbsync("connector", "create", "oak", "--qwc", str(file), answers=answers)
    assert result.exit_code == 0, result.output
    assert "shown-once" in result.stdout
    assert file.read_text() == "<QBWCXML/>"


CONNECTOR = "/api/v1/tenants/oak/connector"


def test_connector_qwc_changes_only_what_is_set(qbsync, tmp_path):
    kept = {"run_every_minutes": 30, "app_name": "Books", "notify": False, "quiet_from": None}
    answers = {
        ("GET", "qbwc-gateway", f"{CONNECTOR}/qwc"): kept,
        ("PUT", "qbwc-gateway", f"{CONNECTOR}/qwc"): httpx.Response(204),
        ("GET", "qbwc-gateway", f"{CONNECTOR}.qwc"): httpx.Response(200, content=b"<QBWCXML/>"),
    }
    file = tmp_path / "oak.qwc"
    words = ("--set", "run_every_minutes=15", "--set", "notify=true", "--set", "app_name=")
    result = qbsync("connector", "qwc", "oak", *words, "--qwc", str(file), answers=answers)
    assert result.exit_code == 0, result.output
    (put,) = [one for one in result.requests if one.method == "PUT"]
    assert json.loads(put.content) == {"run_every_minutes": 15, "notify": True}
    assert file.read_text() == "<QBWCXML/>"
    assert qbsync("connector", "qwc", "oak", "--set", "notify", answers=answers).exit_code == 1


def test_connector_rebind_tells_the_numbers_and_asks(qbsync):
    books = {"links": {"customer": 2}, "link_count": 2, "records": {}, "record_count": 5, "unsettled": 0}
    answers = {
        ("GET", "qbwc-gateway", f"{CONNECTOR}/binding"): books,
        ("POST", "qbwc-gateway", f"{CONNECTOR}/rebind"): books,
    }
    refused = qbsync("connector", "rebind", "oak", answers=answers)
    assert refused.exit_code == 1
    assert "Links that end: 2 (2 customer)" in refused.stdout
    assert [one.method for one in refused.requests] == ["GET"]
    result = qbsync("connector", "rebind", "oak", "--yes", answers=answers)
    assert result.exit_code == 0, result.output
    assert json.loads(result.requests[-1].content) == {"links": 2}
    busy = {**answers, ("GET", "qbwc-gateway", f"{CONNECTOR}/binding"): {**books, "unsettled": 3}}
    assert "3 approved changes" in qbsync("connector", "rebind", "oak", "--yes", answers=busy).stderr


def test_connector_ids_name_and_transcript(qbsync):
    call = {"position": 1, "at": "2026-11-02T12:00:00Z", "call": "authenticate", "took_ms": 3, "note": {}}
    answers = {
        ("POST", "qbwc-gateway", f"{CONNECTOR}/ids"): httpx.Response(204),
        ("POST", "qbwc-gateway", f"{CONNECTOR}/renamed"): httpx.Response(204),
        ("GET", "qbwc-gateway", CONNECTOR): {"sessions": [{"session_id": "s-1", "sent": 4}]},
        ("GET", "qbwc-gateway", f"{CONNECTOR}/runs/s-1"): {"run": {}, "calls": 1, "transcript": [call]},
    }
    assert "New ids" in qbsync("connector", "new-ids", "oak", answers=answers).stdout
    assert qbsync("connector", "renamed", "oak", answers=answers).exit_code == 0
    assert "s-1" in qbsync("connector", "runs", "oak", answers=answers).stdout
    assert "authenticate" in qbsync("connector", "transcript", "oak", "s-1", answers=answers).stdout
    whole = qbsync("connector", "transcript", "oak", "s-1", "--json", answers=answers).stdout
    assert json.loads(whole)["transcript"] == [call]


REVIEW = [
    {"id": f"r{n}", "revision": n, "direction": "export", "kind": "customer", "app_id": f"C-{n}"}
    for n in range(3)
]


def test_approve_sends_exactly_what_it_showed(qbsync):
    answers = {
        ("GET", "wizard", "/api/v1/tenants/oak/review"): REVIEW,
        ("POST", "wizard", "/api/v1/tenants/oak/review/approve"): {
            "approved": 2,
            "changed": [],
            "blocked": [],
        },
    }
    result = qbsync(
        "approve", "oak", "--id", "r0", "--id", "r2", "--kind", "customer", input="y\n", answers=answers
    )
    assert result.exit_code == 0, result.output
    assert "Approved: 2." in result.stdout
    assert result.requests[0].url.params["kind"] == "customer"
    assert json.loads(result.requests[-1].content) == {
        "checked": [{"id": "r0", "revision": 0}, {"id": "r2", "revision": 2}],
    }


def test_approve_of_all_names_the_moment_of_the_first_page(qbsync):
    blocked = [{"id": "r1", "needs": [{"code": "QS-X", "message": "Its customer is not checked."}]}]
    answers = {
        ("GET", "wizard", "/api/v1/tenants/oak/review"): REVIEW,
        ("POST", "wizard", "/api/v1/tenants/oak/review/approve"): {
            "approved": 2,
            "changed": [],
            "blocked": blocked,
        },
    }
    result = qbsync("approve", "oak", "--direction", "export", "--yes", answers=answers)
    assert json.loads(result.requests[-1].content) == {
        "all_matching": {"filter": {"direction": "export"}, "as_of": "10"}
    }
    assert "Blocked: r1. Its customer is not checked." in result.stdout


def test_approve_asks_and_takes_no(qbsync):
    result = qbsync(
        "approve", "oak", input="n\n", answers={("GET", "wizard", "/api/v1/tenants/oak/review"): REVIEW}
    )
    assert result.exit_code == 1
    assert {request.method for request in result.requests} == {"GET"}


def test_approve_with_nothing_waiting_approves_nothing(qbsync):
    result = qbsync(
        "approve", "oak", "--json", "--yes", answers={("GET", "wizard", "/api/v1/tenants/oak/review"): []}
    )
    assert json.loads(result.stdout)["approved"] == 0


def test_status_shows_services_and_tenants(qbsync):
    answers = {("GET", name, "/health/ready"): {"status": "ok"} for name in SERVICES}
    base = "/api/v1/tenants/oak"
    answers |= {
        ("GET", "wizard", "/api/v1/tenants"): [{"id": "oak", "edition": "desktop"}],
        ("GET", "wizard", f"{base}/review"): REVIEW,
        ("GET", "log", f"{base}/syncs"): [],
        ("GET", "log", f"{base}/unsynced"): [{}],
    }
    result = qbsync("status", "--json", answers=answers)
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert {row["state"] for row in shown["services"]} == {"ready"}
    assert shown["tenants"] == [
        {
            "tenant": "oak",
            "edition": "desktop",
            "waiting_for_approval": 3,
            "pending": 0,
            "succeeded": 0,
            "failed": 0,
            "unsynced": 1,
        }
    ]


def test_status_names_the_check_that_fails(qbsync):
    answers = {("GET", name, "/health/ready"): {"status": "ok"} for name in SERVICES}
    failing = {"status": "not ready", "checks": {"database": "ok", "nats": "no connection"}}
    answers["GET", "log", "/health/ready"] = httpx.Response(503, json=failing)
    result = qbsync("status", answers=answers)
    assert result.exit_code == 1
    assert "not ready: nats: no connection" in result.stdout


def test_token_opens_what_it_was_made_for(qbsync, data):
    result = qbsync("token", "--tenant", "oak", "--role", "approver")
    claims = jwt.decode(
        result.stdout.strip(), local_secrets.read(data).jwt_key, algorithms=["HS256"], audience="qbsync"
    )
    assert (claims["tenant"], claims["role"]) == ("oak", "approver")
    assert qbsync("token", "--role", "king").exit_code == 1
    assert qbsync("token", "--tenant", "Not A Tenant").exit_code == 1


def test_without_a_running_qbsync_it_says_how_to_get_one(tmp_path):
    result = CliRunner().invoke(app, ["status", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "qbsync up --data" in result.stderr


def audited(**changes):
    base = "/api/v1/tenants/oak"
    sync = {"sync_id": "s1", "kind": "customer", "app_id": "C-1"}
    answers = {
        ("GET", "wizard", base): {"edition": "desktop"},
        ("GET", "wizard", f"{base}/approvals"): [sync],
        ("GET", "qbwc-gateway", f"{base}/work"): [{**sync, "state": "succeeded"}],
        ("GET", "qbwc-gateway", f"{base}/links"): [
            {"kind": "customer", "app_id": "C-1", "quickbooks_id": "80000001-1"}
        ],
        ("GET", "log", f"{base}/syncs"): [{**sync, "sync_state": "succeeded"}],
    }
    for place, answer in changes.items():
        service, _, last = place.partition("__")
        answers["GET", service.replace("_", "-"), f"{base}/{last}"] = answer
    return answers


def test_audit_proves_a_clean_tenant(qbsync):
    result = qbsync("audit", "oak", "--json", answers=audited())
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "tenant": "oak",
        "clean": True,
        "approvals": 1,
        "settled": 1,
        "pending": 0,
        "books_compared": False,
        "findings": [],
    }


def test_audit_ends_with_code_1_when_something_is_lost(qbsync):
    result = qbsync("audit", "oak", "--wait", "0", answers=audited(log__syncs=[]))
    assert result.exit_code == 1
    assert "missing-in-log" in result.stdout


@pytest.mark.parametrize("command", ["migrate", "provision"])
def test_servers_must_be_known(tmp_path, command):
    result = CliRunner().invoke(app, [command, "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "is not set, and no qbsync runs" in result.stderr


def test_serve_knows_its_services(tmp_path):
    result = CliRunner().invoke(app, ["serve", "nonsense"])
    assert result.exit_code == 1
    assert "qbwc-gateway" in result.stderr


UNSYNCED = "/api/v1/tenants/oak/unsynced"
ENTRY = {
    "sync_id": "s-1", "unsynced": "needs_you", "kind": "customer", "label": "Oak & Sons", "code": "3100",
    "message": "The name is already in use.", "guidance": {"cause": "The name is taken.", "steps": ["Look.", "Rename."]},
}  # fmt: skip


def test_unsynced_says_what_to_do_and_folds_nothing_into_a_pipe(qbsync, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    answers = {("GET", "log", UNSYNCED): [ENTRY]}
    assert json.loads(qbsync("unsynced", "oak", "--json", answers=answers).stdout) == [ENTRY]
    _, row = qbsync("unsynced", "oak", "--code", "3100", answers=answers).stdout.splitlines()
    assert "The name is taken. 1. Look. 2. Rename." in row


def test_resync_and_clear_id_ask_for_what_was_named(qbsync):
    done = {"asked": ["s-1"], "already": [], "refused": [], "remaining": 0}
    answers = {("POST", "log", f"{UNSYNCED}/resync"): done, ("POST", "log", f"{UNSYNCED}/clear-id"): done}
    result = qbsync("resync", "oak", "--id", "s-1", "--json", answers=answers)
    assert json.loads(result.requests[-1].content) == {"sync_ids": ["s-1"], "why": ""}
    result = qbsync(
        "clear-id", "oak", "--all", "--code", "3120", "--resync", "--why", "gone", answers=answers
    )
    assert "1 asked for" in result.stdout
    assert json.loads(result.requests[-1].content) == {
        "all_matching": {"code": "3120"}, "resync": True, "sure": False, "why": "gone"
    }  # fmt: skip


def test_link_lists_what_quickbooks_holds_and_links_to_what_was_named(qbsync):
    held = {
        "quickbooks_id": "80-5",
        "kind": "customer",
        "label": "Oak & Sons",
        "same": ["Name"],
        "refusal": "",
    }
    vendor = {**held, "quickbooks_id": "80-6", "kind": "vendor", "refusal": "It is a vendor."}
    looked = {"source": "read", "pending": True, "message": "", "as_of": None, "found": [held, vendor]}
    done = {"asked": ["s-1"], "already": [], "refused": [], "remaining": 0}
    answers = {("POST", "log", f"{UNSYNCED}/s-1/look-up"): looked, ("POST", "log", f"{UNSYNCED}/link"): done}
    listed = qbsync("link", "oak", "s-1", answers=answers).stdout
    assert "asked with the next run" in listed
    assert "--to 80-5" in listed
    assert "It is a vendor." in listed
    assert json.loads(qbsync("link", "oak", "s-1", "--json", answers=answers).stdout) == looked
    result = qbsync("link", "oak", "s-1", "--to", "80-5", answers=answers)
    assert "Link: 1 asked for" in result.stdout
    body = {"sync_id": "s-1", "quickbooks_id": "80-5", "why": ""}
    assert json.loads(result.requests[-1].content) == body


def test_match_lists_and_links_from_a_confidence_on(qbsync):
    base = "/api/v1/tenants/oak/matches"
    pair = {
        "kind": "customer", "label": "Oak", "app_id": "C-1", "quickbooks_label": "OAK", "quickbooks_id": "80-1",
        "same": "name", "confidence": 90,
    }  # fmt: skip
    found = {"items": [pair], "total": 1, "unclear": 0, "as_of": "7"}
    answers = {
        ("GET", "wizard", base): found,
        ("POST", "wizard", f"{base}/link"): {"linked": 1, "remaining": 0},
    }
    listed = qbsync("match", "oak", answers=answers)
    assert "80-1" in listed.stdout
    assert [one.method for one in listed.requests] == ["GET"]
    linked = qbsync("match", "oak", "--from", "90", "--yes", answers=answers)
    assert "Linked: 1." in linked.stdout
    assert json.loads(linked.requests[-1].content) == {"least": 90, "as_of": "7"}


def test_resync_wants_to_know_which_and_tells_refusals(qbsync):
    nothing = qbsync("resync", "oak")
    assert (nothing.exit_code, nothing.requests) == (1, [])
    assert "--all" in nothing.stderr
    why = {"sync_id": "s-1", "code": "in-doubt", "reason": "Its outcome is not known yet."}
    refused = {"asked": [], "already": [], "refused": [why], "remaining": 0}
    result = qbsync("resync", "oak", "--id", "s-1", answers={("POST", "log", f"{UNSYNCED}/resync"): refused})
    assert result.exit_code == 1
    assert "Its outcome is not known yet." in result.stdout


@pytest.mark.parametrize("command", [["desktop", "run", "oak"], ["online", "connect", "oak"]], ids=" ".join)
def test_without_a_sandbox_its_commands_say_how_to_start_one(qbsync, command):
    result = qbsync("sandbox", *command)
    assert result.exit_code == 1
    assert "qbsync up --sandbox" in result.stderr
