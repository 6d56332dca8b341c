"""Lines of sales documents: written with an explicit tax code, matched by the app's line_id, TxnLineID kept."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from lxml import etree

from qbsync_qbwc_gateway.mapping.base import Books, reference
from qbsync_qbwc_gateway.qbxml.reader import number, value
from qbsync_shared.connector import LinkRow
from qbsync_shared.diff import same
from qbsync_shared.entities import SalesLine
from qbsync_shared.kinds import Kind
from qbsync_shared.money import line_amount

NEW_LINE = "-1"
"""The TxnLineID of a line that a Mod adds."""


def write_line(line: SalesLine, books: Books) -> dict[str, Any]:
    """One line. The amount always holds: where quantity x price does not come to it, the price is left to QuickBooks."""
    content: dict[str, Any] = {
        "ItemRef": books.ref(Kind.ITEM, line.item),
        "Desc": line.description,
        "ClassRef": books.ref(Kind.CLASS, line.class_),
        "ServiceDate": line.service_date,
    }
    if line.item is None and line.amount == 0:
        return content  # a line of text
    exact = (
        line.quantity is not None
        and line.unit_price is not None
        and line_amount(line.quantity, line.unit_price) == line.amount
    )
    return {
        **content,
        "Quantity": line.quantity,
        "Rate": line.unit_price if exact else None,
        "Amount": line.amount,
        "SalesTaxCodeRef": books.ref(Kind.TAX_CODE, line.tax_code) or books.non_taxable,
    }


def match_lines(lines: Sequence[SalesLine], link: LinkRow, books: Books) -> list[dict[str, Any]]:
    """The lines of a Mod, whole and in order; one that QuickBooks has keeps its TxnLineID, unchanged ones say no more."""
    known = _known(link)
    content = []
    for line in lines:
        txn_line_id, sent = known.get(line.line_id, (NEW_LINE, None))
        if sent is not None and same(sent, line.model_dump(mode="json", exclude_none=True, by_alias=True)):
            content.append({"TxnLineID": txn_line_id})
        else:
            content.append({"TxnLineID": txn_line_id, **write_line(line, books)})
    return content


def unchanged_lines(link: LinkRow) -> list[dict[str, Any]]:
    """All lines by id alone: a Mod that does not touch them must still name them, or they are dropped."""
    return [{"TxnLineID": line["line_id"]} for line in link.returned.get("lines", [])]


def _known(link: LinkRow) -> dict[str, tuple[str, dict[str, Any] | None]]:
    """The app's line_id -> (TxnLineID, the line as sent). What was sent and what came back have the same order."""
    sent: list[dict[str, Any]] = link.sent.get("lines", [])
    returned: list[dict[str, Any]] = link.returned.get("lines", [])
    if len(sent) == len(returned):
        pairs = zip(sent, returned, strict=True)
        return {ours["line_id"]: (theirs["line_id"], ours) for ours, theirs in pairs}
    left = list(returned)
    known: dict[str, tuple[str, dict[str, Any] | None]] = {}
    for ours in sent:
        twin = next((theirs for theirs in left if _alike(ours, theirs)), None)
        if twin is not None:
            left.remove(twin)
            known[ours["line_id"]] = (twin["line_id"], ours)
    return known


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
