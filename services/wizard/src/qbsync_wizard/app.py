"""Wires the wizard; the only place that does."""

from fastapi import FastAPI

from qbsync_shared.clock import SystemClock
from qbsync_shared.ids import uuid7_maker
from qbsync_shared.postgres import Database
from qbsync_shared.service import create_service
from qbsync_shared.web import install
from qbsync_wizard import http, messages
from qbsync_wizard.api import Api
from qbsync_wizard.jobs import Jobs
from qbsync_wizard.service.context import SCHEMA, Context
from qbsync_wizard.settings import WizardSettings
from qbsync_wizard.web import pages
from qbsync_wizard.web.site import Site

BODY_LIMITS = {"/api/": 16_000_000, "/t/": 4_000_000}
"""Bytes: a thousand entities in one request, and a form with every row of a page."""


def build(settings: WizardSettings) -> FastAPI:
    """The wizard as an ASGI app."""
    clock = SystemClock()
    database = Database(
        settings.database_url.get_secret_value(), schema=SCHEMA, max_size=settings.database_connections
    )
    return assemble(settings, database, Context(clock, uuid7_maker(clock)))


def assemble(settings: WizardSettings, database: Database, context: Context) -> FastAPI:
    """The same on a given database and clock."""
    jobs = Jobs(database, context)
    site = Site.make(database, context, jobs, settings)
    app = create_service(
        name="wizard",
        settings=settings,
        database=database,
        subscriptions=messages.subscriptions(context),
        loops=[jobs.run, jobs.return_kept, jobs.recheck, jobs.follow_rules, site.listen],
        routers=[http.router(Api(database, context, jobs, settings)), pages.router(site)],
    )
    install(app, settings=settings, pages=site.pages, body_limits=BODY_LIMITS)
    app.state.jobs = jobs
    return app
