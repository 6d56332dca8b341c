"""Commands that act on storage, messaging and settings: migrate, provision, serve, check-settings, token, up."""

import asyncio
import runpy
from typing import Annotated

import typer

from qbsync_local import catalogue, installation, preparation, settings_check, up
from qbsync_local.cli.options import DATA, Data, Json, fail
from qbsync_local.cli.output import print_json, print_rows, say
from qbsync_local.terminal import Terminal
from qbsync_shared.ids import is_tenant_id
from qbsync_shared.web.auth import EVERYBODY, Role

PORT_BASE = 8100


def bring_up(
    sandbox: Annotated[
        bool, typer.Option(help="Also start the simulated QuickBooks and the demo app.")
    ] = True,
    data: Data = DATA,
    port_base: Annotated[
        int, typer.Option(min=1024, max=65000, help="Ports are this plus 1, 2, ...")
    ] = PORT_BASE,
) -> None:
    """Start PostgreSQL, NATS and the four services on this machine, and keep them running until Ctrl-C."""
    plan = up.Plan(
        data=data,
        port_base=port_base,
        migrate=preparation.migrate,
        provision=preparation.provision,
        sandbox=catalogue.SANDBOX if sandbox else (),
    )
    raise typer.Exit(up.bring_up(plan, Terminal()))


def serve(service: Annotated[str, typer.Argument(help="wizard, qbwc-gateway, qbo-worker or log.")]) -> None:
    """Run one service in this process, with the settings of the environment."""
    names = [spec.name for spec in catalogue.SERVICES]
    if service not in names:
        raise fail(f"There is no service {service!r}. There are: {', '.join(names)}.")
    runpy.run_module(catalogue.service(service).module, run_name="__main__", alter_sys=True)


def migrate(data: Data = DATA) -> None:
    """Bring the schemas of all services up to date in QBSYNC_DATABASE_URL, or in the one that runs on --data."""
    try:
        url = installation.database_url(data)
        asyncio.run(preparation.migrate(url))
    except (installation.NotFoundError, *preparation.ERRORS) as error:
        raise fail(f"The schemas were not brought up to date: {error}") from error
    say("All schemas are up to date.")


def provision(data: Data = DATA) -> None:
    """Create or update the streams and consumers in QBSYNC_NATS_URL, or in the one that runs on --data."""
    try:
        url = installation.nats_url(data)
        asyncio.run(preparation.provision(url))
    except (installation.NotFoundError, *preparation.ERRORS) as error:
        raise fail(f"The streams were not provisioned: {error}") from error
    say("All streams and consumers are provisioned.")


def token(
    tenant: Annotated[str, typer.Option(help="The tenant it opens; * for all.")] = EVERYBODY,
    role: Annotated[str, typer.Option(help="viewer, approver, admin or operator.")] = Role.OPERATOR.label,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Print a token of one hour, for the Authorization header or for /session?token=..."""
    if role.upper() not in Role.__members__:
        raise fail(f"There is no role {role!r}. There are: {', '.join(known.label for known in Role)}.")
    if tenant != EVERYBODY and not is_tenant_id(tenant):
        raise fail(f"{tenant!r} is not a tenant id: small letters, digits and dashes, at most 63.")
    try:
        made = installation.token(data, tenant=tenant, role=Role[role.upper()])
    except (installation.NotFoundError, OSError) as error:
        raise fail(str(error)) from error
    if as_json:
        print_json({"token": made, "tenant": tenant, "role": role})
    else:
        say(made)


def check_settings(
    service: Annotated[str | None, typer.Argument(help="One service; all if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Read the settings of the environment as the services do, and list everything that is wrong. Code 1 if so."""
    chosen = [spec for spec in catalogue.SERVICES if service in {None, spec.name}]
    if not chosen:
        raise fail(f"There is no service {service!r}.")
    rows = [
        {"service": spec.name, "problem": problem}
        for spec in chosen
        for problem in settings_check.problems(spec)
    ]
    print_rows(rows, ("service", "problem"), as_json=as_json, empty="The settings are complete.")
    if rows:
        raise typer.Exit(1)
