"""What must be refused, over HTTP and NATS at the real services: a clear answer, and nothing changes."""

import asyncio
import json
from typing import Any

import httpx
import nats
import pytest

from qbsync_local.sandbox.desktop.soap_client import SoapClient
from tests.e2e.system import Json, Office, System, customer, eventually

pytestmark = pytest.mark.xdist_group("e2e")

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    + ']><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>&i;</soap:Body></soap:Envelope>'
)


@pytest.fixture(scope="module")
def office(system: System) -> Office:
    office = Office(system, "refusals", "desktop")
    office.open()
    return office


@pytest.fixture
def soap(system: System) -> SoapClient:
    return SoapClient(f"{system.url('qbwc-gateway')}/qbwc")


def post_soap(system: System, body: str) -> httpx.Response:
    return system.http.post(
        f"{system.url('qbwc-gateway')}/qbwc", content=body, headers={"content-type": "text/xml"}
    )


def problem(answer: httpx.Response, status: int) -> Json:
    """The problem details of a refusal (RFC 9457)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    found: Json = answer.json()
    assert found["status"] == status
    assert found["title"]
    return found


# the Web Connector


def test_a_wrong_password_gets_nvu_and_no_session(office: Office, soap: SoapClient) -> None:
    health = office.system.call("GET", "qbwc-gateway", f"{office.api}/connector")
    for user in (health["username"], "nobody"):
        answer = soap.strings("authenticate", strUserName=user, strPassword="wrong")
        assert answer[1] == "nvu"
    after = office.system.call("GET", "qbwc-gateway", f"{office.api}/connector")
    assert len(after["sessions"]) == len(health["sessions"])
    assert office.sync()["outcome"] in {"finished", "no_work"}


def test_an_unknown_ticket_is_told_that_the_run_is_over(soap: SoapClient) -> None:
    asked = {
        "strHCPResponse": "", "strCompanyFileName": "", "qbXMLCountry": "US", "qbXMLMajorVers": 16, "qbXMLMinorVers": 0,
    }  # fmt: skip
    assert soap.text("sendRequestXML", ticket="nobody-knows-it", **asked) == ""
    got = soap.number("receiveResponseXML", ticket="nobody-knows-it", response="", hresult="", message="")
    assert got < 0
    assert "run" in soap.text("getLastError", ticket="nobody-knows-it").lower()


@pytest.mark.parametrize(
    "body",
    ["", "<soap", "<a/>", '<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"/>', BOMB],
    ids=["empty", "cut off", "no envelope", "another version", "entity bomb"],
)
def test_malformed_soap_and_bombs_get_a_fault(system: System, body: str) -> None:
    answer = post_soap(system, body)
    assert answer.status_code == 500
    assert "soap:Fault" in answer.text
    assert len(answer.text) < 1000
    assert system.ready("qbwc-gateway")


# the APIs


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("wizard", "/review"),
        ("wizard", "/badge"),
        ("log", "/syncs"),
        ("log", "/unsynced"),
        ("qbwc-gateway", "/connector"),
        ("qbo-worker", "/connection"),
    ],
)
def test_an_unknown_tenant_is_not_found_anywhere(system: System, service: str, path: str) -> None:
    answer = system.http.get(
        f"{system.url(service)}/api/v1/tenants/nobody{path}",
        headers={"Authorization": f"Bearer {system.run.tokens['admin']}"},
    )
    problem(answer, 404)


@pytest.mark.parametrize("service", ["wizard", "log", "qbwc-gateway", "qbo-worker"])
def test_nobody_gets_in_without_a_token(system: System, office: Office, service: str) -> None:
    path = {"wizard": "/review", "log": "/syncs"}.get(service, "/work")
    problem(system.http.get(f"{system.url(service)}{office.api}{path}"), 401)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"[]", 422),
        (b"\xff\xfe", 422),
        (json.dumps({**customer("X-1", "Oak"), "surprise": 1}).encode(), 422),
        (json.dumps({**customer("X-1", "Oak"), "revision": "one"}).encode(), 422),
        (json.dumps({**customer("X-1", "Oak"), "app_id": "X-2"}).encode(), 422),
        (json.dumps(customer("X-1", "Oak" * 10_000)).encode(), 422),
    ],
    ids=["cut off", "a list", "no text", "unknown field", "no revision", "another id", "far too long"],
)
def test_a_bad_body_is_refused_and_changes_nothing(
    system: System, office: Office, body: bytes, status: int
) -> None:
    answer = system.http.put(
        f"{system.url('wizard')}{office.api}/entities/customer/X-1",
        content=body,
        headers={
            "Authorization": f"Bearer {system.run.tokens['admin']}",
            "content-type": "application/json",
        },
    )
    problem(answer, status)
    held = system.call("GET", "wizard", f"{office.api}/entities")["items"]
    assert [one for one in held if one["app_id"] in {"X-1", "X-2"}] == []


# messages


def say(system: System, subject: str, body: Json, **headers: str) -> None:
    """Publish one message as a stranger."""

    async def publish() -> None:
        client = await nats.connect(system.run.nats.url)
        try:
            await client.jetstream().publish(
                subject,
                json.dumps(body).encode(),
                headers={name.replace("_", "-"): value for name, value in headers.items()},
            )
        finally:
            await client.close()

    asyncio.run(publish())


def letters(office: Office) -> list[Json]:
    """The open dead letters of the tenant, as `qbsync dlq list` has them."""
    code, found = office.system.command_json("dlq", "list")
    assert code == 0
    return [one for one in found if one["tenant_id"] == office.tenant]


@pytest.mark.parametrize(
    ("ce_type", "body", "reason"),
    [
        ("qbsync.v9.app.entity.changed", {"entity": {}}, "unknown-version"),
        ("qbsync.v1.app.entity.changed", {"nothing": "known"}, "undecodable"),
    ],
    ids=["of an unknown version", "without sense"],
)
def test_a_message_lands_in_the_dead_letters_is_shown_replayed_and_discarded(
    office: Office, ce_type: str, body: Json, reason: str
) -> None:
    subject = f"qbsync.v1.{office.tenant}.app.entity.changed"
    say(office.system, subject, body, ce_id=f"stranger-{reason}", ce_type=ce_type)
    (letter,) = eventually(lambda: letters(office), lambda found: len(found) == 1)
    assert (letter["service"], letter["subject"], letter["reason"]) == ("wizard", subject, reason)
    code, shown = office.system.command_json("dlq", "show", letter["id"])
    assert code == 0
    assert json.loads(shown["payload"]) == body
    assert _command(office, "dlq", "replay", letter["id"])
    again = eventually(
        lambda: letters(office),
        lambda found: bool(found) and all(one["failed_at"] != letter["failed_at"] for one in found),
    )
    for one in again:
        assert _command(office, "dlq", "discard", one["id"])
    assert letters(office) == []
    assert office.system.all_ready()


def _command(office: Office, *arguments: str) -> Any:
    done = office.system.command(*arguments)
    assert done.exit_code == 0, done.stderr
    return done.stdout
