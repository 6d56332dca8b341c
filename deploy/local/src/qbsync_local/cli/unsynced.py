"""`qbsync unsynced`, `resync`, `clear-id`, `link`: what the log's page of Unsynced Entities does, from the command line."""

from typing import Annotated, Any

import typer

from qbsync_local.cli.options import DATA, Data, Json, Tenant, connect, fail
from qbsync_local.cli.output import print_json, print_rows, say
from qbsync_shared.kinds import Kind

COLUMNS = ("sync_id", "unsynced", "kind", "label", "code", "message", "what to do")

FOUND = ("quickbooks_id", "kind", "label", "same", "link")

KindOption = Annotated[Kind | None, typer.Option(help="Only this kind.")]
CodeOption = Annotated[str | None, typer.Option(help="Only this status code.")]
Only = Annotated[list[str] | None, typer.Option("--id", help="Only this sync; may be repeated.")]
Everything = Annotated[
    bool, typer.Option("--all", help="All that need somebody, or all of --kind and --code.")
]
Why = Annotated[str, typer.Option(help="The reason, kept in the log.")]


def unsynced(
    context: typer.Context,
    tenant: Tenant,
    *,
    kind: KindOption = None,
    code: CodeOption = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """List what did not arrive: code, message, cause and the steps that help."""
    path = f"/api/v1/tenants/{tenant}/unsynced"
    with connect(context, data) as api:
        items = list(api.items("log", path, kind=kind, code=code))
    rows = [{**item, "what to do": _advice(item)} for item in items]
    print_rows(items if as_json else rows, COLUMNS, as_json=as_json, empty="No unsynced entities.")


def resync(
    context: typer.Context,
    tenant: Tenant,
    *,
    only: Only = None,
    everything: Everything = False,
    kind: KindOption = None,
    code: CodeOption = None,
    why: Why = "",
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Approve unsynced entities again, with their current data."""
    body = _selection(only, everything=everything, kind=kind, code=code, why=why)
    with connect(context, data) as api:
        path = f"/api/v1/tenants/{tenant}/unsynced/resync"
        answer = api.call("POST", "log", path, json=body).json()
    _report("Resync", answer, as_json=as_json)


def clear_id(
    context: typer.Context,
    tenant: Tenant,
    *,
    only: Only = None,
    everything: Everything = False,
    kind: KindOption = None,
    code: CodeOption = None,
    then_resync: Annotated[
        bool, typer.Option("--resync", help="Create them anew in QuickBooks right after.")
    ] = False,
    sure: Annotated[
        bool, typer.Option("--sure", help="Also where QuickBooks holds another one of that name or number.")
    ] = False,
    why: Why = "",
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Drop the links of entities whose record is gone from QuickBooks. `qbsync link` looks into QuickBooks first."""
    body = _selection(only, everything=everything, kind=kind, code=code, why=why)
    body |= {"resync": then_resync, "sure": sure}
    with connect(context, data) as api:
        path = f"/api/v1/tenants/{tenant}/unsynced/clear-id"
        answer = api.call("POST", "log", path, json=body).json()
    _report("Clear ID", answer, as_json=as_json)


def link(
    context: typer.Context,
    tenant: Tenant,
    sync_id: Annotated[str, typer.Argument(help="The unsynced entity's sync, see `qbsync unsynced`.")],
    *,
    to: Annotated[
        str | None, typer.Option(help="QuickBooks' id of the record to link to; without it they are listed.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Ask QuickBooks anew.")] = False,
    why: Why = "",
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Link an unsynced entity to what QuickBooks holds under its name or number; first list what that is."""
    base = f"/api/v1/tenants/{tenant}/unsynced"
    with connect(context, data) as api:
        if to is None:
            path = f"{base}/{sync_id}/look-up"
            found = api.call("POST", "log", path, params={"again": again}).json()
        else:
            body = {"sync_id": sync_id, "quickbooks_id": to, "why": why}
            answer = api.call("POST", "log", f"{base}/link", json=body).json()
    if to is not None:
        _report("Link", answer, as_json=as_json)
    elif as_json:
        print_json(found)
    else:
        say(_known_from(found))
        rows = [
            {
                **one,
                "same": ", ".join(one["same"]),
                "link": one["refusal"] or f"--to {one['quickbooks_id']}",
            }
            for one in found["found"]
        ]
        print_rows(rows, FOUND, as_json=False, empty="QuickBooks holds nothing of that name or number.")


def _known_from(found: dict[str, Any]) -> str:
    if not found["source"]:
        return "QuickBooks has not answered yet. Repeat the command in a moment."
    if found["source"] == "quickbooks":
        return f"QuickBooks was asked at {found['as_of']}."
    more = " QuickBooks itself is asked with the next run." if found["pending"] else ""
    return f"{found['message'] or 'From what was read of QuickBooks.'}{more}"


def _selection(
    only: list[str] | None, *, everything: bool, kind: Kind | None, code: str | None, why: str
) -> dict[str, Any]:
    if bool(only) == everything:
        raise fail("Say which: --id SYNC (see `qbsync unsynced`), or --all.")
    if only:
        return {"sync_ids": only, "why": why}
    wanted = {"kind": kind, "code": code}
    return {"all_matching": {name: value for name, value in wanted.items() if value is not None}, "why": why}


def _advice(item: dict[str, Any]) -> str:
    guidance = item["guidance"]
    if guidance is None:
        return "-"
    steps = " ".join(f"{number}. {step}" for number, step in enumerate(guidance["steps"], 1))
    return f"{guidance['cause']} {steps}"


def _report(what: str, answer: dict[str, Any], *, as_json: bool) -> None:
    """The answer; code 1 if something was refused."""
    if as_json:
        print_json(answer)
    else:
        say(f"{what}: {len(answer['asked'])} asked for, {len(answer['already'])} under way already.")
        for one in answer["refused"]:
            say(f"Refused: {one['sync_id']}. {one['reason']}")
        if answer["remaining"]:
            say(f"{answer['remaining']} more match; repeat the command for them.")
    if answer["refused"]:
        raise typer.Exit(1)
