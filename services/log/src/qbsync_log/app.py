"""Puts the log together."""

from fastapi import FastAPI

from qbsync_log import http
from qbsync_log.messages import SCHEMA, SUBSCRIPTIONS
from qbsync_log.service.commands import Commands
from qbsync_log.settings import LogSettings
from qbsync_shared.clock import SystemClock
from qbsync_shared.ids import uuid7_maker
from qbsync_shared.postgres import Database
from qbsync_shared.service import create_service
from qbsync_shared.web import Pages, install
from qbsync_shared.web.sse import Hints


def build(settings: LogSettings) -> FastAPI:
    """The service as an ASGI app."""
    url = settings.database_url.get_secret_value()
    clock = SystemClock()
    database = Database(url, schema=SCHEMA, max_size=settings.database_connections)
    commands = Commands(clock=clock, make_id=uuid7_maker(clock))
    pages = Pages("log", settings, extra_templates="qbsync_log.web", clock=clock, app_name=settings.app_name)
    hints = Hints(SCHEMA)
    app = create_service(
        name="log",
        settings=settings,
        database=database,
        subscriptions=SUBSCRIPTIONS,
        loops=[lambda: hints.listen(url)],
        routers=[http.routes(database, commands)],
    )
    install(app, settings=settings, pages=pages)
    return app
