"""What the QuickBooks user does by hand on the pages: add, rename and delete, all through qbXML."""

from xml.sax.saxutils import escape

from lxml import etree

from qbsync_local.sandbox.desktop import data
from qbsync_local.sandbox.desktop.company import Company
from qbsync_local.sandbox.desktop.kinds import KINDS
from qbsync_local.sandbox.desktop.seeding import run_requests
from qbsync_local.sandbox.desktop.statuses import SetRefusedError
from qbsync_shared.qbxml import parse_xml


def add_customer(company: Company, name: str, email: str = "", phone: str = "") -> str:
    """Add a customer; give QuickBooks' message, empty when it went well."""
    return _add(company, "Customer", {"Name": name, "Phone": phone, "Email": email})


def add_item(company: Company, name: str, price: str = "") -> str:
    """Add a service item; give QuickBooks' message, empty when it went well."""
    both = {"Price": price, "AccountRef": {"FullName": "Landscaping Services"}}
    return _add(company, "ItemService", {"Name": name, "SalesOrPurchase": both})


def rename(company: Company, identifier: str, name: str) -> str:
    """Rename a list element; give QuickBooks' message, empty when it went well."""
    record = company.store.get(identifier)
    if record is None:
        return "It is not there any more."
    content = {"ListID": identifier, "EditSequence": str(record.edit_sequence), "Name": name}
    body = data.write(company.schema, f"{record.kind}Mod", content, company.store.full_name)
    return _run(company, f"<{record.kind}ModRq>{body}</{record.kind}ModRq>")


def delete(company: Company, identifier: str) -> str:
    """Delete a list element or a transaction; give QuickBooks' message, empty when it went well."""
    record = company.store.get(identifier)
    if record is None:
        return "It is not there any more."
    word = "List" if KINDS[record.kind].is_list else "Txn"
    return _run(
        company,
        f"<{word}DelRq><{word}DelType>{record.kind}</{word}DelType><{word}ID>{escape(identifier)}</{word}ID></{word}DelRq>",
    )


def _add(company: Company, kind: str, content: data.Content) -> str:
    body = data.write(company.schema, f"{kind}Add", content, company.store.full_name)
    return _run(company, f"<{kind}AddRq>{body}</{kind}AddRq>")


def _run(company: Company, request: str) -> str:
    try:
        answer = run_requests(company, [request])
    except SetRefusedError:
        problems = company.schema.problems(etree.fromstring(request))
        return "; ".join(str(problem) for problem in problems) or "QuickBooks cannot read this."
    member = parse_xml(answer.encode())[0][0]
    return (
        ""
        if member.get("statusCode") == "0"
        else f"{member.get('statusCode')}: {member.get('statusMessage')}"
    )
