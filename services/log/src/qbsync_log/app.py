"""Puts the log together."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI

from qbsync_log import http
from qbsync_log.letters import LetterReader
from qbsync_log.messages import SCHEMA, SUBSCRIPTIONS
from qbsync_log.service.commands import Commands
from qbsync_log.service.expiry import Expiry
from qbsync_log.service.looking import Looking
from qbsync_log.settings import LogSettings
from qbsync_log.web.pages import routers
from qbsync_log.web.site import Site
from qbsync_shared.clock import Clock, SystemClock
from qbsync_shared.ids import MakeId, uuid7_maker
from qbsync_shared.postgres import Database
from qbsync_shared.service import create_service
from qbsync_shared.web import Pages, install
from qbsync_shared.web.sse import Hints


def make_pages(settings: LogSettings, clock: Clock) -> Pages:
    """The renderer of the log's templates."""
    return Pages(
        "log",
        settings,
        extra_templates="qbsync_log.web",
        clock=clock,
        app_name=settings.app_name,
        sign_in_url=settings.sign_in_url,
    )


def make_routers(
    settings: LogSettings, database: Database, pages: Pages, hints: Hints, make_id: MakeId
) -> Sequence[APIRouter]:
    """API and pages over an open database."""
    commands = Commands(clock=pages.clock, make_id=make_id)
    looking = Looking(database=database, commands=commands)
    site = Site(
        database=database,
        commands=commands,
        looking=looking,
        settings=settings,
        pages=pages,
        hints=hints,
    )
    return [http.routes(database, commands, looking), *routers(site)]


def build(settings: LogSettings) -> FastAPI:
    """The service as an ASGI app."""
    url = settings.database_url.get_secret_value()
    clock = SystemClock()
    database = Database(url, schema=SCHEMA, max_size=settings.database_connections)
    pages, hints = make_pages(settings, clock), Hints(SCHEMA)

    credentials = settings.nats_credentials.get_secret_value() if settings.nats_credentials else None
    letters = LetterReader(database, settings.nats_url.get_secret_value(), credentials)
    expiry = Expiry(database, clock)

    async def listen() -> None:
        await hints.listen(url)

    app = create_service(
        name="log",
        settings=settings,
        database=database,
        subscriptions=SUBSCRIPTIONS,
        loops=[listen, letters.run, expiry.run],
        routers=make_routers(settings, database, pages, hints, uuid7_maker(clock)),
    )
    install(app, settings=settings, pages=pages)
    return app
