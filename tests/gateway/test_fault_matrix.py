"""Fault x moment x kind: after each, the app's book, qbsync's and QuickBooks' are compared record by record.

A record arrives once and as approved, or its sync says that it did not and QuickBooks does not hold it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from qbsync_local.sandbox.desktop.faults import PlannedStatus
from qbsync_qbwc_gateway.mapping import Record
from qbsync_qbwc_gateway.session.looking import bare
from qbsync_qbwc_gateway.session.reading import read_record
from qbsync_shared.entities import parse_entity
from qbsync_shared.kinds import Direction, Edition, Operation, matrix
from tests.gateway.desktop import Desktop
from tests.gateway.records import (
    Json,
    by_account,
    customer,
    invoice,
    item,
    job,
    line,
    payment,
    purchase,
    sale,
    time_entry,
    vendor,
)

RUNS = 8
FINAL = {"succeeded", "failed", "cancelled"}
LINES = "<IncludeLineItems>true</IncludeLineItems>"
QUERIES = {
    "customer": ("Customer", ""),
    "job": ("Customer", ""),
    "vendor": ("Vendor", ""),
    "item": ("ItemService", ""),
    "invoice": ("Invoice", LINES),
    "estimate": ("Estimate", LINES),
    "sales_receipt": ("SalesReceipt", LINES),
    "credit_memo": ("CreditMemo", LINES),
    "payment": ("ReceivePayment", ""),
    "purchase_order": ("PurchaseOrder", LINES),
    "bill": ("Bill", LINES),
    "time_entry": ("TimeTracking", ""),
}
LISTS = {"customer", "job", "vendor", "item"}
COMPARED = ("name", "email", "unit_price", "number", "date", "memo", "hours", "notes", "active", "amount")


@dataclass
class Books:
    """What the app holds, by app id, and what was approved of it."""

    desktop: Desktop
    app: dict[str, Json] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    approved: dict[str, tuple[str, str]] = field(default_factory=dict)
    before: set[str] = field(default_factory=set)

    async def approve(self, entity: Json, operation: str = "create", **more: Any) -> str:
        sync_id = await self.desktop.approve(entity, operation, **more)
        self.app[entity["app_id"]] = entity
        self.approved[sync_id] = (entity["app_id"], operation)
        if operation == "delete":
            self.gone.add(entity["app_id"])
        return sync_id

    async def settle(self) -> None:
        """Runs until every sync is final."""
        for _ in range(RUNS):
            states = set((await self.desktop.states()).values())
            if states <= FINAL:
                return
            self.desktop.clock.advance(timedelta(minutes=40))
            await self.desktop.run()
        raise AssertionError([await self.desktop.sync(one) for one in await self.open()])

    async def open(self) -> list[str]:
        return [one for one, state in (await self.desktop.states()).items() if state not in FINAL]

    async def compare(self, kind: str, *, may_fail: frozenset[str] = frozenset()) -> None:
        """Every record once, as approved; a failed creation is not in QuickBooks and has no link."""
        held = self.held(kind)
        links = await self.desktop.links()
        failed: set[str] = set()
        for sync_id, (app_id, operation) in self.approved.items():
            row = await self.desktop.sync(sync_id)
            if row["state"] != "succeeded":
                assert row["code"] in may_fail, row
                assert operation == "create", row
                failed.add(app_id)
        expected = {
            app_id: entity
            for app_id, entity in self.app.items()
            if entity["kind"] == kind and app_id not in self.gone | failed
        }
        assert failed.isdisjoint(links)
        by_id = {quickbooks_id: app_id for app_id, quickbooks_id in links.items()}
        assert {app_id: links[app_id] for app_id in expected} == {
            by_id.get(one, record.entity.get("name")): one for one, record in held.items()
        }
        for app_id, entity in expected.items():
            differing = differences(entity, held[links[app_id]])
            assert not differing, (app_id, differing)

    def held(self, kind: str) -> dict[str, Record]:
        """QuickBooks' records of a kind by id, voided ones too."""
        element, more = QUERIES[kind]
        active = "<ActiveStatus>All</ActiveStatus>" if kind in LISTS else ""
        rets = self.desktop.records(f"<{element}QueryRq>{active}{more}</{element}QueryRq>", f"{element}Ret")
        read = [record for ret in rets if (record := read_record(ret)) is not None and record.kind == kind]
        return {one.quickbooks_id: one for one in read if one.quickbooks_id not in self.before}


def differences(entity: Json, record: Record) -> tuple[str, ...]:
    """The names of fields that the app and QuickBooks say differently."""
    ours, theirs = bare(parse_entity(entity).to_json()), bare(record.entity)
    different = [name for name in COMPARED if name in entity and not same(ours.get(name), theirs.get(name))]
    if "lines" in entity:
        mine = sorted(Decimal(one["amount"]) for one in entity["lines"])
        held = sorted(Decimal(one["amount"]) for one in theirs["lines"])
        if mine != held:
            different.append("lines")
    return tuple(different)


def same(one: Any, other: Any) -> bool:
    try:
        return Decimal(str(one)) == Decimal(str(other))
    except ArithmeticError:
        return bool(one == other)


# What is in danger: a record is made ready, then the step under test is approved.

Step = Callable[[Books, str], Awaitable[str]]


def creates(make: Callable[[str], Json]) -> tuple[Step | None, Step]:
    async def step(books: Books, n: str) -> str:
        return await books.approve(make(n))

    return None, step


def changes(make: Callable[[str], Json], fields: list[str], **new: Any) -> tuple[Step, Step]:
    async def ready(books: Books, n: str) -> str:
        return await books.approve(make(n))

    async def step(books: Books, n: str) -> str:
        return await books.approve({**make(n), **new, "revision": "3"}, "update", fields=fields)

    return ready, step


def removes(make: Callable[[str], Json], operation: str) -> tuple[Step, Step]:
    async def ready(books: Books, n: str) -> str:
        return await books.approve(make(n))

    async def step(books: Books, n: str) -> str:
        entity = make(n)
        sync_id = await books.approve(entity, operation)
        if operation == "deactivate":
            books.app[entity["app_id"]] = {**entity, "active": False}
        if operation == "void":
            zero = [{**one, "amount": "0.00"} for one in entity["lines"]]
            books.app[entity["app_id"]] = {**entity, "lines": zero, "memo": f"VOID: {entity['memo']}"}
        return sync_id

    return ready, step


def a_customer(n: str) -> Json:
    return customer(f"C-{n}", f"Customer {n}")


def a_job(n: str) -> Json:
    return job(f"J-{n}", name=f"Job {n}")


def a_vendor(n: str) -> Json:
    return vendor(f"W-{n}", name=f"Vendor {n}")


def an_order(n: str) -> Json:
    return purchase("purchase_order", f"PO{n}", [line("1", "1", "5.00", "5.00")])


def a_sale(kind: str) -> Callable[[str], Json]:
    return lambda n: sale(kind, f"{kind[0]}{n}")


TWO = [line("1", "2.5", "95.00", "237.50"), line("2", "1", "10.00", "10.00")]

CASES: dict[str, tuple[str, Step | None, Step]] = {
    "customer create": ("customer", *creates(a_customer)),
    "customer update": ("customer", *changes(a_customer, ["email"], email="new@oak.example")),
    "customer deactivate": ("customer", *removes(a_customer, "deactivate")),
    "job create": ("job", *creates(a_job)),
    "job update": ("job", *changes(a_job, ["email"], email="new@oak.example")),
    "job deactivate": ("job", *removes(a_job, "deactivate")),
    "vendor update": ("vendor", *changes(a_vendor, ["email"], email="new@moss.example")),
    "vendor deactivate": ("vendor", *removes(a_vendor, "deactivate")),
    "item deactivate": ("item", *removes(lambda n: item(f"I-{n}", f"Care {n}"), "deactivate")),
    "estimate update": ("estimate", *changes(a_sale("estimate"), ["lines"], lines=TWO)),
    "estimate delete": ("estimate", *removes(a_sale("estimate"), "delete")),
    "sales_receipt update": ("sales_receipt", *changes(a_sale("sales_receipt"), ["lines"], lines=TWO)),
    "sales_receipt void": ("sales_receipt", *removes(a_sale("sales_receipt"), "void")),
    "credit_memo create": ("credit_memo", *creates(a_sale("credit_memo"))),
    "sales_receipt delete": ("sales_receipt", *removes(a_sale("sales_receipt"), "delete")),
    "credit_memo delete": ("credit_memo", *removes(a_sale("credit_memo"), "delete")),
    "bill void": (
        "bill",
        *removes(lambda n: purchase("bill", f"B{n}", [by_account("1", "5.00")], memo="North gate"), "void"),
    ),
    "credit_memo void": ("credit_memo", *removes(a_sale("credit_memo"), "void")),
    "payment update": ("payment", *changes(lambda n: payment(f"P-{n}"), ["amount"], amount="99.00")),
    "purchase_order update": ("purchase_order", *changes(an_order, ["memo"], memo="South")),
    "purchase_order delete": ("purchase_order", *removes(an_order, "delete")),
    "bill delete": (
        "bill",
        *removes(lambda n: purchase("bill", f"B{n}", [by_account("1", "5.00")]), "delete"),
    ),
    "time_entry delete": (
        "time_entry",
        *removes(lambda n: time_entry(f"T-{n}", notes=f"Note {n}"), "delete"),
    ),
    "vendor create": ("vendor", *creates(lambda n: vendor(f"W-{n}", name=f"Vendor {n}"))),
    "item create": ("item", *creates(lambda n: item(f"I-{n}", f"Care {n}"))),
    "item update": (
        "item",
        *changes(lambda n: item(f"I-{n}", f"Care {n}"), ["unit_price"], unit_price="7.00"),
    ),
    "invoice create": ("invoice", *creates(lambda n: invoice(f"V-{n}"))),
    "invoice update": ("invoice", *changes(lambda n: invoice(f"V-{n}"), ["lines"], lines=TWO)),
    "invoice void": ("invoice", *removes(lambda n: invoice(f"V-{n}"), "void")),
    "invoice delete": ("invoice", *removes(lambda n: invoice(f"V-{n}"), "delete")),
    "estimate create": ("estimate", *creates(a_sale("estimate"))),
    "sales_receipt create": ("sales_receipt", *creates(a_sale("sales_receipt"))),
    "credit_memo update": ("credit_memo", *changes(a_sale("credit_memo"), ["memo"], memo="South")),
    "payment create": ("payment", *creates(lambda n: payment(f"P-{n}"))),
    "payment delete": ("payment", *removes(lambda n: payment(f"P-{n}"), "delete")),
    "purchase_order create": (
        "purchase_order",
        *creates(lambda n: purchase("purchase_order", f"PO{n}", [line("1", "1", "5.00", "5.00")])),
    ),
    "bill create": ("bill", *creates(lambda n: purchase("bill", f"B{n}", [by_account("1", "5.00")]))),
    "bill update": (
        "bill",
        *changes(
            lambda n: purchase("bill", f"B{n}", [by_account("1", "5.00")]),
            ["lines"],
            lines=[by_account("1", "6.00")],
        ),
    ),
    "time_entry create": ("time_entry", *creates(lambda n: time_entry(f"T-{n}", notes=f"Note {n}"))),
    "time_entry update": (
        "time_entry",
        *changes(lambda n: time_entry(f"T-{n}", notes=f"Note {n}"), ["hours"], hours="4.00"),
    ),
}

# What goes wrong, and at which round trips of the run that carries the step.

TRIPS = (1, 2, 3, 4)
NAMED = [
    "die_before_write",
    "die_after_write",
    "die_before_answer",
    "die_after_answer",
    "answer_twice",
    "lost_sendRequestXML",
    "never_sendRequestXML",
    "lost_receiveResponseXML",
    "never_receiveResponseXML",
    "lost_closeConnection",
]


@pytest.fixture
async def books(desktop: Desktop) -> Books:
    """A customer, a vendor and two items are in QuickBooks."""
    made = Books(desktop)
    made.before = {quickbooks_id for kind in QUERIES for quickbooks_id in made.held(kind)}
    for entity in (customer(), vendor(), item(), item("I-4", "Mulching")):
        await made.approve(entity)
    await desktop.run()
    assert not await made.open()
    return made


async def in_danger(books: Books, n: int) -> None:
    """One record of each case, made ready, and then the steps under test, all approved together."""
    for name, (_, ready, _) in CASES.items():
        if ready is not None:
            await ready(books, f"{n}{list(CASES).index(name):02}")
    await books.settle()
    for name, (_, _, step) in CASES.items():
        await step(books, f"{n}{list(CASES).index(name):02}")


async def compare_all(books: Books, **more: Any) -> None:
    for kind in QUERIES:
        await books.compare(kind, **more)


@pytest.mark.parametrize("fault", NAMED)
async def test_whichever_call_is_the_last(books: Books, fault: str) -> None:
    happened = 0
    for trip in TRIPS:
        await in_danger(books, trip)
        books.desktop.faults.point, books.desktop.faults.at = fault, trip
        await books.desktop.run()
        happened += books.desktop.faults.at <= 0
        books.desktop.faults.point = ""
        await books.settle()
    assert happened >= (1 if fault == "lost_closeConnection" else 2)
    await compare_all(books)


def test_every_kind_and_operation_is_in_danger() -> None:
    """What the matrix of kinds lets the app do with a record in Desktop; links change nothing there."""
    tried = {tuple(name.split()) for name in CASES}
    allowed = {
        (kind.value, one.value)
        for kind, rules in matrix().items()
        if Direction.EXPORT in rules.directions
        for one in rules.operations[Edition.DESKTOP]
        if one is not Operation.LINK
    }
    assert tried == allowed


@pytest.mark.parametrize("moment", ["take_response", "next_request"])
async def test_the_gateway_dies_before_it_could_store(
    books: Books, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the call is kept: what QuickBooks did it tells again, what was not handed out goes again."""
    running = books.desktop.gateway.connector._running
    real = getattr(running, moment)
    for trip in TRIPS:
        calls = count(1)

        async def dies(*given: Any, _calls: "count[int]" = calls, _trip: int = trip, **named: Any) -> Any:
            answer = await real(*given, **named)
            if next(_calls) == _trip:
                raise ConnectionResetError("PostgreSQL went away before the commit")
            return answer

        await in_danger(books, trip)
        monkeypatch.setattr(running, moment, dies)
        await books.desktop.run()
        monkeypatch.setattr(running, moment, real)
        await books.settle()
    await compare_all(books)


@pytest.mark.parametrize("code", [3175, 3176, 3231])
async def test_quickbooks_cannot_do_it_now(books: Books, code: int) -> None:
    """Locked, in use, not processed: each record goes through later, once."""
    await in_danger(books, 1)
    requests = {f"{QUERIES[kind][0]}{verb}" for kind in QUERIES for verb in ("Add", "Mod")}
    planned = [
        PlannedStatus(code, "Not now.", request=name) for name in (*sorted(requests), "TxnVoid", "TxnDel")
    ]
    if code == 3231:  # of the first member of a set it says that QuickBooks never will
        planned = [one for one in planned if one.request != "CustomerAdd"]
    books.desktop.faults.statuses.extend(planned)
    await books.desktop.run()
    assert sum(one.times == 0 for one in planned) >= 14
    books.desktop.faults.clear()
    await books.settle()
    await compare_all(books)


@pytest.mark.parametrize("hresult", ["0x80040414", "0x8004041B", "0x80040402"])
async def test_quickbooks_refuses_the_whole_set_for_now(books: Books, hresult: str) -> None:
    for at in TRIPS:
        await in_danger(books, at)
        books.desktop.faults.point, books.desktop.faults.at = "refuse", at
        books.desktop.faults.hresult, books.desktop.faults.hresult_times = hresult, 1
        await books.desktop.run()
        await books.settle()
    await compare_all(books)


@pytest.mark.parametrize("members", range(1, 43, 6))
async def test_quickbooks_stops_in_the_middle_and_forgets_the_set(books: Books, members: int) -> None:
    """What it holds is looked up; a creation that it does not hold is for a person, never repeated by itself."""
    await in_danger(books, 1)
    books.desktop.faults.die_after_members = members
    assert (await books.desktop.run()).outcome == "died"
    await books.settle()
    await compare_all(books, may_fail=frozenset({"QS-NOT-IN-BOOKS"}))
