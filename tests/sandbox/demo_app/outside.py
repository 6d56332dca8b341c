"""Everything around the app, played by the test: qbsync's API, the simulators, and what they remember."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from qbsync_local.sandbox.demo_app.events import Heard

KEY = "a-key-of-the-tests-with-enough-bytes"
TENANT = "thistle-loam"
WIZARD = "http://127.0.0.1:8101"


def heard(noun: str, verb: str, *, tenant: str = TENANT, channel: str = "desktop", **body: Any) -> Heard:
    """An event as the app hears it."""
    whole = {"id": "e-1", "tenant": tenant, "occurred_at": "2026-11-02T12:00:00Z", **body}
    return Heard(tenant, channel, noun, verb, whole)


class Outside:
    """Answers every request of the app. `down` makes the wizard fail, `refuse` makes it refuse."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.down = False
        self.refuse = False
        self.connected = False
        self.tenant_known_after = 0
        self.review: dict[str, dict[str, Any]] = {}
        self.approved: list[dict[str, Any]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        """What comes back."""
        url = urlsplit(str(request.url))
        self.calls.append((request.method, url.path + (f"?{url.query}" if url.query else "")))
        body = request.content.decode()
        is_json = request.headers.get("content-type", "") == "application/json"
        self.bodies.append(json.loads(body) if is_json and body else body)
        return {
            8101: self._wizard,
            8102: self._gateway,
            8103: self._worker,
            8106: self._online,
            8107: self._desktop,
        }[url.port or 0](request.method, url.path, parse_qs(url.query))

    def _wizard(self, method: str, path: str, query: dict[str, list[str]]) -> httpx.Response:
        if self.down:
            return httpx.Response(503, json={"title": "Not ready"})
        if self.refuse:
            members = [{"pointer": "#/name", "detail": "is too long"}]
            return httpx.Response(422, json={"title": "The request does not fit", "errors": members})
        answers: dict[str, Callable[[str], Any]] = {
            "badge": lambda _: {"waiting": 7, "imports": 3, "exports": 4},
            "review": lambda tenant: {
                "items": [one for one in self.review.values() if one["tenant"] == tenant]
            },
            "approve": lambda _: self._approve(),
            "imports": lambda _: {"items": []},
        }
        answer: Callable[[str], Any] = answers.get(path.rpartition("/")[2], _nothing)
        return httpx.Response(200, json=answer(path.split("/")[4]))

    def _approve(self) -> dict[str, Any]:
        checked = self.bodies[-1]["checked"]
        self.approved += [{**self.review.pop(one["id"]), **one} for one in checked]
        return {"approved": len(checked), "changed": [], "blocked": []}

    def _gateway(self, method: str, path: str, query: dict[str, list[str]]) -> httpx.Response:
        if path.endswith(".qwc"):
            return httpx.Response(200, text="<QBWCXML/>")
        if self.tenant_known_after > 0:
            self.tenant_known_after -= 1
            return httpx.Response(404, json={"title": "There is no such company here"})
        return httpx.Response(201, json={"username": "thistle", "password": "once"})

    def _worker(self, method: str, path: str, query: dict[str, list[str]]) -> httpx.Response:
        if path.startswith("/connect/"):
            cookies = {"set-cookie": "qbsync_connect=c1; Path=/oauth; HttpOnly"}
            location = "http://127.0.0.1:8106/connect/oauth2?state=s1&client_id=x"
            return httpx.Response(303, headers={"location": location, **cookies})
        if path == "/oauth/callback":
            self.connected = True
            return httpx.Response(303, headers={"location": "/t/clearwater/online"})
        return httpx.Response(200, json={"state": "connected" if self.connected else "none"})

    def _online(self, method: str, path: str, query: dict[str, list[str]]) -> httpx.Response:
        if path == "/connect/oauth2":
            realm = query["auto_approve"][0]
            location = f"http://127.0.0.1:8103/oauth/callback?code=c&state=s1&realmId={realm}"
            return httpx.Response(302, headers={"location": location})
        if method == "GET" and path.endswith("/customer"):
            return httpx.Response(200, json={"items": [{"Id": "1", "DisplayName": "Harbor View Apartments"}]})
        return httpx.Response(200, json={"name": "Bright Water", "entities": {"Customer": 3}})

    def _desktop(self, method: str, path: str, query: dict[str, list[str]]) -> httpx.Response:
        if path.endswith("/run"):
            report = {"outcome": "finished", "message": "Finished. 3 sent", "round_trips": 4}
            return httpx.Response(200, json=report)
        if path == "/connectors" and method == "GET":
            last = {"outcome": "finished"}
            return httpx.Response(200, json={"items": [{"tenant": TENANT, "last": last}]})
        if path.endswith("/customers"):
            name = query["q"][0]
            found = {"id": "80000001", "full_name": name, "edit_sequence": "1"}
            return httpx.Response(200, json={"items": [found]})
        return httpx.Response(200, json={"company": "Thistle & Loam", "counts": {"Customer": 14}})


def _nothing(_: str) -> dict[str, Any]:
    return {}
