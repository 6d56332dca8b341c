"""The HTTP endpoint: POST /qbwc takes calls, GET /qbwc?wsdl describes them. Whatever goes wrong leaves as a SOAP fault."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import structlog
from fastapi import APIRouter, Request, Response

from qbsync_qbwc_gateway.soap.bodies import Bodies
from qbsync_qbwc_gateway.soap.envelope import (
    CONTENT_TYPE,
    Call,
    SoapFaultError,
    answer,
    fault,
    parse_call,
)
from qbsync_qbwc_gateway.soap.wsdl import wsdl

log = structlog.get_logger(__name__)

_BUSY = (
    "The service has trouble at the moment. Nothing was lost; the Web Connector tries again at its next run."
)
_PAGE = "This address is for the QuickBooks Web Connector. Its description is at ?wsdl.\n"


class WebConnectorService(Protocol):
    """The operations, without XML and HTTP (`qbsync_qbwc_gateway.session`)."""

    async def server_version(self) -> str: ...
    async def client_version(self, version: str, *, address: str) -> str: ...
    async def authenticate(self, user: str, password: str, *, address: str) -> Sequence[str]: ...
    async def send_request(
        self, ticket: str, *, hcp: str, company_file: str, version: tuple[int, int]
    ) -> str: ...
    async def receive_response(self, ticket: str, response: str, hresult: str, message: str) -> int: ...
    async def connection_error(self, ticket: str, hresult: str, message: str) -> str: ...
    async def get_last_error(self, ticket: str) -> str: ...
    async def close_connection(self, ticket: str) -> str: ...
    async def interactive_url(self) -> str: ...
    async def interactive_done(self) -> str: ...
    async def interactive_rejected(self) -> str: ...


Result = str | int | Sequence[str]


def soap_router(service: WebConnectorService, *, public_url: str) -> APIRouter:
    """The routes of the endpoint. ``public_url`` is the address under which the Web Connector reaches it."""
    router = APIRouter(include_in_schema=False)
    bodies = Bodies()
    description = wsdl(f"{public_url.rstrip('/')}/qbwc")

    @router.get("/qbwc")
    async def describe(request: Request) -> Response:
        if any(name.lower() == "wsdl" for name in request.query_params):
            return Response(description, media_type=CONTENT_TYPE)
        return Response(_PAGE, media_type="text/plain; charset=utf-8")

    @router.post("/qbwc")
    async def call(request: Request) -> Response:
        try:
            body = await bodies.read(request)
        except SoapFaultError as refused:
            log.info("soap.refused", code=refused.code, reason=refused.text)
            hung_up = {"connection": "close"}  # or all the rest would be read before the next call
            return _xml(fault(refused.code, refused.text), status=500, headers=hung_up)
        try:
            parsed = parse_call(body)
            result = await _dispatch(service, parsed, request.client.host if request.client else "")
            return _xml(answer(parsed.operation, result))
        except SoapFaultError as refused:
            log.info("soap.refused", code=refused.code, reason=refused.text)
            return _xml(fault(refused.code, refused.text), status=500)
        except Exception:
            log.exception("soap.failed")
            return _xml(fault("Server", _BUSY), status=500)

    return router


async def _dispatch(service: WebConnectorService, call: Call, address: str) -> Result:
    given = call.parameters
    handlers: Mapping[str, Callable[[], Awaitable[Result]]] = {
        "serverVersion": service.server_version,
        "getServerVersion": service.server_version,
        "clientVersion": lambda: service.client_version(given["strVersion"], address=address),
        "authenticate": lambda: service.authenticate(
            given["strUserName"], given["strPassword"], address=address
        ),
        "sendRequestXML": lambda: service.send_request(
            given["ticket"],
            hcp=given["strHCPResponse"],
            company_file=given["strCompanyFileName"],
            version=(int(given["qbXMLMajorVers"] or 0), int(given["qbXMLMinorVers"] or 0)),
        ),
        "receiveResponseXML": lambda: service.receive_response(
            given["ticket"], given["response"], given["hresult"], given["message"]
        ),
        "connectionError": lambda: service.connection_error(
            given["ticket"], given["hresult"], given["message"]
        ),
        "getLastError": lambda: service.get_last_error(given["ticket"]),
        "closeConnection": lambda: service.close_connection(given["ticket"]),
        "getInteractiveURL": service.interactive_url,
        "interactiveDone": service.interactive_done,
        "interactiveRejected": service.interactive_rejected,
    }
    return await handlers[call.operation.name]()


def _xml(content: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(content, status_code=status, media_type=CONTENT_TYPE, headers=headers)
