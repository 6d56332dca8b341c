"""A tiny web service for the Web Connector: the WSDL, and answers taken from a script of Python functions."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

import uvicorn
from lxml import etree
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

NAMESPACE = "http://developer.intuit.com/"
METHODS: dict[str, tuple[tuple[str, ...], str]] = {
    "serverVersion": ((), "string"),
    "clientVersion": (("strVersion",), "string"),
    "authenticate": (("strUserName", "strPassword"), "array"),
    "sendRequestXML": (
        (
            "ticket",
            "strHCPResponse",
            "strCompanyFileName",
            "qbXMLCountry",
            "qbXMLMajorVers:int",
            "qbXMLMinorVers:int",
        ),
        "string",
    ),
    "receiveResponseXML": (("ticket", "response", "hresult", "message"), "int"),
    "connectionError": (("ticket", "hresult", "message"), "string"),
    "getLastError": (("ticket",), "string"),
    "closeConnection": (("ticket",), "string"),
}


def wsdl(address: str) -> str:
    """The WSDL in the shape that ASP.NET makes."""
    elements, messages, port, binding = [], [], [], []
    for name, (parameters, result) in METHODS.items():
        given = "".join(_parameter(one) for one in parameters)
        kind = {"string": "s:string", "int": "s:int", "array": "tns:ArrayOfString"}[result]
        elements.append(
            f'<s:element name="{name}"><s:complexType><s:sequence>{given}</s:sequence></s:complexType></s:element>'
            f'<s:element name="{name}Response"><s:complexType><s:sequence>'
            f'<s:element minOccurs="{int(result == "int")}" maxOccurs="1" name="{name}Result" type="{kind}"/>'
            f"</s:sequence></s:complexType></s:element>"
        )
        for way, element in (("In", name), ("Out", f"{name}Response")):
            messages.append(
                f'<wsdl:message name="{name}Soap{way}"><wsdl:part name="parameters" element="tns:{element}"/></wsdl:message>'
            )
        port.append(
            f'<wsdl:operation name="{name}"><wsdl:input message="tns:{name}SoapIn"/><wsdl:output message="tns:{name}SoapOut"/></wsdl:operation>'
        )
        body = '<soap:body use="literal"/>'
        binding.append(
            f'<wsdl:operation name="{name}"><soap:operation soapAction="{NAMESPACE}{name}" style="document"/>'
            f"<wsdl:input>{body}</wsdl:input><wsdl:output>{body}</wsdl:output></wsdl:operation>"
        )
    return (
        f'<?xml version="1.0" encoding="utf-8"?><wsdl:definitions xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:tns="{NAMESPACE}" '
        f'xmlns:s="http://www.w3.org/2001/XMLSchema" xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" targetNamespace="{NAMESPACE}">'
        f'<wsdl:types><s:schema elementFormDefault="qualified" targetNamespace="{NAMESPACE}">{"".join(elements)}'
        '<s:complexType name="ArrayOfString"><s:sequence><s:element minOccurs="0" maxOccurs="unbounded" name="string" nillable="true" type="s:string"/>'
        f"</s:sequence></s:complexType></s:schema></wsdl:types>{''.join(messages)}"
        f'<wsdl:portType name="QBWebConnectorSvcSoap">{"".join(port)}</wsdl:portType>'
        '<wsdl:binding name="QBWebConnectorSvcSoap" type="tns:QBWebConnectorSvcSoap"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>'
        f'{"".join(binding)}</wsdl:binding><wsdl:service name="QBWebConnectorSvc"><wsdl:port name="QBWebConnectorSvcSoap" '
        f'binding="tns:QBWebConnectorSvcSoap"><soap:address location="{address}"/></wsdl:port></wsdl:service></wsdl:definitions>'
    )


def _parameter(name: str) -> str:
    if name.endswith(":int"):
        return f'<s:element minOccurs="1" maxOccurs="1" name="{name[:-4]}" type="s:int"/>'
    return f'<s:element minOccurs="0" maxOccurs="1" name="{name}" type="s:string"/>'


@dataclass
class Script:
    """What the service answers, and what it was asked. `sends` are handed out one after the other, then `""`."""

    authenticate: list[str] = field(default_factory=lambda: ["T-1", ""])
    client_version: str = ""
    sends: list[str] = field(default_factory=list)
    last_error: str = "No work is left."
    progress: Callable[[int, int], int] = lambda done, total: 100 if done >= total else done * 100 // total
    connection_error: list[str] = field(default_factory=lambda: ["done"])
    closing: str = "Finished."
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    broken: str = ""
    sent: int = 0

    def answer(self, method: str, given: dict[str, str]) -> Any:
        """The answer to one call."""
        self.calls.append((method, given))
        if method == "sendRequestXML":
            if self.sent >= len(self.sends):
                return ""
            self.sent += 1
            return self.sends[self.sent - 1]
        if method == "receiveResponseXML":
            return self.progress(self.sent, len(self.sends))
        if method == "connectionError":
            return (
                self.connection_error.pop(0) if len(self.connection_error) > 1 else self.connection_error[0]
            )
        return {
            "serverVersion": "test", "clientVersion": self.client_version, "authenticate": self.authenticate,
            "getLastError": self.last_error, "closeConnection": self.closing,
        }[method]  # fmt: skip

    def names(self) -> list[str]:
        """The methods called, in order."""
        return [name for name, _ in self.calls]

    def given(self, method: str) -> list[dict[str, str]]:
        """What each call of a method carried."""
        return [given for name, given in self.calls if name == method]


@contextmanager
def serving(script: Script) -> Iterator[str]:
    """Serve a script on a free port of the loopback address; give the AppURL."""

    async def handle(request: Request) -> Response:
        if request.method == "GET":
            return Response(wsdl(str(request.url).partition("?")[0]), media_type="text/xml")
        envelope = etree.fromstring(await request.body())
        call = envelope[-1][0]
        method = etree.QName(call).localname
        if method == script.broken:
            return Response("<h1>Internal error</h1>", status_code=500, media_type="text/html")
        result = script.answer(method, {etree.QName(child).localname: child.text or "" for child in call})
        return Response(_envelope(method, result), media_type="text/xml")

    config = uvicorn.Config(
        Starlette(routes=[Route("/qbwc", handle, methods=["GET", "POST"])]),
        host="127.0.0.1",
        port=0,
        log_level="error",
    )
    server = uvicorn.Server(config)
    started = threading.Event()
    original = server.startup

    async def startup(sockets: Any = None) -> None:
        await original(sockets)
        started.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(10)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/qbwc"
    finally:
        server.should_exit = True
        thread.join(10)


def _envelope(method: str, result: Any) -> str:
    body = (
        "".join(f"<string>{escape(one)}</string>" for one in result)
        if isinstance(result, list)
        else escape(str(result))
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        f'<{method}Response xmlns="{NAMESPACE}"><{method}Result>{body}</{method}Result></{method}Response></soap:Body></soap:Envelope>'
    )


def qwc_text(app_url: str, *, scheduler: str = "") -> str:
    """A .qwc file for the service."""
    return f"""<?xml version="1.0"?>
<QBWCXML><AppName>qbsync test</AppName><AppID></AppID><AppURL>{app_url}</AppURL><AppDescription>Approved work</AppDescription>
<AppSupport>{app_url}?wsdl</AppSupport><UserName>oak-connector</UserName><OwnerID>{{11111111-2222-3333-4444-555555555555}}</OwnerID>
<FileID>{{66666666-7777-8888-9999-000000000000}}</FileID><QBType>QBFS</QBType>{scheduler}<IsReadOnly>false</IsReadOnly></QBWCXML>"""
