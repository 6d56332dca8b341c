"""Nothing is lost and nothing doubled, wherever the PC, the Web Connector or QuickBooks stops."""

from datetime import timedelta

import pytest

from qbsync_local.sandbox.desktop.faults import PlannedStatus
from tests.gateway.desktop import TENANT, Desktop
from tests.gateway.records import customer, invoice, item, line

RUNS = 6


async def settle(desktop: Desktop) -> None:
    """Runs of the Web Connector until nothing is left."""
    for _ in range(RUNS):
        await desktop.run()
        desktop.clock.advance(timedelta(minutes=40))
        if set((await desktop.states()).values()) == {"succeeded"}:
            return


@pytest.mark.parametrize(
    "point", ["die_before_write", "die_after_write", "die_before_answer", "die_after_answer", "answer_twice"]
)
async def test_each_record_arrives_once_whatever_call_is_the_last(desktop: Desktop, point: str) -> None:
    expected: set[str] = set()
    for death in range(1, 8):
        one, two = f"C-{death}a", f"C-{death}b"
        await desktop.approve(customer(one, f"Oak {death}"))
        await desktop.approve(customer(two, f"Elm {death}"))
        await desktop.approve(item(f"I-{death}", f"Care {death}"))
        lines = [line("1", "1", "95.00", "95.00", item=f"I-{death}")]
        await desktop.approve(invoice(f"V-{death}", one, lines))
        await desktop.approve(invoice(f"V-{death}00", two, lines))
        expected |= {f"Oak {death}", f"Elm {death}"}
        desktop.faults.point, desktop.faults.at = point, death
        await settle(desktop)

        assert set((await desktop.states()).values()) == {"succeeded"}, death
        assert desktop.customers() == sorted(expected), death

    numbers = [r.findtext("RefNumber") or "" for r in desktop.records("<InvoiceQueryRq/>", "InvoiceRet")]
    assert len(numbers) == len(set(numbers)) == 14
    ids = {r.findtext("ListID") for r in desktop.records("<CustomerQueryRq/>", "CustomerRet")}
    assert ids <= set((await desktop.links()).values())
    assert len(await desktop.said("sync", "succeeded")) == 35


@pytest.mark.parametrize("members", [1, 2, 3])
async def test_quickbooks_dies_in_the_middle_of_a_set(desktop: Desktop, members: int) -> None:
    """It kept no outcome of the set: what it holds is looked up, and what is missing is for a person."""
    syncs = [await desktop.approve(customer(f"C-{n}", f"Customer {n}")) for n in range(4)]
    desktop.faults.die_after_members = members + 2  # the run marker and its definition go first
    assert (await desktop.run()).outcome == "died"
    assert {(await desktop.sync(one))["in_doubt_since"] is not None for one in syncs} == {False}

    await desktop.run()

    states = [(await desktop.sync(one))["state"] for one in syncs]
    assert states == ["succeeded"] * members + ["failed"] * (4 - members)
    assert len(desktop.customers()) == members
    assert (await desktop.sync(syncs[-1]))["code"] == "QS-NOT-IN-BOOKS"


async def test_a_doubt_is_told_and_settled(desktop: Desktop) -> None:
    sync_id = await desktop.approve(customer())
    await desktop.run()  # reads and binds
    sync_id = await desktop.approve(customer("C-2", "Elm & Co"))
    desktop.faults.point, desktop.faults.at = "die_after_write", 3
    assert (await desktop.run()).outcome == "died"
    assert await desktop.gateway.connector.expire(silent_for=timedelta(0)) == 0
    desktop.clock.advance(timedelta(hours=1))
    assert await desktop.gateway.connector.expire(silent_for=timedelta(minutes=30)) == 1
    row = await desktop.sync(sync_id)
    assert (row["state"], row["code"]) == ("in_flight", "QS-IN-DOUBT")
    health = await desktop.gateway.connectors.health(TENANT)
    assert health is not None
    assert health.in_doubt == 1

    await desktop.run()

    assert (await desktop.sync(sync_id))["state"] == "succeeded"
    assert desktop.customers() == ["Elm & Co", "Oak & Sons"]
    told = [one for one in await desktop.said("sync", "started") if one["sync_id"] == sync_id]
    assert told[-1]["code"] == "QS-IN-DOUBT"
    linked = (await desktop.said("link", "created"))[-1]
    assert linked["returned"]["email"] == "office@oak.example"


async def test_an_unreadable_member_is_found_by_halves_and_set_aside(desktop: Desktop) -> None:
    syncs = [await desktop.approve(customer(f"C-{n}", f"Customer {n}")) for n in range(7)]
    await desktop.approve(item())
    original = desktop.company.schema.set_problems

    def stricter(document):  # a QuickBooks that knows a rule we do not
        bad = [e for e in document.iter("Name") if e.text == "Customer 4"]
        return ["no"] if bad else original(document)

    desktop.company.schema.set_problems = stricter  # type: ignore[method-assign]
    try:
        report = await desktop.run()
    finally:
        del desktop.company.schema.set_problems

    assert report.outcome == "finished", report.message
    rows = [await desktop.sync(one) for one in syncs]
    assert [row["code"] for row in rows] == [None] * 4 + ["QS-QUARANTINED"] + [None] * 2
    assert len(desktop.customers()) == 6


@pytest.mark.parametrize("hresult", ["0x80040414", "0x80040408", "0x8004040A"])
async def test_a_quickbooks_that_cannot_be_reached_charges_no_attempt(desktop: Desktop, hresult: str) -> None:
    sync_id = await desktop.approve(customer())
    await desktop.run()
    sync_id = await desktop.approve(customer("C-2", "Elm & Co"))
    desktop.faults.hresult, desktop.faults.hresult_times = hresult, -1

    report = await desktop.run()

    assert report.outcome == "no_company"
    assert report.calls.count("connectionError") == 3
    row = await desktop.sync(sync_id)
    assert (row["state"], row["attempts"]) == ("pending", 0)
    assert (await desktop.said("connection", "changed"))[-1]["code"] == hresult
    desktop.faults.clear()
    await desktop.run()
    assert (await desktop.sync(sync_id))["state"] == "succeeded"
    assert (await desktop.said("connection", "changed"))[-1]["state"] == "connected"


async def test_a_passing_trouble_is_tried_again_later(desktop: Desktop) -> None:
    sync_id = await desktop.approve(customer())
    message = "The object could not be locked because it is in use."
    desktop.faults.statuses.append(PlannedStatus(3176, message, request="CustomerAdd"))
    await desktop.run()
    row = await desktop.sync(sync_id)
    assert (row["state"], row["code"]) == ("waiting", "3176")
    await desktop.run()
    assert (await desktop.sync(sync_id))["state"] == "waiting"
    desktop.clock.advance(timedelta(minutes=2))
    await desktop.run()
    assert (await desktop.sync(sync_id))["state"] == "succeeded"


async def test_what_was_not_processed_goes_back_untouched(desktop: Desktop) -> None:
    await desktop.approve(customer())
    sync_id = await desktop.approve(customer("C-2", "Elm & Co"))
    refused = PlannedStatus(
        3231, "The request has not been processed.", request="CustomerAdd", matching="Elm"
    )
    desktop.faults.statuses.append(refused)
    report = await desktop.run()
    row = await desktop.sync(sync_id)
    assert (row["state"], row["attempts"]) == ("succeeded", 1), report


async def test_a_name_taken_by_our_own_lost_record_is_adopted(desktop: Desktop) -> None:
    """QuickBooks wrote it and forgot the set altogether: sent again it says 3100, and the record is ours by its GUID."""
    await desktop.run()
    sync_id = await desktop.approve(customer())
    desktop.faults.point, desktop.faults.at = "die_after_write", 2
    assert (await desktop.run()).outcome == "died"
    desktop.company.store.clear_message_set("qbsync Oak Hill", None)

    await desktop.run()

    row = await desktop.sync(sync_id)
    assert (row["state"], row["code"]) == ("succeeded", None)
    assert desktop.customers() == ["Oak & Sons"]
