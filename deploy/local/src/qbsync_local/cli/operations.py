"""`qbsync up`, `migrate`, `provision`: the system itself, its schemas and its streams."""

import asyncio
from typing import Annotated

import typer

from qbsync_local import catalogue, installation, preparation, up
from qbsync_local.cli.options import DATA, Data, fail
from qbsync_local.cli.output import say
from qbsync_local.terminal import Terminal

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
        sandbox=catalogue.installed_sandbox() if sandbox else (),
    )
    raise typer.Exit(up.bring_up(plan, Terminal()))


def migrate(data: Data = DATA) -> None:
    """Bring the schemas of all services up to date in QBSYNC_DATABASE_URL, or in the one that runs on --data."""
    try:
        applied = asyncio.run(preparation.migrate(installation.database_url(data)))
    except (installation.NotFoundError, *preparation.ERRORS) as error:
        raise fail(f"The schemas were not brought up to date: {error}") from error
    for service, revisions in applied.items():
        say(f"{service}: {', '.join(revisions) or 'was up to date'}")


def provision(
    replicas: Annotated[int, typer.Option(min=1, max=5, help="Copies of each stream in a cluster.")] = 1,
    allow_shrink: Annotated[bool, typer.Option("--allow-shrink", help="Also hold less than now.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    data: Data = DATA,
) -> None:
    """Create or update the streams in QBSYNC_NATS_URL, or in the one that runs on --data."""
    try:
        changes = asyncio.run(
            preparation.provision(
                installation.nats_url(data), replicas=replicas, allow_shrink=allow_shrink, dry_run=dry_run
            )
        )
    except (installation.NotFoundError, *preparation.ERRORS) as error:
        raise fail(f"The streams were not provisioned: {error}") from error
    for change in changes:
        say(change)
    if not changes:
        say("All streams were as they should be.")
