"""Which company file belongs to whom: the first binding, wrong files, new ids, another name, another company."""

from pathlib import Path

import pytest

from qbsync_local.sandbox.desktop.company import Company
from qbsync_local.sandbox.desktop.extensions import company_extensions
from qbsync_local.sandbox.desktop.seeding import open_company
from qbsync_qbwc_gateway.binding import NotNowError
from tests.gateway.desktop import TENANT, Desktop
from tests.gateway.records import customer, invoice, item


@pytest.fixture
def other_file(desktop: Desktop, tmp_path: Path) -> Company:
    """Other books, in a file of another name."""
    return open_company(tmp_path / "elm.qbw", "Elm Field", now=desktop.clock.now)


async def connection(desktop: Desktop) -> tuple[str, str]:
    """State and message."""
    health = await desktop.gateway.connectors.health(desktop.tenant)
    assert health is not None
    return health.connector.state, health.connector.message or ""


async def finished(desktop: Desktop) -> None:
    report = await desktop.run()
    assert report.outcome == "finished", report.message


async def refused(desktop: Desktop, words: str) -> None:
    """A run that is refused; what waits goes on waiting, and nothing gets into the file that is open."""
    before = desktop.customers()
    report = await desktop.run()
    assert report.outcome == "stopped"
    state, message = await connection(desktop)
    assert state == "wrong_company"
    assert words in message
    assert desktop.customers() == before


def stamps(company: Company) -> list[str]:
    return [one["DataExtValue"] for one in company_extensions(company) if one["DataExtName"] == "FileID"]


async def audits(desktop: Desktop) -> list[str]:
    return [one["action"] for one in await desktop.said("audit", "recorded")]


# whose file


@pytest.mark.parametrize("stamped", [True, False], ids=["added", "not-added"])
async def test_the_file_of_another_tenant_is_never_taken(
    desktop: Desktop, other_file: Company, stamped: bool
) -> None:
    """Not even where the Web Connector stamped it when the .qwc file was added on the wrong PC, nor after new ids."""
    elm = desktop.other_tenant("elm", other_file)
    await elm.configure()
    await elm.connect()
    await elm.gateway.binding.renew_ids("elm", by="Dana")
    await elm.add_file()
    await finished(elm)
    waiting = await desktop.approve(customer())
    desktop.company, own = elm.company, desktop.company
    await desktop.gateway.binding.renew_ids(TENANT, by="Dana")
    if stamped:
        await desktop.add_file()
    await refused(desktop, "belongs to another connection")
    assert (await desktop.sync(waiting))["state"] == "pending"
    desktop.company = own
    await finished(desktop)
    assert desktop.customers() == ["Oak & Sons"]
    await finished(elm)
    assert elm.customers() == []


@pytest.mark.parametrize("point", ["lost_receiveResponseXML", "die_before_write", "die_after_write"])
@pytest.mark.parametrize("at", [1, 2, 3])
async def test_binding_survives_whatever_breaks_in_its_middle(desktop: Desktop, point: str, at: int) -> None:
    sync_id = await desktop.approve(customer())
    desktop.faults.point, desktop.faults.at = point, at
    assert (await desktop.run()).outcome in ("died", "error")
    await finished(desktop)
    assert (await desktop.sync(sync_id))["state"] == "succeeded"
    assert stamps(desktop.company) == [desktop.file_id()]


# new ids


@pytest.mark.parametrize("added", [True, False], ids=["new-file-added", "old-file-kept"])
async def test_new_ids_keep_the_company_and_its_links(desktop: Desktop, added: bool) -> None:
    """Whether or not the PC already has the new .qwc file."""
    await desktop.approve(customer())
    await finished(desktop)
    former, links = desktop.file_id(), await desktop.links()
    assert await desktop.gateway.binding.renew_ids(TENANT, by="Dana")
    assert await desktop.gateway.binding.renew_ids(TENANT, by="Dana"), "twice, before a run came"
    if added:
        await desktop.add_file()
        assert desktop.file_id() != former
    await desktop.approve(customer(phone="555-0199", revision="2"), "update", fields=["phone"])
    await finished(desktop)
    await desktop.approve(customer("C-18", "Elm & Co"))
    await finished(desktop)
    assert set((await desktop.states()).values()) == {"succeeded"}
    assert (await desktop.links())["C-17"] == links["C-17"]
    assert await desktop.gateway.reconciling.report(TENANT) is None, "no backup was restored"
    health = await desktop.gateway.connectors.health(TENANT)
    assert health is not None
    assert health.connector.previous_file_id is None
    assert health.connector.file_id in stamps(desktop.company)
    assert (await audits(desktop)).count("connector-new-ids") == 2


async def test_after_new_ids_only_the_file_that_carried_the_former_ones_is_taken(
    desktop: Desktop, tmp_path: Path
) -> None:
    """A file of the same name that the Web Connector stamped with the new ids is not it."""
    await desktop.approve(customer())
    await finished(desktop)
    own = desktop.company
    (tmp_path / "strange").mkdir()
    desktop.company = open_company(tmp_path / "strange" / "oak.qbw", now=desktop.clock.now)
    waiting = await desktop.approve(customer("C-18", "Elm & Co"))
    await desktop.gateway.binding.renew_ids(TENANT, by="Dana")
    await desktop.add_file()
    await refused(desktop, "does not carry the former ones")
    desktop.company = own
    await finished(desktop)
    assert (await desktop.sync(waiting))["state"] == "succeeded"
    assert desktop.customers() == ["Elm & Co", "Oak & Sons"]


@pytest.mark.parametrize("point", ["lost_receiveResponseXML", "die_after_write"])
@pytest.mark.parametrize("at", [1, 2])
async def test_new_ids_survive_whatever_breaks_before_the_file_carries_them(
    desktop: Desktop, point: str, at: int
) -> None:
    await desktop.approve(customer())
    await finished(desktop)
    await desktop.gateway.binding.renew_ids(TENANT, by="Dana")
    await desktop.add_file()
    desktop.faults.point, desktop.faults.at = point, at
    assert (await desktop.run()).outcome in ("died", "error")
    await desktop.approve(customer("C-18", "Elm & Co"))
    await finished(desktop)
    assert await desktop.gateway.reconciling.report(TENANT) is None
    assert desktop.customers() == ["Elm & Co", "Oak & Sons"]


async def test_a_backup_that_is_restored_after_new_ids_is_still_found(
    desktop: Desktop, tmp_path: Path
) -> None:
    await desktop.approve(customer())
    await finished(desktop)
    backup = tmp_path / "backup.qbw"
    desktop.swap_file(keep=backup)
    await desktop.approve(customer("C-18", "Elm & Co"))
    await finished(desktop)
    await desktop.gateway.binding.renew_ids(TENANT, by="Dana")
    desktop.swap_file(restore=backup)
    await desktop.add_file()
    assert (await desktop.run()).outcome != "finished"
    found = await desktop.gateway.reconciling.report(TENANT)
    assert found is not None
    assert [group.examples for group in found.groups] == [("Elm & Co",)]


async def test_new_ids_in_the_middle_of_a_run_are_not_mistaken(desktop: Desktop) -> None:
    """The run that judged the file by the former ids does not end the search for them."""
    await desktop.approve(customer())
    await finished(desktop)
    await desktop.approve(customer("C-18", "Elm & Co"))
    desktop.faults.point, desktop.faults.at = "die_before_write", 2
    await desktop.run()
    await desktop.gateway.binding.renew_ids(TENANT, by="Dana")
    await finished(desktop)
    await finished(desktop)
    assert desktop.customers() == ["Elm & Co", "Oak & Sons"]


# another company


async def test_another_company_begins_anew_and_the_old_links_are_history(
    desktop: Desktop, other_file: Company
) -> None:
    for entity in (customer(), item(), invoice()):
        await desktop.approve(entity)
    await finished(desktop)
    books = await desktop.gateway.binding.books(TENANT)
    assert books is not None
    assert books.link_count == 3
    known = {(one["kind"], one["quickbooks_id"]) for one in await desktop.said("entity", "changed")}
    old, links = desktop.company, await desktop.links()
    told = len(await desktop.said("entity", "changed"))

    await desktop.gateway.binding.rebind(TENANT, links=3, by="Dana")
    assert await desktop.links() == {}
    cleared = await desktop.said("link", "cleared")
    assert {(one["app_id"], one["by"]) for one in cleared} == {(app_id, "Dana") for app_id in links}
    gone = (await desktop.said("entity", "changed"))[told:]
    assert all(one["deleted"] for one in gone)
    assert {(one["kind"], one["quickbooks_id"]) for one in gone} >= known
    async with desktop.database.tenant(TENANT) as connection:
        history = await connection.fetch("select app_id, quickbooks_id from link_history")
    assert {row["app_id"]: row["quickbooks_id"] for row in history} == links
    assert (await connection_state(desktop)) == "none"
    (audit,) = [one for one in await desktop.said("audit", "recorded") if one["action"] == "connector-rebind"]
    assert (audit["by"], audit["details"]["links"]) == ("Dana", 3)

    other_file.store.set_meta("file_name", old.file_name)  # so that the name does not tell them apart
    desktop.company = other_file
    await desktop.add_file()
    sync_id = await desktop.approve(customer())
    await finished(desktop)
    assert (await desktop.sync(sync_id))["state"] == "succeeded"
    assert desktop.customers() == ["Oak & Sons"]
    assert (await desktop.said("company", "changed"))[-1]["company_id"] == desktop.file_id()
    fresh = (await desktop.said("entity", "changed"))[told + len(gone) :]
    assert {"account", "customer"} & {one["kind"] for one in fresh}
    assert not any(one["deleted"] for one in fresh)

    before = len(desktop.customers())
    desktop.company = old  # it is nobody's now, and must not be written into
    await refused(desktop, "Another company file")
    assert before == 1


async def connection_state(desktop: Desktop) -> str:
    return (await connection(desktop))[0]


async def test_a_pc_with_the_old_qwc_file_goes_on_with_the_new_company(
    desktop: Desktop, other_file: Company
) -> None:
    await desktop.approve(customer())
    await finished(desktop)
    await desktop.gateway.binding.rebind(TENANT, links=1, by="Dana")
    desktop.company = other_file
    await finished(desktop)
    sync_id = await desktop.approve(customer("C-18", "Elm & Co"))
    await finished(desktop)
    assert (await desktop.sync(sync_id))["state"] == "succeeded"
    assert desktop.customers() == ["Elm & Co"]


async def test_rebinding_is_refused_while_syncs_are_not_final(desktop: Desktop) -> None:
    with pytest.raises(NotNowError, match="No company file is bound"):
        await desktop.gateway.binding.rebind(TENANT, links=0, by="Dana")
    await finished(desktop)
    await desktop.approve(customer())
    with pytest.raises(NotNowError, match="1 approved changes are not finished"):
        await desktop.gateway.binding.rebind(TENANT, links=0, by="Dana")
    desktop.faults.point, desktop.faults.at = "die_after_write", 2
    assert (await desktop.run()).outcome == "died"
    with pytest.raises(NotNowError) as refusal:
        await desktop.gateway.binding.rebind(TENANT, links=0, by="Dana")
    assert refusal.value.slug == "syncs-not-final", "in doubt is not final either"
    await finished(desktop)
    with pytest.raises(NotNowError, match="There are 1 links now, not 0"):
        await desktop.gateway.binding.rebind(TENANT, links=0, by="Dana")
    assert len(await desktop.links()) == 1
    assert "connector-rebind" not in await audits(desktop)


async def test_a_session_that_is_open_ends_when_the_connection_is_bound_anew(
    desktop: Desktop, other_file: Company
) -> None:
    """What it still reads of the old company would else be taken for the new one's."""
    await finished(desktop)
    endpoint = desktop.endpoint()
    health = await desktop.gateway.connectors.health(TENANT)
    assert health is not None
    service = desktop.gateway.connector
    ticket, _ = await service.authenticate(health.connector.username, desktop.password, address="x")
    text = await service.send_request(ticket, hcp="", company_file=desktop.company.file_name, version=(16, 0))
    assert "CompanyQueryRq" in text
    await desktop.gateway.binding.rebind(TENANT, links=0, by="Dana")
    assert await service.receive_response(ticket, "<QBXML/>", "", "") == -1
    assert await service.send_request(ticket, hcp="", company_file="x", version=(16, 0)) == ""
    async with desktop.database.tenant(TENANT) as connection:
        assert await connection.fetchval("select count(*) from seen_entity") == 0
    desktop.company = other_file
    report = await desktop.run(endpoint)
    assert report.outcome == "finished", report.message


async def test_many_links_end_some_at_a_time(desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qbsync_shared.connector.links.AT_ONCE", 3)
    for number in range(7):
        await desktop.approve(customer(f"C-{number}", f"Customer {number}"))
    await finished(desktop)
    await finished(desktop)  # reads them
    await desktop.gateway.binding.rebind(TENANT, links=7, by="Dana")
    assert len({one["app_id"] for one in await desktop.said("link", "cleared")}) == 7
    gone = [one for one in await desktop.said("entity", "changed") if one["deleted"]]
    assert len({one["quickbooks_id"] for one in gone if one["kind"] == "customer"}) == 7


# another name


async def test_a_file_under_another_name_is_taken_only_with_our_ids(
    desktop: Desktop, other_file: Company, tmp_path: Path
) -> None:
    await desktop.approve(customer())
    await finished(desktop)
    moved = tmp_path / "oak 2027.qbw"
    desktop.swap_file(keep=moved)
    own = desktop.company
    desktop.company = open_company(moved, now=desktop.clock.now)
    desktop.company.store.set_meta("file_name", "D:\\Books\\Oak 2027.QBW")
    await refused(desktop, "Another company file")
    assert await desktop.gateway.binding.take_new_name(TENANT, by="Dana")
    renamed, desktop.company = desktop.company, other_file
    await refused(desktop, "Another company file")
    desktop.company = renamed
    await finished(desktop)
    assert len(await desktop.links()) == 1
    desktop.company = own
    await refused(desktop, "Another company file")


async def test_rebinding_is_refused_while_changes_are_approved_by_rule(desktop: Desktop) -> None:
    await finished(desktop)
    await desktop.configure(version=2, settings={"auto_approve": ["customer:export"]})
    with pytest.raises(NotNowError, match="Switch auto-approve off") as refusal:
        await desktop.gateway.binding.rebind(TENANT, links=0, by="Dana")
    assert refusal.value.slug == "approves-by-rule"
    await desktop.configure(version=3, settings={"auto_approve": []})
    await desktop.gateway.binding.rebind(TENANT, links=0, by="Dana")
