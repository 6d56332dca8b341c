"""Fill a company file: the lists every company has, and invented records from a plan, all through qbXML."""

import json
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from qbsync_local.sandbox.desktop import data
from qbsync_local.sandbox.desktop.company import Company
from qbsync_local.sandbox.desktop.faults import Faults
from qbsync_local.sandbox.desktop.kinds import KINDS
from qbsync_local.sandbox.desktop.processor import Processor
from qbsync_local.sandbox.desktop.queries import Session
from qbsync_local.sandbox.desktop.store import Store
from qbsync_local.sandbox.desktop.times import Clock, PcClock, system_now
from qbsync_shared.qbxml import parse_xml

VERSION = "16.0"


class SeedRefusedError(ValueError):
    """QuickBooks would not take a record of a plan; the text names it and says why."""


def open_company(
    path: Path, name: str = "Oak Hill Landscaping", now: Clock = system_now, zone: str = "America/Los_Angeles"
) -> Company:
    """Open the company file at `path`; where there is none, make one with the lists that every company has."""
    company = Company(Store(path), PcClock(now, zone))
    if company.store.meta("ready") == "":
        with company.store.transaction():
            company.store.set_meta("company_name", name)
            _fill_blank(company)
            company.store.set_meta("ready", "true")
    return company


def load_plan(name: str = "desktop.json") -> dict[str, Any]:
    """A plan of `qbsync_local.sandbox.seed`: {"company": {...}, "records": [{"entity", "key", "record"}]}."""
    text = resources.files("qbsync_local.sandbox.seed").joinpath(name).read_text("utf-8")
    plan: dict[str, Any] = json.loads(text)
    return plan


def seed(company: Company, plan: dict[str, Any]) -> dict[str, str]:
    """Add the records of a plan in order; give QuickBooks' id by key. A text `@key` stands for the id of that record.

    A record whose name is there already is taken as it is, so seeding twice changes nothing for lists. Raises
    SeedRefusedError.
    """
    ids: dict[str, str] = json.loads(company.store.meta("seeded", "{}"))
    for entry in plan["records"]:
        key = entry.get("key") or entry["record"].get("Name", "")
        if key not in ids:
            ids[key] = add(company, entry["entity"], _with_ids(entry["record"], ids))
    company.store.set_meta("seeded", json.dumps(ids))
    return ids


def add(company: Company, entity: str, content: dict[str, Any]) -> str:
    """Add one record by qbXML and give its ListID or TxnID. Raises SeedRefusedError."""
    body = data.write(company.schema, f"{entity}Add", content, lambda _: None)
    answer = run_requests(company, [f"<{entity}AddRq>{body}</{entity}AddRq>"])
    member = parse_xml(answer.encode())[0][0]
    if member.get("statusCode") != "0":
        raise SeedRefusedError(f"{entity} {content.get('Name', '')}: {member.get('statusMessage')}")
    identifier = member.findtext(f".//{KINDS[entity].id_name}")
    return str(identifier)


def run_requests(company: Company, requests: Iterable[str], *, on_error: str = "continueOnError") -> str:
    """Execute requests as the user's own hand would: no recovery, no faults."""
    members = "".join(requests)
    text = f'<?xml version="1.0"?><?qbxml version="{VERSION}"?><QBXML><QBXMLMsgsRq onError="{on_error}">{members}</QBXMLMsgsRq></QBXML>'
    return Processor(company, Faults()).process(text, Session("QuickBooks"))


def _fill_blank(company: Company) -> None:
    blank = json.loads(
        resources.files("qbsync_local.sandbox.desktop").joinpath("blank.json").read_text("utf-8")
    )
    company.store.set_meta("uses_sales_tax", "true")
    for entry in blank["records"]:
        add(company, entry["entity"], entry["record"])
    default = company.find(("ItemSalesTax",), "County Tax")
    company.store.set_meta("default_sales_tax_item", default.id if default else "")
    for name, special in blank["special_accounts"].items():
        account = company.find(("Account",), name)
        if account is not None:
            account.content["SpecialAccountType"] = special
            company.save(account)


def _with_ids(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _with_ids(part, ids) for name, part in value.items()}
    if isinstance(value, list):
        return [_with_ids(part, ids) for part in value]
    return ids[value[1:]] if isinstance(value, str) and value.startswith("@") else value
