"""`qbsync token`, `serve`, `check-settings`."""

import runpy
from typing import Annotated

import typer

from qbsync_local import catalogue, installation, settings_check
from qbsync_local.cli.options import DATA, Data, Json, fail
from qbsync_local.cli.output import print_json, print_rows, say
from qbsync_shared.ids import is_tenant_id
from qbsync_shared.web.auth import EVERYBODY, Role


def serve(service: Annotated[str, typer.Argument(help="wizard, qbwc-gateway, qbo-worker or log.")]) -> None:
    """Run one service in this process, with the settings of the environment."""
    names = [spec.name for spec in catalogue.SERVICES]
    if service not in names:
        raise fail(f"There is no service {service!r}. There are: {', '.join(names)}.")
    runpy.run_module(catalogue.service(service).module, run_name="__main__", alter_sys=True)


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
