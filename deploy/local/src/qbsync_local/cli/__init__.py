"""The `qbsync` command."""

import typer

from qbsync_local.cli import audit, messages, operations, review, status, tenants

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="qbsync: two-way sync with QuickBooks, approved by people.",
)
app.command("up")(operations.bring_up)
app.command("status")(status.status)
app.command("approve")(review.approve)
app.command("audit")(audit.audit)
app.add_typer(tenants.tenant_app, name="tenant")
app.add_typer(tenants.connector_app, name="connector")
app.command("token")(operations.token)
app.command("serve")(operations.serve)
app.command("migrate")(operations.migrate)
app.command("provision")(operations.provision)
app.command("check-settings")(operations.check_settings)
app.command("replay")(messages.replay)
app.add_typer(messages.dead_letters, name="dlq")

__all__ = ["app"]
