"""Who may do what: every route and page of every service, asked by everybody, against one table."""

import asyncio
import re
import tomllib
from pathlib import Path

import httpx
import pytest

from qbsync_shared.web import Role, issue_token
from qbsync_shared.web.auth import needed_roles
from tests.contract.services import built

TABLE = tomllib.loads((Path(__file__).parent / "permissions.toml").read_text("utf-8"))
SERVICES = ("wizard", "qbwc-gateway", "qbo-worker", "log")
OURS, OTHERS = "oak", "fern"
KEY = "k" * 32
MISSING = {"letter_id": "1", "edition": "online", "kind": "customer"}


def table_of(service: str) -> dict[str, str]:
    """Every route of a service with the lowest role that may call it, or ``anybody``."""
    return {**TABLE["every"], **TABLE[service]}


def closed_routes() -> list[tuple[str, str, Role]]:
    return [
        (service, route, Role[needed.upper()])
        for service in SERVICES
        for route, needed in TABLE[service].items()
        if needed != "anybody"
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_stands_in_the_table_with_its_role(service: str) -> None:
    found = {
        f"{method} {path}": role.label if role else "anybody"
        for (method, path), role in needed_roles(built(service)).items()
        if method != "HEAD"
    }
    assert found == table_of(service)


@pytest.mark.parametrize("service", SERVICES)
def test_what_anybody_may_call_names_no_tenant_unless_it_says_nothing_private(service: str) -> None:
    open_to_all = {route for route, needed in table_of(service).items() if needed == "anybody"}
    assert {route for route in open_to_all if "{tenant}" in route} <= {"GET /support/{tenant}"}
    assert not any("/api/" in route for route in open_to_all)


@pytest.mark.parametrize(("service", "route", "needed"), closed_routes())
async def test_a_route_lets_in_exactly_whom_the_table_says(service: str, route: str, needed: Role) -> None:
    for role in Role:
        tenant = "*" if role is Role.OPERATOR else OURS
        assert (await _ask(service, route, role, tenant) not in (401, 403, 404)) == (role >= needed), role
    assert await _ask(service, route, None) == 401
    assert await _ask(service, route, Role.OPERATOR, OURS, key="z" * 32) == 401
    if "{tenant}" in route:
        assert await _ask(service, route, Role.ADMIN, OTHERS) == 404
        assert await _ask(service, route, Role.OPERATOR, OTHERS) == 404
    if needed is Role.OPERATOR:
        assert await _ask(service, route, Role.OPERATOR, OURS) == 403


async def _ask(service: str, route: str, role: Role | None, tenant: str = OURS, key: str = KEY) -> int:
    """The status of a call. No database is there: whoever is let in meets 500 at the latest."""
    method, path = route.split(" ")
    address = re.sub(r"{(\w+)}", lambda found: MISSING.get(found[1], "x"), path.replace("{tenant}", OURS))
    headers = {}
    if role is not None:
        token = issue_token(key, tenant=tenant, role=role, sub="u-1", name="Dana R.")
        headers["authorization"] = f"Bearer {token}"
    app = built(service)
    app.state.streams.close()  # else who is let in to a stream of events stays there
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        asyncio.timeout(20),
        httpx.AsyncClient(transport=transport, base_url="https://sync.example", headers=headers) as client,
    ):
        return (await client.request(method, address)).status_code
