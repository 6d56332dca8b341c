"""Bills. QuickBooks keeps their lines in two blocks: by account, then by item."""

from collections.abc import Sequence
from typing import Any

from lxml import etree

from qbsync_qbwc_gateway.mapping import documents, purchases
from qbsync_qbwc_gateway.mapping.base import Books, Mapper, changed, head
from qbsync_qbwc_gateway.mapping.lines import NEW_LINE, match_lines
from qbsync_qbwc_gateway.qbxml.writer import Request
from qbsync_shared.connector import LinkRow
from qbsync_shared.entities import Bill, PurchaseLine
from qbsync_shared.kinds import Kind

_EXPENSES, _ITEMS = "ExpenseLine", "ItemLine"
_RETURNED = {f"{_EXPENSES}Ret", f"{_ITEMS}Ret", "ItemGroupLineRet"}


def _block(line: PurchaseLine) -> str:
    return _EXPENSES if line.item is None and line.account is not None else _ITEMS


def _line(line: PurchaseLine, books: Books) -> dict[str, Any]:
    if _block(line) is _ITEMS:
        return purchases.write_item_line(line, books, price="Cost")
    return {
        "AccountRef": books.ref(Kind.ACCOUNT, line.account),
        "Amount": line.amount,
        "Memo": line.description,
        "CustomerRef": documents.customer_ref(line.customer, line.job, books),
        "ClassRef": books.ref(Kind.CLASS, line.class_),
    }


def _create(entity: Bill, books: Books, guid: str) -> Request:
    content: dict[str, Any] = {**purchases.write_head(entity, books), "ExternalGUID": guid}
    for block in (_EXPENSES, _ITEMS):
        content[f"{block}Add"] = [_line(line, books) for line in entity.lines if _block(line) is block]
    return Request("BillAddRq", {"BillAdd": content})


def _update(entity: Bill, fields: tuple[str, ...], link: LinkRow, books: Books) -> Request:
    content = changed(purchases.write_head(entity, books), fields, purchases.ELEMENTS)
    blocks = _changed_lines(entity.lines, link, books) if "lines" in fields else _same_lines(link)
    return Request("BillModRq", {"BillMod": {**head(link, of="TxnID"), **content, **blocks}})


def _changed_lines(lines: Sequence[PurchaseLine], link: LinkRow, books: Books) -> dict[str, Any]:
    """Both blocks whole; one that has no line any more is cleared. A line that changed its block is a new one."""
    matched = match_lines(lines, link, lambda line: _line(line, books))
    had = {line["line_id"]: _returned_block(line) for line in link.returned.get("lines", [])}
    content: dict[str, Any] = {}
    for block, clear in ((_EXPENSES, "ClearExpenseLines"), (_ITEMS, "ClearItemLines")):
        of_block = []
        for line, written in zip(lines, matched, strict=True):
            if _block(line) is not block:
                continue
            moved = had.get(written["TxnLineID"], block) is not block
            of_block.append({**written, "TxnLineID": NEW_LINE} if moved else written)
        if of_block:
            content[f"{block}Mod"] = of_block
        elif block in had.values():
            content[clear] = True
    return content


def _same_lines(link: LinkRow) -> dict[str, Any]:
    """All lines by id alone: a Mod that does not touch them must still name them, or they are dropped."""
    content: dict[str, list[dict[str, Any]]] = {}
    for line in link.returned.get("lines", []):
        content.setdefault(f"{_returned_block(line)}Mod", []).append({"TxnLineID": line["line_id"]})
    return content


def _returned_block(line: dict[str, Any]) -> str:
    return _EXPENSES if "account" in line and "item" not in line else _ITEMS


def _read(ret: etree._Element) -> Bill:
    return Bill(
        **purchases.read_head(ret, total="AmountDue"),
        lines=tuple(
            purchases.read_line(line, text="Memo")
            if line.tag == f"{_EXPENSES}Ret"
            else purchases.read_line(line, price="Cost")
            for line in ret
            if line.tag in _RETURNED
        ),
    )


BILL = Mapper(
    kind=Kind.BILL,
    records=frozenset({"BillRet"}),
    create=_create,
    update=_update,
    by_id=lambda quickbooks_id: documents.by_id("Bill", quickbooks_id),
    by_name=lambda entity: documents.by_number("Bill", entity),
    read=_read,
    txn_type="Bill",
)
