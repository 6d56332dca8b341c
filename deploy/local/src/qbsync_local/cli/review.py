"""`qbsync approve`: what the Wizard's page does, from the command line."""

from typing import Annotated, Any

import typer

from qbsync_local.cli.options import DATA, Data, Json, Tenant, connect, fail
from qbsync_local.cli.output import print_json, print_rows, say
from qbsync_shared.kinds import Direction, Kind

COLUMNS = ("id", "direction", "kind", "app_id", "title", "operation", "revision")
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
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what waits.")] = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Approve what waits for a tenant: exactly the rows shown, each in the revision shown."""
    base = f"/api/v1/tenants/{tenant}/review"
    with connect(context, data) as api:
        rows = list(api.items("wizard", base, direction=direction, kind=kind, q=query))
        if only:
            rows = [row for row in rows if row["id"] in only]
        if dry_run or not as_json:
            print_rows(rows, COLUMNS, as_json=as_json, empty="Nothing waits for approval.")
        if dry_run:
            return
        if rows and not yes and not typer.confirm(f"Approve these {len(rows)}?"):
            raise fail("Nothing was approved.")
        # In one request: a row may need another one that is approved with it.
        answer = api.call("POST", "wizard", f"{base}/approve", json=_choice(rows)).json() if rows else NOTHING
    _report(answer, as_json=as_json)


def _choice(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "checked": [{"id": row["id"], "revision": row["revision"]} for row in rows],
        "unchecked": "keep",
    }


def _report(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    say(f"Approved: {answer['approved']}.")
    if answer["changed"]:
        say(f"Changed meanwhile, not approved: {len(answer['changed'])}. Look at them again: qbsync approve")
    for item in answer["blocked"]:
        say(f"Blocked: {item['id']} needs {', '.join(map(str, item['needs']))} to be approved too.")
    if answer.get("job"):
        say(f"Still running as job {answer['job']}.")
