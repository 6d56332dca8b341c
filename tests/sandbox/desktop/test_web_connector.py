"""The Web Connector's call order and its behaviour at every fault point, against a real SOAP service on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree
from tests.sandbox.desktop.books import message_set
from tests.sandbox.desktop.soap_service import Script, qwc_text, serving

from qbsync_local.sandbox.desktop.desk import AlreadyRunningError, Desk, UnknownTenantError
from qbsync_local.sandbox.desktop.qwc import QwcRefusedError, read_qwc

ADD = '<CustomerAddRq requestID="{0}"><CustomerAdd><Name>{0}</Name></CustomerAdd></CustomerAddRq>'
START = ["serverVersion", "clientVersion", "authenticate"]


def write(name: str) -> str:
    return message_set(ADD.format(name), version="13.0", newMessageSetID=f"set-{name}")


class Pc:
    """A desk with one tenant whose connector talks to a scripted service."""

    def __init__(self, folder: Path, url: str) -> None:
        self.slept: list[float] = []
        self.desk = Desk(folder, sleep=self.slept.append)
        self.desk.register("oak", qwc_text(url), "secret")
        self.faults = self.desk.pc("oak").faults

    def run(self, *, auto: bool = False):
        return self.desk.run("oak", auto=auto)

    def names(self) -> list[str]:
        store = self.desk.pc("oak").company.store
        return [record.name for record in store.many(store.ids("kind = 'Customer'", [], "seq"))]


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def pc(tmp_path: Path, script: Script) -> Iterator[Pc]:
    with serving(script) as url:
        pc = Pc(tmp_path, url)
        yield pc
        pc.desk.close()


def test_a_session_goes_in_the_real_order(pc: Pc, script: Script) -> None:
    script.sends = [write("Oak"), write("Ash")]
    report = pc.run()
    exchange = ["sendRequestXML", "receiveResponseXML"] * 2
    assert script.names() == [*START, *exchange, "closeConnection"]
    assert (report.outcome, report.message, report.round_trips) == ("finished", "Finished.", 2)
    assert (report.progress, report.statuses, report.requests) == ([50, 100], {"0": 2}, 2)
    assert pc.names() == ["Oak", "Ash"]


def test_it_signs_in_with_the_name_of_the_file_and_the_typed_password(pc: Pc, script: Script) -> None:
    pc.run()
    assert script.given("authenticate") == [{"strUserName": "oak-connector", "strPassword": "secret"}]


def test_the_first_request_carries_host_company_and_preferences(pc: Pc, script: Script) -> None:
    script.sends = [write("Oak"), write("Ash")]
    pc.run()
    first, second = script.given("sendRequestXML")
    answers = etree.fromstring(first["strHCPResponse"].encode())[0]
    assert [one.tag for one in answers] == ["HostQueryRs", "CompanyQueryRs", "PreferencesQueryRs"]
    stamped = {
        one.findtext("DataExtName"): one.findtext("DataExtValue") for one in answers.iter("DataExtRet")
    }
    assert stamped["FileID"] == "{66666666-7777-8888-9999-000000000000}"
    assert first["qbXMLCountry"] == "US"
    assert (first["qbXMLMajorVers"], first["qbXMLMinorVers"]) == ("16", "0")
    assert first["strCompanyFileName"].endswith(".QBW")
    assert second["strHCPResponse"] == ""


@pytest.mark.parametrize(("word", "outcome"), [("none", "no_work"), ("nvu", "bad_user"), ("busy", "busy")])
def test_the_words_of_authenticate_end_the_session(pc: Pc, script: Script, word: str, outcome: str) -> None:
    script.authenticate = ["", word]
    assert pc.run().outcome == outcome
    assert script.names() == [*START, "closeConnection"]
    assert script.given("closeConnection") == [{"ticket": ""}]


def test_a_postponed_update_is_not_run_when_auto_run_is_on(pc: Pc, script: Script) -> None:
    script.authenticate = ["T-1", "", "60", "300"]
    report = pc.run(auto=True)
    assert (report.outcome, report.postpone_seconds, report.minimum_seconds) == ("postponed", 60, 300)
    assert pc.run().outcome != "postponed"


@pytest.mark.parametrize(
    ("said", "outcome"), [("E:too old", "refused"), ("O:3.0", "refused"), ("W:old", "stopped")]
)
def test_client_version_may_refuse_or_warn(pc: Pc, script: Script, said: str, outcome: str) -> None:
    script.client_version = said
    assert pc.run().outcome == outcome
    assert ("authenticate" in script.names()) == (outcome == "stopped")


def test_an_answer_of_another_shape_is_qbwc1012(pc: Pc, script: Script) -> None:
    script.authenticate = ["T-1", "", "", "", ""]
    report = pc.run()
    assert report.outcome == "error"
    assert report.message.startswith("QBWC1012")


@pytest.mark.parametrize(
    ("method", "code"), [("clientVersion", "QBWC1036"), ("sendRequestXML", "QBWC1041"), ("receiveResponseXML", "QBWC1042")]
)  # fmt: skip
def test_a_server_error_is_the_code_of_its_call(pc: Pc, script: Script, method: str, code: str) -> None:
    script.sends, script.broken = [write("Oak")], method
    assert pc.run().message.startswith(code)


def test_nothing_to_send_asks_for_the_last_error(pc: Pc, script: Script) -> None:
    assert pc.run().message == "No work is left."
    assert script.names() == [*START, "sendRequestXML", "getLastError", "closeConnection"]


def test_no_op_waits_five_seconds_and_asks_again(pc: Pc, script: Script) -> None:
    script.last_error = "NoOp"
    pc.run()
    assert set(pc.slept) == {5.0}
    assert script.names().count("sendRequestXML") == len(pc.slept) + 1


def test_a_negative_answer_asks_why_and_closes(pc: Pc, script: Script) -> None:
    script.sends, script.progress = [write("Oak"), write("Ash")], lambda *_: -3
    script.last_error = "The company file is not the one of this tenant."
    report = pc.run()
    assert (report.outcome, report.message) == ("stopped", "The company file is not the one of this tenant.")
    assert script.names()[-3:] == ["receiveResponseXML", "getLastError", "closeConnection"]
    assert pc.names() == ["Oak"]


def test_a_refused_set_arrives_as_hresult(pc: Pc, script: Script) -> None:
    script.sends = [message_set("<Wrong/>")]
    report = pc.run()
    answer = script.given("receiveResponseXML")[0]
    assert (answer["response"], answer["hresult"]) == ("", "0x80040400")
    assert "parsing" in answer["message"]
    assert report.hresults == ["0x80040400"]


def test_a_closed_quickbooks_is_told_by_connection_error(pc: Pc, script: Script) -> None:
    pc.faults.hresult, pc.faults.hresult_times = "0x80040408", 1
    assert pc.run().outcome == "no_company"
    assert script.given("connectionError")[0]["hresult"] == "0x80040408"
    assert script.names()[-2:] == ["connectionError", "closeConnection"]


def test_connection_error_may_name_a_path_to_try(pc: Pc, script: Script) -> None:
    pc.faults.named["connection_error"] = 1
    script.connection_error = [""]
    script.sends = [write("Oak")]
    assert pc.run().outcome == "finished"


def test_a_path_that_is_not_open_is_another_file(pc: Pc, script: Script) -> None:
    script.authenticate = ["T-1", "C:\\elsewhere.QBW"]
    assert pc.run().hresults == ["0x8004040A"]


def test_the_wrong_company_file_shows_no_file_id(pc: Pc, script: Script) -> None:
    pc.faults.named["wrong_company"] = 1
    pc.run()
    about = etree.fromstring(script.given("sendRequestXML")[0]["strHCPResponse"].encode())
    assert about.findtext(".//CompanyName") == "Another Company"
    assert about.find(".//DataExtRet") is None


def test_a_replaced_file_shows_no_file_id_either(pc: Pc, script: Script) -> None:
    pc.desk.replace_file("oak")
    pc.run()
    assert "FileID" not in script.given("sendRequestXML")[0]["strHCPResponse"]


@pytest.mark.parametrize(
    ("point", "written", "answered"),
    [("die_before_write", False, 0), ("die_after_write", True, 0), ("die_before_answer", True, 0), ("die_after_answer", True, 1)],
)  # fmt: skip
def test_the_pc_may_die_at_every_point(
    pc: Pc, script: Script, point: str, written: bool, answered: int
) -> None:
    script.sends = [write("Oak"), write("Ash")]
    pc.faults.named[point] = 1
    assert pc.run().outcome == "died"
    assert pc.names() == (["Oak"] if written else [])
    assert len(script.given("receiveResponseXML")) == answered
    assert "closeConnection" not in script.names()


def test_the_pc_may_die_in_the_middle_of_a_set(pc: Pc, script: Script) -> None:
    script.sends = [
        message_set(*(ADD.format(name) for name in "ABC"), version="13.0", newMessageSetID="set-1")
    ]
    pc.faults.die_after_members = 2
    assert pc.run().outcome == "died"
    assert pc.names() == ["A", "B"]


def test_an_answer_may_be_delivered_twice(pc: Pc, script: Script) -> None:
    script.sends = [write("Oak")]
    pc.faults.named["answer_twice"] = 1
    assert pc.run().outcome == "finished"
    first, second = script.given("receiveResponseXML")
    assert first == second
    assert pc.names() == ["Oak"]


def test_a_slow_quickbooks_takes_its_time_for_every_write(pc: Pc, script: Script) -> None:
    script.sends = [message_set(ADD.format("A"), ADD.format("B"), "<CustomerQueryRq/>", version="13.0")]
    pc.faults.seconds_per_write = 1.5
    pc.run()
    assert pc.slept == [1.5, 1.5]


def test_a_backup_brings_the_old_books_back(pc: Pc, script: Script) -> None:
    pc.desk.snapshot("oak")
    script.sends = [write("Oak")]
    pc.run()
    pc.desk.restore("oak")
    assert pc.names() == []


def test_the_application_and_the_books_are_kept(pc: Pc, script: Script, tmp_path: Path) -> None:
    script.sends = [write("Oak"), write("Ash")]
    pc.run()
    pc.desk.set_auto_run("oak", 30)
    pc.desk.close()
    assert (tmp_path / "connectors.json").stat().st_mode & 0o077 == 0
    pc.desk = Desk(tmp_path)
    assert pc.names() == ["Oak", "Ash"]
    assert pc.desk.due() == ["oak"]
    assert pc.run().outcome == "stopped"
    assert pc.desk.due() == []


def test_a_pc_without_an_application_does_not_run(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.set_up("oak")
    with pytest.raises(UnknownTenantError, match=r"add its \.qwc file"):
        desk.run("oak")
    with pytest.raises(UnknownTenantError):
        desk.set_up("../evil")
    desk.close()


def test_one_update_at_a_time(pc: Pc) -> None:
    with pc.desk._running["oak"], pytest.raises(AlreadyRunningError):
        pc.run()


def test_the_service_may_be_away(pc: Pc, tmp_path: Path) -> None:
    pc.desk.register("oak", qwc_text("http://127.0.0.1:9/qbwc"), "secret")
    assert pc.run().outcome == "error"


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("<UserName>oak-connector</UserName>", "", "UserName"),
        ("{11111111-2222-3333-4444-555555555555}", "11111111", "OwnerID"),
        ("http://localhost/qbwc</AppURL>", "http://qbsync.example/qbwc</AppURL>", "QBWC1010"),
        ("http://localhost/qbwc</AppURL>", "https://qbsync.example/qbwc</AppURL>", "QBWC1000"),
        ("QBFS", "QBPOS", "QBFS"),
        ("<AppID></AppID>", "", "AppID"),
    ],
)
def test_a_wrong_qwc_file_is_refused(before: str, after: str, why: str) -> None:
    text = qwc_text("http://localhost/qbwc")
    assert before in text
    with pytest.raises(QwcRefusedError, match=why):
        read_qwc(text.replace(before, after))


def test_the_scheduler_of_a_qwc_file_is_read() -> None:
    minutes = "<Scheduler><RunEveryNMinutes>5</RunEveryNMinutes></Scheduler>"
    assert read_qwc(qwc_text("http://localhost/qbwc", scheduler=minutes)).run_every_seconds == 300
    assert read_qwc(qwc_text("http://localhost/qbwc")).run_every_seconds is None
