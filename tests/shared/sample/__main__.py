"""Serves the sample: one route that says something, one subscription that notes it."""

from fastapi import APIRouter, FastAPI

from qbsync_shared import subjects
from qbsync_shared.messages import Message, Pause
from qbsync_shared.messaging import Subscription, publish
from qbsync_shared.postgres import Connection, Database
from qbsync_shared.service import create_service, run
from qbsync_shared.settings import ServiceSettings


async def note(connection: Connection, message: Message) -> None:
    await connection.execute(
        "insert into effect (tenant_id, event_id) values ($1, $2)", message.tenant, message.id
    )


def build(settings: ServiceSettings) -> FastAPI:
    database = Database(settings.database_url.get_secret_value(), schema="sample")
    router = APIRouter()

    @router.post("/say", status_code=202)
    async def say(message: Pause) -> dict[str, str]:
        async with database.tenant(message.tenant) as connection:
            await publish(connection, message)
        return {"id": message.id}

    @router.get("/heard")
    async def heard() -> list[str]:
        async with database.everyone() as connection:
            return [row["event_id"] for row in await connection.fetch("select event_id from effect")]

    return create_service(
        name="sample",
        settings=settings,
        database=database,
        subscriptions=[
            Subscription(
                subjects.COMMANDS, "qbsync.v1.*.desktop.command.pause", "sample-command-pause", Pause, note
            )
        ],
        loops=[],
        routers=[router],
    )


if __name__ == "__main__":
    run(build, ServiceSettings)
