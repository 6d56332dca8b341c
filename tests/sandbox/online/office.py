"""Short ways for the tests to keep books: rules without HTTP, and a live simulator with it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from qbsync_local.sandbox.online.app import build
from qbsync_local.sandbox.online.books import Books
from qbsync_local.sandbox.online.connections import TrackedProtocol
from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.jsonio import Json, loads
from qbsync_local.sandbox.online.query import run
from qbsync_local.sandbox.online.schema import schema
from qbsync_local.sandbox.online.settings import OnlineSettings
from qbsync_local.sandbox.online.writes import read, write


class Office:
    """One company whose books the test keeps directly."""

    def __init__(self, books: Books) -> None:
        self.books = books

    def create(self, entity: str, **record: Any) -> Json:
        """A record that must be accepted."""
        return self._accepted(write(self.books, schema().entities[entity], "create", record))

    def update(self, entity: str, shown: Json, *, sparse: bool = True, **changes: Any) -> Json:
        """A change of what was shown, that must be accepted."""
        return self._accepted(self.change(entity, shown, "update", sparse=sparse, **changes))

    def void(self, entity: str, shown: Json) -> Json:
        return self._accepted(self.change(entity, self.read(entity, shown["Id"]), "void"))

    def delete(self, entity: str, shown: Json) -> Json:
        return self._accepted(self.change(entity, self.read(entity, shown["Id"]), "delete"))

    def change(self, entity: str, shown: Json, operation: str, **changes: Any) -> Json | Fault:
        """Any change, accepted or not."""
        known = {"Id": shown["Id"], "SyncToken": shown["SyncToken"]}
        return write(self.books, schema().entities[entity], operation, changes | known)

    def refused(self, entity: str, **record: Any) -> Fault:
        """The fault of a create that must be refused."""
        return self._fault(write(self.books, schema().entities[entity], "create", record))

    def refused_change(self, entity: str, shown: Json, operation: str = "update", **changes: Any) -> Fault:
        if operation == "update":
            changes.setdefault("sparse", True)
        return self._fault(self.change(entity, shown, operation, **changes))

    def read(self, entity: str, identifier: str) -> Json:
        return self._accepted(read(self.books, schema().entities[entity], identifier))

    def query(self, text: str) -> Json:
        return self._accepted(run(self.books, text))

    def names(self, text: str) -> list[str]:
        """DisplayName, Name or DocNumber of what a query finds."""
        found = self.query(text)
        records = next((value for value in found.values() if isinstance(value, list)), [])
        return [record.get("DisplayName") or record.get("Name") or record["DocNumber"] for record in records]

    def account(self, name: str) -> Json:
        record = self.books.by_label("Account", name)
        assert record is not None
        return {"value": record.id}

    def service(self, name: str = "Mowing", **more: Any) -> Json:
        return self.create(
            "Item", Name=name, Type="Service", IncomeAccountRef=self.account("Services"), **more
        )

    def invoice(self, customer: Json, *lines: Json, **more: Any) -> Json:
        return self.create(
            "Invoice", CustomerRef=ref(customer), Line=list(lines) or [amount_line("100")], **more
        )

    def _accepted(self, result: Json | Fault) -> Json:
        assert not isinstance(result, Fault), result
        return loads_shown(result)

    def _fault(self, result: Json | Fault) -> Fault:
        assert isinstance(result, Fault), result
        return result


def loads_shown(shown: Json) -> Json:
    """What a client reads: the shown record through its JSON text."""
    from qbsync_local.sandbox.online.jsonio import dumps  # noqa: PLC0415 - beside its counterpart

    read_back: Json = loads(dumps(shown))
    return read_back


def ref(shown: Json) -> Json:
    return {"value": shown["Id"]}


def item_line(item: Json, quantity: str, price: str, amount: str, tax: str | None = "NON") -> Json:
    detail: Json = {"ItemRef": ref(item), "Qty": Decimal(quantity), "UnitPrice": Decimal(price)}
    if tax is not None:
        detail["TaxCodeRef"] = {"value": tax}
    return {"DetailType": "SalesItemLineDetail", "Amount": Decimal(amount), "SalesItemLineDetail": detail}


def amount_line(amount: str, tax: str = "NON") -> Json:
    detail = {"TaxCodeRef": {"value": tax}}
    return {"DetailType": "SalesItemLineDetail", "Amount": Decimal(amount), "SalesItemLineDetail": detail}


class Simulator:
    """A running simulator and one company in it, as a client with good tokens sees it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url, trust_env=False, timeout=10)
        self.realm: str = self.control("POST", "/companies", {"name": "Test company"})["realm"]
        self.token: str = self.control("POST", f"/companies/{self.realm}/tokens")["access_token"]

    def control(self, method: str, path: str, body: Any = None) -> Json:
        answer = self.client.request(method, f"/control{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else {}

    def call(self, method: str, path: str, body: Any = None, **parameters: str) -> httpx.Response:
        """One call of the company API."""
        return self.client.request(
            method,
            f"/v3/company/{self.realm}{path}",
            json=body,
            params=parameters or None,
            headers={"Authorization": f"Bearer {self.token}", "Accept": "application/json"},
        )

    def trouble(self, effect: str, **more: Any) -> None:
        self.control("POST", "/faults", {"effect": effect, "realm": self.realm, **more})

    def journal(self, **wanted: str) -> list[Json]:
        parameters = {"realm": self.realm, **wanted}
        items: list[Json] = self.client.get("/control/requests", params=parameters).json()["items"]
        return items


@contextmanager
def served(data: Path) -> Iterator[str]:
    """The simulator on a free port of this machine, in a thread; gives its URL."""
    application = build(OnlineSettings(data=data))
    server = uvicorn.Server(
        uvicorn.Config(
            application, host="127.0.0.1", port=0, http=TrackedProtocol, log_config=None, lifespan="on"
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{_port(server)}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def _port(server: uvicorn.Server) -> int:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if server.started:
            port: int = server.servers[0].sockets[0].getsockname()[1]
            return port
        time.sleep(0.005)
    raise TimeoutError("the simulator did not start")
