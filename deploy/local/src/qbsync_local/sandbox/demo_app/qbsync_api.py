"""qbsync's HTTP API as the app uses it: telling changes without NATS, imports, the badge (docs: section 7)."""

from typing import Any
from urllib.parse import quote

import httpx

from qbsync_local.sandbox.demo_app.events import Event, Json
from qbsync_local.sandbox.demo_app.people import Tokens


class RefusedError(Exception):
    """qbsync refused a request, and will again: the text says why."""


class QbsyncApi:
    """Calls the Sync Wizard's service. Each method raises httpx.HTTPError when it does not answer or is not well."""

    def __init__(self, wizard_url: str, tokens: Tokens, http: httpx.AsyncClient) -> None:
        self._base = f"{wizard_url}/api/v1/tenants"
        self._tokens = tokens
        self._http = http

    async def tell(self, event: Event) -> None:
        """Say over HTTP what an event says; it has the same effect, and may be repeated. Raises RefusedError."""
        body, base = event.body, f"{self._base}/{event.tenant}"
        if event.type in {"entity.applied", "entity.rejected"}:
            answer = {name: value for name, value in body.items() if name != "sync_id"}
            path = f"{base}/imports/{quote(body['sync_id'], safe='')}"
            await self._send("POST", path, json={event.type.removeprefix("entity."): answer})
        elif body.get("deleted"):
            path = _entity_path(base, body)
            await self._send("DELETE", path, params={"revision": body["revision"]})
        else:
            marked = {"import_sync_id": body["import_sync_id"]} if "import_sync_id" in body else None
            await self._send("PUT", _entity_path(base, body["entity"]), json=body["entity"], params=marked)

    async def badge(self, tenant: str) -> int:
        """How many changes wait for approval."""
        return int((await self._send("GET", f"{self._base}/{tenant}/badge"))["waiting"])

    async def imports(self, tenant: str) -> list[Json]:
        """Approved imports that wait for the app's answer."""
        found: list[Json] = (await self._send("GET", f"{self._base}/{tenant}/imports"))["items"]
        return found

    async def _send(self, method: str, url: str, **options: Any) -> Json:
        headers = {"authorization": f"Bearer {self._tokens.for_app()}", "accept": "application/json"}
        answer = await self._http.request(method, url, headers=headers, **options)
        if answer.status_code in {409, 413, 422}:
            raise RefusedError(_why(answer))
        answer.raise_for_status()
        found: Json = answer.json()
        return found


def _entity_path(base: str, entity: Json) -> str:
    return f"{base}/entities/{entity['kind']}/{quote(entity['app_id'], safe='')}"


def _why(answer: httpx.Response) -> str:
    """Problem details (RFC 9457) in one line."""
    problem = answer.json()
    members = [
        f"{one.get('pointer', '')} {one.get('detail', '')}".strip() for one in problem.get("errors", ())
    ]
    return ". ".join(filter(None, (problem.get("title"), problem.get("detail"), *members)))
