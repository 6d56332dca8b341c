"""A set in doubt that is sent again: a refusal of the second sending says nothing about the first."""

from datetime import timedelta

import pytest

from tests.gateway.desktop import Desktop
from tests.gateway.records import customer


@pytest.mark.parametrize("hresult", ["0x80040414", "0x80040408"])
async def test_a_refusal_of_the_second_sending_settles_nothing(
    desktop: Desktop, hresult: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desktop.approve(customer())
    await desktop.run()  # reads and binds
    sync_id = await desktop.approve(customer("C-2", "Elm & Co"))
    desktop.faults.point, desktop.faults.at = "die_after_write", 3
    assert (await desktop.run()).outcome == "died"
    desktop.clock.advance(timedelta(hours=1))
    await desktop.gateway.connector.expire(silent_for=timedelta(minutes=30))
    receive = desktop.gateway.connector.receive_response

    async def refuse_sets(ticket: str, response: str, hresult_: str, message: str) -> int:
        if "newMessageSetID" in response:
            return await receive(ticket, "", hresult, "QuickBooks refused the set")
        return await receive(ticket, response, hresult_, message)

    monkeypatch.setattr(desktop.gateway.connector, "receive_response", refuse_sets)
    await desktop.run()
    row = await desktop.sync(sync_id)
    assert (row["state"], row["code"]) == ("in_flight", "QS-IN-DOUBT")

    monkeypatch.undo()
    await desktop.run()

    assert (await desktop.sync(sync_id))["state"] == "succeeded"
    assert sorted(desktop.customers()) == ["Elm & Co", "Oak & Sons"]


async def test_a_set_in_doubt_that_cannot_be_read_any_more_is_looked_up(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desktop.approve(customer())
    await desktop.run()
    written = await desktop.approve(customer("C-2", "Elm & Co"))
    desktop.faults.point, desktop.faults.at = "die_after_write", 3
    await desktop.run()
    desktop.clock.advance(timedelta(hours=1))
    await desktop.gateway.connector.expire(silent_for=timedelta(minutes=30))
    receive = desktop.gateway.connector.receive_response

    async def unreadable(ticket: str, response: str, hresult: str, message: str) -> int:
        if "newMessageSetID" in response:
            return await receive(ticket, "", "0x80040400", "QuickBooks found an error when parsing")
        return await receive(ticket, response, hresult, message)

    monkeypatch.setattr(desktop.gateway.connector, "receive_response", unreadable)
    await desktop.run()

    assert (await desktop.sync(written))["state"] == "succeeded"
    assert sorted(desktop.customers()) == ["Elm & Co", "Oak & Sons"]
