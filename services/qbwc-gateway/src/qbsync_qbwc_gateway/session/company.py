"""Which company file is open, and whether it is the tenant's (Programmer's Guide, chapter 8)."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from lxml import etree

from qbsync_qbwc_gateway.qbxml.reader import Responses, UnreadableResponseError, read_responses, value
from qbsync_qbwc_gateway.qbxml.writer import FLOOR, NEWEST, Request, Version, message_set
from qbsync_qbwc_gateway.session import marker
from qbsync_qbwc_gateway.session.model import Connector

FILE_ID = "FileID"
CHECK_VERSION: Version = (6, 0)
"""The version of the check itself: every QuickBooks that the Web Connector serves takes it."""


@dataclass(frozen=True, kw_only=True)
class CompanyFile:
    """The open file: ``file_id`` and ``marker`` as they stand under our OwnerID, None where it has none."""

    name: str
    file_id: str | None
    marker: int | None
    version: Version
    facts: dict[str, Any]


class Match(StrEnum):
    """Whether the open file is the tenant's."""

    OURS = "ours"
    UNBOUND = "unbound"  # it may become the tenant's, unless it carries the stamp of another one
    OTHER = "other"


def read_company(text: str, owner_id: str) -> CompanyFile | None:
    """What HostQuery, CompanyQuery and PreferencesQuery answered; None where the company is not in it."""
    try:
        return company_of(read_responses(text), owner_id) if text.strip() else None
    except UnreadableResponseError:
        return None


def company_of(responses: Responses, owner_id: str) -> CompanyFile | None:
    """The open company file, from the answers to the three queries."""
    records = {str(record.tag): record for result in responses.in_order for record in result.records}
    company = records.get("CompanyRet")
    if company is None:
        return None
    host, preferences = records.get("HostRet"), records.get("PreferencesRet")
    version = _version(host)
    facts: dict[str, Any] = {"qbxml_version": f"{version[0]}.{version[1]}"}
    if host is not None:
        facts |= {"product": value(host, "ProductName"), "country": value(host, "Country")}
        facts["product_version"] = value(host, "MajorVersion")
    if preferences is not None:
        facts |= _features(preferences)
    name = value(company, "CompanyName") or value(company, "LegalCompanyName") or ""
    mark = _extension(company, owner_id, marker.NAME) or ""
    return CompanyFile(
        name=name,
        file_id=_extension(company, owner_id, FILE_ID),
        marker=int(mark) if mark.isdigit() else None,
        version=version,
        facts=facts,
    )


def _version(host: etree._Element | None) -> Version:
    """The highest version that both sides know (qbxml.md, section 8)."""
    offered = (
        [text for child in host.findall("SupportedQBXMLVersion") if (text := child.text)]
        if host is not None
        else []
    )
    versions = [_parse(text) for text in offered]
    return max((version for version in versions if version <= NEWEST), default=FLOOR)


def _parse(text: str) -> Version:
    """``16.0``; Canadian and British hosts write ``CA3.0``, ``UK2.0``."""
    major, _, minor = text.strip().lstrip("ACKUabcdefghijklmnopqrstuvwxyz").partition(".")
    return (int(major) if major.isdigit() else 0, int(minor) if minor.isdigit() else 0)


def _features(preferences: etree._Element) -> dict[str, Any]:
    tax = preferences.find("SalesTaxPreferences")
    facts: dict[str, Any] = {
        "closing_date": value(preferences, "AccountingPreferences/ClosingDate"),
        "uses_classes": value(preferences, "AccountingPreferences/IsUsingClassTracking") == "true",
        "uses_sales_tax": tax is not None,
        "multi_currency": value(preferences, "MultiCurrencyPreferences/IsMultiCurrencyOn") == "true",
    }
    for fact, element in (
        ("taxable_code", "DefaultTaxableSalesTaxCodeRef"),
        ("non_taxable_code", "DefaultNonTaxableSalesTaxCodeRef"),
        ("default_tax_item", "DefaultItemSalesTaxRef"),
    ):
        if tax is not None and tax.find(element) is not None:
            facts[fact] = {
                "quickbooks_id": value(tax, f"{element}/ListID"),
                "name": value(tax, f"{element}/FullName"),
            }
    return facts


def _extension(company: etree._Element, owner_id: str, name: str) -> str | None:
    for extension in company.findall("DataExtRet"):
        owner = (value(extension, "OwnerID") or "").casefold()
        if owner == owner_id.casefold() and value(extension, "DataExtName") == name:
            return value(extension, "DataExtValue")
    return None


def compare(company: CompanyFile, connector: Connector, path: str) -> Match:
    """Whether the open file is the tenant's: by the FileID in it, and by the name of a file bound before.

    A copy or a restored backup carries the same FileID, so another name is not taken for the same books.
    """
    bound = connector.company_file
    if bound is not None and path and _base_name(bound) != _base_name(path):
        return Match.OTHER
    if company.file_id is not None and company.file_id.casefold() == connector.file_id.casefold():
        return Match.OURS
    return Match.UNBOUND if connector.may_bind else Match.OTHER


def _base_name(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1].casefold()


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What stands in a company file under one OwnerID."""

    file_id: str | None = None
    marker: int | None = None


def stamps_of(responses: Responses) -> dict[str, Stamp]:
    """What stands in the open file, by OwnerID in lower case; FileIDs in lower case too."""
    found: dict[str, Stamp] = {}
    for result in responses.in_order:
        for record in result.records:
            for extension in record.findall("DataExtRet"):
                owner, text = value(extension, "OwnerID"), value(extension, "DataExtValue")
                name = value(extension, "DataExtName")
                before = found.get((owner or "").casefold(), Stamp())
                if owner and text and name == FILE_ID:
                    found[owner.casefold()] = replace(before, file_id=text.casefold())
                elif owner and text and name == marker.NAME and text.isdigit():
                    found[owner.casefold()] = replace(before, marker=int(text))
    return found


NO_STAMP = Stamp()


def check_request(*owner_ids: str) -> str:
    """The three queries of our own, where the Web Connector's answers are missing or the file was just bound."""
    requests = (
        Request("HostQueryRq", {}),
        Request("CompanyQueryRq", {"OwnerID": list(owner_ids)}),
        Request("PreferencesQueryRq", {}),
    )
    members = [request.element(request.name, CHECK_VERSION) for request in requests]
    return message_set(members, version=CHECK_VERSION)


def bind_request(
    connector: Connector, version: Version, *, stamp: Stamp = NO_STAMP, mark: int | None = None
) -> str:
    """Write our FileID into the company file, and the run marker that it had under the ids before.

    ``stamp`` is what stands there under the same OwnerID already: a FileID of a connection that is no more, or ours. A
    definition that is there already is refused, which does no harm.
    """
    values = {FILE_ID: (connector.file_id, stamp.file_id is not None)}
    if mark is not None:
        values[marker.NAME] = (str(mark), stamp.marker is not None)
    members = []
    for name, (text, is_there) in values.items():
        entry = {
            "OwnerID": connector.owner_id,
            "DataExtName": name,
            "OtherDataExtType": "Company",
            "DataExtValue": text,
        }
        verb = "DataExtMod" if is_there else "DataExtAdd"
        members += [
            marker.definition(connector.owner_id, name).element(f"define-{name}", version),
            Request(f"{verb}Rq", {verb: entry}).element(f"bind-{name}", version),
        ]
    return message_set(members, version=version)
