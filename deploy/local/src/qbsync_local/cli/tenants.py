"""`qbsync tenant create|list|show`: what an operator sets up per customer."""

from typing import Annotated, Any

import typer

from qbsync_local.api import Api, ApiError
from qbsync_local.cli.options import DATA, Data, Json, Tenant, connect
from qbsync_local.cli.output import print_item, print_rows
from qbsync_shared.kinds import Edition, Plan

tenant_app = typer.Typer(no_args_is_help=True, help="Tenants: one customer, one QuickBooks company.")


@tenant_app.command("create")
def create_tenant(
    context: typer.Context,
    tenant: Tenant,
    *,
    edition: Annotated[Edition, typer.Option(help="Which QuickBooks the tenant has.")],
    name: Annotated[str | None, typer.Option(help="The name on pages; the id if left out.")] = None,
    plan: Annotated[Plan, typer.Option(help="Desktop needs plus or premier.")] = Plan.PLUS,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Create a tenant. If it is there, change name, plan and edition and leave its settings as they are."""
    path = f"/api/v1/tenants/{tenant}"
    with connect(context, data) as api:
        known = _known(api, path)
        body: dict[str, Any] = {
            **{field: known[field] for field in ("paused", "settings", "mappings") if field in known},
            "name": name or known.get("name") or tenant,
            "plan": plan.value,
            "edition": edition.value,
        }
        made = api.call("PUT", "wizard", path, json=body).json()
    print_item(made, as_json=as_json)


def _known(api: Api, path: str) -> dict[str, Any]:
    """The tenant as it is now; empty if there is none yet."""
    try:
        found: dict[str, Any] = api.get("wizard", path)
    except ApiError as error:
        if error.answer is not None and error.answer.status_code == 404:
            return {}
        raise
    return found


@tenant_app.command("list")
def list_tenants(context: typer.Context, data: Data = DATA, as_json: Json = False) -> None:
    """List all tenants."""
    with connect(context, data) as api:
        rows = list(api.items("wizard", "/api/v1/tenants"))
    print_rows(
        rows,
        ("id", "name", "plan", "edition", "paused"),
        as_json=as_json,
        empty="No tenants yet. Create one: qbsync tenant create ID --edition desktop",
    )


@tenant_app.command("show")
def show_tenant(context: typer.Context, tenant: Tenant, data: Data = DATA, as_json: Json = False) -> None:
    """Show a tenant and its settings."""
    with connect(context, data) as api:
        item = api.get("wizard", f"/api/v1/tenants/{tenant}")
    print_item(item, as_json=as_json)
