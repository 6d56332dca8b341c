"""The comparison behind `qbsync audit`: each thing that must not be is found, and nothing else."""

import pytest

from qbsync_local.audit import Books, Evidence, compare


def approval(sync_id="s1", **more):
    return {"sync_id": sync_id, "kind": "invoice", "app_id": "V-1", **more}


def evidence(**changes):
    books = {
        "approvals": [approval()],
        "syncs": [approval(sync_state="succeeded")],
        "work": [approval(state="succeeded")],
        "links": [{"kind": "invoice", "app_id": "V-1", "quickbooks_id": "7"}],
        "books": [Books("invoice", "7", "1042")],
    }
    return Evidence(**{**books, **changes})


def test_agreeing_books_are_clean():
    report = compare(evidence())
    assert report.clean
    assert (report.approvals, report.settled, report.pending) == (1, 1, 0)


def test_what_is_under_way_counts_as_pending():
    report = compare(
        evidence(
            syncs=[approval(sync_state="pending")], work=[approval(state="in_flight")], links=[], books=[]
        )
    )
    assert report.clean
    assert (report.settled, report.pending) == (0, 1)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"approvals": [approval(), approval()]}, "doubled-in-approvals"),
        ({"syncs": [approval(sync_state="succeeded"), approval(sync_state="failed")]}, "doubled-in-log"),
        ({"work": [approval(state="succeeded")] * 2}, "doubled-in-connector"),
        ({"syncs": []}, "missing-in-log"),
        ({"work": []}, "missing-in-connector"),
        ({"approvals": []}, "unapproved-in-log"),
        ({"approvals": []}, "unapproved-in-connector"),
        ({"work": [approval(state="failed")]}, "outcomes-differ"),
        ({"work": [approval(state="pending")]}, "outcomes-differ"),
        ({"work": [approval(state="succeeded", in_doubt_since="2026-11-02T10:00:00Z")]}, "final-in-doubt"),
        (
            {"links": [{"kind": "invoice", "app_id": "V-1", "quickbooks_id": n} for n in "78"]},
            "linked-twice-by-app-id",
        ),
        (
            {"links": [{"kind": "invoice", "app_id": n, "quickbooks_id": "7"} for n in "ab"]},
            "linked-twice-by-quickbooks-id",
        ),
        ({"books": []}, "missing-in-quickbooks"),
        ({"books": [Books("invoice", "7", "1042"), Books("invoice", "8", "1042")]}, "doubled-in-quickbooks"),
    ],
)
def test_what_must_not_be_is_found(changes, rule):
    report = compare(evidence(**changes))
    assert rule in {finding.rule for finding in report.findings}
    assert not report.as_dict()["clean"]


def test_a_deleted_record_may_be_gone():
    gone = approval("s2", operation="delete", sync_state="succeeded")
    report = compare(
        evidence(
            approvals=[approval(), approval("s2")],
            syncs=[approval(sync_state="succeeded"), gone],
            work=[approval(state="succeeded"), approval("s2", state="succeeded")],
            books=[],
        )
    )
    assert report.clean


def test_the_same_number_in_another_kind_is_no_double():
    report = compare(evidence(books=[Books("invoice", "7", "1042"), Books("bill", "8", "1042")]))
    assert report.clean


def test_without_a_sandbox_it_says_that_quickbooks_was_not_compared():
    report = compare(evidence(books=None))
    assert report.clean
    assert not report.books_compared
