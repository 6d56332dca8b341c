"""The protocol, one case per sentence of the Programmer's Guide (chapters 2, 5, 8, 10) and of qbwc-protocol.md."""

import asyncio
import itertools
from datetime import timedelta

import pytest

from qbsync_local.sandbox.desktop.extensions import company_extensions, stamp_file_id
from qbsync_local.sandbox.desktop.faults import Faults
from qbsync_local.sandbox.desktop.processor import Processor
from qbsync_local.sandbox.desktop.queries import Session
from qbsync_local.sandbox.desktop.qwc import read_qwc
from qbsync_qbwc_gateway.app import assemble
from qbsync_qbwc_gateway.qwc import QwcChoices
from qbsync_qbwc_gateway.session.login import VersionRules, judge_version
from qbsync_qbwc_gateway.session.service import DONE, IDLE_TICKET
from qbsync_qbwc_gateway.settings import GatewaySettings
from qbsync_shared.kinds import Plan
from tests.gateway.desktop import TENANT, Desktop, Endpoint
from tests.gateway.records import customer

ADDRESS = "192.0.2.7"


async def login(desktop: Desktop, password: str = "") -> list[str]:
    health = await desktop.gateway.connectors.health(TENANT)
    assert health is not None
    user = health.connector.username
    return list(
        await desktop.gateway.connector.authenticate(user, password or desktop.password, address=ADDRESS)
    )


async def hcp(desktop: Desktop) -> str:
    """What the Web Connector hands over at first, of a company file that was bound earlier."""
    qwc = read_qwc(desktop.qwc)
    async with desktop.database.tenant(TENANT) as connection:
        await connection.execute("update connector set bound_at = coalesce(bound_at, now())")
    stamp_file_id(desktop.company, qwc.owner_id, qwc.file_id)
    text = (
        '<?xml version="1.0"?><?qbxml version="6.0"?><QBXML><QBXMLMsgsRq onError="continueOnError"><HostQueryRq requestID="0"/>'
        f'<CompanyQueryRq requestID="1"><OwnerID>{qwc.owner_id}</OwnerID></CompanyQueryRq><PreferencesQueryRq requestID="2"/></QBXMLMsgsRq></QBXML>'
    )
    return Processor(desktop.company, Faults()).process(text, Session(qwc.app_name))


async def send(desktop: Desktop, ticket: str, about: str = "", file: str | None = None) -> str:
    return await desktop.gateway.connector.send_request(
        ticket, hcp=about, company_file=file or desktop.company.file_name, version=(16, 0)
    )


def answer_to(desktop: Desktop, request: str) -> str:

    return Processor(desktop.company, Faults()).process(request, Session(read_qwc(desktop.qwc).app_name))


async def receive(desktop: Desktop, ticket: str, response: str, hresult: str = "", message: str = "") -> int:
    return await desktop.gateway.connector.receive_response(ticket, response, hresult, message)


# who may come


async def test_a_wrong_password_is_nvu(desktop: Desktop) -> None:
    assert (await login(desktop, "wrong"))[1] == "nvu"


async def test_an_unknown_user_is_nvu(desktop: Desktop) -> None:
    assert (await desktop.gateway.connector.authenticate("nobody", "x", address=ADDRESS))[1] == "nvu"


async def test_guessing_locks_the_user_but_not_who_knows_the_password(desktop: Desktop) -> None:
    assert (await login(desktop))[1] == ""
    for _ in range(5):
        assert (await login(desktop, "wrong"))[1] == "nvu"
    assert (await login(desktop))[1] == "", "verified a moment ago"
    await desktop.gateway.connectors.create(TENANT, by="Dana")  # rotates, and unlocks
    assert (await login(desktop))[1] == "nvu", "the old password is gone"


async def test_a_locked_user_is_let_in_again_later(desktop: Desktop) -> None:
    for _ in range(5):
        await login(desktop, "wrong")
    assert (await login(desktop))[1] == "nvu"
    desktop.clock.advance(timedelta(minutes=3))
    assert (await login(desktop))[1] == ""


async def test_many_guesses_from_one_address_are_not_looked_at(desktop: Desktop) -> None:
    for _ in range(60):
        await desktop.gateway.connector.authenticate("nobody", "x", address="192.0.2.66")
    assert (await desktop.gateway.connector.authenticate("nobody", "x", address="192.0.2.66"))[1] == "nvu"
    desktop.clock.advance(timedelta(minutes=2))
    assert (await login(desktop))[1] == ""


async def test_without_work_and_nothing_due_to_read_it_is_none(desktop: Desktop) -> None:
    await desktop.run()
    async with desktop.database.tenant(TENANT) as connection:
        await connection.execute("update tenant set settings = $1", {"read_every_seconds": 3600})
    ticket, what = await login(desktop)
    assert what == "none"
    assert ticket.startswith(IDLE_TICKET)
    assert await desktop.gateway.connector.close_connection(ticket) == "OK"
    await desktop.approve(customer())
    assert (await login(desktop))[1] == ""


async def test_a_paused_tenant_is_busy(desktop: Desktop) -> None:
    await desktop.configure(version=2, paused=True)
    assert (await login(desktop))[1] == "busy"


async def test_a_plan_without_desktop_gets_none(desktop: Desktop) -> None:
    await desktop.approve(customer())
    await desktop.configure(version=2, plan=Plan.ESSENTIAL)
    assert (await login(desktop))[1] == "none"


async def test_the_versions_are_said(desktop: Desktop) -> None:
    connector = desktop.gateway.connector
    assert (await connector.server_version()).startswith("qbsync")
    assert await connector.client_version("2.3.0.215", address=ADDRESS) == ""
    assert await connector.client_version("34.0.10011.101", address=ADDRESS) == ""
    assert (await connector.client_version("1.0.0.2", address=ADDRESS)).startswith("W:")
    assert await connector.client_version("strange", address=ADDRESS) == ""
    assert await connector.client_version("", address=ADDRESS) == ""


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("2.0.0.139", "W:"),
        ("2.1.0.30", ""),
        ("1.5", "O:2.0"),
        ("2.2.0.71", "E:qbsync does not work with version 2.2.0.71"),
        ("34.0.10011.101", ""),
    ],
)
def test_old_web_connectors_are_warned_or_told_what_they_need(version: str, said: str) -> None:
    rules = VersionRules(warn_below="2.1", require="2.0", refuse=("2.2.0.71",))
    answered = judge_version(version, rules)
    assert answered.startswith(said) if said else answered == ""


# what authenticate answers where there is work


async def choose(desktop: Desktop, **choices: object) -> None:
    assert await desktop.gateway.connectors.choose(TENANT, QwcChoices.model_validate(choices), by="Dana")


async def test_the_answer_is_as_short_as_it_can_be(desktop: Desktop) -> None:
    await desktop.run()
    assert (await login(desktop))[1:] == [""]
    await choose(desktop, minimum_minutes=5)
    assert (await login(desktop))[1:] == ["", "", "300"]
    await choose(desktop, open_file="bound")
    assert (await login(desktop))[1:] == [desktop.company.file_name]
    report = await desktop.run()
    assert report.outcome == "finished", report.message


async def test_before_a_file_is_bound_none_is_named(desktop: Desktop) -> None:
    await choose(desktop, open_file="bound")
    assert (await login(desktop))[1:] == [""]


@pytest.mark.parametrize(
    ("begin", "end", "seconds"),
    [("08:00", "17:00", 5 * 3600), ("11:59", "12:01", 60), ("12:01", "13:00", 0), ("22:00", "12:30", 1800)],
)
async def test_quiet_hours_put_auto_run_off(desktop: Desktop, begin: str, end: str, seconds: int) -> None:
    assert desktop.clock.now().strftime("%H:%M") == "12:00"
    await choose(desktop, quiet_from=begin, quiet_until=end)
    assert (await login(desktop))[1:] == ([""] if not seconds else ["", str(seconds)])


async def test_a_run_by_hand_does_not_wait_for_the_end_of_quiet_hours(desktop: Desktop) -> None:
    await choose(desktop, quiet_from="08:00", quiet_until="17:00", minimum_minutes=10)
    sync_id = await desktop.approve(customer())
    report = await desktop.run(auto=True)
    assert (report.outcome, report.postpone_seconds, report.minimum_seconds) == ("postponed", 5 * 3600, 600)
    assert (await desktop.sync(sync_id))["state"] == "pending"
    health = await desktop.gateway.connectors.health(TENANT)
    assert health is not None
    assert "Put off" in (health.sessions[0].result or "")
    assert (await desktop.run()).outcome == "finished"
    assert (await desktop.sync(sync_id))["state"] == "succeeded"


async def test_any_replica_takes_the_next_call(desktop: Desktop, settings: GatewaySettings) -> None:
    """Two gateways over one database, each call to the other one; the first dies with a set on its way."""
    replica = assemble(settings, desktop.database, clock=desktop.clock, make_id=desktop.make_id)
    both = itertools.cycle((desktop.gateway, replica))

    class Balanced(Endpoint):
        async def exchange(self, body: bytes) -> bytes:
            self.gateway = next(both)
            return await super().exchange(body)

    loop = asyncio.get_running_loop()
    sync_id = await desktop.approve(customer())
    report = await desktop.run(Balanced(desktop.gateway, loop, desktop.faults))
    assert report.outcome == "finished", report.message
    assert (await desktop.sync(sync_id))["state"] == "succeeded"
    lost = await desktop.approve(customer("C-18", "Elm & Co"))
    desktop.faults.point, desktop.faults.at = "die_after_write", 2
    assert (await desktop.run()).outcome == "died"
    report = await desktop.run(Endpoint(replica, loop, desktop.faults))
    assert report.outcome == "finished", report.message
    assert (await desktop.sync(lost))["state"] == "succeeded"
    assert desktop.customers() == ["Elm & Co", "Oak & Sons"]


# tickets


@pytest.mark.parametrize("ticket", ["", "unknown", "idle-1", "x" * 5000, "'; drop table session"])
async def test_an_unknown_ticket_gets_a_harmless_answer(desktop: Desktop, ticket: str) -> None:
    connector = desktop.gateway.connector
    assert await send(desktop, ticket) == ""
    assert await receive(desktop, ticket, "<QBXML/>") < 0
    assert await connector.connection_error(ticket, "0x80040401", "x") == DONE
    assert "NoOp" not in await connector.get_last_error(ticket)
    assert await connector.close_connection(ticket) != ""
    assert await desktop.customers_count() == 0


async def test_interactive_mode_is_not_used(desktop: Desktop) -> None:
    connector = desktop.gateway.connector
    assert await connector.interactive_url() == ""
    assert await connector.interactive_done() == "Done"
    assert await connector.interactive_rejected() != ""


async def test_a_new_login_ends_the_older_session(desktop: Desktop) -> None:
    first = (await login(desktop))[0]
    second = (await login(desktop))[0]
    assert await send(desktop, first, await hcp(desktop)) == ""
    assert await send(desktop, second, await hcp(desktop)) != ""


async def test_a_second_login_at_the_same_time_leaves_one_session(desktop: Desktop) -> None:
    await asyncio.gather(login(desktop), login(desktop), login(desktop))
    async with desktop.database.tenant(TENANT) as connection:
        assert await connection.fetchval("select count(*) from session where ended_at is null") == 1


# the exchange


async def test_a_call_out_of_order_leaves_everything_as_it_is(desktop: Desktop) -> None:
    ticket = (await login(desktop))[0]
    assert await receive(desktop, ticket, "<QBXML/>") == -1
    assert await send(desktop, ticket, await hcp(desktop)) != ""


async def test_the_same_answer_twice_has_one_effect(desktop: Desktop) -> None:
    ticket = (await login(desktop))[0]
    response = answer_to(desktop, await send(desktop, ticket, await hcp(desktop)))
    first = await receive(desktop, ticket, response)
    told = len(await desktop.said("entity", "changed"))
    assert await receive(desktop, ticket, response) == first
    assert len(await desktop.said("entity", "changed")) == told
    assert await receive(desktop, ticket, response + " ") == -1


async def test_a_request_asked_for_twice_is_handed_out_again_as_the_same_bytes(desktop: Desktop) -> None:
    sync_id = await desktop.approve(customer())
    ticket = (await login(desktop))[0]
    await receive(desktop, ticket, answer_to(desktop, await send(desktop, ticket, await hcp(desktop))))
    first = await send(desktop, ticket)
    assert "CustomerAddRq" in first
    assert await send(desktop, ticket) == first
    assert (await desktop.sync(sync_id))["in_doubt_since"] is not None
    assert await receive(desktop, ticket, answer_to(desktop, first)) == 100
    assert (await desktop.sync(sync_id))["state"] == "succeeded"


async def test_the_set_is_durable_before_it_is_handed_out(desktop: Desktop) -> None:
    await desktop.approve(customer())
    ticket = (await login(desktop))[0]
    await receive(desktop, ticket, answer_to(desktop, await send(desktop, ticket, await hcp(desktop))))
    text = await send(desktop, ticket)
    async with desktop.database.tenant(TENANT) as connection:
        row = await connection.fetchrow("select * from message_set")
    assert (row["body"], row["state"]) == (text, "out")
    assert f'newMessageSetID="{row["set_id"]}"' in text
    assert len(row["set_id"]) <= 23
    assert "Query" not in text, "queries and writes are never mixed"


async def test_quickbooks_forgets_sets_only_after_their_outcome_is_durable(desktop: Desktop) -> None:
    await desktop.approve(customer())
    await desktop.run()
    ticket = (await login(desktop))[0]
    text = await send(desktop, ticket, await hcp(desktop), file=desktop.company.file_name)
    assert 'oldMessageSetID="ClearAllMessageSets"' in text
    await receive(desktop, ticket, answer_to(desktop, text))
    async with desktop.database.tenant(TENANT) as connection:
        assert await connection.fetchval("select count(*) from message_set where state = 'settled'") == 0


async def test_an_unreadable_answer_ends_the_session_and_loses_nothing(desktop: Desktop) -> None:
    sync_id = await desktop.approve(customer())
    ticket = (await login(desktop))[0]
    await receive(desktop, ticket, answer_to(desktop, await send(desktop, ticket, await hcp(desktop))))
    response = answer_to(desktop, await send(desktop, ticket))
    assert await receive(desktop, ticket, response[: len(response) // 2]) < 0
    assert "could not be read" in await desktop.gateway.connector.get_last_error(ticket)
    await desktop.gateway.connector.close_connection(ticket)
    assert (await desktop.sync(sync_id))["code"] == "QS-IN-DOUBT"
    await desktop.run()
    assert (await desktop.sync(sync_id))["state"] == "succeeded"
    assert desktop.customers() == ["Oak & Sons"]


async def test_connection_errors_are_tried_twice_then_done(desktop: Desktop) -> None:
    ticket = (await login(desktop))[0]
    said = [
        await desktop.gateway.connector.connection_error(ticket, "0x80040408", "closed") for _ in range(3)
    ]
    assert said == ["", "", DONE]
    assert await desktop.gateway.connector.get_last_error(ticket) != ""
    assert (await desktop.said("connection", "changed"))[-1]["code"] == "0x80040408"


async def test_an_hresult_may_come_as_a_signed_number(desktop: Desktop) -> None:
    ticket = (await login(desktop))[0]
    for _ in range(3):
        await desktop.gateway.connector.connection_error(ticket, str(0x80040408 - (1 << 32)), "closed")
    assert (await desktop.said("connection", "changed"))[-1]["code"] == "0x80040408"


async def test_closing_twice_is_the_same(desktop: Desktop) -> None:
    ticket = (await login(desktop))[0]
    first = await desktop.gateway.connector.close_connection(ticket)
    assert await desktop.gateway.connector.close_connection(ticket) == first
    assert len(await desktop.said("session", "ended")) == 1


# the company file


async def test_another_company_file_is_refused_and_nothing_is_sent(desktop: Desktop) -> None:
    await desktop.run()
    sync_id = await desktop.approve(customer())
    ticket = (await login(desktop))[0]
    strange = (await hcp(desktop)).replace(desktop.file_id(), "{00000000-0000-4000-8000-000000000000}")
    assert await send(desktop, ticket, strange, file=desktop.company.file_name) == ""
    assert "Another company file" in await desktop.gateway.connector.get_last_error(ticket)
    await desktop.gateway.connector.close_connection(ticket)
    assert (await desktop.sync(sync_id))["state"] == "pending"
    assert (await desktop.said("connection", "changed"))[-1]["state"] == "wrong_company"
    await desktop.run()
    assert (await desktop.said("connection", "changed"))[-1]["state"] == "connected"
    assert (await desktop.sync(sync_id))["state"] == "succeeded"


async def test_a_copy_under_another_name_is_refused_until_an_admin_takes_the_name(desktop: Desktop) -> None:
    await desktop.run()
    ticket = (await login(desktop))[0]
    assert await send(desktop, ticket, await hcp(desktop), file="C:\\Books\\oak restored.qbw") == ""
    assert await desktop.gateway.binding.take_new_name(TENANT, by="Dana")
    ticket = (await login(desktop))[0]
    assert await send(desktop, ticket, await hcp(desktop), file="C:\\Books\\oak restored.qbw") != ""


async def test_a_missing_hcp_answer_is_asked_for(desktop: Desktop) -> None:
    await desktop.run()
    ticket = (await login(desktop))[0]
    text = await send(desktop, ticket, "", file=desktop.company.file_name)
    assert "CompanyQueryRq" in text
    assert await receive(desktop, ticket, answer_to(desktop, text)) == 1
    assert "CustomerQueryRq" in await send(desktop, ticket)


async def test_the_first_run_writes_the_file_id_and_checks_it(desktop: Desktop) -> None:
    report = await desktop.run()
    assert report.outcome == "finished"

    assert desktop.file_id() in [one["DataExtValue"] for one in company_extensions(desktop.company)]


async def test_what_the_company_is_like_is_told_once(desktop: Desktop) -> None:
    await desktop.run()
    await desktop.run()
    (told,) = await desktop.said("company", "changed")
    assert told["facts"]["uses_sales_tax"] is True
    assert told["facts"]["qbxml_version"] == "16.0"
    assert told["name"] == desktop.company.name


async def test_an_older_quickbooks_is_spoken_to_in_its_own_version(desktop: Desktop) -> None:
    desktop.company.store.set_meta("newest_qbxml", "13.0")
    sync_id = await desktop.approve(customer())
    await desktop.run()
    assert (await desktop.sync(sync_id))["state"] == "succeeded"


async def test_two_tenants_never_see_one_another(desktop: Desktop) -> None:
    await desktop.approve(customer())
    async with desktop.database.tenant("elm") as connection:
        for table in ("connector", "session", "message_set", "import_cursor", "work_item", "link"):
            assert await connection.fetchval(f"select count(*) from {table}") == 0, table


async def test_parallel_calls_of_one_session_are_done_one_after_the_other(desktop: Desktop) -> None:
    ticket = (await login(desktop))[0]
    about = await hcp(desktop)
    texts = await asyncio.gather(*(send(desktop, ticket, about) for _ in range(4)))
    assert all(texts)
