"""Which part of the company executes which request."""

from lxml import etree

from qbsync_local.sandbox.desktop import data, rendering
from qbsync_local.sandbox.desktop.about import answer_company, answer_host, answer_preferences
from qbsync_local.sandbox.desktop.company import Company
from qbsync_local.sandbox.desktop.extensions import change_extension
from qbsync_local.sandbox.desktop.kinds import KINDS
from qbsync_local.sandbox.desktop.lists import add_element, change_element, delete_element
from qbsync_local.sandbox.desktop.queries import Answer, Session, answer_deleted, answer_query
from qbsync_local.sandbox.desktop.statuses import OK, RequestRefusedError
from qbsync_local.sandbox.desktop.store import Record
from qbsync_local.sandbox.desktop.transactions import (
    add_transaction,
    change_transaction,
    delete_transaction,
    void_transaction,
)

Handled = tuple[Answer, dict[str, str]]


def is_write(request: str) -> bool:
    """True for a request that changes the company file."""
    return not request.endswith("QueryRq")


def handle(company: Company, session: Session, request: etree._Element) -> Handled:
    """Execute one request: its answer, and the ids that recovery keeps. Raises RequestRefusedError."""
    name = str(request.tag).removesuffix("Rq")
    if name.endswith("Query"):
        return _query(company, session, request), {}
    if name in ("ListDel", "TxnDel", "TxnVoid"):
        return _remove(company, name, request)
    if name.startswith("DataExt"):
        return Answer(OK, change_extension(company, name, request[0])), {}
    kind = KINDS.get(name[:-3])
    if kind is None:
        raise RequestRefusedError(1030, "The request is not supported by this implementation.")
    content = data.read(company.schema, request[0], kind.ret)
    if name.endswith("Add"):
        record = (
            add_element(company, kind, content) if kind.is_list else add_transaction(company, kind, content)
        )
    else:
        record = (
            change_element(company, kind, content)
            if kind.is_list
            else change_transaction(company, kind, content)
        )
    only = [data.text_of(child) for child in request if child.tag == "IncludeRetElement"]
    saved = company.store.get(record.id) or record
    return Answer(OK, rendering.render(company, saved, only=only)), _recovery(saved)


def _query(company: Company, session: Session, request: etree._Element) -> Answer:
    special = {
        "HostQueryRq": answer_host,
        "CompanyQueryRq": answer_company,
        "PreferencesQueryRq": answer_preferences,
    }
    if request.tag in special:
        return Answer(OK, special[str(request.tag)](company, request))
    if request.tag in ("ListDeletedQueryRq", "TxnDeletedQueryRq"):
        return answer_deleted(company, request)
    return answer_query(company, session, request)


def _remove(company: Company, name: str, request: etree._Element) -> Handled:
    kind_name, identifier = data.text_of(request[0]), data.text_of(request[1])
    action = {"ListDel": delete_element, "TxnDel": delete_transaction, "TxnVoid": void_transaction}[name]
    record = action(company, kind_name, identifier)
    content = {
        str(request[0].tag): kind_name, str(request[1].tag): record.id, "TimeDeleted": company.clock.shown(company.clock.wall()),
        "TimeCreated": company.clock.shown(record.created), "TimeModified": company.clock.shown(record.modified),
        "FullName": record.full_name, "RefNumber": record.ref_number,
    }  # fmt: skip
    ret = data.write(company.schema, f"{name}Rs", content, company.store.full_name)
    body = ret.removeprefix(f"<{name}Rs>").removesuffix(f"</{name}Rs>")
    return Answer(OK, body), ({} if name == "ListDel" else _recovery(record))


def _recovery(record: Record) -> dict[str, str]:
    """The ErrorRecovery aggregate: ids and version, never the whole record."""
    found = {"ListID" if record.names else "TxnID": record.id, "EditSequence": str(record.edit_sequence)}
    for name in ("TxnNumber", "ExternalGUID"):
        if record.content.get(name):
            found[name] = record.content[name]
    return found
