"""Every status code of QuickBooks Desktop in the catalogue: its retry class decides what becomes of the record."""

import pytest

from qbsync_local.sandbox.desktop.faults import PlannedStatus
from qbsync_shared.catalogue import Guidance, RetryClass, entries
from tests.gateway.desktop import TENANT, Desktop
from tests.gateway.records import customer

QUIET = {RetryClass.OK, RetryClass.WARNING}
FAILS = {
    RetryClass.PERSON,
    RetryClass.NAME_TAKEN,
    RetryClass.DEPENDENCY,
    RetryClass.GONE,
    RetryClass.OURS,
}


def statuses() -> dict[str, Guidance]:
    """Codes of single requests by their key: no ranges, no HRESULTs, no codes of whole sets."""
    found = {key: one for key, one in entries("desktop").items() if one.code.isdecimal()}
    return {key: one for key, one in found.items() if one.retry not in QUIET and not key.startswith("9")}


def hresults() -> list[str]:
    return [code for code in entries("desktop") if code.startswith("0x")]


async def refused(desktop: Desktop, operation: str, verb: str) -> dict[str, str]:
    """One customer for each code, each answered with it once; sync id by key, after one run."""
    table = statuses()
    if operation == "update":
        for n, _ in enumerate(table):
            await desktop.approve(customer(f"C-{n}", f"Customer {n:03}."))
    await desktop.run()
    syncs: dict[str, str] = {}
    for n, (key, one) in enumerate(table.items()):
        wording = key.partition("~")[2] or "It was refused."
        status = PlannedStatus(int(one.code), wording, request=verb, matching=f"number-{n:03}@")
        desktop.faults.statuses.append(status)
        entity = customer(f"C-{n}", f"Customer {n:03}.", email=f"number-{n:03}@oak.example", revision="2")
        fields = {"fields": ["email"]} if operation == "update" else {}
        syncs[key] = await desktop.approve(entity, operation, **fields)
    await desktop.run()
    return syncs


async def test_the_class_of_a_code_decides_what_becomes_of_a_creation(desktop: Desktop) -> None:
    syncs = await refused(desktop, "create", "CustomerAdd")
    assert len(syncs) > 60
    for key, sync_id in syncs.items():
        row, retry = await desktop.sync(sync_id), statuses()[key].retry
        seen = (row["state"], row["code"])
        if retry in FAILS:
            assert seen == ("failed", statuses()[key].code), key
        elif retry in (RetryClass.TRANSIENT, RetryClass.CONNECTION):
            assert seen == ("waiting", statuses()[key].code), key
            pause = (row["retry_at"] - desktop.clock.now()).total_seconds()
            assert pause == 900 if retry is RetryClass.CONNECTION else 0 < pause <= 120, key
        elif retry is RetryClass.NOT_PROCESSED:
            assert seen == ("succeeded", None), key
        else:  # looked up, and QuickBooks does not hold it: never sent again by itself
            assert retry in (RetryClass.UNKNOWN_OUTCOME, RetryClass.STALE), key
            assert row["state"] == "failed", key
    written = [key for key, one in statuses().items() if one.retry is RetryClass.NOT_PROCESSED]
    assert len(desktop.customers()) == len(written)


async def test_the_class_of_a_code_decides_what_becomes_of_a_change(desktop: Desktop) -> None:
    syncs = await refused(desktop, "update", "CustomerMod")
    again = {RetryClass.NOT_PROCESSED, RetryClass.STALE, RetryClass.UNKNOWN_OUTCOME}
    for key, sync_id in syncs.items():
        row, retry = await desktop.sync(sync_id), statuses()[key].retry
        if retry in again:  # read again, found unchanged, and repeated
            assert row["state"] == "succeeded", (key, row["code"])
        elif retry in FAILS:
            assert (row["state"], row["code"]) == ("failed", statuses()[key].code), key
        else:
            assert row["state"] == "waiting", key


@pytest.mark.parametrize("code", hresults())
async def test_the_class_of_an_hresult_decides_what_becomes_of_a_set(desktop: Desktop, code: str) -> None:
    retry = entries("desktop")[code].retry
    sync_id = await desktop.approve(customer())
    desktop.faults.point, desktop.faults.at = "refuse", 1
    receive = desktop.gateway.connector.receive_response
    refusals = 0

    async def refuse_sets(ticket: str, response: str, hresult: str, message: str) -> int:
        nonlocal refusals
        if "CustomerAddRs" not in response or refusals:
            return await receive(ticket, response, hresult, message)
        refusals += 1
        return await receive(ticket, "", code, "It was refused.")

    desktop.gateway.connector.receive_response = refuse_sets  # type: ignore[method-assign]
    await desktop.run()
    row = await desktop.sync(sync_id)
    connector = await desktop.gateway.connectors.health(TENANT)
    assert connector is not None
    if retry is RetryClass.OURS:
        assert (row["state"], row["code"]) == ("failed", "QS-QUARANTINED")
    elif retry is RetryClass.UNKNOWN_OUTCOME:
        assert (row["state"], row["code"]) == ("in_flight", "QS-IN-DOUBT")
        await desktop.run()
        assert (await desktop.sync(sync_id))["state"] == "succeeded"
        assert desktop.customers() == ["Oak & Sons"]
    else:
        assert (row["state"], row["attempts"]) == ("pending", 0)
        assert (connector.connector.state, connector.connector.code) == ("problem", code)
