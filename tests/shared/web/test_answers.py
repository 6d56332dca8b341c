"""Headers, limits, problems, static files."""

import hashlib
import json
from importlib.resources import files
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, Field

from qbsync_shared.web import ProblemError
from qbsync_shared.web.static import assets, static_url

PATH = "/t/thistle-loam/gallery"
PAGE = {"accept": "text/html"}


class Line(BaseModel):
    amount: int = Field(gt=0)


class Body(BaseModel):
    lines: list[Line]


@pytest.fixture
def app(app: FastAPI) -> FastAPI:
    @app.post("/api/v1/things")
    async def make(body: Body, limit: int = 1) -> Body:
        return body

    @app.get("/api/v1/teapot")
    async def teapot() -> None:
        raise ProblemError(409, "short-and-stout", "It is a teapot", "Use a kettle.", spout="left")

    return app


async def test_every_answer_has_the_headers(client: httpx.AsyncClient, bearer: Any) -> None:
    for path in (PATH, "/nowhere", f"{PATH}/broken", static_url("app.css"), "/api/v1/teapot"):
        headers = (await client.get(path, headers=bearer())).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert len(headers.get_list("x-request-id")) == 1


async def test_pages_have_nothing_inline(client: httpx.AsyncClient, bearer: Any) -> None:
    page = (await client.get(f"{PATH}?ask=1&toast=1", headers=bearer())).text
    assert "<style" not in page
    assert " style=" not in page
    assert " onclick" not in page
    assert "<script>" not in page


async def test_the_request_id_is_kept_if_it_is_well_formed(client: httpx.AsyncClient) -> None:
    kept = await client.get("/nowhere", headers={"x-request-id": "4bf92f3577b34da6"})
    assert kept.headers["x-request-id"] == kept.json()["request_id"] == "4bf92f3577b34da6"
    other = await client.get("/nowhere", headers={"x-request-id": "<script>alert(1)</script>"})
    assert other.headers["x-request-id"] != "<script>alert(1)</script>"


async def test_an_unexpected_error_tells_nothing_of_the_inside(
    client: httpx.AsyncClient, bearer: Any
) -> None:
    answer = await client.get(f"{PATH}/broken", headers=bearer())
    assert answer.status_code == 500
    assert "secret" not in answer.text
    page = await client.get(f"{PATH}/broken", headers=bearer() | PAGE)
    assert page.status_code == 500
    assert "secret" not in page.text
    assert page.headers["x-request-id"] in page.text


async def test_a_body_has_a_limit(client: httpx.AsyncClient, bearer: Any) -> None:
    async def chunks() -> Any:
        for _ in range(6):
            yield b"x" * 1_048_576

    declared = await client.post("/api/v1/things", content=b"x" * 4_194_305, headers=bearer())
    streamed = await client.post(
        "/api/v1/things", content=chunks(), headers=bearer() | {"content-type": "application/json"}
    )
    lied = await client.post("/api/v1/things", content=chunks(), headers={"content-length": "-1"})
    assert (declared.status_code, streamed.status_code, lied.status_code) == (413, 413, 400)
    assert streamed.json()["detail"] == "The body may have at most 4,194,304 bytes."


async def test_violations_have_pointers_and_no_values(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/api/v1/things?limit=secret", json={"lines": [{"amount": 1}, {"amount": "secret"}, {"amount": -1}]}
    )
    assert answer.status_code == 422
    assert "secret" not in answer.text
    assert answer.json()["errors"] == [
        {
            "in": "query",
            "name": "limit",
            "detail": "Input should be a valid integer, unable to parse string as an integer",
        },
        {
            "in": "body",
            "pointer": "#/lines/1/amount",
            "detail": "Input should be a valid integer, unable to parse string as an integer",
        },
        {"in": "body", "pointer": "#/lines/2/amount", "detail": "Input should be greater than 0"},
    ]
    broken = await client.post(
        "/api/v1/things", content=b'{"lines": [', headers={"content-type": "application/json"}
    )
    assert broken.status_code == 422
    assert broken.json()["errors"][0]["pointer"] == "#"


async def test_problems(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/teapot", headers=PAGE)
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() | {"request_id": ""} == {
        "type": "urn:qbsync:problem:short-and-stout",
        "title": "It is a teapot",
        "status": 409,
        "detail": "Use a kettle.",
        "spout": "left",
        "request_id": "",
    }
    assert (await client.get("/api/v1/nothing")).json()["type"] == "urn:qbsync:problem:not-found"
    wrong = await client.put("/api/v1/teapot")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")
    page = await client.get("/nowhere", headers=PAGE)
    assert page.status_code == 404
    assert "There is no such page here" in page.text


async def test_a_fragment_gets_its_error_on_top_of_the_page(client: httpx.AsyncClient) -> None:
    answer = await client.get(PATH, headers={"hx-request": "true", "hx-request-type": "partial"})
    assert answer.status_code == 401
    assert answer.headers["hx-retarget"] == "#errors"
    assert "<html" not in answer.text


async def test_openapi_describes_the_real_errors(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    operation = schema["paths"]["/api/v1/things"]["post"]
    assert list(operation["responses"]["422"]["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in json.dumps(schema)
    assert "/session" not in schema["paths"]
    assert "security" not in operation
    assert "401" not in operation["responses"]
    closed = schema["paths"]["/t/{tenant}/gallery/admins"]["get"]
    assert closed["security"] == [{"bearer": []}, {"session": []}]
    assert {"200", "401", "403", "404", "422", "default"} == set(closed["responses"])


async def test_static_files_may_be_kept_for_ever(client: httpx.AsyncClient) -> None:
    for name, asset in assets().items():
        answer = await client.get(static_url(name))
        assert answer.status_code == 200
        assert answer.content == asset.body
        assert answer.headers["content-encoding"] == "gzip"
        assert "immutable" in answer.headers["cache-control"]
        plain = await client.get(static_url(name), headers={"accept-encoding": "identity"})
        assert plain.content == asset.body
        again = await client.get(static_url(name), headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert (await client.get(static_url("app.js"))).headers[
        "content-type"
    ] == "text/javascript; charset=utf-8"
    assert (await client.get(static_url("icons.svg"))).headers["content-type"] == "image/svg+xml"


async def test_static_files_of_another_version_and_unknown_ones(client: httpx.AsyncClient) -> None:
    old = await client.get("/static/000000000000/app.css")
    assert (old.status_code, old.headers["cache-control"]) == (200, "no-cache")
    for path in (
        "/static/x/nothing.css",
        "/static/x/../../filters.py",
        "/static/x/%2e%2e/filters.py",
        "/static/",
    ):
        assert (await client.get(path)).status_code == 404
    assert (await client.post(static_url("app.css"))).status_code == 405


def test_vendored_scripts_are_the_published_ones() -> None:
    expected = {
        "htmx.min.js": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
        "hx-sse.min.js": "18ef2761356ec1fe0bb6d92612315b37517a7c1e9856b661c5ae81fef239d103",
    }
    folder = files("qbsync_shared.web") / "static" / "vendor"
    assert {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in expected} == expected
    assert "Zero-Clause BSD" in (folder / "LICENSE").read_text(encoding="utf-8")
