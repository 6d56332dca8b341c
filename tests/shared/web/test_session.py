"""Coming, going, and requests that somebody else's page made."""

import re
from datetime import timedelta
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from tests.browser.gallery import KEY, Settings

from qbsync_shared.clock import FrozenClock
from qbsync_shared.web import Pages, Principal, Role, install, require
from qbsync_shared.web.csrf import make_token as make_csrf
from qbsync_shared.web.session import is_local_path

PATH = "/t/thistle-loam/gallery"
APPROVE = f"{PATH}/approve"
PAGE = {"accept": "text/html"}


async def sign_in(client: httpx.AsyncClient, token: str) -> str:
    """Begin a session; the token that the pages carry."""
    page = await client.get("/session", params={"token": token, "next": PATH}, follow_redirects=True)
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found
    return found[1]


async def test_the_cookie(client: httpx.AsyncClient, make_token: Any) -> None:
    answer = await client.get("/session", params={"token": make_token(), "next": PATH})
    assert (answer.status_code, answer.headers["location"]) == (303, PATH)
    assert "HttpOnly; Path=/; SameSite=lax" in answer.headers["set-cookie"]
    assert "Secure" not in answer.headers["set-cookie"]


async def test_over_https_the_cookie_is_secure(make_token: Any, clock: Any) -> None:
    app, settings = FastAPI(), Settings("https://qbsync.example")
    pages = install(app, settings=settings)
    pages.clock = clock
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="https://qbsync.example"
    ) as client:
        answer = await client.get("/session")
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        theme = await client.post("/session/theme", data={"theme": "dark"})
        assert "Secure" in theme.headers["set-cookie"]


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "",
        "wizard",
        "/a\nb",
        "/ b",
        "javascript:x",
    ],
)
async def test_only_local_paths_come_next(client: httpx.AsyncClient, make_token: Any, target: str) -> None:
    assert not is_local_path(target)
    answer = await client.get("/session", params={"token": make_token(), "next": target})
    assert answer.headers["location"] == "http://127.0.0.1/t/thistle-loam/wizard"


async def test_a_bad_token_begins_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.get("/session", params={"token": "nonsense", "next": PATH}, headers=PAGE)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


async def test_going(client: httpx.AsyncClient, make_token: Any) -> None:
    csrf = await sign_in(client, make_token())
    answer = await client.post("/session/end", data={"csrf": csrf}, follow_redirects=True)
    assert answer.status_code == 200
    assert "You are signed out" in answer.text
    assert (await client.get(PATH)).status_code == 401


async def test_a_form_of_ours_is_taken(client: httpx.AsyncClient, app: FastAPI, make_token: Any) -> None:
    csrf = await sign_in(client, make_token())
    answer = await client.post(APPROVE, data={"csrf": csrf, "item": ["a:1", "b:2"]})
    assert answer.status_code == 200
    answer = await client.post(APPROVE, files={"csrf": (None, csrf), "item": (None, "c:3")})
    assert answer.status_code == 200
    answer = await client.post(APPROVE, data={"item": "d:4"}, headers={"x-csrf-token": csrf})
    assert answer.status_code == 200
    assert [one["items"] for one in app.state.approved] == [["a:1", "b:2"], ["c:3"], ["d:4"]]


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
@pytest.mark.parametrize("csrf", [None, "", "guess", "ü", make_csrf(KEY, "u-1", "oak")])
async def test_a_forged_request_is_refused_on_every_path(
    client: httpx.AsyncClient, app: FastAPI, make_token: Any, method: str, csrf: str | None
) -> None:
    await sign_in(client, make_token())
    for path in (APPROVE, "/session/end", "/nowhere"):
        body = {"item": "a:1"} | ({} if csrf is None else {"csrf": csrf})
        answer = await client.request(method, path, data=body, headers=PAGE)
        assert answer.status_code == 403
        assert "Nothing was changed. Go back, reload the page" in answer.text
    answer = await client.request(method, APPROVE, json={"csrf": "x"})
    assert answer.json()["type"] == "urn:qbsync:problem:forged-request"
    assert app.state.approved == []


async def test_a_bearer_needs_no_token_of_ours(
    client: httpx.AsyncClient, app: FastAPI, make_token: Any, bearer: Any
) -> None:
    await sign_in(client, make_token())
    assert (await client.post(APPROVE, data={"item": "a:1"}, headers=bearer())).status_code == 200


async def test_the_way_back_leads_to_where_one_was(clock: FrozenClock) -> None:
    app, settings = FastAPI(), Settings()
    pages = Pages(
        "test", settings, clock=clock, app_name="Fieldbook", sign_in_url="https://app.example/quickbooks"
    )
    install(app, settings=settings, pages=pages)

    @app.get("/t/{tenant}/wizard")
    async def wizard(_: Annotated[Principal, Depends(require(Role.VIEWER))]) -> None: ...

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        page = (await client.get("/t/oak/wizard?q=1042&x=%26", headers=PAGE)).text
        assert "Open QuickBooks in Fieldbook again" in page
        assert 'href="https://app.example/quickbooks?next=%2Ft%2Foak%2Fwizard%3Fq%3D1042%26x%3D%2526"' in page
        fragment = await client.get("/t/oak/wizard", headers=PAGE | {"hx-request": "true"})
        assert "Sign in again" in fragment.text
        assert "You are signed out" in (await client.get("/session")).text


async def test_an_open_page_survives_a_renewed_session(
    client: httpx.AsyncClient, make_token: Any, clock: Any
) -> None:
    csrf = await sign_in(client, make_token())
    clock.advance(timedelta(minutes=59))
    assert await sign_in(client, make_token()) == csrf


async def test_the_theme(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/session/theme", data={"theme": "dark"}, headers={"referer": f"http://127.0.0.1{PATH}"}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, PATH)
    page = await client.get("/session")
    assert '<html lang="en" data-theme="dark">' in page.text
    away = await client.post(
        "/session/theme", data={"theme": "light"}, headers={"referer": "https://evil.example/x"}
    )
    assert away.headers["location"] == "/"
    assert (await client.post("/session/theme", data={"theme": "pink"})).status_code == 422
