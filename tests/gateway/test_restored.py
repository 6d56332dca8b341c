"""A restored backup of the company file: found before anything is sent, compared, and decided by a person."""

from collections.abc import Callable
from pathlib import Path

import pytest

from qbsync_qbwc_gateway.reconciling import Choice, Finding
from tests.gateway.desktop import TENANT, Desktop
from tests.gateway.records import customer, invoice, item

Restore = Callable[[], None]


@pytest.fixture
async def restore(desktop: Desktop, tmp_path: Path) -> Restore:
    """Oak & Sons, an item and an invoice are sent; a backup is made; then more is sent. Call it to restore the backup."""
    for entity in (customer(), item(), invoice()):
        await desktop.approve(entity)
    await desktop.run()
    backup = tmp_path / "backup.qbw"
    desktop.swap_file(keep=backup)
    await desktop.approve(customer("C-18", "Elm & Co"))
    await desktop.approve(invoice("V-2", of="C-18"))
    await desktop.approve(customer(phone="555-0199", revision="2"), "update", fields=["phone"])
    await desktop.run()
    assert set((await desktop.states()).values()) == {"succeeded"}

    def restore() -> None:
        desktop.swap_file(restore=backup)

    return restore


async def state(desktop: Desktop) -> tuple[str, str | None]:
    health = await desktop.gateway.connectors.health(TENANT)
    assert health is not None
    return health.connector.state, health.connector.code


async def decide(desktop: Desktop, finding: Finding, choice: Choice) -> int:
    return await desktop.gateway.reconciling.decide(
        TENANT, finding=finding, kind=None, choice=choice, by="Dana"
    )


async def test_nothing_is_sent_into_a_restored_backup(desktop: Desktop, restore: Restore) -> None:
    restore()
    waiting = await desktop.approve(customer("C-20", "Ash Ltd"))
    report = await desktop.run()

    assert report.outcome != "finished"
    assert desktop.customers() == ["Oak & Sons"]
    assert (await desktop.sync(waiting))["state"] == "pending"
    assert await state(desktop) == ("problem", "QS-OLDER-BOOKS")
    found = await desktop.gateway.reconciling.report(TENANT)
    assert found is not None
    groups = {(one.kind.value, one.finding): (one.records, one.examples) for one in found.groups}
    assert groups == {
        ("customer", Finding.MISSING): (1, ("Elm & Co",)),
        ("invoice", Finding.MISSING): (1, ("2",)),
        ("customer", Finding.OLDER): (1, ("Oak & Sons",)),
    }
    told = {
        one["kind"]: (one["app_count"], one["quickbooks_count"])
        for one in await desktop.said("reconcile", "reported")
    }
    assert told == {"customer": (2, 1), "invoice": (2, 1), "item": (1, 1)}

    await desktop.run()  # still held, and not compared anew
    assert len(await desktop.said("reconcile", "reported")) == 3
    assert (await desktop.sync(waiting))["state"] == "pending"


async def test_again_clears_the_links_and_sends_nothing_by_itself(desktop: Desktop, restore: Restore) -> None:
    restore()
    waiting = await desktop.approve(customer("C-20", "Ash Ltd"))
    await desktop.run()
    assert await decide(desktop, Finding.MISSING, Choice.AGAIN) == 2
    assert await state(desktop) == ("problem", "QS-OLDER-BOOKS")  # one group is left
    assert await decide(desktop, Finding.OLDER, Choice.AGAIN) == 1
    assert (await state(desktop))[0] == "connected"
    assert set(await desktop.links()) == {"C-17", "I-3", "V-1042"}
    assert {one["app_id"] for one in await desktop.said("link", "cleared")} == {"C-18", "V-2"}
    again = (await desktop.said("link", "created"))[-1]
    assert (again["app_id"], again["sent"]) == (
        "C-17",
        {},
    )  # so the wizard compares the app with the older record
    assert again["returned"]["phone"] == "555-0100"

    report = await desktop.run()
    assert report.outcome == "finished", report.message
    assert desktop.customers() == ["Ash Ltd", "Oak & Sons"]
    assert (await desktop.sync(waiting))["state"] == "succeeded"
    await desktop.approve(customer("C-18", "Elm & Co", revision="2"))
    await desktop.approve(customer(phone="555-0199", revision="3"), "update", fields=["phone"])
    await desktop.run()
    assert set((await desktop.states()).values()) == {"succeeded"}
    assert desktop.customers() == ["Ash Ltd", "Elm & Co", "Oak & Sons"]


async def test_leave_keeps_the_links_and_link_takes_the_older_record_for_review(
    desktop: Desktop, restore: Restore
) -> None:
    restore()
    await desktop.run()
    before = len(await desktop.said("entity", "changed"))
    await decide(desktop, Finding.OLDER, Choice.LINK)
    news = (await desktop.said("entity", "changed"))[before:]
    assert [(one["app_id"], one["entity"]["phone"]) for one in news] == [("C-17", "555-0100")]
    await decide(desktop, Finding.MISSING, Choice.LEAVE)
    assert set(await desktop.links()) == {"C-17", "C-18", "I-3", "V-1042", "V-2"}
    assert (await desktop.run()).outcome == "finished"
    assert desktop.customers() == ["Oak & Sons"]


async def test_a_file_that_lacks_nothing_goes_on_by_itself(desktop: Desktop, tmp_path: Path) -> None:
    await desktop.approve(customer())
    await desktop.run()
    async with desktop.database.tenant(TENANT) as connection:
        await connection.execute(
            "update connector set marker = marker + 1"
        )  # a session that raised it and wrote nothing
    waiting = await desktop.approve(customer("C-18", "Elm & Co"))
    report = await desktop.run()
    assert report.outcome == "finished", report.message
    assert (await desktop.sync(waiting))["state"] == "succeeded"
    assert (await state(desktop))[0] == "connected"


async def test_the_newer_file_comes_back_and_all_goes_on(
    desktop: Desktop, restore: Restore, tmp_path: Path
) -> None:
    newer = tmp_path / "newer.qbw"
    desktop.swap_file(keep=newer)
    restore()
    await desktop.run()
    desktop.swap_file(restore=newer)
    assert (await desktop.run()).outcome == "finished"
    assert (await state(desktop))[0] == "connected"
    assert await desktop.gateway.reconciling.report(TENANT) is None


async def test_what_is_in_doubt_is_looked_for_and_never_sent_into_the_older_file(
    desktop: Desktop, restore: Restore
) -> None:
    lost = await desktop.approve(customer("C-30", "Rowan"))
    desktop.faults.point, desktop.faults.at = "die_after_write", 3
    assert (await desktop.run()).outcome == "died"
    assert desktop.customers() == ["Elm & Co", "Oak & Sons", "Rowan"]
    restore()
    await desktop.run()
    row = await desktop.sync(lost)
    assert (row["state"], row["code"]) == ("failed", "QS-NOT-IN-BOOKS")
    assert desktop.customers() == ["Oak & Sons"]
