"""What QuickBooks answers, in every shape that was recorded, and what it means."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbsync_qbo_worker.quickbooks import read_answer
from qbsync_qbo_worker.quickbooks.answers import fault_of
from qbsync_qbo_worker.quickbooks.outcomes import is_unknown, outcome_of, retry_class
from qbsync_shared.catalogue import RetryClass
from qbsync_shared.outcomes import Failed, NotProcessed, Unknown, Waiting

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
DATA = Path(__file__).parents[1] / "data" / "qbo-recorded-faults.json"
RECORDED: list[dict[str, Any]] = json.loads(DATA.read_text())["faults"]
XML = (
    '<?xml version="1.0" encoding="UTF-8"?><IntuitResponse xmlns="http://schema.intuit.com/finance/v3">'
    '<Fault type="{type}"><Error code="{code}"><Message>{message}</Message><Detail>d</Detail></Error></Fault>'
    "</IntuitResponse>"
)


def faults_in(value: Any) -> list[dict[str, Any]]:
    """Every object that has a fault in it, however deep."""
    if isinstance(value, list):
        return [found for one in value for found in faults_in(one)]
    if not isinstance(value, dict):
        return []
    own = [value] if fault_of(value) else []
    return own + [
        found for key, one in value.items() if key not in ("Fault", "fault") for found in faults_in(one)
    ]


def answer(status: int, content: bytes, **headers: str) -> Any:
    return read_answer(status, content, httpx.Headers(headers))


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda one: one["name"])
def test_every_recorded_fault_is_read_with_its_code(recorded: dict[str, Any]) -> None:
    found = [fault_of(one) for one in faults_in(recorded["body"])]
    assert found
    for fault in found:
        assert fault is not None
        assert fault.code.isdecimal()
        assert fault.code in recorded["name"]
        assert fault.text


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda one: one["name"])
def test_a_recorded_refusal_is_never_a_success_nor_a_doubt(recorded: dict[str, Any]) -> None:
    told = answer(recorded["http_status"], json.dumps(recorded["body"]).encode(), **{"intuit-tid": "1-2-3"})
    assert told.intuit_tid == "1-2-3"
    if told.fault is None:  # a batch and an upload hold their faults inside
        assert recorded["http_status"] == 200
        return
    outcome = outcome_of(told, now=NOW, attempts=1, spread=0.0)
    wanted = NotProcessed if told.fault.code == "3200" else Failed
    assert isinstance(outcome, wanted), outcome


@pytest.mark.parametrize(
    ("status", "content", "code", "kind"),
    [
        (429, XML.format(type="SERVICE", code="3001", message="message=ThrottleExceeded; errorCode=003001"), "003001", RetryClass.THROTTLED),
        (403, XML.format(type="SERVICE", code="3001", message="message=ThrottleExceeded; errorCode=003001"), "003001", RetryClass.THROTTLED),
        (429, "slow down", "003001", RetryClass.THROTTLED),
        (400, '{"Fault":{"Error":{"Message":"m","code":610},"type":"ValidationFault"}}', "610", RetryClass.GONE),
        (400, '{"Fault":{"Error":[]}}', "HTTP 400", RetryClass.PERSON),
        (401, "<html>", "HTTP 401", RetryClass.REAUTHORISE),
        (400, XML.format(type="ValidationFault", code="6240", message="Duplicate Name") + "<unclosed", "6240", RetryClass.NAME_TAKEN),
        (401, '{"fault":{"error":[{"message":"m","code":"98765"}],"type":"x"}}', "98765", RetryClass.REAUTHORISE),
        (400, '{"fault":{"error":[{"message":"m","code":"98765"}],"type":"AUTHENTICATION"}}', "98765", RetryClass.REAUTHORISE),
        (403, '{"Fault":{"Error":[{"Message":"m","code":"98765"}],"type":"SERVICE"}}', "98765", RetryClass.CONNECTION),
        (400, '{"Fault":{"Error":[{"Message":"m","code":"98765"}],"type":"AuthorizationFault"}}', "98765", RetryClass.CONNECTION),
        (429, '{"Fault":{"Error":[{"Message":"m","code":"98765"}],"type":"SERVICE"}}', "98765", RetryClass.THROTTLED),
        (400, '{"Fault":{"Error":[{"Message":"m","code":"98765"}],"type":"ValidationFault"}}', "98765", RetryClass.PERSON),
    ],
)  # fmt: skip
def test_other_shapes(status: int, content: str, code: str, kind: RetryClass) -> None:
    told = answer(status, content.encode())
    assert told.fault is not None
    assert (told.fault.code, retry_class(told.fault)) == (code, kind)
    assert not is_unknown(told)


@pytest.mark.parametrize(
    ("status", "content"), [(500, b""), (503, b"{}"), (200, b"<html>"), (200, b"["), (302, b""), (408, b"")]
)
def test_what_says_neither_yes_nor_no(status: int, content: bytes) -> None:
    told = answer(status, content)
    assert is_unknown(told)
    assert isinstance(outcome_of(told, now=NOW, attempts=1, spread=0.0), Unknown)


@pytest.mark.parametrize("code", ["1000", "1010", "1020", "10000"])
def test_a_broken_operation_is_in_doubt_and_a_slow_one_waits(code: str) -> None:
    body = json.dumps({"Fault": {"Error": [{"Message": "m", "code": code}], "type": "SystemFault"}})
    assert is_unknown(answer(400, body.encode()))
    assert is_unknown(answer(400, body.replace("SystemFault", "ValidationFault").encode()))
    assert is_unknown(answer(400, body.replace(code, "98765").encode()))
    slow = answer(401, body.replace(code, "130").replace("SystemFault", "AuthenticationFault").encode())
    assert isinstance(outcome_of(slow, now=NOW, attempts=1, spread=0.0), Waiting)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("0", None),
        ("-5", None),
        ("nan", None),
        ("1e99", 3600.0),
        ("inf", 3600.0),
        ("Mon, 02 Nov 2026", None),
    ],
)
def test_retry_after_is_never_trusted_blindly(header: str, seconds: float | None) -> None:
    assert answer(429, b"", **{"retry-after": header}).retry_after == seconds


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "Fault",
                    "fault",
                    "Error",
                    "error",
                    "code",
                    "Message",
                    "type",
                    "Customer",
                    "QueryResponse",
                    "Id",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    status=st.integers(200, 599), body=JSON.map(lambda one: json.dumps(one).encode()) | st.binary(max_size=60)
)
def test_whatever_comes_is_read_without_an_exception(status: int, body: bytes) -> None:
    told = answer(status, body)
    assert isinstance(told.entity("Customer"), dict)
    assert isinstance(told.rows("Customer"), list)
    if told.fault is not None:
        assert told.fault.code
        assert outcome_of(told, now=NOW, attempts=1, spread=0.0)
    else:
        assert status < 400
