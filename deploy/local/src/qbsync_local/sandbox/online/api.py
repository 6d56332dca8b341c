"""The company API over HTTP: token check, injected troubles, journal, headers. What is answered is in `service`."""

import asyncio
import time
import uuid
from contextlib import suppress

import structlog
from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from qbsync_local.sandbox.online import faults
from qbsync_local.sandbox.online.books import Books
from qbsync_local.sandbox.online.connections import cut
from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.jsonio import dumps
from qbsync_local.sandbox.online.limits import Gate
from qbsync_local.sandbox.online.service import Answer, Request, answer
from qbsync_local.sandbox.online.store import Store
from qbsync_local.sandbox.online.tokens import Tokens
from qbsync_local.sandbox.online.traffic import Call, Traffic, Trouble

log = structlog.get_logger()

_REFUSALS = {
    "3100": ("ApplicationAuthorizationFailed", "The token does not open this company.", "SERVICE"),
    "3200": ("AuthenticationFailed", "Token expired: <masked>", "AUTHENTICATION"),
    "3202": ("EmptyField", "oauth_token", "AUTHENTICATION"),
}


def api_routes(store: Store, tokens: Tokens, traffic: Traffic, gate: Gate) -> APIRouter:
    """`/v3/company/{realm}/...`, every method and path, as one route: what does not exist has its own fault."""
    router = APIRouter()
    door = FrontDoor(store, tokens, traffic)

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
        call = door.call(request)
        if not gate.lets_in(realm, batch=call.operation == "batch"):
            return await deliver(http, traffic, call, None, door.throttled(call))
        with gate.inside(realm):
            trouble = traffic.strike(call)
            response = door.respond(request, http.headers.get("authorization", ""), call, trouble)
            return await deliver(http, traffic, call, trouble, response)

    return router


async def deliver(
    http: HttpRequest, traffic: Traffic, call: Call, trouble: Trouble | None, response: Response
) -> Response:
    """Send the answer late, not at all, or as it is; the call is in the journal before that."""
    call.status = response.status_code
    traffic.record(call)
    log.info(
        "sandbox.online.call", realm=call.realm, kind=call.entity, operation=call.operation,
        status=call.status, code=call.code, effect=call.effect,
    )  # fmt: skip
    if trouble is not None and trouble.effect == "delay":
        with suppress(TimeoutError):  # what can still be received is only that the client has gone
            await asyncio.wait_for(http.receive(), trouble.seconds)
    if trouble is not None and trouble.effect in {"lose_request", "lose_answer"}:
        cut((http.client.host, http.client.port) if http.client else None)
    response.headers["intuit_tid"] = call.tid
    return response


def new_tid() -> str:
    """A transaction id in the form of Intuit's `intuit_tid`."""
    return f"1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}"


class FrontDoor:
    """Everything between the wire and the books: the checks that Intuit's gateway makes, and injected troubles."""

    def __init__(self, store: Store, tokens: Tokens, traffic: Traffic) -> None:
        self._store = store
        self._tokens = tokens
        self._traffic = traffic

    def call(self, request: Request) -> Call:
        """The journal's entry for this request, before it is answered."""
        return Call(
            at=self._store.now().isoformat(timespec="milliseconds"),
            tid=new_tid(),
            method=request.method,
            path=f"/v3/company/{request.realm}/{'/'.join(request.segments)}",
            realm=request.realm,
            entity=request.entity.name if request.entity else None,
            operation=request.operation,
            request_id=request.parameters.get("requestid"),
        )

    def respond(self, request: Request, authorization: str, call: Call, trouble: Trouble | None) -> Response:
        """The answer; `call` gets the code of its fault."""
        call.effect = trouble.effect if trouble else None
        early = self._before(call, trouble) or self._unauthorized(request.realm, authorization, call)
        if early is not None:
            return early
        company = self._store.company(request.realm)
        assert company is not None
        result = answer(Books(self._store, company), self._traffic, request)
        call.code = result.code
        if result.replayed and trouble is None:
            call.effect = "replayed"
        if trouble is not None and trouble.effect == "error_after":
            return self._server_error(call)
        return _json(result)

    def throttled(self, call: Call, retry_after: int | None = None) -> Response:
        """The answer to a call too many; nothing is done."""
        call.code = "3001"
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return Response(faults.throttle_xml(self._stamp()), 429, headers, "application/xml")

    def _before(self, call: Call, trouble: Trouble | None) -> Response | None:
        """The answer of a trouble that strikes before anything is done."""
        if trouble is None:
            return None
        match trouble.effect:
            case "lose_request" | "error_before":
                return self._server_error(call)
            case "throttle":
                return self.throttled(call, trouble.retry_after)
            case "expire_token":
                return self._refused(call, "3200", 401)
            case "fault":
                call.code = trouble.code
                fault = Fault(trouble.code, trouble.message, trouble.detail, "", trouble.type, trouble.status)
                return _json(Answer(fault.status, dumps(fault.body(self._stamp()))))
        return None

    def _unauthorized(self, realm: str, authorization: str, call: Call) -> Response | None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            return self._refused(call, "3202", 401)
        opened = self._tokens.realm_of(token)
        if opened is None:
            return self._refused(call, "3200", 401)
        known = opened == realm and self._store.company(realm) is not None
        return None if known else self._refused(call, "3100", 403)

    def _refused(self, call: Call, code: str, status: int) -> Response:
        """The gateway's own body, in lower case as recorded."""
        call.code = code
        name, detail, kind = _REFUSALS[code]
        millis = self._store.seconds() * 1000
        body = dumps(faults.outer(code, name, detail, status, kind=kind, millis=millis))
        headers = (
            {"WWW-Authenticate": 'Bearer realm="Intuit", error="invalid_token"'} if status == 401 else {}
        )
        return Response(body, status, headers, "application/json")

    def _server_error(self, call: Call) -> Response:
        call.code = "10000"
        message = "An application error has occurred while processing your request"
        fault = Fault("10000", message, "System Failure Error: InternalServerError", "", "SystemFault", 500)
        return _json(Answer(500, dumps(fault.body(self._stamp()))))

    def _stamp(self) -> str:
        return self._store.now().isoformat(timespec="milliseconds")


def _json(result: Answer) -> Response:
    media = "application/json;charset=utf-8" if result.status == 200 else "application/json"
    response = Response(result.text, result.status)
    response.headers["content-type"] = media
    return response
