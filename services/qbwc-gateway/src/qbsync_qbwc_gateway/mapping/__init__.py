"""The contract's entities to qbXML and back, one module per kind, without any I/O."""

from datetime import datetime

from lxml import etree

from qbsync_qbwc_gateway.mapping.base import Books, Mapper, NotSupportedError, Record, guid_of, head
from qbsync_qbwc_gateway.mapping.bill import BILL
from qbsync_qbwc_gateway.mapping.credit_memo import CREDIT_MEMO
from qbsync_qbwc_gateway.mapping.customer import CUSTOMER
from qbsync_qbwc_gateway.mapping.employee import EMPLOYEE
from qbsync_qbwc_gateway.mapping.estimate import ESTIMATE
from qbsync_qbwc_gateway.mapping.invoice import INVOICE
from qbsync_qbwc_gateway.mapping.item import ITEM
from qbsync_qbwc_gateway.mapping.job import JOB
from qbsync_qbwc_gateway.mapping.lists import LISTS
from qbsync_qbwc_gateway.mapping.payment import PAYMENT
from qbsync_qbwc_gateway.mapping.purchase_order import PURCHASE_ORDER
from qbsync_qbwc_gateway.mapping.sales_receipt import SALES_RECEIPT
from qbsync_qbwc_gateway.mapping.time_entry import TIME_ENTRY
from qbsync_qbwc_gateway.mapping.vendor import VENDOR
from qbsync_qbwc_gateway.qbxml.reader import value
from qbsync_qbwc_gateway.qbxml.writer import Request
from qbsync_shared.connector import WorkItem
from qbsync_shared.kinds import Kind, Operation

_NAMES = (CUSTOMER, JOB, VENDOR, EMPLOYEE, ITEM)
_SALES = (INVOICE, ESTIMATE, SALES_RECEIPT, CREDIT_MEMO, PAYMENT)
_PURCHASES = (PURCHASE_ORDER, BILL, TIME_ENTRY)

MAPPERS: dict[Kind, Mapper] = {mapper.kind: mapper for mapper in (*_NAMES, *_SALES, *_PURCHASES)}

_BY_RECORD = {
    name: mapper for mapper in MAPPERS.values() for name in mapper.records if mapper.kind is not Kind.JOB
}


def write(item: WorkItem, books: Books) -> Request:
    """The request that carries out an approved export.

    Raises:
        NotSupportedError: QuickBooks Desktop cannot do this to this kind.
    """
    mapper = MAPPERS.get(item.kind)
    if mapper is None or item.entity is None:
        raise NotSupportedError(f"QuickBooks Desktop does not take a {item.kind.label} from qbsync yet.")
    if item.operation is Operation.CREATE:
        return mapper.create(item.entity, books, guid_of(item.sync_id))
    link = item.link
    if link is None:
        raise NotSupportedError("It has no link to a record of QuickBooks.")
    if item.operation is Operation.UPDATE:
        return mapper.update(item.entity, item.fields, link, books)
    if item.operation is Operation.DEACTIVATE and mapper.deactivate is not None:
        return mapper.deactivate(item.entity, link)
    if item.operation is Operation.VOID and mapper.txn_type is not None:
        return Request("TxnVoidRq", {"TxnVoidType": mapper.txn_type, "TxnID": link.quickbooks_id})
    if item.operation is Operation.DELETE and mapper.txn_type is not None:
        return Request("TxnDelRq", {"TxnDelType": mapper.txn_type, "TxnID": link.quickbooks_id})
    raise NotSupportedError(f"QuickBooks Desktop cannot {item.operation.value} a {item.kind.label}.")


def read(ret: etree._Element) -> Record | None:
    """A ``*Ret`` as a record of the contract; None for elements that qbsync does not read.

    Raises:
        pydantic.ValidationError: it lacks what the contract demands, such as a name.
    """
    tag = str(ret.tag)
    if tag in LISTS:
        kind, reader = LISTS[tag]
        entity = reader(ret)
    elif tag in _BY_RECORD:
        mapper = MAPPERS[Kind.JOB] if _is_job(ret) else _BY_RECORD[tag]
        kind, entity = mapper.kind, mapper.read(ret)
    else:
        return None
    modified = value(ret, "TimeModified")
    return Record(
        kind=kind,
        quickbooks_id=value(ret, "ListID") or value(ret, "TxnID") or "",
        token=value(ret, "EditSequence"),
        entity=entity.to_json(),
        changed_at=_when(modified),
        modified=modified,
        guid=value(ret, "ExternalGUID"),
    )


def _is_job(ret: etree._Element) -> bool:
    return ret.tag == "CustomerRet" and ret.find("ParentRef") is not None


def _when(text: str | None) -> datetime | None:
    """TimeModified as a moment; its offset ignores daylight saving, so it is an hour off in summer (qbxml.md, 7)."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


__all__ = ["MAPPERS", "Books", "Mapper", "NotSupportedError", "Record", "guid_of", "head", "read", "write"]
