"""The commands by name. A command's module is imported when the command is used: `status` needs no migrations."""

import importlib
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

COMMANDS = {
    "up": "operations:bring_up",
    "status": "status:status",
    "tenant": "tenants:tenant_app",
    "connector": "connector:connector_app",
    "approve": "review:approve",
    "match": "review:match",
    "unsynced": "unsynced:unsynced",
    "resync": "unsynced:resync",
    "clear-id": "unsynced:clear_id",
    "link": "unsynced:link",
    "audit": "audit:audit",
    "token": "access:token",
    "serve": "access:serve",
    "migrate": "operations:migrate",
    "provision": "operations:provision",
    "replay": "messages:replay",
    "dlq": "messages:dead_letters",
    "check-settings": "access:check_settings",
    "sandbox": "sandbox:sandbox_app",
}


class CommandsByName(TyperGroup):
    """Finds a command in COMMANDS: a function, or a group of further commands."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature of the base class
        """In the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Import the command; None if there is none of that name."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        found = getattr(importlib.import_module(f"qbsync_local.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            group = get_group(found)
            group.name = cmd_name
            return group
        single = typer.Typer(add_completion=False)
        single.command(cmd_name)(found)
        return get_command(single)


app = typer.Typer(
    cls=CommandsByName, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
)


@app.callback()
def describe() -> None:
    """qbsync: two-way sync with QuickBooks, approved by people."""
