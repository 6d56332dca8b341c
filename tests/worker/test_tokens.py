"""Access tokens: one refresh at a time, durable before use, and what a refusal of Intuit means."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from qbsync_qbo_worker.oauth import Endpoints, Intuit, IntuitUnavailableError
from qbsync_qbo_worker.service.tokens import NotConnectedError, Tokens
from tests.worker.desk import Desk, T, customer


def refreshes(desk: Desk) -> int:
    return len(desk.requests(operation="token"))


def tokens_of(desk: Desk, intuit: Intuit | None = None) -> Tokens:
    """Those of another worker process."""
    return Tokens(
        database=desk.database,
        intuit=intuit or desk.intuit,
        keyring=desk.keyring,
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


async def test_a_lost_answer_to_a_rotation_ends_the_connection_and_says_so(desk: Desk) -> None:
    desk.clock.advance(timedelta(hours=2))
    desk.trouble("error_after", operation="token")
    with pytest.raises(IntuitUnavailableError):
        await desk.tokens.access(T)
    with pytest.raises(NotConnectedError):
        await desk.tokens.access(T)
    told = (await desk.said("connection.changed"))[-1]
    assert (told["state"], told["code"]) == ("expired", "QS-NOT-CONNECTED")


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
