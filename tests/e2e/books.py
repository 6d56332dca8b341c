"""Two hundred records on their way into QuickBooks, and the comparison of all books afterwards."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx

from tests.e2e.system import Json, Office, customer, eventually, invoice, item

R = TypeVar("R")

CUSTOMERS, ITEMS, INVOICES = 60, 40, 100
RECORDS = CUSTOMERS + ITEMS + INVOICES
DRAIN_SECONDS = 90.0
COUNTED = {"desktop": ("Customer", "ItemService", "Invoice"), "online": ("Customer", "Item", "Invoice")}
SECONDS_PER_WRITE = 0.02
"""How long the simulated QuickBooks Desktop takes for a record, so that a kill finds work under way."""


def two_hundred(account: str) -> list[Json]:
    """Customers, items, and invoices that refer to both."""
    return [
        *(customer(f"C-{number}", f"Customer {number:03}") for number in range(CUSTOMERS)),
        *(item(f"I-{number}", f"Service {number:03}", account) for number in range(ITEMS)),
        *(invoice(f"V-{n}", f"C-{n % CUSTOMERS}", f"I-{n % ITEMS}") for n in range(INVOICES)),
    ]


def answered(ask: Callable[[], R]) -> R | None:
    """The answer, or None while what is asked is down."""
    try:
        return ask()
    except (httpx.HTTPError, AssertionError, FileNotFoundError):
        return None


def written(office: Office) -> int:
    """How many customers, items and invoices QuickBooks holds."""
    call = office.system.call
    if office.edition == "desktop":
        counts = call("GET", "desktop", f"/companies/{office.tenant}")["counts"]
    else:
        counts = call("GET", "online", f"/control/companies/{office.realm}")["entities"]
    return sum(counts.get(name, 0) for name in COUNTED[office.edition])


@contextmanager
def connector_runs(office: Office) -> Iterator[None]:
    """While inside, the Web Connector runs again and again, whatever becomes of a run; Online needs nothing."""
    if office.edition != "desktop":
        yield
        return
    url = f"{office.system.url('desktop')}/connectors/{office.tenant}/run"
    over = threading.Event()

    def run() -> None:
        with httpx.Client(timeout=DRAIN_SECONDS, trust_env=False) as client:
            while not over.is_set():
                client.post(url).raise_for_status()
                over.wait(0.2)

    thread = threading.Thread(target=run, name=f"connector of {office.tenant}")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(DRAIN_SECONDS)
        assert not thread.is_alive(), "a run of the Web Connector does not end"


def hand_over(office: Office, account: str) -> int:
    """The app hands over two hundred records; how many records QuickBooks held before."""
    if office.edition == "desktop":
        path = f"/companies/{office.tenant}/faults"
        office.system.call("POST", "desktop", path, {"seconds_per_write": SECONDS_PER_WRITE})
    body = {"entities": two_hundred(account)}
    answer = office.system.call("POST", "wizard", f"{office.api}/entities", body)
    assert answer["accepted"] == RECORDS
    return written(office)


def approve(office: Office) -> None:
    """Approve them all at once."""
    ids = [record["app_id"] for record in two_hundred("any")]
    assert office.approve(*ids)["approved"] == RECORDS


def wait_until_drained(office: Office) -> None:
    """Until the log has an outcome of every record, and the wizard heard of it."""

    def open_syncs() -> Counter[str]:
        return Counter(one["sync_state"] for one in office.syncs())

    eventually(
        lambda: answered(open_syncs), lambda found: found == {"succeeded": RECORDS}, within=DRAIN_SECONDS
    )
    eventually(
        lambda: answered(lambda: Counter(one["state"] for one in approvals(office))),
        lambda found: found == {"succeeded": RECORDS},
        within=DRAIN_SECONDS,
    )


def approvals(office: Office) -> list[Json]:
    """Everything approved for the tenant, as the wizard has it."""
    found: list[Json] = office.system.call("GET", "wizard", f"{office.api}/approvals", limit=1000)["items"]
    return found


def compare_books(office: Office, before: int) -> None:
    """Each approved record is in QuickBooks once, the links lead to it, and all agree on one outcome per approval."""
    assert written(office) - before == RECORDS
    linked = office.links()
    assert len(linked) == len(set(linked.values())) == RECORDS
    own_id = {"desktop": "id", "online": "Id"}[office.edition]
    held = {
        (kind, found[own_id]): found
        for kind in ("customer", "item", "invoice")
        for found in office.books(f"{kind}s")
    }
    for record in two_hundred("any"):
        _compare(office, record, held[linked[record["app_id"]]], linked)
    approved = {one["sync_id"] for one in approvals(office)}
    logged = Counter(one["sync_id"] for one in office.syncs())
    assert logged == dict.fromkeys(approved, 1)
    ids = set(linked.values())
    ours = [one for one in office.review() if one["app_id"] or (one["kind"], one["quickbooks_id"]) in ids]
    assert ours == [], "own writes came back as changes"


def _compare(office: Office, record: Json, found: Json, linked: dict[str, tuple[str, str]]) -> None:
    """One record of the app beside the one that its link leads to."""
    if office.edition == "desktop":
        name, content = found["full_name"] or found["ref_number"], found["content"]
        refs = content.get("CustomerRef", {}).get("ListID")
    else:
        name, content = found.get("DisplayName") or found.get("Name") or found.get("DocNumber"), found
        refs = content.get("CustomerRef", {}).get("value")
    assert name == record.get("name", record.get("number"))
    if record["kind"] == "invoice":
        assert refs == linked[record["customer"]["app_id"]][1]
        assert "237.5" in str(_total(content))


def _total(content: Json) -> Any:
    return content.get("TotalAmt", content.get("Subtotal"))
