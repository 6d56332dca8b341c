"""The `qbsync` command."""

from qbsync_local.cli.main import app

__all__ = ["app"]
