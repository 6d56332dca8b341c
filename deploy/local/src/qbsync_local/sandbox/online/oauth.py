"""OAuth 2 over HTTP: discovery, the consent page, token and revocation endpoints."""

import base64
import binascii
import hmac
from typing import Annotated
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import APIRouter, Form, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from qbsync_local.sandbox.online.api import deliver, new_tid
from qbsync_local.sandbox.online.pages import render
from qbsync_local.sandbox.online.settings import OnlineSettings
from qbsync_local.sandbox.online.store import Store
from qbsync_local.sandbox.online.tokens import Tokens
from qbsync_local.sandbox.online.traffic import Call, Traffic, Trouble

SCOPE = "com.intuit.quickbooks.accounting"
_AUTHORIZE, _TOKEN, _REVOKE = "/connect/oauth2", "/oauth2/v1/tokens/bearer", "/v2/oauth2/tokens/revoke"
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


class Consent(BaseModel):
    """What the app asks for; `auto_approve` (a realm) skips the page, for tests."""

    client_id: str = ""
    redirect_uri: str = ""
    response_type: str = ""
    scope: str = ""
    state: str = ""
    code_challenge: str | None = None
    code_challenge_method: str | None = None
    auto_approve: str | None = None
    realm: str = ""  # the company chosen on the page


def oauth_routes(store: Store, tokens: Tokens, traffic: Traffic, settings: OnlineSettings) -> APIRouter:
    """Discovery, consent, token and revocation."""
    router = APIRouter(include_in_schema=False)

    @router.get("/.well-known/openid_configuration")
    @router.get("/.well-known/openid_sandbox_configuration")
    async def discovery(request: Request) -> dict[str, object]:
        return _discovery(str(request.base_url).rstrip("/"))

    @router.get("/op/v1/jwks")
    async def keys() -> dict[str, list[str]]:
        return {"keys": []}  # no ID tokens are issued, so no key signs anything

    @router.get(_AUTHORIZE)
    async def consent(asked: Annotated[Consent, Query()]) -> Response:
        problem = _consent_problem(asked, settings)
        if problem is not None:
            return render("problem.html", status=400, title="This app cannot be connected", problem=problem)
        chosen = asked.auto_approve or tokens.policy.auto_approve
        if chosen is not None and store.company(chosen) is not None:
            return _approved(tokens, asked, chosen)
        return render("consent.html", asked=asked, companies=store.companies())

    @router.post(_AUTHORIZE)
    async def decide(asked: Annotated[Consent, Form()]) -> Response:
        problem = _consent_problem(asked, settings)
        if problem is not None:
            return render("problem.html", status=400, title="This app cannot be connected", problem=problem)
        if not asked.realm:
            return _back(asked, {"error": "access_denied", "state": asked.state})
        if store.company(asked.realm) is None:
            return render(
                "problem.html", status=404, title="No such company", problem="Go back and choose another."
            )
        return _approved(tokens, asked, asked.realm)

    @router.post(_TOKEN)
    async def token(request: Request) -> Response:
        form = await _form(request)
        call = _call(store, request, "token", tokens.owner(form.get("refresh_token") or form.get("code", "")))
        trouble = traffic.strike(call)
        early = _early(trouble)
        response = early or _token_answer(tokens, settings, request, form)
        late = trouble is not None and trouble.effect == "error_after"
        return await deliver(
            request, traffic, call, trouble, _error(500, "server_error") if late else response
        )

    @router.post(_REVOKE)
    async def revoke(request: Request) -> Response:
        value = await _token_to_revoke(request)
        call = _call(store, request, "revoke", tokens.owner(value))
        trouble = traffic.strike(call)
        response = _early(trouble) or _revoke_answer(tokens, settings, request, value)
        return await deliver(request, traffic, call, trouble, response)

    return router


def _discovery(base: str) -> dict[str, object]:
    return {
        "issuer": base,
        "authorization_endpoint": base + _AUTHORIZE,
        "token_endpoint": base + _TOKEN,
        "revocation_endpoint": base + _REVOKE,
        "jwks_uri": base + "/op/v1/jwks",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": [SCOPE],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "code_challenge_methods_supported": ["S256"],
    }


def _consent_problem(asked: Consent, settings: OnlineSettings) -> str | None:
    """Why the request is refused on the page itself: an address that cannot be trusted gets no redirect."""
    if asked.client_id != settings.intuit_client_id:
        return "The client_id is not the registered one."
    address = urlsplit(asked.redirect_uri)
    listed = asked.redirect_uri in settings.sandbox_online_redirect_uris
    local = (
        not settings.sandbox_online_redirect_uris
        and address.scheme in {"http", "https"}
        and address.hostname in _LOCAL
    )
    if not listed and not local:
        return "The redirect_uri is not one of the app's registered addresses."
    if asked.response_type != "code" or SCOPE not in asked.scope.split():
        return f"response_type must be code and scope must contain {SCOPE}."
    if asked.code_challenge and asked.code_challenge_method != "S256":
        return "code_challenge_method must be S256."
    return None if asked.state else "The state parameter is missing."


def _approved(tokens: Tokens, asked: Consent, realm: str) -> Response:
    code = tokens.authorize(realm, asked.redirect_uri, asked.code_challenge)
    return _back(asked, {"code": code, "state": asked.state, "realmId": realm})


def _back(asked: Consent, parameters: dict[str, str]) -> Response:
    joint = "&" if urlsplit(asked.redirect_uri).query else "?"
    return RedirectResponse(f"{asked.redirect_uri}{joint}{urlencode(parameters)}", 302)


def _token_answer(
    tokens: Tokens, settings: OnlineSettings, request: Request, form: dict[str, str]
) -> Response:
    if not _client_known(settings, request):
        return _error(401, "invalid_client")
    match form.get("grant_type"):
        case "authorization_code":
            granted = tokens.exchange(
                form.get("code", ""), form.get("redirect_uri", ""), form.get("code_verifier")
            )
        case "refresh_token":
            granted = tokens.refresh(form.get("refresh_token", ""))
        case _:
            return _error(400, "unsupported_grant_type")
    if granted is None:
        return _error(400, "invalid_grant", "Token invalid")
    if request.headers.get("x-include-refresh-token-hard-expires-in", "").lower() != "true":
        granted.pop("x_refresh_token_hard_expires_in")
    return JSONResponse(granted, headers={"Cache-Control": "no-store"})


def _revoke_answer(tokens: Tokens, settings: OnlineSettings, request: Request, value: str) -> Response:
    if not _client_known(settings, request):
        return _error(401, "invalid_client")
    return Response(status_code=200) if tokens.revoke(value) else _error(400, "invalid_request")


def _client_known(settings: OnlineSettings, request: Request) -> bool:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    wanted = f"{settings.intuit_client_id}:{settings.intuit_client_secret.get_secret_value()}".encode()
    return scheme.lower() == "basic" and hmac.compare_digest(given, wanted)


def _early(trouble: Trouble | None) -> Response | None:
    """The answer of a trouble that strikes before the tokens are looked at."""
    match trouble.effect if trouble else None:
        case "lose_request" | "error_before":
            return _error(500, "server_error")
        case "throttle":
            return _error(429, "too_many_requests")
        case "fault":
            assert trouble is not None
            return _error(trouble.status, trouble.code, trouble.detail)
        case _:
            return None


def _error(status: int, error: str, description: str | None = None) -> Response:
    body = {"error": error} | ({"error_description": description} if description else {})
    return JSONResponse(body, status, {"Cache-Control": "no-store"})


async def _form(request: Request) -> dict[str, str]:
    """The URL-encoded form; the first value of each name."""
    fields = parse_qs((await request.body()).decode("utf-8", "replace"))
    return {name: values[0] for name, values in fields.items()}


async def _token_to_revoke(request: Request) -> str:
    """Intuit takes the token as JSON or as a form."""
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            posted = await request.json()
        except ValueError:
            return ""
        return str(posted.get("token", "")) if isinstance(posted, dict) else ""
    return (await _form(request)).get("token", "")


def _call(store: Store, request: Request, operation: str, realm: str | None) -> Call:
    at = store.now().isoformat(timespec="milliseconds")
    return Call(
        at=at, tid=new_tid(), method=request.method, path=request.url.path, operation=operation, realm=realm
    )
