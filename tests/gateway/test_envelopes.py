"""Envelopes: every style of request is read, every answer is the same bytes each time, hostile input is refused."""

from pathlib import Path

import pytest

from qbsync_qbwc_gateway.soap.envelope import NAMESPACE, SOAP, SoapFaultError, answer, fault, parse_call
from qbsync_qbwc_gateway.soap.operations import OPERATIONS

GOLDEN = Path(__file__).parent / "golden"
ANSWERS = {
    "serverVersion": "qbsync 1.0",
    "getServerVersion": "qbsync 1.0",
    "clientVersion": "",
    "authenticate": ["ticket-1", ""],
    "sendRequestXML": '<?xml version="1.0" encoding="utf-8"?>\n<?qbxml version="13.0"?>\n<QBXML>R&amp;D &#233;</QBXML>\r\n',
    "receiveResponseXML": 42,
    "connectionError": "done",
    "getLastError": 'It said "no" & left',
    "closeConnection": "Finished. 2 sent, 1 received",
    "getInteractiveURL": "",
    "interactiveDone": "Done",
    "interactiveRejected": "qbsync needs nothing to be entered here.",
}


@pytest.mark.parametrize("method", sorted(OPERATIONS))
def test_answers_are_the_same_bytes_each_time(method: str) -> None:
    assert answer(OPERATIONS[method], ANSWERS[method]) == (GOLDEN / f"{method}.xml").read_bytes()


def test_a_fault_is_the_same_bytes_each_time() -> None:
    assert fault("Client", "No <such> method & more") == (GOLDEN / "fault.xml").read_bytes()


@pytest.mark.parametrize("result", [["t", "none"], ["t", "nvu"], ["t", "busy"], ["t", "", "", "60"]])
def test_the_array_of_authenticate_keeps_empty_strings(result: list[str]) -> None:
    text = answer(OPERATIONS["authenticate"], result).decode()
    inner = "".join(f"<string>{one}</string>" for one in result)
    assert (
        f'<authenticateResponse xmlns="{NAMESPACE}"><authenticateResult>{inner}</authenticateResult>' in text
    )


PARTS = f'xmlns:soap="{SOAP}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
STYLES = {
    "default namespace": f'<authenticate xmlns="{NAMESPACE}"><strUserName>u</strUserName><strPassword>p&amp;q</strPassword></authenticate>',
    "prefixed": f'<n:authenticate xmlns:n="{NAMESPACE}"><n:strUserName>u</n:strUserName><n:strPassword>p&amp;q</n:strPassword></n:authenticate>',
    "prefixed method only": f'<n:authenticate xmlns:n="{NAMESPACE}"><strUserName>u</strUserName><strPassword>p&amp;q</strPassword></n:authenticate>',
    "typed": f'<n:authenticate xmlns:n="{NAMESPACE}"><strUserName xsi:type="xsd:string">u</strUserName>'
    '<strPassword xsi:type="xsd:string">p&amp;q</strPassword></n:authenticate>',
}


@pytest.mark.parametrize("style", STYLES)
def test_every_style_of_request_is_read(style: str) -> None:
    body = f'<?xml version="1.0" encoding="utf-8"?><soap:Envelope {PARTS}><soap:Body>{STYLES[style]}</soap:Body></soap:Envelope>'
    call = parse_call(body.encode())
    assert call.parameters == {"strUserName": "u", "strPassword": "p&q"}


def test_what_is_left_out_is_empty() -> None:
    body = f'<soap:Envelope {PARTS}><soap:Body><receiveResponseXML xmlns="{NAMESPACE}"><ticket>t</ticket><hresult /><message /></receiveResponseXML></soap:Body></soap:Envelope>'
    assert parse_call(body.encode()).parameters == {
        "ticket": "t",
        "response": "",
        "hresult": "",
        "message": "",
    }


@pytest.mark.parametrize("parameter", ["<strVersion>1</strVersion>", "<ticket>x</ticket>", ""])
def test_server_version_takes_what_all_sources_send(parameter: str) -> None:
    body = f'<soap:Envelope {PARTS}><soap:Body><serverVersion xmlns="{NAMESPACE}">{parameter}</serverVersion></soap:Body></soap:Envelope>'
    assert parse_call(body.encode()).operation.name == "serverVersion"


def _wrap(content: str, head: str = "") -> bytes:
    return f"<soap:Envelope {PARTS}>{head}<soap:Body>{content}</soap:Body></soap:Envelope>".encode()


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    + _wrap(f'<authenticate xmlns="{NAMESPACE}"><strUserName>&b;</strUserName></authenticate>')
)
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY f SYSTEM "file:///etc/hostname">]>' + _wrap(
    f'<authenticate xmlns="{NAMESPACE}"><strUserName>&f;</strUserName></authenticate>'
)
HOSTILE = {
    "nothing": (b"", "Client"),
    "no XML": (b"POST me", "Client"),
    "cut off": (_wrap("<a/>")[:-20], "Client"),
    "another document": (b"<html/>", "Client"),
    "SOAP 1.2": (b'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"/>', "VersionMismatch"),
    "no body": (f"<soap:Envelope {PARTS}></soap:Envelope>".encode(), "Client"),
    "empty body": (_wrap(""), "Client"),
    "unknown method": (_wrap(f'<dropTables xmlns="{NAMESPACE}"/>'), "Client"),
    "wrong namespace": (_wrap('<authenticate xmlns="http://example.com/"/>'), "Client"),
    "no namespace": (_wrap("<authenticate/>"), "Client"),
    "parameter in another namespace": (
        _wrap(
            f'<authenticate xmlns="{NAMESPACE}"><x:strUserName xmlns:x="urn:x">u</x:strUserName></authenticate>'
        ),
        "Client",
    ),
    "elements in a parameter": (
        _wrap(f'<authenticate xmlns="{NAMESPACE}"><strUserName><b/></strUserName></authenticate>'),
        "Client",
    ),
    "a number that is none": (
        _wrap(f'<sendRequestXML xmlns="{NAMESPACE}"><qbXMLMajorVers>many</qbXMLMajorVers></sendRequestXML>'),
        "Client",
    ),
    "a header that must be understood": (
        _wrap(
            f'<serverVersion xmlns="{NAMESPACE}"/>', '<soap:Header><t soap:mustUnderstand="1"/></soap:Header>'
        ),
        "MustUnderstand",
    ),
    "entity bomb": (BOMB, "Client"),
    "external entity": (OUTSIDE, "Client"),
    "too deep": (_wrap("<a>" * 60 + "</a>" * 60), "Client"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_envelopes_are_refused(case: str) -> None:
    body, code = HOSTILE[case]
    with pytest.raises(SoapFaultError) as refused:
        parse_call(body)
    assert refused.value.code == code
    assert "hostname" not in refused.value.text
