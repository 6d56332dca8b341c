"""Faults with the texts that QuickBooks Online gives, and the bodies they travel in.

Texts and shapes follow the recorded sandbox answers where there is one; the rest follows Intuit's list of error codes.
"""

from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from qbsync_local.sandbox.online.jsonio import Json

INACTIVE = (
    "Object Not Found : Something you're trying to use has been made inactive. "
    "Check the fields with accounts, customers, items, vendors or employees."
)
DELETED = "Object Not Found : Another user has deleted this transaction."


@dataclass(frozen=True, slots=True)
class Fault:
    """One error of a fault body. `element` None leaves the key out, as some recorded answers do."""

    code: str
    message: str
    detail: str
    element: str | None = None
    kind: str = "ValidationFault"
    status: int = 400
    stamped: bool = True  # some recorded faults come without `time`

    def error(self) -> Json:
        """The member of `Fault.Error` for this fault."""
        body: Json = {"Message": self.message, "Detail": self.detail, "code": self.code}
        return body if self.element is None else body | {"element": self.element}

    def body(self, time: str) -> Json:
        """The whole answer; `time` is when QuickBooks answered, as ISO text."""
        envelope: Json = {"Fault": {"Error": [self.error()], "type": self.kind}}
        return envelope | {"time": time} if self.stamped else envelope


def not_found(detail: str = INACTIVE) -> Fault:
    return Fault("610", "Object Not Found", detail, "")


def stale() -> Fault:
    return Fault(
        "5010",
        "Stale Object Error",
        "Stale Object Error : You and Another User were working on this at the same time. "
        "Another User finished before you did, so your work was not saved.",
        "",
    )


def unsupported(operation: str) -> Fault:
    return Fault("500", "Unsupported Operation", f"Operation {operation} is not supported.")


def no_resource(path: str, full: str) -> Fault:
    return unsupported(f"Could not find resource for relative : {path} of full path: {full}")


def missing(parameter: str) -> Fault:
    return Fault(
        "2020",
        "Required param missing, need to supply the required value for the API",
        f"Required parameter {parameter} is missing in the request",
        parameter,
    )


def unknown_property(name: str, owner: str, known: list[str]) -> Fault:
    listed = ", ".join(f'"{item}"' for item in known[:58]) + (" [truncated]" if len(known) > 58 else "")
    return Fault(
        "2010",
        "Request has invalid or unsupported property",
        f'Property Name:Unrecognized field "{name}" (class com.intuit.schema.finance.v3.{owner}), '
        f"not marked as ignorable ({len(known)} known properties: {listed}])\n "
        "specified is unsupported or invalid",
    )


def bad_json(detail: str) -> Fault:
    return Fault(
        "2010",
        "Request has invalid or unsupported property",
        f"Property Name:{detail} specified is unsupported or invalid",
    )


def bad_id(value: str) -> Fault:
    return Fault(
        "2030", "Invalid ID", f"Id should be a valid number. Supplied value:{value}", "Id", stamped=False
    )


def bad_value(code: str, what: str, element: str, supplied: str) -> Fault:
    """Codes 2040 to 2230: a value that cannot be read as what the property holds."""
    return Fault(code, what, f"{what} : {element}. Supplied value:{supplied}", element)


def too_long(element: str, limit: int, length: int) -> Fault:
    return Fault(
        "2050",
        "String length is either shorter or longer than supported by specification",
        f"String length specified does not match the supported length. Min:0, Max:{limit:,}, supplied length: {length:,}",
        element,
    )


def bad_reference(label: str, identifier: str, element: str) -> Fault:
    return Fault(
        "2500",
        "Invalid Reference Id",
        f"Invalid Reference Id : {label} element id {identifier} not found",
        element,
    )


def duplicate_name(owner: str) -> Fault:
    return Fault("6240", "Duplicate Name Exists Error", f"The name supplied already exists. : Id={owner}")


def duplicate_number(number: str, kind: str, owner: str) -> Fault:
    return Fault(
        "6140",
        "Duplicate Document Number Error",
        "Duplicate Document Number Error : You must specify a different number. This number has already been used. "
        f"DocNumber={number} is assigned to TxnType={kind} with TxnId={owner}",
        "",
    )


def business(detail: str) -> Fault:
    return Fault(
        "6000",
        "A business validation error has occurred while processing your request",
        f"Business Validation Error: {detail}",
        "",
    )


def rule(code: str, message: str, detail: str = "", element: str = "") -> Fault:
    """A rule that has its own code; the detail repeats the message as QuickBooks does."""
    return Fault(code, message, f"{message} : {detail}" if detail else message, element)


def query_invalid(detail: str) -> Fault:
    return Fault("4001", "Invalid query", f"QueryValidationError: {detail}")


def query_unreadable(detail: str) -> Fault:
    return Fault("4000", "Error parsing query", f"QueryParserError: {detail}")


def duplicate_request(request_id: str) -> Fault:
    return Fault(
        "600",
        "Duplicate Request ID",
        f"Duplicate Request ID : requestid {request_id} was already used by another operation",
        "",
    )


def outer(code: str, name: str, detail: str, status: int, *, kind: str, millis: int) -> Json:
    """The lower-case body that Intuit's front door gives for 401 and 403, before the company is reached."""
    message = f"message={name}; errorCode={code.zfill(6)}; statusCode={status}"
    nothing: dict[str, Any] = {"warnings": None, "intuitObject": None}
    fault = {"error": [{"message": message, "detail": detail, "code": code, "element": None}], "type": kind}
    return nothing | {
        "fault": fault,
        "report": None,
        "queryResponse": None,
        "batchItemResponse": [],
        "attachableResponse": [],
        "syncErrorResponse": None,
        "requestId": None,
        "time": millis,
        "status": None,
        "cdcresponse": [],
    }


def throttle_xml(time: str) -> str:
    """The 429 body, which comes as XML whatever the client asked for."""
    message = "message=ThrottleExceeded; errorCode=003001; statusCode=429"
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        f'<IntuitResponse xmlns="http://schema.intuit.com/finance/v3" time={quoteattr(time)}>'
        f'<Fault type="SERVICE"><Error code="3001"><Message>{escape(message)}</Message>'
        "<Detail>The request limit was reached. Contact support or retry after some time.</Detail>"
        "</Error></Fault></IntuitResponse>"
    )
