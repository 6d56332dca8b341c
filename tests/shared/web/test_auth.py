"""Tokens, roles, tenants."""

import json
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fastapi import FastAPI
from pydantic import SecretStr
from tests.browser.gallery import KEY, NOW

from qbsync_shared.clock import FrozenClock
from qbsync_shared.web import Principal, Role, Tokens, issue_token
from qbsync_shared.web.auth import PublishedKeys, Refusal, needed_roles

PATH = "/t/thistle-loam/gallery"
PAGE = {"accept": "text/html"}
EPOCH = int(NOW.timestamp())
CLAIMS = {
    "sub": "u-1",
    "name": "Dana R.",
    "tenant": "oak",
    "role": "viewer",
    "aud": "qbsync",
    "exp": EPOCH + 600,
}


class Keys:
    def __init__(self, key: str | None = KEY, url: str | None = None) -> None:
        self.jwt_key = SecretStr(key) if key else None
        self.jwt_jwks_url = url


def sign(changes: dict[str, Any] | None = None, **options: Any) -> str:
    claims = {name: value for name, value in (CLAIMS | (changes or {})).items() if value is not None}
    return jwt.encode(claims, **({"key": KEY, "algorithm": "HS256"} | options))


async def read(token: str) -> Principal | Refusal:
    return await Tokens(Keys(), FrozenClock(NOW)).read(token)


async def test_a_good_token_names_its_bearer() -> None:
    assert await read(sign()) == Principal("u-1", "Dana R.", "oak", Role.VIEWER)
    assert await read(sign({"name": None})) == Principal("u-1", "u-1", "oak", Role.VIEWER)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"aud": None},
        {"sub": None},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": EPOCH + 3_700},
        {"nbf": EPOCH + 300},
        {"tenant": None},
        {"tenant": "../etc"},
        {"tenant": ["oak"]},
        {"role": "root"},
        {"role": None},
        {"role": 4},
    ],
    ids=str,
)
async def test_a_bad_claim_is_refused(changes: dict[str, Any]) -> None:
    found = await read(sign(changes))
    assert isinstance(found, Refusal)
    assert not found.expired


async def test_an_expired_token_is_known_as_such() -> None:
    assert await read(sign({"exp": EPOCH})) == Refusal(expired=True, reason="expired")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "ä.ö.ü", sign(key="another-key-of-thirty-two-bytes!")])
async def test_nonsense_is_refused(token: str) -> None:
    assert isinstance(await read(token), Refusal)


async def test_nothing_in_the_token_chooses_the_algorithm() -> None:
    assert isinstance(await read(jwt.encode(CLAIMS, "", algorithm="none")), Refusal)
    longer = sign(algorithm="HS512", key=KEY * 2)
    assert isinstance(await read(longer), Refusal)
    private = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    assert isinstance(await read(sign(key=private, algorithm="RS256")), Refusal)


def published(*keys: tuple[str, Any]) -> dict[str, Any]:
    return {
        "keys": [
            json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())) | {"kid": kid, "alg": "ES256"}
            for kid, key in keys
        ]
    }


async def test_published_keys_are_asked_for_again_but_not_too_often() -> None:
    first, second = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    served, calls, now = [published(("a", first))], [0], [0.0]

    def answer(_: httpx.Request) -> httpx.Response:
        calls[0] += 1
        return httpx.Response(200, json=served[0])

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        keys = PublishedKeys("https://id.example/keys", client, lambda: now[0])
        tokens = Tokens(Keys(None, "https://id.example/keys"), FrozenClock(NOW), keys)
        old = sign(key=first, algorithm="ES256", headers={"kid": "a"})
        new = sign(key=second, algorithm="ES256", headers={"kid": "b"})
        assert isinstance(await tokens.read(old), Principal)
        assert isinstance(await tokens.read(new), Refusal)
        assert calls == [1]
        served[0], now[0] = published(("a", first), ("b", second)), 11.0
        assert isinstance(await tokens.read(new), Principal)
        assert isinstance(await tokens.read(old), Principal)
        assert calls == [2]
        # a shared key is not configured, so nothing signed with one is taken
        assert isinstance(await tokens.read(sign()), Refusal)


async def test_published_keys_survive_a_silent_address() -> None:
    key, up, now = ec.generate_private_key(ec.SECP256R1()), [False], [0.0]

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=published(("a", key))) if up[0] else httpx.Response(503)

    token = sign(key=key, algorithm="ES256", headers={"kid": "a"})
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        keys = PublishedKeys("https://id.example/keys", client, lambda: now[0])
        tokens = Tokens(Keys(None, "https://id.example/keys"), FrozenClock(NOW), keys)
        assert await tokens.read(token) == Refusal(expired=False, reason="the keys could not be read")
        up[0], now[0] = True, 20.0
        assert isinstance(await tokens.read(token), Principal)
        up[0], now[0] = False, 1_000.0
        assert isinstance(await tokens.read(token), Principal)


def test_a_token_lasts_at_most_one_hour() -> None:
    with pytest.raises(ValueError, match="one hour"):
        issue_token(KEY, tenant="oak", role=Role.VIEWER, sub="a", name="A", lasts=timedelta(hours=2))


@pytest.mark.parametrize("role", Role)
def test_each_role_may_what_the_lower_may(role: Role) -> None:
    here, everywhere = Principal("u", "U", "oak", role), Principal("u", "U", "*", role)
    for needed in (Role.VIEWER, Role.APPROVER, Role.ADMIN):
        assert here.may(needed) == everywhere.may(needed) == (role >= needed)
    assert not here.may(Role.OPERATOR)
    assert everywhere.may(Role.OPERATOR) == (role == Role.OPERATOR)


def test_the_roles_of_an_app_can_be_listed(app: FastAPI) -> None:
    roles = needed_roles(app)
    assert roles["GET", "/session"] is None
    assert roles["GET", PATH.replace("thistle-loam", "{tenant}")] == Role.VIEWER
    assert roles["POST", "/t/{tenant}/gallery/approve"] == Role.APPROVER
    assert roles["GET", "/t/{tenant}/gallery/events"] == Role.VIEWER


async def test_without_a_token(client: httpx.AsyncClient) -> None:
    answer = await client.get(PATH)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'Bearer realm="qbsync"'
    assert answer.json()["type"] == "urn:qbsync:problem:unauthenticated"
    page = await client.get(PATH, headers=PAGE)
    assert page.status_code == 401
    assert "Open QuickBooks in the app again" in page.text


async def test_a_session_that_has_ended_says_so(
    client: httpx.AsyncClient, make_token: Any, clock: FrozenClock
) -> None:
    await client.get("/session", params={"token": make_token(), "next": PATH})
    assert (await client.get(PATH)).status_code == 200
    clock.advance(timedelta(hours=1))
    page = await client.get(PATH, headers=PAGE)
    assert page.status_code == 401
    assert "Your session has ended" in page.text


async def test_another_tenant_is_like_none(client: httpx.AsyncClient, bearer: Any) -> None:
    mine = await client.get(PATH, headers=bearer())
    assert mine.status_code == 200
    for claims in ({}, {"role": Role.OPERATOR}):
        other = await client.get("/t/other/gallery", headers=bearer(**claims))
        assert other.status_code == 404
        assert other.json()["type"] == "urn:qbsync:problem:unknown-tenant"
    assert (await client.get("/t/other/gallery", headers=bearer(tenant="*"))).status_code == 200


async def test_too_low_a_role(client: httpx.AsyncClient, bearer: Any) -> None:
    answer = await client.get(f"{PATH}/admins", headers=bearer())
    assert answer.status_code == 403
    assert answer.json()["needs_role"] == "admin"
    page = await client.get(f"{PATH}/admins", headers=bearer() | PAGE)
    assert "It needs the role of an admin or higher. You are Dana R., approver." in page.text
    assert (await client.get(f"{PATH}/admins", headers=bearer(role=Role.ADMIN))).json() == {"you": "may"}
