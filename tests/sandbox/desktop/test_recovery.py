"""Message sets: refusal as a whole, outcomes per member, and recovery that survives sessions and kill -9."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.sandbox.desktop.books import Books, MovingClock, message_set

from qbsync_local.sandbox.desktop.faults import PcDiedError, PlannedStatus
from qbsync_local.sandbox.desktop.queries import Session
from qbsync_local.sandbox.desktop.seeding import open_company
from qbsync_local.sandbox.desktop.statuses import SetRefusedError


def add(name: str, request_id: str = "1") -> str:
    return f'<CustomerAddRq requestID="{request_id}"><CustomerAdd><Name>{name}</Name></CustomerAdd></CustomerAddRq>'


def customers(books: Books) -> int:
    return books.company.store.counts().get("Customer", 0)


@pytest.mark.parametrize(
    "wrong",
    [
        "<CustomerAddRq><CustomerAdd><CompanyName>B</CompanyName><Name>A</Name></CustomerAdd></CustomerAddRq>",
        "<CustomerAddRq><CustomerAdd><Name>A</Name><Colour>red</Colour></CustomerAdd></CustomerAddRq>",
        "<CustomerAddRq><CustomerAdd/></CustomerAddRq>",
        "<CustomerAddRq><CustomerAdd><Name>A</Name><IsActive>yes</IsActive></CustomerAdd></CustomerAddRq>",
        "<CustomerAddRq><CustomerAdd><Name>A</Name><JobStatus>Dreaming</JobStatus></CustomerAdd></CustomerAddRq>",
        "<CustomerAddRq><CustomerAdd><Name>A</Name><CreditLimit>1,000.00</CreditLimit></CustomerAdd></CustomerAddRq>",
        "<UnheardOfRq/>",
        "<CustomerAddRq>",
    ],
)
def test_one_fault_of_form_refuses_the_whole_set(books: Books, wrong: str) -> None:
    with pytest.raises(SetRefusedError) as refused:
        books.send(message_set(add("Good"), wrong))
    assert refused.value.hresult == "0x80040400"
    assert customers(books) == 0


def test_rollback_and_unknown_versions_are_refused(books: Books) -> None:
    for text, hresult in (
        (message_set(add("A"), onError="rollbackOnError"), "0x80040413"),
        (message_set(add("A"), version="17.0"), "0x80040423"),
        (message_set(add("A")).replace('<?qbxml version="16.0"?>', ""), "0x80040400"),
    ):
        with pytest.raises(SetRefusedError) as refused:
            books.send(text)
        assert refused.value.hresult == hresult


def test_an_element_newer_than_the_declared_version_is_refused(books: Books) -> None:
    guid = "<ExternalGUID>{01234567-89ab-cdef-0123-456789abcdef}</ExternalGUID>"
    request = f"<CustomerAddRq><CustomerAdd><Name>A</Name>{guid}</CustomerAdd></CustomerAddRq>"
    with pytest.raises(SetRefusedError):
        books.send(message_set(request, version="7.0"))
    assert books.ask(request, version="8.0")[0].get("statusCode") == "0"


def test_members_have_outcomes_of_their_own(books: Books) -> None:
    found = books.ask(add("A", "a"), add("A", "b"), add("C", "c"))
    assert [(one.get("requestID"), one.get("statusCode")) for one in found] == [("a", "0"), ("b", "3100"), ("c", "0")]  # fmt: skip


def test_stop_on_error_leaves_the_rest_unprocessed(books: Books) -> None:
    found = books.ask(add("A"), add("A"), add("C"), onError="stopOnError")
    assert [one.get("statusCode") for one in found] == ["0", "3100", "3231"]
    assert customers(books) == 1


def test_a_request_id_has_at_most_50_characters(books: Books) -> None:
    found = books.ask(add("A", "x" * 50), add("B", "x" * 51))
    assert [one.get("statusCode") for one in found] == ["0", "1060"]


def test_include_none_answers_with_statuses_only(books: Books) -> None:
    assert len(books.ask(add("A"), responseData="includeNone")[0]) == 0


def test_a_set_sent_again_is_not_executed_and_answers_with_ids(books: Books) -> None:
    text = message_set(add("A", "a"), add("A", "b"), newMessageSetID="set-1")
    first = books.send(text)
    books.session = Session("qbsync")
    again = books.send(text)
    assert customers(books) == 1
    assert again.get("messageSetStatusCode") == "0"
    assert [one.get("statusCode") for one in again] == ["0", "3100"]
    assert [one.get("requestID") for one in again] == ["a", "b"]
    assert again[0].find("CustomerRet") is None
    assert again[0].findtext("ErrorRecovery/ListID") == first[0].findtext("CustomerRet/ListID")
    assert again[0].findtext("ErrorRecovery/EditSequence") == first[0].findtext("CustomerRet/EditSequence")


def test_recovery_survives_closing_the_file(books: Books, tmp_path: Path) -> None:
    text = message_set(add("A"), newMessageSetID="set-1")
    books.send(text)
    books.company.store.close()
    books.company = open_company(tmp_path / "oak.qbw", now=books.clock)
    assert books.send(text)[0].find("ErrorRecovery") is not None
    assert customers(books) == 1


def test_the_records_are_kept_per_application(books: Books) -> None:
    text = message_set(add("A"), newMessageSetID="set-1")
    books.send(text)
    books.session = Session("another application")
    assert books.send(text)[0].get("statusCode") == "3100"


def test_the_same_id_with_other_content_is_9001(books: Books) -> None:
    books.send(message_set(add("A"), newMessageSetID="set-1"))
    answer = books.send(message_set(add("B"), newMessageSetID="set-1"))
    assert (answer.get("messageSetStatusCode"), len(answer)) == ("9001", 0)
    assert customers(books) == 1


def test_an_id_has_at_most_23_characters(books: Books) -> None:
    assert books.send(message_set(add("A"), newMessageSetID="x" * 23)).get("messageSetStatusCode") == "0"
    assert books.send(message_set(add("B"), newMessageSetID="x" * 24)).get("messageSetStatusCode") == "9004"
    assert customers(books) == 1


def test_clearing_forgets_so_that_the_set_would_run_again(books: Books) -> None:
    text = message_set(add("A"), newMessageSetID="set-1")
    books.send(text)
    assert len(books.send(message_set(oldMessageSetID="set-1"))) == 1
    assert books.send(message_set(oldMessageSetID="set-1")).get("messageSetStatusCode") == "600"
    assert books.send(text)[0].get("statusCode") == "3100"
    books.send(message_set(oldMessageSetID="ClearAllMessageSets"))
    assert books.company.store.message_set_ids() == []


def test_both_ids_alike_only_ask(books: Books) -> None:
    probe = message_set(add("A"), newMessageSetID="set-1", oldMessageSetID="set-1")
    assert books.send(probe).get("messageSetStatusCode") == "600"
    assert customers(books) == 0
    books.send(message_set(add("A"), newMessageSetID="set-1"))
    assert books.send(probe)[0].findtext("ErrorRecovery/ListID")
    assert books.company.store.message_set_ids() == ["set-1"]


def test_another_old_id_is_cleared_before_the_new_set_runs(books: Books) -> None:
    books.send(message_set(add("A"), newMessageSetID="set-1"))
    books.send(message_set(add("B"), newMessageSetID="set-2", oldMessageSetID="set-1"))
    assert books.company.store.message_set_ids() == ["set-2"]


def test_a_set_without_id_leaves_no_record(books: Books) -> None:
    books.ask(add("A"))
    assert books.company.store.message_set_ids() == []


def test_a_set_cut_in_the_middle_is_9002_and_what_was_committed_stays(books: Books) -> None:
    books.faults.die_after_members = 2
    text = message_set(*(add(f"C{number}") for number in range(4)), newMessageSetID="set-1")
    with pytest.raises(PcDiedError):
        books.send(text)
    assert customers(books) == 2
    answer = books.send(text)
    assert (answer.get("messageSetStatusCode"), len(answer)) == ("9002", 0)
    assert customers(books) == 2


def test_a_record_that_cannot_be_stored_is_9005_and_the_work_is_done(books: Books) -> None:
    books.faults.named["cannot_store"] = 1
    answer = books.send(message_set(add("A"), newMessageSetID="set-1"))
    assert answer.get("messageSetStatusCode") == "9005"
    assert (customers(books), books.company.store.message_set_ids()) == (1, [])


def test_a_restored_backup_forgets_what_came_after(books: Books, tmp_path: Path) -> None:
    books.company.store.backup(tmp_path / "backup")
    text = message_set(add("A"), newMessageSetID="set-1")
    books.send(text)
    books.company.store.restore(tmp_path / "backup")
    assert customers(books) == 0
    assert books.send(text)[0].find("CustomerRet") is not None


def test_ordered_statuses_are_answered_once(books: Books) -> None:
    books.faults.statuses.append(PlannedStatus(3260, "Insufficient permission level", request="CustomerAdd", matching="Oak"))  # fmt: skip
    codes = [books.code(add(name)) for name in ("Ash", "Oak", "Oak")]
    assert codes == ["0", "3260", "0"]


CHILD = """
import sys
from pathlib import Path
from qbsync_local.sandbox.desktop.faults import Faults
from qbsync_local.sandbox.desktop.processor import Processor
from qbsync_local.sandbox.desktop.queries import Session
from qbsync_local.sandbox.desktop.seeding import open_company
sys.stdin.readline()
processor = Processor(open_company(Path(sys.argv[1])), Faults())
for line in sys.stdin:
    answer = processor.process(line, Session("qbsync"))
    print(answer.count('statusCode="0"'), flush=True)
"""


def test_kill_9_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    """A process that holds the file is killed in the middle of a stream of sets: each answered set is in the file."""
    path = tmp_path / "oak.qbw"
    open_company(path).store.close()
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # fmt: skip
    texts = [
        message_set(*(add(f"C{n}-{m}") for m in range(3)), newMessageSetID=f"set-{n}") for n in range(60)
    ]
    answered = 0
    try:
        child.stdin.write("\n" + "\n".join(texts) + "\n")
        child.stdin.flush()
        deadline = time.monotonic() + 60
        while answered < 10 and time.monotonic() < deadline:
            answered += child.stdout.readline().strip() == "3"
        os.kill(child.pid, signal.SIGKILL)
        rest = child.stdout.read()
        answered += rest.count("3\n")
    finally:
        child.kill()
        child.wait(10)
        child.stdin.close()
        child.stdout.close()
    books = Books(open_company(path), MovingClock())
    assert answered >= 10
    assert customers(books) >= answered * 3
    replies = [books.send(text) for text in texts]
    assert customers(books) >= 60 * 3 - 3
    known = [reply for reply in replies if reply.get("messageSetStatusCode") != "9002"]
    assert len(known) >= 59
    assert all(member.get("statusCode") == "0" for reply in known for member in reply)
    books.company.store.close()
