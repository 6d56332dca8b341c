"""Options that many commands share, and how a command ends badly."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import httpx
import typer

from qbsync_local import installation
from qbsync_local.api import Api, ApiError

Data = Annotated[
    Path,
    typer.Option("--data", envvar="QBSYNC_DATA", help="Where `qbsync up` keeps its data.", resolve_path=True),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Tenant = Annotated[str, typer.Argument(help="The tenant's id.")]

DATA = Path(".qbsync")


def fail(message: str) -> typer.Exit:
    """Print the message on standard error; to be raised, it ends the command with code 1."""
    sys.stderr.write(message.rstrip() + "\n")
    return typer.Exit(1)


@contextmanager
def connect(context: typer.Context, data: Path) -> Iterator[Api]:
    """The API of the qbsync that the command is about; its refusals end the command with their message.

    A test passes an httpx transport as the context's object.
    """
    transport = context.obj if isinstance(context.obj, httpx.BaseTransport) else None
    try:
        with Api(installation.find(data), transport) as api:
            yield api
    except (ApiError, installation.NotFoundError) as error:
        raise fail(str(error)) from error
