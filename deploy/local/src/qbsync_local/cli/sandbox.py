"""`qbsync sandbox ...`: plays the people at the simulated QuickBooks: connects it, runs the Web Connector, looks into the books."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from qbsync_local.api import Api, ApiError
from qbsync_local.cli.options import DATA, Data, Json, Tenant, connect, fail
from qbsync_local.cli.output import print_item, print_json, print_rows, say
from qbsync_local.sandbox.desktop.client import ControlRefusedError, DesktopControl
from qbsync_local.sandbox_books import read_books
from qbsync_shared.kinds import Edition

WHERE = "No simulated QuickBooks {} runs on {}. Start one: qbsync up --sandbox."

sandbox_app = typer.Typer(
    no_args_is_help=True, help="The simulated QuickBooks of `qbsync up`: connect it, run it, look into it."
)
desktop_app = typer.Typer(no_args_is_help=True, help="QuickBooks Desktop and its Web Connector.")
online_app = typer.Typer(no_args_is_help=True, help="QuickBooks Online.")
sandbox_app.add_typer(desktop_app, name="desktop")
sandbox_app.add_typer(online_app, name="online")


@desktop_app.command("add")
def add_application(
    context: typer.Context,
    tenant: Tenant,
    *,
    qwc: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="The file of `connector create`.")],
    password: Annotated[
        str,
        typer.Option(
            envvar="QBSYNC_CONNECTOR_PASSWORD",
            prompt=True,
            hide_input=True,
            help="As `connector create` showed it; asked for if left out.",
        ),
    ],
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Add a .qwc file to the tenant's Web Connector; a new, empty company file is made where there is none."""
    with _desktop(context, data) as control:
        found = control.register(tenant, qwc.read_text("utf-8"), password)
    print_item(found, as_json=as_json)


@desktop_app.command("run")
def run_connector(context: typer.Context, tenant: Tenant, data: Data = DATA, as_json: Json = False) -> None:
    """Run the tenant's Web Connector once. Ends with code 1 if the run did not come to its end."""
    with _desktop(context, data) as control:
        report = control.run(tenant)
    if as_json:
        print_json(report)
    else:
        trips, requests = report["round_trips"], report["requests"]
        say(f"{report['outcome']}: {report['message']} ({requests} requests in {trips} round trips)")
    if report["outcome"] not in {"finished", "no_work"}:
        raise typer.Exit(1)


@online_app.command("connect")
def connect_online(
    context: typer.Context,
    tenant: Tenant,
    realm: Annotated[str | None, typer.Option(help="A company that is there; a new one if left out.")] = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Connect the tenant to a simulated company, as an admin does in the browser: Intuit's page and back."""
    with connect(context, data) as api:
        online = _base(api, Edition.ONLINE, data)
        with _simulator_problems(), httpx.Client(trust_env=False, timeout=60) as browser:
            if realm is None:
                made = browser.post(f"{online}/control/companies", json={"name": tenant})
                realm = str(made.raise_for_status().json()["realm"])
            _agree(browser, api, tenant, realm)
        found = api.get("qbo-worker", f"/api/v1/tenants/{tenant}/connection")
    print_item(found, as_json=as_json)
    if found["state"] != "connected":
        raise typer.Exit(1)


def _agree(browser: httpx.Client, api: Api, tenant: str, realm: str) -> None:
    """What the admin's browser does: Connect, Intuit's page, and back with the cookie that Connect set."""
    begun = browser.get(
        api.url("qbo-worker", f"/connect/{tenant}"),
        headers={"authorization": f"Bearer {api.installation.token}"},
    )
    if not begun.has_redirect_location:
        raise fail(f"qbo-worker does not begin to connect {tenant} ({begun.status_code}).")
    consent = browser.get(httpx.URL(begun.headers["location"]).copy_merge_params({"auto_approve": realm}))
    if not consent.has_redirect_location:
        raise fail(f"The simulated Intuit refused: {_said(consent)}")
    browser.get(consent.headers["location"])


@sandbox_app.command("books")
def books(context: typer.Context, tenant: Tenant, data: Data = DATA, as_json: Json = False) -> None:
    """List what the tenant's simulated QuickBooks holds."""
    with connect(context, data) as api:
        edition = Edition(api.get("wizard", f"/api/v1/tenants/{tenant}")["edition"])
        company = tenant
        if edition is Edition.ONLINE:
            company = api.get("qbo-worker", f"/api/v1/tenants/{tenant}/connection")["realm_id"]
        if company is None:
            raise fail(f"{tenant} is not connected: qbsync sandbox online connect {tenant}")
        with _simulator_problems():
            held = read_books(_base(api, edition, data), edition, company)
    rows = [{"kind": one.kind, "quickbooks_id": one.quickbooks_id, "name": one.key} for one in held]
    print_rows(rows, ("kind", "quickbooks_id", "name"), as_json=as_json, empty="QuickBooks holds nothing.")


def _base(api: Api, edition: Edition, data: Path) -> str:
    found = api.installation.sandbox.get(edition.value)
    if found is None:
        raise ApiError(WHERE.format(edition.value.title(), data))
    return found


@contextmanager
def _desktop(context: typer.Context, data: Path) -> Iterator[DesktopControl]:
    with (
        connect(context, data) as api,
        _simulator_problems(),
        DesktopControl(_base(api, Edition.DESKTOP, data)) as control,
    ):
        yield control


@contextmanager
def _simulator_problems() -> Iterator[None]:
    """What the simulator refuses or does not answer, in its own words."""
    try:
        yield
    except ControlRefusedError as error:
        raise fail(str(error)) from error
    except httpx.HTTPStatusError as error:
        raise fail(f"The simulated QuickBooks refused: {_said(error.response)}") from error
    except httpx.HTTPError as error:
        raise fail(f"The simulated QuickBooks does not answer: {error}") from error


def _said(answer: httpx.Response) -> Any:
    try:
        return answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return answer.status_code
