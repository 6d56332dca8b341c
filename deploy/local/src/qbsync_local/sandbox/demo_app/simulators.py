"""The two simulated QuickBooks of the sandbox, through their control APIs. A real app has nothing like this."""

from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

import httpx

from qbsync_local.sandbox.demo_app.events import Json

REALM = "9341450000000001"
"""The company of the seed that the simulated QuickBooks Online opens first."""

FAULTS = {
    "die_after_write": "The PC loses power after QuickBooks wrote",
    "answer_twice": "The Web Connector delivers an answer twice",
    "connection_error": "The connection breaks once",
}
"""What can be ordered to go wrong in the next run of the Web Connector, with its words."""


@dataclass(frozen=True)
class Books:
    """What the simulated QuickBooks of a tenant holds, and where a person looks at it."""

    url: str
    name: str
    records: int
    last_run: str = ""


class Simulators:
    """Calls the simulators. Each method raises httpx.HTTPError when they are not there or refuse."""

    def __init__(self, desktop_url: str, online_url: str, http: httpx.AsyncClient) -> None:
        self.desktop_url = desktop_url
        self.online_url = online_url
        self._http = http

    async def open_company(self, tenant: str, name: str) -> None:
        """A company file for a tenant, with the records of the seed."""
        await self._desktop("POST", "/companies", {"tenant": tenant, "company": name, "plan": "desktop.json"})

    async def register(self, tenant: str, qwc: str, password: str) -> None:
        """Add the application of a .qwc file to the tenant's Web Connector."""
        await self._desktop("POST", "/connectors", {"tenant": tenant, "qwc": qwc, "password": password})

    async def run_connector(self, tenant: str) -> str:
        """One update of the Web Connector; what came of it, in words."""
        report = await self._desktop("POST", f"/connectors/{tenant}/run")
        trips = report["round_trips"]
        return f"{report['message'] or report['outcome']} ({trips} round trip{'' if trips == 1 else 's'})"

    async def break_next_run(self, tenant: str, fault: str) -> None:
        """Order something to go wrong once."""
        await self._desktop("POST", f"/companies/{tenant}/faults", {"named": {fault: 1}})

    async def books(self, tenant: str, edition: str) -> Books:
        """What is in the tenant's QuickBooks now."""
        if edition == "desktop":
            found = await self._desktop("GET", f"/companies/{tenant}")
            connectors = (await self._desktop("GET", "/connectors"))["items"]
            last = next((one["last"] for one in connectors if one["tenant"] == tenant), None)
            outcome = str(last["outcome"]) if last else ""
            url = f"{self.desktop_url}/t/{tenant}"
            return Books(url, found["company"], sum(found["counts"].values()), outcome)
        found = await self._get(f"{self.online_url}/control/companies/{REALM}")
        return Books(f"{self.online_url}/companies/{REALM}", found["name"], sum(found["entities"].values()))

    async def change_customer(self, tenant: str, edition: str, name: str, phone: str) -> None:
        """Somebody changes a customer's phone number in QuickBooks itself."""
        if edition == "desktop":
            found = await self._get(f"{self.desktop_url}/companies/{tenant}/customers", {"q": name})
            await self._modify(tenant, next(one for one in found["items"] if one["full_name"] == name), phone)
            return
        url = f"{self.online_url}/control/companies/{REALM}/customer"
        items = (await self._get(url))["items"]
        identifier = next(one["Id"] for one in items if one["DisplayName"] == name)
        record = {"PrimaryPhone": {"FreeFormNumber": phone}}
        await self._call("POST", url, json={"action": "update", "id": identifier, "record": record})

    async def _modify(self, tenant: str, found: Json, phone: str) -> None:
        request = (
            '<?xml version="1.0"?><?qbxml version="16.0"?><QBXML><QBXMLMsgsRq onError="stopOnError"><CustomerModRq>'
            f"<CustomerMod><ListID>{escape(found['id'])}</ListID><EditSequence>{found['edit_sequence']}</EditSequence>"
            f"<Phone>{escape(phone)}</Phone></CustomerMod></CustomerModRq></QBXMLMsgsRq></QBXML>"
        )
        await self._call("POST", f"{self.desktop_url}/companies/{tenant}/qbxml", content=request)

    async def _desktop(self, method: str, path: str, body: Json | None = None) -> Json:
        answer: Json = (await self._call(method, self.desktop_url + path, json=body)).json()
        return answer

    async def _get(self, url: str, query: dict[str, str] | None = None) -> Json:
        answer: Json = (await self._call("GET", url, params=query)).json()
        return answer

    async def _call(self, method: str, url: str, **options: Any) -> httpx.Response:
        answer = await self._http.request(method, url, timeout=120, **options)
        answer.raise_for_status()
        return answer
