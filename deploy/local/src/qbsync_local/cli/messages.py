"""`qbsync dlq ...` and `qbsync replay`: messages that could not be handled, and messages to be said again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import typer

from qbsync_local import catalogue, installation, preparation
from qbsync_local.cli.options import DATA, Data, Json, fail
from qbsync_local.cli.output import print_item, print_rows, say
from qbsync_shared.messaging import dead_letters as letters
from qbsync_shared.messaging.outbox import QUERIES
from qbsync_shared.postgres import Connection, Database

T = TypeVar("T")
BY = "qbsync command"
COLUMNS = ("id", "tenant_id", "consumer", "subject", "reason", "detail", "deliveries", "failed_at", "state")

Service = Annotated[str, typer.Argument(help="wizard, qbwc-gateway, qbo-worker or log.")]
Letter = Annotated[
    str, typer.Argument(help="The dead letter's id as `qbsync dlq list` shows it: SERVICE/NUMBER.")
]

dead_letters = typer.Typer(
    no_args_is_help=True, help="Dead letters: messages that a service could not handle."
)


@dead_letters.command("list")
def list_letters(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many per service.")] = 100,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """List the dead letters that wait for a decision, newest first."""
    rows: list[dict[str, Any]] = []
    for spec in catalogue.SERVICES:
        found = _in_schema(spec, data, lambda connection: letters.dead_letters(connection, limit=limit))
        rows += [_row(spec, letter) for letter in found]
    rows.sort(key=lambda row: str(row["failed_at"]), reverse=True)
    print_rows(rows, COLUMNS, as_json=as_json, empty="No dead letters.")


@dead_letters.command("show")
def show_letter(letter: Letter, data: Data = DATA, as_json: Json = False) -> None:
    """Show one dead letter with its headers and content."""
    spec, number = _parse(letter)
    found = _in_schema(
        spec, data, lambda connection: connection.fetchrow(QUERIES["read_dead_letter"], number)
    )
    if found is None:
        raise fail(f"There is no dead letter {letter}.")
    item = dict(found)
    payload = bytes(item.pop("payload")).decode("utf-8", errors="replace")
    item = {name: _plain(value) for name, value in item.items()}
    print_item({**item, "id": letter, "payload": payload}, as_json=as_json)


@dead_letters.command("replay")
def replay_letter(letter: Letter, data: Data = DATA) -> None:
    """Send a dead letter again to where it came from."""
    _decide(letter, data, letters.replay)
    say(f"{letter} is sent again; it leaves the list once it has been handled.")


@dead_letters.command("discard")
def discard_letter(letter: Letter, data: Data = DATA) -> None:
    """Give a dead letter up; it stays as history."""
    _decide(letter, data, letters.discard)
    say(f"{letter} is discarded.")


def replay(
    service: Service,
    since: Annotated[datetime, typer.Option(help="From this moment on; UTC if it names no zone.")],
    data: Data = DATA,
) -> None:
    """Publish again what a service has said since a moment; consumers drop what they have had."""
    moment = since if since.tzinfo else since.replace(tzinfo=UTC)
    done = _in_schema(
        _spec(service), data, lambda connection: connection.execute(QUERIES["republish_since"], moment)
    )
    say(f"{done.split()[-1]} messages of {service} since {moment.isoformat()} are published again.")


def _spec(name: str) -> catalogue.ServiceSpec:
    try:
        return catalogue.service(name)
    except KeyError:
        names = ", ".join(spec.name for spec in catalogue.SERVICES)
        raise fail(f"There is no service {name!r}. There are: {names}.") from None


def _parse(letter: str) -> tuple[catalogue.ServiceSpec, int]:
    service, _, number = letter.rpartition("/")
    if not number.isdigit():
        raise fail(f"{letter!r} is not the id of a dead letter: they look like wizard/12.")
    return _spec(service), int(number)


def _decide(letter: str, data: Data, decide: Callable[..., Awaitable[None]]) -> None:
    spec, number = _parse(letter)
    try:
        _in_schema(spec, data, lambda connection: decide(connection, number, by=BY))
    except letters.NoSuchDeadLetterError as error:
        raise fail(f"{letter}: {error}.") from error


def _in_schema(spec: catalogue.ServiceSpec, data: Data, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Run `work` in one transaction on a service's schema that sees every tenant."""

    async def run(url: str) -> T:
        database = Database(url, schema=spec.schema, max_size=1)
        await database.open()
        try:
            async with database.everyone() as connection:
                return await work(connection)
        finally:
            await database.close()

    try:
        return asyncio.run(run(installation.database_url(data)))
    except (installation.NotFoundError, *preparation.ERRORS) as error:
        raise fail(f"The messages of {spec.name} cannot be read: {error}") from error


def _row(spec: catalogue.ServiceSpec, letter: letters.DeadLetterRow) -> dict[str, Any]:
    row = {name: _plain(value) for name, value in asdict(letter).items()}
    return {**row, "id": f"{spec.name}/{letter.id}", "service": spec.name}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
