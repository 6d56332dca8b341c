"""`qbsync status`: what runs, and what waits, moves and needs somebody per tenant."""

from collections.abc import Iterator
from typing import Any

import httpx
import typer

from qbsync_local import run_file
from qbsync_local.api import Api, ApiError
from qbsync_local.cli.options import DATA, Data, Json, connect
from qbsync_local.cli.output import print_json, print_rows, say

SERVICE_COLUMNS = ("name", "state", "url", "pid")
TENANT_COLUMNS = ("tenant", "edition", "waiting_for_approval", "pending", "succeeded", "failed", "unsynced")


def status(context: typer.Context, data: Data = DATA, as_json: Json = False) -> None:
    """Show the services and, per tenant, what waits, moves and needs somebody. Ends with code 1 if one is not ready."""
    with connect(context, data) as api:
        services = list(_services(api, run_file.read(data)))
        ready = {row["name"] for row in services if row["state"] == "ready"}
        tenants = list(_tenants(api)) if {"wizard", "log"} <= ready else []
    if as_json:
        print_json({"services": services, "tenants": tenants})
    else:
        print_rows(services, SERVICE_COLUMNS, as_json=False, empty="No services.")
        say("")
        print_rows(tenants, TENANT_COLUMNS, as_json=False, empty="No tenants to show.")
    if len(ready) < len(services):
        raise typer.Exit(1)


def _services(api: Api, running: run_file.RunFile | None) -> Iterator[dict[str, Any]]:
    places = dict(running.services) if running else {}
    for name, url in api.installation.services.items():
        place = places.get(name)
        yield {
            "name": name,
            "state": _state(api, name),
            "url": url,
            "pid": place.pid if place is not None and place.url == url else None,
        }


def _state(api: Api, name: str) -> str:
    """`ready`, `not ready: ...` with the checks that fail, or `no answer`."""
    try:
        api.call("GET", name, "/health/ready")
    except ApiError as error:
        return "no answer" if error.answer is None else f"not ready: {_failed_checks(error.answer)}"
    return "ready"


def _failed_checks(answer: httpx.Response) -> str:
    try:
        checks = answer.json()["checks"]
    except (ValueError, KeyError, TypeError):
        checks = {}
    failed = [f"{name}: {finding}" for name, finding in checks.items() if finding != "ok"]
    return "; ".join(failed) or "it does not say why"


def _tenants(api: Api) -> Iterator[dict[str, Any]]:
    for tenant in api.items("wizard", "/api/v1/tenants"):
        base = f"/api/v1/tenants/{tenant['id']}"
        row = {
            "tenant": tenant["id"],
            "edition": tenant["edition"],
            "waiting_for_approval": api.get("wizard", f"{base}/review", limit=1)["total"],
        }
        for group in ("pending", "succeeded", "failed"):
            row[group] = api.get("log", f"{base}/syncs", state=group, limit=1)["total"]
        row["unsynced"] = api.get("log", f"{base}/unsynced", limit=1)["total"]
        yield row
