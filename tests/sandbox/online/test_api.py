"""The company API over HTTP: shapes of faults, headers, requestid, lost answers, injected troubles."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.sandbox.online.office import Simulator

RECORDED = json.loads(
    (Path(__file__).parents[2] / "data" / "qbo-recorded-faults.json").read_text(encoding="utf-8")
)
FAULTS = {fault["name"]: fault for fault in RECORDED["faults"]}
CUSTOMER = {"DisplayName": "Oak & Sons"}


def shape(value: Any) -> Any:
    """The keys and kinds of a body, without its values."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else type(value).__name__


def provoke(simulator: Simulator, name: str) -> httpx.Response:
    """The call that brings the recorded fault of this name."""
    simulator.call("POST", "/customer", CUSTOMER)
    if name == "read-401-3200":
        simulator.token = "expired"
    items = [
        {"bId": "bid2", "operation": "update", "Customer": {"Id": "99", "SyncToken": "0", "sparse": True}},
        {"bId": "bid3", "operation": "update", "Customer": {"Id": "1", "SyncToken": "9", "sparse": True}},
    ]
    method, path, body = {
        "query-400-4001": ("GET", "/query?query=SELECT%20*%20FROM%20Custmoer", None),
        "create-400-2010": ("POST", "/invoice", {"BadJson": 1}),
        "read-401-3200": ("GET", "/customer/1", None),
        "read-400-500": ("GET", "/customer/1/5", None),
        "read-400-2030": ("GET", "/customer/1.5", None),
        "create-400-6240": ("POST", "/customer", CUSTOMER),
        "batch-200-610-and-5010": ("POST", "/batch", {"BatchItemRequest": items}),
    }[name]
    return simulator.call(method, path, body)


@pytest.mark.parametrize("name", [name for name in FAULTS if not name.startswith("upload")])
def test_faults_have_the_recorded_shape(simulator: Simulator, name: str) -> None:
    recorded, answer = FAULTS[name], provoke(simulator, name)
    assert answer.status_code == recorded["http_status"]
    assert answer.headers["content-type"] == recorded["content_type"]
    assert shape(answer.json()) == shape(recorded["body"])
    assert answer.headers["intuit_tid"]
    errors, expected = (_errors(body) for body in (answer.json(), recorded["body"]))
    assert [error.get("code") for error in errors] == [error.get("code") for error in expected]
    assert [_message(error) for error in errors] == [_message(error) for error in expected]


def _errors(body: Any) -> list[dict[str, Any]]:
    if "BatchItemResponse" in body:
        return [error for item in body["BatchItemResponse"] for error in item["Fault"]["Error"]]
    found: list[dict[str, Any]] = body["Fault"]["Error"] if "Fault" in body else body["fault"]["error"]
    return found


def _message(error: dict[str, Any]) -> str:
    return str(error.get("Message") or error["message"])


def test_faults_that_carry_no_facts_of_their_own_are_recorded_word_for_word(simulator: Simulator) -> None:
    for name in ("batch-200-610-and-5010", "query-400-4001", "read-400-2030"):
        answer = provoke(simulator, name).json()
        assert [error["Detail"] for error in _errors(answer)] == [
            error["Detail"] for error in _errors(FAULTS[name]["body"])
        ]


def test_a_token_opens_its_own_company_only(simulator: Simulator) -> None:
    other = simulator.control("POST", "/companies", {"name": "Other"})["realm"]
    answer = simulator.client.get(
        f"/v3/company/{other}/companyinfo/{other}", headers={"Authorization": f"Bearer {simulator.token}"}
    )
    assert answer.status_code == 403
    assert answer.json()["fault"]["error"][0]["code"] == "3100"
    assert (
        simulator.client.get(f"/v3/company/{other}/companyinfo/{other}").json()["fault"]["error"][0]["code"]
        == "3202"
    )


def test_the_company_tells_about_itself(simulator: Simulator) -> None:
    info = simulator.call("GET", f"/companyinfo/{simulator.realm}").json()["CompanyInfo"]
    assert info["CompanyName"] == "Test company"
    preferences = simulator.call("GET", "/preferences").json()["Preferences"]
    assert preferences["SalesFormsPrefs"]["CustomTxnNumbers"] is True
    assert simulator.call("GET", "/companyinfo/77").json()["Fault"]["Error"][0]["code"] == "610"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/Customer/1"),
        ("POST", "/customers"),
        ("GET", "/reports/BalanceSheet"),
        ("GET", "/customer"),
        ("POST", "/cdc"),
    ],
)
def test_what_does_not_exist(simulator: Simulator, method: str, path: str) -> None:
    answer = simulator.call(method, path, {} if method == "POST" else None)
    assert (answer.status_code, answer.json()["Fault"]["Error"][0]["code"]) == (400, "500")


def test_a_create_read_update_and_delete(simulator: Simulator) -> None:
    customer = simulator.call("POST", "/customer", CUSTOMER, minorversion="75").json()["Customer"]
    line = {
        "Amount": 12.5,
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"TaxCodeRef": {"value": "NON"}},
    }
    created = simulator.call("POST", "/invoice", {"CustomerRef": {"value": customer["Id"]}, "Line": [line]})
    assert '"TotalAmt":12.50' in created.text
    invoice = created.json()["Invoice"]
    read = simulator.call("GET", f"/invoice/{invoice['Id']}").json()["Invoice"]
    assert read == invoice
    changed = {"Id": invoice["Id"], "SyncToken": "0", "sparse": True, "PrivateNote": "x"}
    assert simulator.call("POST", "/invoice", changed).json()["Invoice"]["SyncToken"] == "1"
    voided = simulator.call(
        "POST", "/invoice", {"Id": invoice["Id"], "SyncToken": "1"}, operation="void"
    ).json()
    assert voided["Invoice"]["PrivateNote"] == "Voided"
    gone = simulator.call(
        "POST", "/invoice", {"Id": invoice["Id"], "SyncToken": "2"}, operation="delete"
    ).json()
    assert gone["Invoice"] == {"status": "Deleted", "domain": "QBO", "Id": invoice["Id"]}
    assert simulator.call("GET", f"/invoice/{invoice['Id']}").json()["Fault"]["Error"][0]["code"] == "610"


@pytest.mark.parametrize(
    "parameters", [{"operation": "void"}, {"operation": "update", "include": "void"}], ids=["void", "include"]
)
def test_a_payment_is_voided_in_either_way(simulator: Simulator, parameters: dict[str, str]) -> None:
    simulator.call("POST", "/customer", CUSTOMER)
    payment = simulator.call("POST", "/payment", {"CustomerRef": {"value": "1"}, "TotalAmt": 5}).json()[
        "Payment"
    ]
    body = {"Id": payment["Id"], "SyncToken": "0", "sparse": True}
    voided = simulator.call("POST", "/payment", body, **parameters).json()["Payment"]
    assert (voided["TotalAmt"], voided["PrivateNote"]) == (0, "Voided")


def test_a_long_query_comes_by_post(simulator: Simulator) -> None:
    simulator.call("POST", "/customer", CUSTOMER)
    answer = simulator.client.post(
        f"/v3/company/{simulator.realm}/query",
        content="select count(*) from Customer",
        headers={"Authorization": f"Bearer {simulator.token}", "Content-Type": "application/text"},
    )
    assert answer.json()["QueryResponse"] == {"totalCount": 1}


def test_a_body_that_is_no_json(simulator: Simulator) -> None:
    def post(content: bytes, kind: str) -> str:
        headers = {"Authorization": f"Bearer {simulator.token}", "Content-Type": kind}
        answer = simulator.client.post(
            f"/v3/company/{simulator.realm}/customer", content=content, headers=headers
        )
        code: str = answer.json()["Fault"]["Error"][0]["code"]
        return code

    assert post(b"{", "application/json") == "2010"
    assert post(b"[" * 100_000, "application/json") == "2010"
    assert post(b'{"DisplayName": "\xff"}', "application/json") == "500"
    assert post(b"<Customer/>", "application/xml") == "1050"


# requestid


def test_the_same_request_twice_is_done_once_and_answered_alike(simulator: Simulator) -> None:
    first, second = (simulator.call("POST", "/customer", CUSTOMER, requestid="r-1") for _ in range(2))
    assert first.text == second.text
    assert first.status_code == 200
    assert len(simulator.control("GET", f"/companies/{simulator.realm}/customer")["items"]) == 1
    assert [call["effect"] for call in simulator.journal(operation="create")] == [None, "replayed"]


def test_a_fault_is_replayed_too(simulator: Simulator) -> None:
    simulator.call("POST", "/customer", CUSTOMER)
    first = simulator.call("POST", "/customer", CUSTOMER, requestid="r-1")
    simulator.control(
        "POST", f"/companies/{simulator.realm}/customer", {"action": "rename", "id": "1", "name": "Elm"}
    )
    second = simulator.call("POST", "/customer", CUSTOMER, requestid="r-1")
    assert (first.status_code, first.text) == (400, second.text)
    assert simulator.call("POST", "/customer", CUSTOMER, requestid="r-2").status_code == 200


def test_the_same_id_with_another_request_is_refused(simulator: Simulator) -> None:
    simulator.call("POST", "/customer", CUSTOMER, requestid="r-1")
    for path, body in (("/customer", {"DisplayName": "Elm"}), ("/vendor", CUSTOMER)):
        answer = simulator.call("POST", path, body, requestid="r-1")
        assert answer.json()["Fault"]["Error"][0]["code"] == "600"


def test_request_ids_belong_to_a_company(simulator: Simulator, simulator_url: str) -> None:
    other = Simulator(simulator_url)
    answers = [one.call("POST", "/customer", CUSTOMER, requestid="r-1") for one in (simulator, other)]
    assert [answer.json()["Customer"]["Id"] for answer in answers] == ["1", "1"]
    assert answers[0].headers["intuit_tid"] != answers[1].headers["intuit_tid"]
    other.client.close()


@pytest.mark.parametrize(
    ("path", "length", "accepted"), [("/customer", 50, True), ("/customer", 51, False), ("/batch", 37, False)]
)
def test_the_length_of_a_request_id(simulator: Simulator, path: str, length: int, accepted: bool) -> None:
    answer = simulator.call("POST", path, CUSTOMER, requestid="x" * length)
    assert answer.status_code == (200 if accepted else 400)
    assert accepted or answer.json()["Fault"]["Error"][0]["code"] == "2130"


@pytest.mark.parametrize("effect", ["lose_answer", "error_after"])
def test_a_lost_answer_can_be_fetched_again(simulator: Simulator, effect: str) -> None:
    simulator.trouble(effect)
    if effect == "lose_answer":
        with pytest.raises(httpx.RemoteProtocolError):
            simulator.call("POST", "/customer", CUSTOMER, requestid="r-1")
    else:
        answer = simulator.call("POST", "/customer", CUSTOMER, requestid="r-1")
        assert (answer.status_code, answer.json()["Fault"]["type"]) == (500, "SystemFault")
    assert len(simulator.control("GET", f"/companies/{simulator.realm}/customer")["items"]) == 1
    again = simulator.call("POST", "/customer", CUSTOMER, requestid="r-1")
    assert again.json()["Customer"]["Id"] == "1"
    assert len(simulator.control("GET", f"/companies/{simulator.realm}/customer")["items"]) == 1


@pytest.mark.parametrize("effect", ["lose_request", "error_before"])
def test_a_lost_request_did_nothing(simulator: Simulator, effect: str) -> None:
    simulator.trouble(effect)
    if effect == "lose_request":
        with pytest.raises(httpx.RemoteProtocolError):
            simulator.call("POST", "/customer", CUSTOMER, requestid="r-1")
    else:
        assert simulator.call("POST", "/customer", CUSTOMER, requestid="r-1").status_code == 500
    assert simulator.control("GET", f"/companies/{simulator.realm}/customer")["items"] == []
    assert simulator.call("POST", "/customer", CUSTOMER, requestid="r-1").status_code == 200


def test_two_at_once_under_one_id_are_done_once(simulator: Simulator) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: simulator.call("POST", "/customer", CUSTOMER, requestid="r-1").text, range(8))
        )
    assert len(set(answers)) == 1
    assert len(simulator.control("GET", f"/companies/{simulator.realm}/customer")["items"]) == 1


# Troubles


def test_throttling_answers_in_xml(simulator: Simulator) -> None:
    simulator.trouble("throttle", times=2, retry_after=7)
    answers = [simulator.call("GET", "/preferences") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["content-type"].startswith("application/xml")
    assert answers[0].headers["retry-after"] == "7"
    assert "message=ThrottleExceeded; errorCode=003001; statusCode=429" in answers[0].text


def test_an_expired_token_once(simulator: Simulator) -> None:
    simulator.trouble("expire_token")
    assert simulator.call("GET", "/preferences").json()["fault"]["error"][0]["code"] == "3200"
    assert simulator.call("GET", "/preferences").status_code == 200


def test_a_trouble_strikes_only_what_it_matches(simulator: Simulator) -> None:
    simulator.trouble("error_before", entity="Invoice", operation="create")
    assert simulator.call("POST", "/customer", CUSTOMER).status_code == 200
    assert simulator.call("GET", "/invoice/1").status_code == 400
    assert simulator.call("POST", "/invoice", {}).status_code == 500
    assert simulator.control("GET", "/faults")["items"] == []


def test_any_fault_can_be_injected(simulator: Simulator) -> None:
    simulator.trouble(
        "fault", code="6190", message="Invalid Company Status", detail="Subscription ended", status=400
    )
    error = simulator.call("POST", "/customer", CUSTOMER).json()["Fault"]["Error"][0]
    assert (error["code"], error["Detail"]) == ("6190", "Subscription ended")


def test_a_delay_is_longer_than_a_short_patience(simulator: Simulator) -> None:
    simulator.trouble("delay", seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        simulator.client.get(
            f"/v3/company/{simulator.realm}/preferences",
            headers={"Authorization": f"Bearer {simulator.token}"},
            timeout=0.2,
        )
    assert simulator.call("GET", "/preferences").status_code == 200
    assert [call["effect"] for call in simulator.journal(operation="read")] == ["delay", None]


def test_a_trouble_that_is_misspelt_is_refused(simulator: Simulator) -> None:
    assert simulator.client.post("/control/faults", json={"effect": "explode"}).status_code == 422
    assert simulator.client.post("/control/faults", json={"effect": "delay", "second": 1}).status_code == 422


# Batch and change data capture


def test_a_batch_has_an_outcome_per_member(simulator: Simulator) -> None:
    items = [
        {"bId": "1", "operation": "create", "Customer": CUSTOMER},
        {"bId": "2", "operation": "create", "Vendor": CUSTOMER},
        {"bId": "3", "Query": "select count(*) from Customer"},
        {
            "bId": "4",
            "operation": "update",
            "Customer": {"Id": "1", "SyncToken": "0", "sparse": True, "Notes": "x"},
        },
        {"bId": "5", "operation": "create", "Spaceship": {}},
        {"bId": "6", "operation": "delete", "Customer": {"Id": "1", "SyncToken": "1"}},
    ]
    answers = [
        simulator.call("POST", "/batch", {"BatchItemRequest": items}, requestid="b-1") for _ in range(2)
    ]
    assert answers[0].text == answers[1].text
    assert answers[0].status_code == 200
    members = {item["bId"]: item for item in answers[0].json()["BatchItemResponse"]}
    assert members["1"]["Customer"]["Id"] == "1"
    assert members["3"]["QueryResponse"] == {"totalCount": 1}
    assert members["4"]["Customer"]["SyncToken"] == "1"
    codes = [members[number]["Fault"]["Error"][0]["code"] for number in "256"]
    assert codes == ["6240", "2000", "500"]


@pytest.mark.parametrize(("size", "code"), [(0, "400"), (31, "1040")])
def test_the_size_of_a_batch(simulator: Simulator, size: int, code: str) -> None:
    items = [{"bId": str(number), "Query": "select * from Customer"} for number in range(size)]
    answer = simulator.call("POST", "/batch", {"BatchItemRequest": items})
    assert answer.json()["Fault"]["Error"][0]["code"] == code


def test_changes_since_a_time(simulator: Simulator) -> None:
    start = simulator.control("POST", "/clock", {"seconds": 5})["now"]
    empty = simulator.call("GET", "/cdc", entities="Customer,Invoice", changedSince=start).json()
    assert empty["CDCResponse"] == [{"QueryResponse": [{}]}]
    simulator.call("POST", "/customer", CUSTOMER)
    line = {"Amount": 5, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {}}
    simulator.call("POST", "/invoice", {"CustomerRef": {"value": "1"}, "Line": [line]})
    simulator.call("POST", "/invoice", {"Id": "1", "SyncToken": "0"}, operation="delete")
    groups = simulator.call("GET", "/cdc", entities="Customer,Invoice", changedSince=start).json()[
        "CDCResponse"
    ][0]["QueryResponse"]
    assert groups[0]["Customer"][0]["DisplayName"] == "Oak & Sons"
    assert (groups[1]["Invoice"][0]["status"], groups[1]["Invoice"][0]["Id"]) == ("Deleted", "1")


@pytest.mark.parametrize(
    ("entities", "since", "code"),
    [
        ("TimeActivity", "2026-11-22T00:00:00Z", "2000"),
        ("", "2026-11-22T00:00:00Z", "2000"),
        ("Customer", "yesterday", "2060"),
        ("Customer", "2019-01-01T00:00:00Z", "2190"),
    ],
)
def test_what_change_data_capture_refuses(simulator: Simulator, entities: str, since: str, code: str) -> None:
    answer = simulator.call("GET", "/cdc", entities=entities, changedSince=since)
    assert answer.json()["Fault"]["Error"][0]["code"] == code
