"""`qbsync approve`: what the Wizard's page does, from the command line."""

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
