"""The company API over HTTP: token check, injected troubles, journal, headers. What is answered is in `service`."""

from __future__ import annotations

import asyncio
import time
import uuid

import structlog
from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from qbsync_local.sandbox.online import faults
from qbsync_local.sandbox.online.books import Books
from qbsync_local.sandbox.online.connections import cut
from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.jsonio import dumps
from qbsync_local.sandbox.online.service import Answer, Request, answer
from qbsync_local.sandbox.online.store import Store
from qbsync_local.sandbox.online.tokens import Tokens
from qbsync_local.sandbox.online.traffic import Call, Traffic, Trouble

log = structlog.get_logger()


def api_routes(store: Store, tokens: Tokens, traffic: Traffic) -> APIRouter:
    """`/v3/company/{realm}/...`, every method and path, as one route: what does not exist has its own fault."""
    router = APIRouter()

    @router.api_route("/v3/company/{realm}/{rest:path}", methods=["GET", "POST"], include_in_schema=False)
    async def company_call(http: HttpRequest, realm: str, rest: str) -> Response:
        request = Request(
            method=http.method,
            realm=realm,
            segments=tuple(rest.split("/")),
            parameters=dict(http.query_params),
            body=await http.body(),
            content_type=http.headers.get("content-type", ""),
            url=str(http.url.replace(query="")),
        )
        call = _call(store, request)
        trouble = traffic.strike(call)
        call.effect = trouble.effect if trouble else None
        response = _respond(
            store, tokens, traffic, request, http.headers.get("authorization", ""), call, trouble
        )
        return await deliver(http, traffic, call, trouble, response)

    return router


async def deliver(
    http: HttpRequest, traffic: Traffic, call: Call, trouble: Trouble | None, response: Response
) -> Response:
    """Send the answer late, not at all, or as it is; the call is in the journal before that."""
    call.status = response.status_code
    traffic.record(call)
    log.info(
        "sandbox.online.call", realm=call.realm, entity=call.entity, operation=call.operation,
        status=call.status, code=call.code, effect=call.effect,
    )  # fmt: skip
    if trouble is not None and trouble.effect == "delay":
        await asyncio.sleep(trouble.seconds)
    if trouble is not None and trouble.effect in {"lose_request", "lose_answer"}:
        cut((http.client.host, http.client.port) if http.client else None)
    response.headers["intuit_tid"] = call.tid
    return response


def _call(store: Store, request: Request) -> Call:
    path = f"/v3/company/{request.realm}/{'/'.join(request.segments)}"
    return Call(
        at=store.now().isoformat(timespec="milliseconds"),
        tid=new_tid(),
        method=request.method,
        path=path,
        realm=request.realm,
        entity=request.entity.name if request.entity else None,
        operation=request.operation,
        request_id=request.parameters.get("requestid"),
    )


def new_tid() -> str:
    """A transaction id in the form of Intuit's `intuit_tid`."""
    return f"1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}"


def _respond(
    store: Store,
    tokens: Tokens,
    traffic: Traffic,
    request: Request,
    authorization: str,
    call: Call,
    trouble: Trouble | None,
) -> Response:
    company = store.company(request.realm)
    stamp = store.now().isoformat(timespec="milliseconds")
    before = _refusal(call, trouble, stamp, store.seconds() * 1000)
    if before is not None:
        return before
    outer = _unauthorized(store, tokens, request.realm, authorization)
    if outer is not None:
        call.code = "3202" if not authorization else "3200" if outer.status_code == 401 else "3100"
        return outer
    assert company is not None
    result = answer(Books(store, company), traffic, request)
    call.code = result.code
    if result.replayed and trouble is None:
        call.effect = "replayed"
    if trouble is not None and trouble.effect == "error_after":
        return _server_error(call, stamp)
    return _json(result)


def _refusal(call: Call, trouble: Trouble | None, stamp: str, millis: int) -> Response | None:
    """The answer of a trouble that strikes before anything is done."""
    match trouble.effect if trouble else None:
        case "lose_request" | "error_before":
            return _server_error(call, stamp)
        case "throttle":
            call.code = "3001"
            after = trouble.retry_after if trouble else None
            headers = {} if after is None else {"Retry-After": str(after)}
            return Response(faults.throttle_xml(stamp), 429, headers, "application/xml")
        case "expire_token":
            call.code = "3200"
            return _outer(
                "3200", "AuthenticationFailed", "Token expired: <masked>", 401, "AUTHENTICATION", millis
            )
        case "fault":
            assert trouble is not None
            call.code = trouble.code
            fault = Fault(trouble.code, trouble.message, trouble.detail, "", trouble.type, trouble.status)
            return _json(Answer(fault.status, dumps(fault.body(stamp))))
        case _:
            return None


def _unauthorized(store: Store, tokens: Tokens, realm: str, authorization: str) -> Response | None:
    scheme, _, token = authorization.partition(" ")
    millis = store.seconds() * 1000
    if scheme.lower() != "bearer" or not token:
        return _outer("3202", "EmptyField", "oauth_token", 401, "AUTHENTICATION", millis)
    opened = tokens.realm_of(token)
    if opened is None:
        return _outer(
            "3200", "AuthenticationFailed", "Token expired: <masked>", 401, "AUTHENTICATION", millis
        )
    if opened != realm or store.company(realm) is None:
        return _outer(
            "3100",
            "ApplicationAuthorizationFailed",
            "The token does not open this company.",
            403,
            "SERVICE",
            millis,
        )
    return None


def _outer(code: str, name: str, detail: str, status: int, kind: str, millis: int) -> Response:
    body = dumps(faults.outer(code, name, detail, status, kind, millis))
    headers = {"WWW-Authenticate": 'Bearer realm="Intuit", error="invalid_token"'} if status == 401 else {}
    return Response(body, status, headers, "application/json")


def _server_error(call: Call, stamp: str) -> Response:
    call.code = "10000"
    fault = Fault(
        "10000",
        "An application error has occurred while processing your request",
        "System Failure Error: InternalServerError",
        "",
        "SystemFault",
        500,
    )
    return _json(Answer(500, dumps(fault.body(stamp))))


def _json(result: Answer) -> Response:
    media = "application/json;charset=utf-8" if result.status == 200 else "application/json"
    response = Response(result.text, result.status)
    response.headers["content-type"] = media
    return response
