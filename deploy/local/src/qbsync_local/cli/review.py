"""`qbsync approve` and `match`: what the Wizard's page does, from the command line."""

from typing import Annotated, Any

import typer

from qbsync_local.cli.options import DATA, Data, Json, Tenant, connect, fail
from qbsync_local.cli.output import print_json, print_rows, say
from qbsync_shared.kinds import Direction, Kind

COLUMNS = ("id", "direction", "kind", "operation", "label", "party", "amount", "date")
NOTHING: dict[str, Any] = {"approved": 0, "changed": [], "blocked": []}


def approve(
    context: typer.Context,
    tenant: Tenant,
    *,
    direction: Annotated[Direction | None, typer.Option(help="Only imports, or only exports.")] = None,
    kind: Annotated[Kind | None, typer.Option(help="Only this kind.")] = None,
    query: Annotated[str | None, typer.Option("--query", "-q", help="Only rows with this text.")] = None,
    only: Annotated[
        list[str] | None, typer.Option("--id", help="Only this review item; may be repeated.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; --json never asks.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what waits.")] = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Approve what waits for a tenant. A row that changes after it was shown is not approved."""
    base = f"/api/v1/tenants/{tenant}/review"
    with connect(context, data) as api:
        pages = list(api.pages("wizard", base, direction=direction, kind=kind, q=query))
        rows = [row for page in pages for row in page["items"] if not only or row["id"] in only]
        if dry_run or not as_json:
            print_rows(rows, COLUMNS, as_json=as_json, empty="Nothing waits for approval.")
        if dry_run:
            return
        if rows and not yes and not as_json and not typer.confirm(f"Approve these {len(rows)}?"):
            raise fail("Nothing was approved.")
        body: dict[str, Any]
        if only:
            body = {"checked": [{"id": row["id"], "revision": row["revision"]} for row in rows]}
        else:
            chosen = {"direction": direction, "kind": kind, "q": query}
            chosen = {name: value for name, value in chosen.items() if value is not None}
            body = {"all_matching": {"filter": chosen, "as_of": pages[0]["as_of"]}}
        answer = api.call("POST", "wizard", f"{base}/approve", json=body).json() if rows else NOTHING
    _report(answer, as_json=as_json)


def _report(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    say(f"Approved: {answer['approved']}.")
    if answer["changed"]:
        say(f"Changed meanwhile, not approved: {len(answer['changed'])}. Look at them again: qbsync approve")
    for item in answer["blocked"]:
        reasons = " ".join(str(need["message"]) for need in item["needs"])
        say(f"Blocked: {item['id']}. {reasons}")
    if answer.get("job"):
        say(f"Still running as job {answer['job']}.")


MATCHES = ("kind", "label", "app_id", "quickbooks_label", "quickbooks_id", "same", "confidence")


def match(
    context: typer.Context,
    tenant: Tenant,
    *,
    least: Annotated[
        int | None,
        typer.Option("--from", min=50, max=99, help="Link all that are at least so sure, in percent."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; --json never asks.")] = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """List records that the app and QuickBooks seem to hold both; with --from link them, without they stay as they are."""
    base = f"/api/v1/tenants/{tenant}/matches"
    with connect(context, data) as api:
        found = api.get("wizard", base, limit=1000, least=least)
        if least is None or not as_json:
            print_rows(found["items"], MATCHES, as_json=as_json, empty="Nothing is to be matched.")
        if least is None or not found["total"]:
            return
        if not yes and not as_json and not typer.confirm(f"Link these {found['total']}?"):
            raise fail("Nothing was linked.")
        linked, body = 0, {"least": least, "as_of": found["as_of"]}
        while True:
            answer = api.call("POST", "wizard", f"{base}/link", json=body).json()
            linked += answer["linked"]
            if not answer["linked"] or not answer["remaining"]:
                break
    if as_json:
        print_json({"linked": linked, "remaining": answer["remaining"]})
    else:
        say(f"Linked: {linked}. What differs between the two waits in the Sync Wizard.")
