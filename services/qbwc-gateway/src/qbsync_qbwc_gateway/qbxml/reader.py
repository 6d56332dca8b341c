"""Read qbXML responses: one result per member, correlated by requestID and never by order alone."""

import html
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from lxml import etree

from qbsync_shared.qbxml import XmlRefusedError, parse_xml

_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_ESCAPED = re.compile(r"&(?:quot|apos|amp|lt|gt|#\d+);")


class UnreadableResponseError(ValueError):
    """What came back is not a qbXML response: cut off, or something else."""


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What QuickBooks kept of a request that it ran earlier: ids, not the whole record."""

    quickbooks_id: str
    token: str | None


@dataclass(frozen=True, kw_only=True)
class Result:
    """The answer to one member. ``code`` is QuickBooks' statusCode, ``records`` the ``*Ret`` elements."""

    request_id: str
    name: str
    code: str
    severity: str
    message: str
    records: tuple[etree._Element, ...] = ()
    recovery: Recovery | None = None
    iterator_id: str | None = None
    remaining: int | None = None

    @property
    def applied(self) -> bool:
        """Whether QuickBooks says that it did what was asked, be it with a warning."""
        return self.severity in ("Info", "Warn")


@dataclass(frozen=True, kw_only=True)
class Responses:
    """A whole response. ``set_status`` is messageSetStatusCode (600, 9001 to 9005), None where all is well."""

    set_status: str | None
    results: dict[str, Result]
    in_order: tuple[Result, ...]


def read_responses(text: str) -> Responses:
    """Read what receiveResponseXML handed over.

    Raises:
        UnreadableResponseError: it is no qbXML response.
    """
    try:
        root = parse_xml(_DECLARATION.sub("", text, count=1).encode("utf-8", "surrogatepass"))
    except XmlRefusedError as refused:
        raise UnreadableResponseError(str(refused)) from None
    group = root.find("QBXMLMsgsRs") if root.tag == "QBXML" else None
    if group is None:
        raise UnreadableResponseError("The answer is not qbXML with a response in it.")
    status = group.get("messageSetStatusCode")
    results = tuple(_result(child) for child in group if isinstance(child.tag, str))
    return Responses(
        set_status=None if status in (None, "", "0") else status,
        results={result.request_id: result for result in results if result.request_id},
        in_order=results,
    )


def _result(element: etree._Element) -> Result:
    remaining = element.get("iteratorRemainingCount")
    recovery = element.find("ErrorRecovery")
    return Result(
        request_id=element.get("requestID", ""),
        name=str(element.tag),
        code=element.get("statusCode", ""),
        severity=element.get("statusSeverity", ""),
        message=_unescape(element.get("statusMessage", "")),
        records=tuple(child for child in element if isinstance(child.tag, str) and child.tag.endswith("Ret")),
        recovery=_recovery(recovery) if recovery is not None else None,
        iterator_id=element.get("iteratorID"),
        remaining=int(remaining) if remaining and remaining.isdigit() else None,
    )


def _recovery(element: etree._Element) -> Recovery | None:
    found = value(element, "ListID") or value(element, "TxnID")
    return Recovery(quickbooks_id=found, token=value(element, "EditSequence")) if found else None


def _unescape(text: str) -> str:
    """Messages were seen escaped a second time in recorded traffic (qbxml.md, section 6)."""
    return html.unescape(text) if _ESCAPED.search(text) else text


def value(element: etree._Element, path: str) -> str | None:
    """The text of an element below this one (``BillAddress/City``); None where it is missing or empty."""
    text = element.findtext(path)
    return text.strip() or None if text else None


def number(element: etree._Element, path: str) -> Decimal | None:
    """The number below this element, None where there is none."""
    text = value(element, path)
    if text is None:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def covers(request: etree._Element, record: etree._Element) -> bool:
    """Whether a record holds all that a Mod asked for, so that the Mod was certainly applied."""
    wanted = [child for child in request if child.tag not in ("ListID", "TxnID", "EditSequence", "TxnLineID")]
    lines = [child for child in wanted if str(child.tag).endswith("LineMod")]
    if lines:
        held = [child for child in record if str(child.tag).endswith("LineRet")]
        if len(held) != len(lines) or not all(map(covers, lines, held)):
            return False
    return all(_covers_one(child, record) for child in wanted if child not in lines)


def _covers_one(wanted: etree._Element, record: etree._Element) -> bool:
    held = record.find(str(wanted.tag).removesuffix("Mod"))
    if len(wanted):
        if str(wanted.tag).endswith("Ref") and held is not None:
            return any(_same(value(wanted, key), value(held, key)) for key in ("ListID", "FullName"))
        return held is not None and covers(wanted, held)
    return _same(wanted.text, held.text if held is not None else None)


def _same(wanted: str | None, held: str | None) -> bool:
    left, right = (wanted or "").strip(), (held or "").strip()
    if left == right:
        return True
    try:
        return Decimal(left) == Decimal(right)
    except InvalidOperation:
        return False
