"""Lines of sales documents: written with an explicit tax code, matched by the app's line_id, TxnLineID kept."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from lxml import etree

from qbsync_qbwc_gateway.mapping.base import Books, reference
from qbsync_qbwc_gateway.qbxml.reader import number, value
from qbsync_shared.connector import LinkRow
from qbsync_shared.diff import same
from qbsync_shared.entities import PurchaseLine, SalesLine
from qbsync_shared.kinds import Kind
from qbsync_shared.money import line_amount

NEW_LINE = "-1"
"""The TxnLineID of a line that a Mod adds."""


Line = TypeVar("Line", SalesLine, PurchaseLine)


def write_line(line: SalesLine, books: Books, *, dated: bool = True) -> dict[str, Any]:
    """One line. The amount always holds: where quantity x price does not come to it, the price is left to QuickBooks.

    ``dated``: lines of an estimate have no service date in QuickBooks.
    """
    content: dict[str, Any] = {
        "ItemRef": books.ref(Kind.ITEM, line.item),
        "Desc": line.description,
        "ClassRef": books.ref(Kind.CLASS, line.class_),
        "ServiceDate": line.service_date if dated else None,
    }
    if line.item is None and line.amount == 0:
        return content  # a line of text
    return {
        **content,
        "Quantity": line.quantity,
        "Rate": line.unit_price if is_exact(line) else None,
        "Amount": line.amount,
        "SalesTaxCodeRef": books.ref(Kind.TAX_CODE, line.tax_code) or books.non_taxable,
    }


def is_exact(line: SalesLine | PurchaseLine) -> bool:
    """Whether quantity x price comes to the amount."""
    if line.quantity is None or line.unit_price is None:
        return False
    return line_amount(line.quantity, line.unit_price) == line.amount


def match_lines(
    lines: Sequence[Line], link: LinkRow, write: Callable[[Line], dict[str, Any]]
) -> list[dict[str, Any]]:
    """The lines of a Mod, whole and in order; one that QuickBooks has keeps its TxnLineID, unchanged ones say no more."""
    known = _known(link)
    content = []
    for line in lines:
        txn_line_id, sent = known.get(line.line_id, (NEW_LINE, None))
        if sent is not None and same(sent, line.model_dump(mode="json", exclude_none=True, by_alias=True)):
            content.append({"TxnLineID": txn_line_id})
        else:
            content.append({"TxnLineID": txn_line_id, **write(line)})
    return content


def unchanged_lines(link: LinkRow) -> list[dict[str, Any]]:
    """All lines by id alone: a Mod that does not touch them must still name them, or they are dropped."""
    return [{"TxnLineID": line["line_id"]} for line in link.returned.get("lines", [])]


def _known(link: LinkRow) -> dict[str, tuple[str, dict[str, Any] | None]]:
    """The app's line_id -> (TxnLineID, the line as sent). What was sent and what came back have the same order."""
    sent: list[dict[str, Any]] = link.sent.get("lines", [])
    returned: list[dict[str, Any]] = link.returned.get("lines", [])
    if len(sent) == len(returned):
        pairs = zip(sorted(sent, key=_is_by_item), sorted(returned, key=_is_by_item), strict=True)
        return {ours["line_id"]: (theirs["line_id"], ours) for ours, theirs in pairs}
    left = list(returned)
    known: dict[str, tuple[str, dict[str, Any] | None]] = {}
    for ours in sent:
        twin = next((theirs for theirs in left if _alike(ours, theirs)), None)
        if twin is not None:
            left.remove(twin)
            known[ours["line_id"]] = (twin["line_id"], ours)
    return known


def _is_by_item(line: dict[str, Any]) -> bool:
    """QuickBooks keeps the lines of a bill in two blocks, those by account first."""
    return "account" not in line or "item" in line


def _alike(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    return all(same(ours.get(key), theirs.get(key), field=key) for key in ("amount", "description"))


def read_lines(ret: etree._Element, line: str, group: str) -> tuple[SalesLine, ...]:
    """The lines of a document; ``line_id`` is QuickBooks' TxnLineID."""
    return tuple(
        _read_group(child) if child.tag == group else _read_line(child)
        for child in ret
        if child.tag in (line, group)
    )


def _read_line(ret: etree._Element) -> SalesLine:
    day = value(ret, "ServiceDate")
    return SalesLine(
        line_id=value(ret, "TxnLineID") or "?",
        item=reference(ret, "ItemRef"),
        description=value(ret, "Desc"),
        quantity=number(ret, "Quantity"),
        unit_price=number(ret, "Rate"),
        amount=_or_zero(number(ret, "Amount")),
        tax_code=reference(ret, "SalesTaxCodeRef"),
        class_=reference(ret, "ClassRef"),
        service_date=date.fromisoformat(day[:10]) if day else None,
    )


def _read_group(ret: etree._Element) -> SalesLine:
    return SalesLine(
        line_id=value(ret, "TxnLineID") or "?",
        item=reference(ret, "ItemGroupRef"),
        description=value(ret, "Desc"),
        quantity=number(ret, "Quantity"),
        amount=_or_zero(number(ret, "TotalAmount")),
    )


def _or_zero(amount: Decimal | None) -> Decimal:
    return Decimal("0.00") if amount is None else amount
