"""Access tokens: one refresh at a time, durable before use, and what a refusal of Intuit means."""

import asyncio
import base64
from datetime import timedelta
from typing import Any

import httpx
import pytest

from qbsync_qbo_worker.oauth import Endpoints, Intuit, IntuitUnavailableError
from qbsync_qbo_worker.service.keeping import Keeper
from qbsync_qbo_worker.service.tokens import NotConnectedError, Tokens
from qbsync_shared.encryption import Keyring
from tests.worker.desk import KEYS, Desk, T, customer


def refreshes(desk: Desk) -> int:
    return len(desk.requests(operation="token"))


def tokens_of(desk: Desk, intuit: Intuit | None = None, keyring: Keyring | None = None) -> Tokens:
    """Those of another worker process."""
    return Tokens(
        database=desk.database,
        intuit=intuit or desk.intuit,
        keyring=keyring or desk.keyring,
        clock=desk.clock,
        make_id=desk.make_id,
    )


async def test_two_workers_refresh_a_rotating_token_once(desk: Desk) -> None:
    desk.clock.advance(timedelta(minutes=58))
    other = tokens_of(desk)
    found = await asyncio.gather(*(one.access(T) for one in (desk.tokens, other) * 5))
    assert len({one.token for one in found}) == 1
    assert refreshes(desk) == 1


async def test_every_rotation_is_kept_for_the_next_refresh(desk: Desk) -> None:
    seen = set()
    for _ in range(4):
        seen.add((await desk.tokens.access(T)).token)
        desk.clock.advance(timedelta(hours=1))
    assert len(seen) == 4
    assert refreshes(desk) == 3


async def test_a_refused_token_is_replaced_unless_somebody_did_already(desk: Desk) -> None:
    old = await desk.tokens.access(T)
    new = await desk.tokens.access(T, refused=old)
    assert new.token != old.token
    assert await tokens_of(desk).access(T, refused=old) == new
    assert refreshes(desk) == 1


@pytest.mark.parametrize("effect", ["error_before", "throttle", "lose_request"])
async def test_a_refresh_that_never_reached_intuit_is_tried_again_with_the_same_token(
    desk: Desk, effect: str
) -> None:
    desk.clock.advance(timedelta(hours=2))
    desk.trouble(effect, operation="token")
    with pytest.raises(IntuitUnavailableError):
        await desk.tokens.access(T)
    assert await desk.tokens.access(T)


async def test_while_intuit_does_not_answer_work_waits_without_a_doubt(desk: Desk) -> None:
    desk.clock.advance(timedelta(hours=2))
    desk.trouble("error_before", operation="token")
    sync = await desk.approve(customer())
    await desk.run()
    assert await desk.state(sync) == ("waiting", "QS-UNREACHABLE")
    assert desk.requests(entity="Customer", operation="create") == []


@pytest.mark.parametrize("effect", ["error_after", "lose_answer"])
async def test_a_lost_answer_to_a_rotation_is_asked_for_again(desk: Desk, effect: str) -> None:
    desk.clock.advance(timedelta(hours=2))
    desk.trouble(effect, operation="token")
    with pytest.raises(IntuitUnavailableError):
        await desk.tokens.access(T)
    found = await tokens_of(desk).access(T)
    assert found == await desk.tokens.access(T)


async def test_a_rotation_that_stayed_unknown_too_long_ends_the_connection_and_says_so(desk: Desk) -> None:
    desk.control.post("/oauth", json={"previous_seconds": 0})
    desk.clock.advance(timedelta(hours=2))
    desk.trouble("error_after", operation="token")
    try:
        with pytest.raises(IntuitUnavailableError):
            await desk.tokens.access(T)
        with pytest.raises(NotConnectedError):
            await desk.tokens.access(T)
    finally:
        desk.control.post("/oauth", json={})
    told = (await desk.said("connection.changed"))[-1]
    assert (told["state"], told["code"]) == ("expired", "QS-NOT-CONNECTED")
    assert "before its time" in told["message"]


async def test_while_intuit_is_away_a_token_is_used_to_its_end(desk: Desk) -> None:
    first = await desk.tokens.access(T)
    desk.clock.advance(timedelta(minutes=58))
    desk.trouble("error_before", operation="token", times=2)
    assert await desk.tokens.access(T) == first
    with pytest.raises(IntuitUnavailableError):
        await desk.tokens.access(T, refused=first)
    assert (await desk.tokens.access(T)).token != first.token


@pytest.mark.parametrize(
    ("column", "words"), [("hard_expires_at", "five years"), ("refresh_expires_at", "ran out")]
)
async def test_an_end_that_was_foreseen_is_explained(desk: Desk, column: str, words: str) -> None:
    desk.control.post(f"/companies/{desk.realm}/disconnect")
    async with desk.database.tenant(T) as connection:
        await connection.execute(f"update connection set {column} = $1", desk.clock.now())
    desk.clock.advance(timedelta(hours=2))
    with pytest.raises(NotConnectedError):
        await desk.tokens.access(T)
    assert words in (await desk.said("connection.changed"))[-1]["message"]


async def test_a_connection_that_nobody_uses_is_kept_also_while_paused(desk: Desk) -> None:
    await desk.pausing.set_paused(T, paused=True, by="dana")
    keeper = Keeper(database=desk.database, tokens=desk.tokens, clock=desk.clock)
    await keeper.look()
    assert refreshes(desk) == 0
    for _ in range(3):
        desk.clock.advance(timedelta(days=1))
        await keeper.look()
        await keeper.look()
    assert refreshes(desk) == 3
    await desk.pausing.set_paused(T, paused=False, by="dana")
    assert await desk.tokens.access(T)


async def test_the_hard_end_is_announced_once_and_connecting_again_takes_it_back(desk: Desk) -> None:
    keeper = Keeper(database=desk.database, tokens=desk.tokens, clock=desk.clock)
    async with desk.database.tenant(T) as connection:
        ends = desk.clock.now() + timedelta(days=31)
        await connection.execute("update connection set hard_expires_at = $1", ends)
    await keeper.look()
    told = await desk.said("connection.changed")
    async with desk.database.tenant(T) as connection:
        await connection.execute("update connection set hard_expires_at = $1", ends - timedelta(days=2))
    for _ in range(2):
        await keeper.look()
    warned = (await desk.said("connection.changed"))[len(told) :]
    assert [(one["state"], one["code"]) for one in warned] == [("connected", "QS-RECONNECT-SOON")]
    assert "2026-12-01" in warned[0]["message"]
    await desk.connect()
    async with desk.database.tenant(T) as connection:
        assert await connection.fetchval("select code from connection") is None


async def test_keys_rotate_and_a_lost_key_is_explained_and_heals(desk: Desk) -> None:
    found = await desk.tokens.access(T)
    new = base64.urlsafe_b64encode(b"n" * 32).decode()
    both, alone = Keyring.parse(f"{new},{KEYS}"), Keyring.parse(new)
    with pytest.raises(NotConnectedError):
        await tokens_of(desk, keyring=alone).access(T)
    told = (await desk.said("connection.changed"))[-1]
    assert (told["state"], told["code"]) == ("problem", "QS-KEY-MISSING")
    assert (await tokens_of(desk, keyring=both).access(T)).token == found.token
    healed = await tokens_of(desk, keyring=alone).access(T)
    assert healed.token == found.token
    assert healed.troubled
    assert refreshes(desk) == 0


async def test_a_fault_of_the_operators_set_up_does_not_disconnect_the_tenant_and_heals(desk: Desk) -> None:
    desk.clock.advance(timedelta(hours=2))
    wrong = Intuit(
        endpoints=Endpoints(
            authorize=f"{desk.simulator}/connect/oauth2",
            token=f"{desk.simulator}/oauth2/v1/tokens/bearer",
            revoke=f"{desk.simulator}/v2/oauth2/tokens/revoke",
        ),
        discovery_url=None,
        client_id="sandbox-client",
        client_secret="mistyped",
        redirect_uri="http://127.0.0.1/oauth/callback",
        clock=desk.clock,
    )
    with pytest.raises(NotConnectedError):
        await tokens_of(desk, wrong).access(T)
    told = (await desk.said("connection.changed"))[-1]
    assert (told["state"], told["code"]) == ("problem", "invalid_client")
    assert "operator" in told["message"]
    assert await desk.tokens.access(T)
    assert (await desk.said("connection.changed"))[-1]["state"] == "connected"


async def test_tokens_are_encrypted_for_their_tenant(desk: Desk) -> None:
    access = await desk.tokens.access(T)
    async with desk.database.tenant(T) as connection:
        row = await connection.fetchrow("select * from connection")
    assert row is not None
    assert access.token.encode() not in bytes(row["access_token"])
    assert access.token not in repr(access)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"access_token": "a"}),
        httpx.Response(400, text="no"),
        httpx.Response(400, json={"error": "temporarily_unavailable"}),
        httpx.Response(200, json={"access_token": "a", "refresh_token": "r", "expires_in": "soon"}),
    ],
    ids=["html", "half", "text", "later", "no number"],
)
async def test_an_answer_that_makes_no_sense_keeps_the_connection(desk: Desk, answer: httpx.Response) -> None:
    desk.clock.advance(timedelta(hours=2))

    def respond(_: httpx.Request) -> httpx.Response:
        return answer

    odd: Any = Intuit(
        endpoints=Endpoints(authorize="http://i/a", token="http://i/t", revoke="http://i/r"),
        discovery_url=None,
        client_id="c",
        client_secret="s",
        redirect_uri="http://127.0.0.1/oauth/callback",
        clock=desk.clock,
        transport=httpx.MockTransport(respond),
    )
    with pytest.raises(IntuitUnavailableError):
        await tokens_of(desk, odd).access(T)
    assert await desk.tokens.access(T)


@pytest.mark.parametrize("methods", [["S256"], None], ids=["offered", "not offered"])
async def test_pkce_goes_along_where_the_discovery_document_offers_it(
    desk: Desk, methods: list[str] | None
) -> None:
    asked: list[httpx.Request] = []
    document: dict[str, Any] = {
        "authorization_endpoint": "http://i/a",
        "token_endpoint": "http://i/t",
        "revocation_endpoint": "http://i/r",
    } | ({"code_challenge_methods_supported": methods} if methods else {})
    tokens = {"access_token": "a", "refresh_token": "r", "expires_in": 3600, "token_type": "bearer"}
    away = False

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.path == "/discovery":
            return httpx.Response(503 if away else 200, json=document)
        return httpx.Response(200, json=tokens)

    intuit = Intuit(
        endpoints=None,
        discovery_url="http://i/discovery",
        client_id="c",
        client_secret="s",
        redirect_uri="http://127.0.0.1/oauth/callback",
        clock=desk.clock,
        transport=httpx.MockTransport(respond),
    )
    url = await intuit.authorize_url(state="s", verifier="v" * 43)
    await intuit.exchange("code", verifier="v" * 43)
    assert ("code_challenge=" in url, b"code_verifier=" in asked[-1].content) == (bool(methods),) * 2
    desk.clock.advance(timedelta(days=1))
    away = True
    await intuit.refresh("r")
    assert [one.url.path for one in asked] == ["/discovery", "/t", "/discovery", "/t"]
