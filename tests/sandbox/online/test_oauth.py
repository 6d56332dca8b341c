"""OAuth 2: consent, codes, rotation, expiry, revocation."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.sandbox.online.office import Simulator

from qbsync_local.sandbox.online.tokens import s256

CALLBACK = "http://127.0.0.1:8103/oauth/callback"
CLIENT = ("sandbox-client", "sandbox-secret")
ASKED = {
    "client_id": CLIENT[0],
    "redirect_uri": CALLBACK,
    "response_type": "code",
    "scope": "com.intuit.quickbooks.accounting",
    "state": "s-1",
}


@pytest.fixture
def endpoints(simulator: Simulator) -> dict[str, str]:
    found: dict[str, str] = simulator.client.get("/.well-known/openid_sandbox_configuration").json()
    assert found == simulator.client.get("/.well-known/openid_configuration").json()
    return found


def consent(simulator: Simulator, **more: str) -> httpx.Response:
    return simulator.client.get("/connect/oauth2", params=ASKED | more)


def approved_code(simulator: Simulator, **more: str) -> str:
    answer = consent(simulator, auto_approve=simulator.realm, **more)
    assert answer.status_code == 302
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert (query["state"], query["realmId"]) == (["s-1"], [simulator.realm])
    return query["code"][0]


def ask(simulator: Simulator, form: dict[str, str], client: Any = CLIENT, **headers: str) -> httpx.Response:
    return simulator.client.post("/oauth2/v1/tokens/bearer", data=form, auth=client, headers=headers)


def exchange(simulator: Simulator, code: str, **more: str) -> httpx.Response:
    return ask(
        simulator, {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **more}
    )


def refresh(simulator: Simulator, token: str) -> httpx.Response:
    return ask(simulator, {"grant_type": "refresh_token", "refresh_token": token})


def opens(simulator: Simulator, token: str) -> bool:
    simulator.token = token
    return simulator.call("GET", "/preferences").status_code == 200


@pytest.fixture
def tokens(simulator: Simulator) -> Any:
    return exchange(simulator, approved_code(simulator)).json()


def test_discovery_names_the_endpoints_where_they_are(
    simulator: Simulator, endpoints: dict[str, str]
) -> None:
    for name in ("authorization_endpoint", "token_endpoint", "revocation_endpoint", "jwks_uri"):
        assert endpoints[name].startswith(simulator.url)
    assert simulator.client.get(endpoints["jwks_uri"]).json() == {"keys": []}


def test_the_consent_page_works_without_script(simulator: Simulator) -> None:
    page = consent(simulator)
    assert page.status_code == 200
    assert "<script" not in page.text
    assert "Test company" in page.text
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    answer = simulator.client.post("/connect/oauth2", data=hidden | {"realm": simulator.realm})
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert answer.headers["location"].startswith(CALLBACK)
    assert exchange(simulator, query["code"][0]).status_code == 200


def test_a_cancelled_consent_goes_back_with_an_error(simulator: Simulator) -> None:
    answer = simulator.client.post("/connect/oauth2", data=ASKED | {"realm": ""})
    assert parse_qs(urlsplit(answer.headers["location"]).query) == {
        "error": ["access_denied"],
        "state": ["s-1"],
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "another"},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": "javascript:alert(1)"},
        {"response_type": "token"},
        {"scope": "openid"},
        {"state": ""},
        {"code_challenge": "x", "code_challenge_method": "plain"},
    ],
)
def test_a_wrong_request_is_never_sent_back(simulator: Simulator, wrong: dict[str, str]) -> None:
    for answer in (consent(simulator, **wrong), simulator.client.post("/connect/oauth2", data=ASKED | wrong)):
        assert answer.status_code == 400
        assert "location" not in answer.headers


def test_the_first_tokens(simulator: Simulator, tokens: Any) -> None:
    assert tokens["token_type"] == "bearer"
    assert (tokens["expires_in"], tokens["x_refresh_token_expires_in"]) == (3600, 8726400)
    assert "x_refresh_token_hard_expires_in" not in tokens
    assert opens(simulator, tokens["access_token"])


def test_the_hard_expiry_is_told_when_asked_for(simulator: Simulator) -> None:
    form = {"grant_type": "authorization_code", "code": approved_code(simulator), "redirect_uri": CALLBACK}
    answer = ask(simulator, form, **{"x-include-refresh-token-hard-expires-in": "true"})
    assert answer.json()["x_refresh_token_hard_expires_in"] == 5 * 365 * 86400


def test_a_code_is_good_once_and_a_second_use_ends_the_grant(simulator: Simulator) -> None:
    code = approved_code(simulator)
    tokens = exchange(simulator, code).json()
    again = exchange(simulator, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert not opens(simulator, tokens["access_token"])


def test_a_code_belongs_to_its_callback_and_verifier(simulator: Simulator) -> None:
    code = approved_code(simulator)
    other = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK + "/other"}
    assert ask(simulator, other).json()["error"] == "invalid_grant"
    proof = {"code_challenge": s256("v" * 43), "code_challenge_method": "S256"}
    code = approved_code(simulator, **proof)
    assert exchange(simulator, code, code_verifier="w" * 43).json()["error"] == "invalid_grant"
    assert exchange(simulator, code).json()["error"] == "invalid_grant"
    assert exchange(simulator, code, code_verifier="v" * 43).status_code == 200


def test_a_code_expires(simulator: Simulator) -> None:
    code = approved_code(simulator)
    simulator.control("POST", "/clock", {"seconds": 601})
    assert exchange(simulator, code).json()["error"] == "invalid_grant"


def test_a_refresh_gives_a_new_value_and_the_old_one_dies_after_a_day(
    simulator: Simulator, tokens: Any
) -> None:
    renewed = refresh(simulator, tokens["refresh_token"])
    assert renewed.status_code == 200
    assert renewed.json()["refresh_token"] != tokens["refresh_token"]
    assert opens(simulator, tokens["access_token"])  # until it expires
    assert refresh(simulator, tokens["refresh_token"]).status_code == 200
    simulator.control("POST", "/clock", {"seconds": 86_400})
    again = refresh(simulator, tokens["refresh_token"])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert refresh(simulator, renewed.json()["refresh_token"]).status_code == 200


def test_rotation_once_a_day(simulator: Simulator, tokens: Any) -> None:
    simulator.control("POST", "/oauth", {"rotate": "daily"})
    try:
        same = refresh(simulator, tokens["refresh_token"]).json()["refresh_token"]
        assert same == tokens["refresh_token"]
        simulator.control("POST", "/clock", {"seconds": 86_400})
        assert refresh(simulator, same).json()["refresh_token"] != same
        simulator.control("POST", "/clock", {"seconds": 86_400})
        assert refresh(simulator, same).status_code == 400
    finally:
        simulator.control("POST", "/oauth", {})


@pytest.mark.parametrize(("seconds", "status"), [(86_399, 200), (86_400, 400)])
def test_a_lost_answer_with_a_rotation_may_be_asked_for_again_for_a_day(
    simulator: Simulator, tokens: Any, seconds: int, status: int
) -> None:
    simulator.trouble("lose_answer", operation="token")
    with pytest.raises(httpx.RemoteProtocolError):
        refresh(simulator, tokens["refresh_token"])
    simulator.control("POST", "/clock", {"seconds": seconds})
    assert refresh(simulator, tokens["refresh_token"]).status_code == status


def test_the_journal_knows_whose_token_was_asked_for(simulator: Simulator, tokens: Any) -> None:
    refresh(simulator, tokens["refresh_token"])
    refresh(simulator, "never issued")
    assert [call["status"] for call in simulator.journal(operation="token")] == [200, 200]


def test_every_consent_can_be_approved_by_a_setting(simulator: Simulator) -> None:
    simulator.control("POST", "/oauth", {"auto_approve": simulator.realm})
    try:
        location = consent(simulator).headers["location"]
    finally:
        simulator.control("POST", "/oauth", {})
    assert parse_qs(urlsplit(location).query)["realmId"] == [simulator.realm]
    assert consent(simulator).status_code == 200


def test_an_access_token_expires(simulator: Simulator, tokens: Any) -> None:
    simulator.control("POST", "/clock", {"seconds": 3599})
    assert opens(simulator, tokens["access_token"])
    simulator.control("POST", "/clock", {"seconds": 1})
    assert not opens(simulator, tokens["access_token"])
    assert opens(simulator, refresh(simulator, tokens["refresh_token"]).json()["access_token"])


def test_a_refresh_token_expires_after_100_days_without_use(simulator: Simulator, tokens: Any) -> None:
    simulator.control("POST", "/clock", {"seconds": 8_726_400})
    assert refresh(simulator, tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_access_expired_by_control(simulator: Simulator, tokens: Any) -> None:
    simulator.control("POST", f"/companies/{simulator.realm}/tokens/expire")
    assert not opens(simulator, tokens["access_token"])
    assert refresh(simulator, tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
@pytest.mark.parametrize("as_json", [True, False])
def test_revocation_ends_the_grant(simulator: Simulator, tokens: Any, which: str, *, as_json: bool) -> None:
    body: Any = {"json": {"token": tokens[which]}} if as_json else {"data": {"token": tokens[which]}}
    assert simulator.client.post("/v2/oauth2/tokens/revoke", auth=("x", "y"), **body).status_code == 401
    assert simulator.client.post("/v2/oauth2/tokens/revoke", auth=CLIENT, **body).status_code == 200
    assert not opens(simulator, tokens["access_token"])
    assert refresh(simulator, tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert simulator.client.post("/v2/oauth2/tokens/revoke", auth=CLIENT, **body).status_code == 400


def test_a_user_disconnects_in_quickbooks(simulator: Simulator, tokens: Any) -> None:
    simulator.control("POST", f"/companies/{simulator.realm}/disconnect")
    assert not opens(simulator, tokens["access_token"])
    assert refresh(simulator, tokens["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("client", [None, ("sandbox-client", "wrong"), ("another", "sandbox-secret")])
def test_an_unknown_client(simulator: Simulator, client: Any) -> None:
    answer = ask(simulator, {"grant_type": "refresh_token", "refresh_token": "x"}, client)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_an_unknown_grant_type(simulator: Simulator) -> None:
    assert ask(simulator, {"grant_type": "password"}).json()["error"] == "unsupported_grant_type"
    assert refresh(simulator, "never issued").json()["error"] == "invalid_grant"
