"""SOAP envelopes: read calls in every style found in the wild, write answers byte for byte the same each time.

The Web Connector is built with ASP.NET; it fails with QBWC1012 when an array's elements stand in another namespace or
an empty string is left out (Programmer's Guide, chapter 10; pinned by golden files).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from lxml import etree

from qbsync_qbwc_gateway.soap.operations import OPERATIONS, Operation, Returns
from qbsync_shared.qbxml import XmlRefusedError, parse_xml

NAMESPACE = "http://developer.intuit.com/"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
CONTENT_TYPE = "text/xml; charset=utf-8"
MAX_BYTES = 10_000_000
_MAX_DEPTH = 12
_MAX_ELEMENTS = 200
"""What QuickBooks says comes as text: an envelope of many elements is none of the Web Connector's."""

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>'
    f'<soap:Envelope xmlns:soap="{SOAP}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xmlns:xsd="http://www.w3.org/2001/XMLSchema"><soap:Body>'
)
_TAIL = "</soap:Body></soap:Envelope>"


class SoapFaultError(Exception):
    """A call that cannot be carried out. ``code`` is ``Client``, ``Server``, ``VersionMismatch`` or ``MustUnderstand``."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True)
class Call:
    """One call: the operation and its parameters; those that were left out are empty."""

    operation: Operation
    parameters: dict[str, str]


def parse_call(body: bytes) -> Call:
    """Read an envelope.

    Accepts the method element prefixed or with a default namespace, parameters with ``xsi:type``, and parameters
    without a namespace.

    Raises:
        SoapFaultError: it is no such envelope.
    """
    try:
        root = parse_xml(body, max_bytes=MAX_BYTES, max_depth=_MAX_DEPTH, max_elements=_MAX_ELEMENTS)
    except XmlRefusedError as refused:
        raise SoapFaultError("Client", str(refused)) from None
    if root.tag != f"{{{SOAP}}}Envelope":
        name = etree.QName(root)
        if name.localname == "Envelope":
            raise SoapFaultError("VersionMismatch", "The envelope is not SOAP 1.1.")
        raise SoapFaultError("Client", "The document is not a SOAP envelope.")
    _refuse_obligatory_headers(root)
    body_element = root.find(f"{{{SOAP}}}Body")
    method = next(_elements(body_element), None) if body_element is not None else None
    if method is None:
        raise SoapFaultError("Client", "The envelope has no body with a call in it.")
    return _call(method)


def _refuse_obligatory_headers(root: etree._Element) -> None:
    header = root.find(f"{{{SOAP}}}Header")
    for entry in _elements(header) if header is not None else ():
        if entry.get(f"{{{SOAP}}}mustUnderstand") in ("1", "true"):
            raise SoapFaultError(
                "MustUnderstand", "The envelope demands a header that this service does not know."
            )


def _call(method: etree._Element) -> Call:
    name = etree.QName(method)
    if name.namespace != NAMESPACE:
        raise SoapFaultError("Client", f"The method must stand in the namespace {NAMESPACE}.")
    operation = OPERATIONS.get(name.localname)
    if operation is None:
        raise SoapFaultError("Client", f"This service has no method {name.localname[:60]}.")
    given: dict[str, str] = {}
    for child in _elements(method):
        parameter = etree.QName(child)
        if parameter.namespace not in (NAMESPACE, None):
            raise SoapFaultError(
                "Client", f"The parameter {parameter.localname[:60]} stands in another namespace."
            )
        if len(child):
            raise SoapFaultError(
                "Client", f"The parameter {parameter.localname[:60]} holds elements, not text."
            )
        given[parameter.localname] = child.text or ""
    for number in operation.integers:
        _check_integer(number, given.get(number, ""))
    return Call(operation, {parameter: given.get(parameter, "") for parameter in operation.parameters})


def _check_integer(parameter: str, text: str) -> None:
    if text and not re.fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", text):
        raise SoapFaultError("Client", f"The parameter {parameter} is not a whole number.")


def _elements(parent: etree._Element) -> Iterator[etree._Element]:
    return (child for child in parent if isinstance(child.tag, str))


def answer(operation: Operation, result: str | int | Sequence[str]) -> bytes:
    """The envelope of an operation's result.

    Raises:
        TypeError: the result is not of the operation's type: a bug.
    """
    name = operation.name
    if operation.returns is Returns.ARRAY:
        if isinstance(result, str | int):
            raise TypeError(f"{name} returns a list of strings")
        content = "".join(f"<string>{_text(member)}</string>" for member in result)
    elif operation.returns is Returns.INT:
        if not isinstance(result, int):
            raise TypeError(f"{name} returns a whole number")
        content = str(result)
    else:
        if not isinstance(result, str):
            raise TypeError(f"{name} returns a string")
        content = _text(result)
    return (
        f'{_HEAD}<{name}Response xmlns="{NAMESPACE}"><{name}Result>{content}</{name}Result></{name}Response>{_TAIL}'
    ).encode()


def fault(code: str, text: str) -> bytes:
    """The envelope of a fault."""
    return (
        f"{_HEAD}<soap:Fault><faultcode>soap:{code}</faultcode><faultstring>{_text(text)}</faultstring>"
        f"<detail></detail></soap:Fault>{_TAIL}"
    ).encode()


def _text(value: str) -> str:
    """Text for an element: what XML forbids is dropped, a carriage return survives the reader's normalisation."""
    return escape(_FORBIDDEN.sub("", value), {"\r": "&#13;"})
