"""`qbsync audit`: proves that every approval has exactly one outcome or is pending."""

import time
from typing import Annotated, Any

import httpx
import typer

from qbsync_local.api import Api, ApiError
from qbsync_local.audit import Books, Evidence, Report, compare
from qbsync_local.cli.options import DATA, Data, Json, Tenant, connect
from qbsync_local.cli.output import print_json, print_rows, say
from qbsync_local.sandbox_books import read_books
from qbsync_shared.kinds import Edition

CONNECTORS = {Edition.DESKTOP: "qbwc-gateway", Edition.ONLINE: "qbo-worker"}
PAUSE_SECONDS = 0.5


def audit(
    context: typer.Context,
    tenant: Tenant,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to look again while messages are on their way.")
    ] = 10.0,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Prove that every approval of a tenant has exactly one outcome or is pending, and that all books agree.

    Compares the Wizard's approvals, the log, the connector service's queue and links and, in the sandbox, the
    simulated QuickBooks. Ends with code 1 if anything was found.
    """
    with connect(context, data) as api:
        deadline = time.monotonic() + wait
        report = compare(gather(api, tenant))
        while not report.clean and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
            report = compare(gather(api, tenant))
    if as_json:
        print_json({"tenant": tenant, **report.as_dict()})
    else:
        _show(tenant, report)
    if not report.clean:
        raise typer.Exit(1)


def gather(api: Api, tenant: str) -> Evidence:
    """Read all books. The approvals come first: what is approved after that is not missed elsewhere."""
    base = f"/api/v1/tenants/{tenant}"
    edition = Edition(api.get("wizard", base)["edition"])
    connector = CONNECTORS[edition]
    approvals = list(api.items("wizard", f"{base}/approvals"))
    approved = {approval["sync_id"] for approval in approvals}
    work = list(api.items(connector, f"{base}/work"))
    links = list(api.items(connector, f"{base}/links"))
    syncs = list(api.items("log", f"{base}/syncs"))
    later = _approved_later(api, base, approved, [*work, *syncs])
    return Evidence(
        approvals=approvals,
        syncs=[sync for sync in syncs if sync["sync_id"] not in later],
        work=[item for item in work if item["sync_id"] not in later],
        links=links,
        books=_books(api, tenant, edition),
    )


def _books(api: Api, tenant: str, edition: Edition) -> list[Books] | None:
    """What the simulated QuickBooks holds; None without a sandbox, or before the tenant has a company in it."""
    base = api.installation.sandbox.get(edition.value)
    if base is None:
        return None
    company = tenant
    if edition is Edition.ONLINE:
        company = api.get("qbo-worker", f"/api/v1/tenants/{tenant}/connection")["realm_id"]
    try:
        return read_books(base, edition, company) if company else None
    except httpx.HTTPStatusError as error:
        if error.response.status_code == httpx.codes.NOT_FOUND:
            return None
        raise ApiError(f"The simulated QuickBooks does not show its books: {error}") from error
    except httpx.HTTPError as error:
        raise ApiError(f"The simulated QuickBooks does not show its books: {error}") from error


def _approved_later(api: Api, base: str, approved: set[str], records: list[dict[str, Any]]) -> set[str]:
    """Syncs that were approved while the books were read: no findings, just newer than our list."""
    unknown = {record["sync_id"] for record in records} - approved
    if not unknown:
        return set()
    return unknown & {approval["sync_id"] for approval in api.items("wizard", f"{base}/approvals")}


def _show(tenant: str, report: Report) -> None:
    say(f"{tenant}: {report.approvals} approved, {report.settled} with an outcome, {report.pending} pending.")
    if not report.books_compared:
        say("QuickBooks itself was not compared: that needs the sandbox, and a company in it.")
    if report.clean:
        say("Every approval has exactly one outcome or is pending; all books agree.")
    else:
        rows = [vars(finding) for finding in report.findings]
        print_rows(rows, ("rule", "subject", "text"), as_json=False, empty="")
