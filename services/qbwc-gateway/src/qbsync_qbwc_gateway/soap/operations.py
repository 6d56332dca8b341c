"""The operations of the Web Connector's service: names, parameters in order, and what they return.

Source: Intuit's QuickBooks Web Connector Programmer's Guide, chapter 10 ("You must use the parameter names as given").
"""

from dataclasses import dataclass
from enum import StrEnum


class Returns(StrEnum):
    """The type of an operation's result."""

    STRING = "string"
    INT = "int"
    ARRAY = "ArrayOfString"


@dataclass(frozen=True)
class Operation:
    """One operation. ``integers`` names the parameters that are numbers; all others are strings."""

    name: str
    parameters: tuple[str, ...]
    returns: Returns = Returns.STRING
    integers: frozenset[str] = frozenset()


_TICKET_AND_ERROR = ("ticket", "hresult", "message")

OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        # The guide calls it getServerVersion(ticket), the samples serverVersion(), one public WSDL gives it strVersion.
        Operation("serverVersion", ()),
        Operation("getServerVersion", ("ticket",)),
        Operation("clientVersion", ("strVersion",)),
        Operation("authenticate", ("strUserName", "strPassword"), Returns.ARRAY),
        Operation(
            "sendRequestXML",
            (
                "ticket",
                "strHCPResponse",
                "strCompanyFileName",
                "qbXMLCountry",
                "qbXMLMajorVers",
                "qbXMLMinorVers",
            ),
            integers=frozenset({"qbXMLMajorVers", "qbXMLMinorVers"}),
        ),
        Operation("receiveResponseXML", ("ticket", "response", "hresult", "message"), Returns.INT),
        Operation("connectionError", _TICKET_AND_ERROR),
        Operation("getLastError", ("ticket",)),
        Operation("closeConnection", ("ticket",)),
        Operation("getInteractiveURL", ("wcTicket", "sessionID")),
        Operation("interactiveDone", ("wcTicket",)),
        Operation("interactiveRejected", ("wcTicket", "reason")),
    )
}
