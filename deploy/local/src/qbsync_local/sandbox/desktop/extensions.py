"""Private data of an application (DataExt): on the company, on list elements, on transactions."""

import json

from lxml import etree

from qbsync_local.sandbox.desktop import data
from qbsync_local.sandbox.desktop.company import Company
from qbsync_local.sandbox.desktop.data import Content
from qbsync_local.sandbox.desktop.kinds import FAMILIES
from qbsync_local.sandbox.desktop.statuses import RequestRefusedError, not_enabled, not_found
from qbsync_local.sandbox.desktop.store import Record


def company_extensions(company: Company) -> list[dict[str, str]]:
    """The private data kept on the company itself, FileID and AppLock among it."""
    found: list[dict[str, str]] = json.loads(company.store.meta("extensions", "[]"))
    return found


def stamp_file_id(company: Company, owner_id: str, file_id: str) -> None:
    """What the Web Connector does when an application is added: it writes the FileID into the company file.

    Source: QBWC Programmer's Guide, chapter 8.
    """
    stamps = {"AppLock": "UNLOCKED", "FileID": file_id}
    kept = [
        one
        for one in company_extensions(company)
        if one["OwnerID"].casefold() != owner_id.casefold() or one["DataExtName"] not in stamps
    ]
    for name, value in stamps.items():
        kept.append(
            {"OwnerID": owner_id, "DataExtName": name, "DataExtType": "STR255TYPE", "DataExtValue": value}
        )
    company.store.set_meta("extensions", json.dumps(kept))


def change_extension(company: Company, name: str, element: etree._Element) -> str:
    """DataExtAdd, DataExtMod, DataExtDel: the DataExtRet of the answer. Raises 3120, 3250."""
    if name not in ("DataExtAdd", "DataExtMod", "DataExtDel"):
        raise not_enabled()
    given = data.read(company.schema, element, "DataExtRet")
    entry = {
        "OwnerID": given["OwnerID"], "DataExtName": given["DataExtName"], "DataExtType": "STR255TYPE",
        "DataExtValue": given.get("DataExtValue", ""),
    }  # fmt: skip
    if given.get("OtherDataExtType"):
        kept = _replace(company_extensions(company), entry, delete=name == "DataExtDel")
        company.store.set_meta("extensions", json.dumps(kept))
    else:
        record = _holder(company, given)
        record.content["DataExtRet"] = _replace(
            record.content.get("DataExtRet", []), entry, delete=name == "DataExtDel"
        )
        company.save(record)
    if name == "DataExtDel":
        return ""
    return data.write(company.schema, "DataExtRet", entry, company.store.full_name)


def _replace(entries: list[dict[str, str]], entry: dict[str, str], *, delete: bool) -> list[dict[str, str]]:
    key = (entry["OwnerID"], entry["DataExtName"])
    kept = [one for one in entries if (one["OwnerID"], one["DataExtName"]) != key]
    return kept if delete else [*kept, entry]


def _holder(company: Company, given: Content) -> Record:
    if "TxnID" in given:
        record = company.store.get(given["TxnID"])
        if record is None:
            raise not_found(given["TxnID"])
        return record
    kind = given.get("ListDataExtType", "")
    target = given.get("ListObjRef", {})
    kinds = FAMILIES.get(kind, (kind,))
    record = (
        company.store.get(target["ListID"])
        if "ListID" in target
        else company.find(kinds, target.get("FullName", ""))
    )
    if record is None:
        raise RequestRefusedError(3140, f"There is an invalid reference to QuickBooks {kind} in the DataExt.")
    return record
