"""`qbsync connector ...`: the QuickBooks Web Connector of a tenant, its company file, its runs."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from qbsync_local.api import Api
from qbsync_local.cli.options import DATA, Data, Json, Tenant, connect, fail
from qbsync_local.cli.output import print_item, print_rows, say
from qbsync_local.private_file import write_private

connector_app = typer.Typer(no_args_is_help=True, help="The QuickBooks Web Connector of a tenant.")
GATEWAY = "qbwc-gateway"
QWC_HELP = "Also write the .qwc file for the Web Connector there."

Qwc = Annotated[Path | None, typer.Option(help=QWC_HELP)]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@connector_app.command("create")
def create_connector(
    context: typer.Context,
    tenant: Tenant,
    qwc: Qwc = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Create the connector's user and show its password, once; repeating it makes a new password."""
    base = f"/api/v1/tenants/{tenant}"
    with connect(context, data) as api:
        answer: dict[str, Any] = api.call("POST", GATEWAY, f"{base}/connector").json()
        file = api.call("GET", GATEWAY, f"{base}/connector.qwc").content if qwc else None
    if qwc is not None and file is not None:
        try:
            write_private(qwc, file.decode("utf-8"))
        except OSError as error:
            print_item(answer, as_json=as_json)
            raise fail(
                f"{qwc} could not be written: {error.strerror}. The password above is valid."
            ) from error
    print_item(answer, as_json=as_json)
    if not as_json:
        say(
            "The password is shown only now."
            + (f" Open {qwc} in the Web Connector and enter it there." if qwc else "")
        )


@connector_app.command("qwc")
def choose_qwc(
    context: typer.Context,
    tenant: Tenant,
    *,
    chosen: Annotated[
        list[str] | None,
        typer.Option("--set", help="A field and its value: run_every_minutes=15; empty for the standard."),
    ] = None,
    qwc: Qwc = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Show what the .qwc file says and how runs go; with --set change it."""
    path = f"{_base(tenant)}/connector/qwc"
    with connect(context, data) as api:
        choices: dict[str, Any] = {
            name: value for name, value in api.get(GATEWAY, path).items() if value is not None
        }
        for one in chosen or []:
            name, separator, value = one.partition("=")
            if not separator:
                raise fail(f"--set {one}: write field=value.")
            choices.pop(name, None)
            if value:
                choices[name] = _value(value)
        if chosen:
            api.call("PUT", GATEWAY, path, json=choices)
            choices = api.get(GATEWAY, path)
        _write_qwc(api, tenant, qwc)
    print_item(choices, as_json=as_json)


@connector_app.command("new-ids")
def new_ids(context: typer.Context, tenant: Tenant, qwc: Qwc = None, data: Data = DATA) -> None:
    """Make new ids, where the Web Connector refuses to add the .qwc file (QBWC1039). The same company file stays bound."""
    with connect(context, data) as api:
        api.call("POST", GATEWAY, f"{_base(tenant)}/connector/ids")
        _write_qwc(api, tenant, qwc)
    say(
        "New ids are made. Open the new .qwc file on the PC; only the company file with the former ids is taken."
    )


@connector_app.command("renamed")
def renamed(context: typer.Context, tenant: Tenant, data: Data = DATA) -> None:
    """The company file has another name or folder now; it must carry this connection's ids."""
    with connect(context, data) as api:
        api.call("POST", GATEWAY, f"{_base(tenant)}/connector/renamed")
    say("The file that is open at the next run is taken under its name, if it carries the ids.")


@connector_app.command("rebind")
def rebind(context: typer.Context, tenant: Tenant, yes: Yes = False, data: Data = DATA) -> None:
    """Bind to another company: all links become history, imports start anew. Shows what would end, and asks."""
    base = f"{_base(tenant)}/connector"
    with connect(context, data) as api:
        books = api.get(GATEWAY, f"{base}/binding")
        if books["unsettled"]:
            raise fail(
                f"{books['unsettled']} approved changes are not finished. Let the connector run first."
            )
        kinds = ", ".join(f"{count} {kind}" for kind, count in books["links"].items()) or "none"
        say(f"Links that end: {books['link_count']} ({kinds})")
        say(f"Records of the old company that are forgotten: {books['record_count']}")
        if not yes and not typer.confirm(f"Bind {tenant} to another company?"):
            raise fail("Nothing was changed.")
        api.call("POST", GATEWAY, f"{base}/rebind", json={"links": books["link_count"]})
    say(
        "The company file that is open at the next run is taken. Write its new .qwc file: qbsync connector qwc"
    )


@connector_app.command("runs")
def runs(context: typer.Context, tenant: Tenant, data: Data = DATA, as_json: Json = False) -> None:
    """The last runs of the Web Connector."""
    with connect(context, data) as api:
        rows = api.get(GATEWAY, f"{_base(tenant)}/connector")["sessions"]
    columns = ("session_id", "started_at", "sent", "received", "failed", "result")
    print_rows(rows, columns, as_json=as_json, empty="There was no run with work yet.")


@connector_app.command("transcript")
def transcript(
    context: typer.Context,
    tenant: Tenant,
    run: Annotated[str, typer.Argument(help="The run, as `qbsync connector runs` shows it.")],
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """What was exchanged in a run, call by call: names, codes and sizes, no contents of records."""
    with connect(context, data) as api:
        found = api.get(GATEWAY, f"{_base(tenant)}/connector/runs/{run}")
    if as_json:
        print_item(found, as_json=True)
        return
    rows = [{**one, "note": json.dumps(one["note"])} for one in found["transcript"]]
    columns = ("position", "at", "call", "took_ms", "note")
    print_rows(rows, columns, as_json=False, empty="No calls are kept of this run.")


def _base(tenant: str) -> str:
    return f"/api/v1/tenants/{tenant}"


def _value(text: str) -> Any:
    """A number or a truth value as such, all else as text."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.isdecimal() else text


def _write_qwc(api: Api, tenant: str, path: Path | None) -> None:
    if path is None:
        return
    text = api.call("GET", GATEWAY, f"{_base(tenant)}/connector.qwc").content.decode("utf-8")
    try:
        write_private(path, text)
    except OSError as error:
        raise fail(f"{path} could not be written: {error.strerror}.") from error
