"""What came back: an entity, a list, or a fault in any of the shapes that were recorded.

Shapes (qbo-api, faults): ``Fault`` or ``fault``, ``Error`` or ``error``, HTTP 200 with a Fault, XML although JSON was
asked for, malformed XML, or a body that is none of it. Codes are text with leading zeros: never numbers.
"""

import json
import re
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

Json = dict[str, Any]

_XML_ERROR = re.compile(r'<Error\b[^>]*\bcode="(?P<code>[^"]*)"[^>]*>(?P<inner>.*?)</Error>', re.DOTALL)
_XML_TYPE = re.compile(r'<Fault\b[^>]*\btype="(?P<type>[^"]*)"')
_XML_TEXT = re.compile(r"<(?P<tag>Message|Detail)>(?P<text>.*?)</(?P=tag)>", re.DOTALL)
_LONGEST_TEXT = 20_000
_LONGEST_PAUSE = 3600.0
_THROTTLE = re.compile(r"ThrottleExceeded|errorCode=003001")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """The first error of a fault; QuickBooks often tells only that one."""

    code: str
    message: str
    detail: str = ""
    element: str = ""
    type: str = ""
    status: int = 0
    """HTTP's; 0 where the fault is one of a member of a batch."""

    @property
    def text(self) -> str:
        """QuickBooks' own words, once each."""
        parts = [self.message, self.detail if self.detail != self.message else "", self.element]
        return ": ".join(part for part in parts if part)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer. ``fault`` is None where the call did what it was asked to do.

    ``readable`` is false where the answer says neither: it was cut, or not made by QuickBooks.
    """

    status: int
    body: Json = field(default_factory=dict)
    fault: Fault | None = None
    intuit_tid: str = ""
    retry_after: float | None = None
    readable: bool = True

    def entity(self, resource: str) -> Json:
        """The entity that a write or read returned; empty where there is none."""
        found = self.body.get(resource)
        return found if isinstance(found, dict) and found.get("Id") else {}

    def rows(self, resource: str) -> list[Json]:
        """The entities that a query returned."""
        response = self.body.get("QueryResponse")
        rows = response.get(resource) if isinstance(response, dict) else None
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    def members(self) -> dict[str, "Answer"]:
        """What a batch answered, by bId, each as the same call would have been answered alone; their order is not promised.

        Empty where the answer is none to a batch.
        """
        found = self.body.get("BatchItemResponse")
        if not isinstance(found, list):
            return {}
        return {str(one.get("bId")): self._member(one) for one in found if isinstance(one, dict)}

    def _member(self, body: Json) -> "Answer":
        fault = fault_of(body)
        status = 200 if fault is None else 400
        if fault is not None and not fault.code:
            fault = replace(fault, code=f"HTTP {status}")
        return Answer(status=status, body=body, fault=fault, intuit_tid=self.intuit_tid)


def read_answer(status: int, content: bytes, headers: Any) -> Answer:
    """Read an HTTP answer of QuickBooks Online; never raises, whatever the body holds."""
    tid = headers.get("intuit_tid", "") or headers.get("intuit-tid", "")
    retry_after = _seconds(headers.get("retry-after"))
    body = _json(content)
    if body is not None:
        fault = _with_status(fault_of(body), status) or _by_status(status, "")
        return Answer(status=status, body=body, fault=fault, intuit_tid=tid, retry_after=retry_after)
    text = content[:_LONGEST_TEXT].decode("utf-8", "replace")
    fault = _with_status(_xml_fault(text), status) or _by_status(status, text)
    return Answer(
        status=status,
        fault=fault or _unreadable(status),
        intuit_tid=tid,
        retry_after=retry_after,
        readable=fault is not None,
    )


def fault_of(body: Json) -> Fault | None:
    """The fault of a JSON body, or of one member of a batch."""
    fault = body.get("Fault") or body.get("fault")
    if not isinstance(fault, dict):
        return None
    errors = fault.get("Error") or fault.get("error") or [{}]
    first = errors[0] if isinstance(errors, list) else errors
    first = first if isinstance(first, dict) else {}
    lower = {str(key).lower(): value for key, value in first.items()}
    message = str(lower.get("message") or "")
    code = str(lower.get("code") or "")
    if _THROTTLE.search(message):
        code = "003001"
    return Fault(
        code=code,
        message=message,
        detail=str(lower.get("detail") or ""),
        element=str(lower.get("element") or ""),
        type=str(fault.get("type") or ""),
    )


def _with_status(fault: Fault | None, status: int) -> Fault | None:
    """A fault without a code is known by its HTTP status."""
    return fault and replace(fault, code=fault.code or f"HTTP {status}", status=status)


def _json(content: bytes) -> Json | None:
    try:
        body = json.loads(content, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _xml_fault(text: str) -> Fault | None:
    """An XML fault, read with patterns because recorded ones are not always well-formed."""
    found = _XML_ERROR.search(text)
    if found is None:
        return (
            Fault(code="003001", message="ThrottleExceeded", type="SERVICE")
            if _THROTTLE.search(text)
            else None
        )
    parts = {match["tag"]: match["text"].strip() for match in _XML_TEXT.finditer(found["inner"])}
    type_ = _XML_TYPE.search(text)
    message = parts.get("Message", "")
    code = "003001" if _THROTTLE.search(message) else found["code"]
    return Fault(
        code=code, message=message, detail=parts.get("Detail", ""), type=type_["type"] if type_ else ""
    )


def _by_status(status: int, text: str) -> Fault | None:
    if status < 400:
        return None
    if status == 429:
        return Fault(code="003001", message="ThrottleExceeded", type="SERVICE", status=status)
    return Fault(
        code=f"HTTP {status}",
        status=status,
        message=f"QuickBooks answered with HTTP {status}.",
        detail=text[:200],
    )


def _unreadable(status: int) -> Fault:
    return Fault(code=f"HTTP {status}", message="QuickBooks' answer could not be read.")


def _seconds(text: str | None) -> float | None:
    """``Retry-After`` in seconds, at most an hour; None where there is none, or only a date."""
    try:
        seconds = float(text) if text else 0.0
    except ValueError:
        return None
    return min(seconds, _LONGEST_PAUSE) if seconds > 0 else None
