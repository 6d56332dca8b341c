"""The error catalogue is whole: every code that QuickBooks can answer is in it, in words that say what to do."""

import re
from pathlib import Path

import pytest

from qbsync_shared.catalogue import Action, Guidance, RetryClass, Scope, entries, explain
from qbsync_shared.kinds import Edition

DATA = Path(__file__).parents[2] / "data" / "status_codes"
SCOPES: tuple[Scope, ...] = ("desktop", "online", "any")
ALL = [(scope, key, entry) for scope in SCOPES for key, entry in entries(scope).items()]


def listed(edition: str) -> dict[str, str]:
    """The codes known from Intuit's documentation, and whether their meaning could be checked."""
    lines = (DATA / f"{edition}.txt").read_text("utf-8").splitlines()
    return dict(line.split("\t") for line in lines)


@pytest.mark.parametrize("edition", list(Edition))
def test_every_listed_code_has_its_entry(edition: Edition) -> None:
    assert listed(edition.value).keys() - entries(edition.value).keys() == set()


@pytest.mark.parametrize("edition", list(Edition))
def test_what_could_not_be_checked_says_so(edition: Edition) -> None:
    expected = {code for code, mark in listed(edition.value).items() if mark == "unverified"}
    assert {entry.code for entry in entries(edition.value).values() if not entry.verified} == expected


@pytest.mark.parametrize(("scope", "key", "entry"), ALL, ids=[f"{scope}-{key}" for scope, key, _ in ALL])
def test_an_entry_is_complete(scope: Scope, key: str, entry: Guidance) -> None:
    assert entry.scope == scope
    assert entry.title
    assert not entry.title.endswith(".")
    assert entry.cause.endswith(".")
    assert entry.steps
    assert all(step[-1] in ".?" for step in entry.steps)
    words = " ".join((entry.title, entry.cause, *entry.steps))
    assert "!" not in words
    assert not re.search(r"\b(OK|Submit|payload|qbXML|JSON|you (?:entered|forgot|failed))\b", words)
    assert len(set(entry.actions)) == len(entry.actions)


@pytest.mark.parametrize(("scope", "key", "entry"), ALL, ids=[f"{scope}-{key}" for scope, key, _ in ALL])
def test_the_steps_and_the_buttons_agree(scope: Scope, key: str, entry: Guidance) -> None:
    words = " ".join(entry.steps)
    if "Press Resync" in words or "press Resync" in words:
        assert Action.RESYNC in entry.actions
    if "clears the ID" in words:
        assert Action.CLEAR_ID in entry.actions
    if "Link to" in words or "link to" in words:
        assert Action.LINK in entry.actions
    if entry.retry is RetryClass.GONE:
        assert Action.CLEAR_ID in entry.actions
    if entry.retry is RetryClass.CONNECTION:
        assert {Action.CONNECTION, Action.SUPPORT} & set(entry.actions)


@pytest.mark.parametrize(
    ("edition", "code", "text", "retry"),
    [
        (Edition.DESKTOP, "3100", "", RetryClass.NAME_TAKEN),
        (Edition.DESKTOP, "3120", "", RetryClass.GONE),
        (Edition.DESKTOP, "3140", "", RetryClass.DEPENDENCY),
        (Edition.DESKTOP, "3180", "The list element Could Not Be Locked.", RetryClass.TRANSIENT),
        (Edition.DESKTOP, "3180", "A fixed asset item needs an asset account.", RetryClass.PERSON),
        (Edition.DESKTOP, "3170", "This list has been modified by another user.", RetryClass.TRANSIENT),
        (Edition.DESKTOP, "3200", "", RetryClass.STALE),
        (Edition.DESKTOP, "3231", "", RetryClass.NOT_PROCESSED),
        (Edition.DESKTOP, "3260", "", RetryClass.CONNECTION),
        (Edition.DESKTOP, "9002", "", RetryClass.UNKNOWN_OUTCOME),
        (Edition.DESKTOP, "0x80040400", "", RetryClass.OURS),
        (Edition.DESKTOP, "0x80040414", "", RetryClass.TRANSIENT),
        (Edition.ONLINE, "610", "Something you're trying to use has been made inactive.", RetryClass.PERSON),
        (Edition.ONLINE, "610", "Another user has deleted this transaction.", RetryClass.GONE),
        (Edition.ONLINE, "003001", "", RetryClass.THROTTLED),
        (Edition.ONLINE, "3200", "", RetryClass.REAUTHORISE),
        (Edition.ONLINE, "5010", "", RetryClass.STALE),
        (Edition.ONLINE, "6240", "", RetryClass.NAME_TAKEN),
        (Edition.ONLINE, "HTTP 504/timeout", "", RetryClass.UNKNOWN_OUTCOME),
    ],
)
def test_the_class_of_a_code(edition: Edition, code: str, text: str, retry: RetryClass) -> None:
    found = explain(code, edition, text=text)
    assert (found.retry, found.code, found.known) == (retry, code, True)


@pytest.mark.parametrize(
    ("edition", "code", "retry"),
    [
        (Edition.DESKTOP, "599", RetryClass.WARNING),
        (Edition.DESKTOP, "3777", RetryClass.PERSON),
        (Edition.DESKTOP, "3099", RetryClass.OURS),
        (Edition.DESKTOP, "0x80049999", RetryClass.PERSON),
        (Edition.ONLINE, "99999", RetryClass.PERSON),
        (Edition.ONLINE, "HTTP 502", RetryClass.UNKNOWN_OUTCOME),
    ],
)
def test_an_unknown_code_falls_back_visibly(edition: Edition, code: str, retry: RetryClass) -> None:
    found = explain(code, edition)
    assert (found.retry, found.code, found.known) == (retry, code, False)
    assert found.title
