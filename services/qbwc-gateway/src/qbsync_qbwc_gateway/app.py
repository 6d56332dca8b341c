"""Puts the gateway together."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter, FastAPI

from qbsync_qbwc_gateway import http
from qbsync_qbwc_gateway.binding import Binding
from qbsync_qbwc_gateway.messages import SCHEMA, SERVICE, subscriptions
from qbsync_qbwc_gateway.postgres import repository as store
from qbsync_qbwc_gateway.reconciling import Reconciling
from qbsync_qbwc_gateway.service import Connectors, plans_of
from qbsync_qbwc_gateway.session.announcing import Announcing
from qbsync_qbwc_gateway.session.comparing import Comparing
from qbsync_qbwc_gateway.session.identifying import Identifying
from qbsync_qbwc_gateway.session.login import VersionRules
from qbsync_qbwc_gateway.session.looking import Looking
from qbsync_qbwc_gateway.session.lookups import Finding
from qbsync_qbwc_gateway.session.passwords import Passwords
from qbsync_qbwc_gateway.session.reading import Reading
from qbsync_qbwc_gateway.session.running import Running
from qbsync_qbwc_gateway.session.sending import Sending
from qbsync_qbwc_gateway.session.service import Rules, WebConnector
from qbsync_qbwc_gateway.settings import GatewaySettings
from qbsync_qbwc_gateway.soap.host import soap_router
from qbsync_qbwc_gateway.web.actions import routes as action_routes
from qbsync_qbwc_gateway.web.pages import Site
from qbsync_qbwc_gateway.web.pages import routes as page_routes
from qbsync_qbwc_gateway.web.qwc_form import routes as qwc_routes
from qbsync_qbwc_gateway.web.runs import routes as run_routes
from qbsync_shared.clock import Clock, SystemClock
from qbsync_shared.connector import LinkKeeper, LookUps, WorkQueue
from qbsync_shared.ids import MakeId, uuid7_maker
from qbsync_shared.kinds import Edition
from qbsync_shared.loops import Loop
from qbsync_shared.postgres import Database
from qbsync_shared.service import create_service
from qbsync_shared.web import Pages, install

VERSION = "1.0"
BODY_LIMITS = {"/qbwc": 1 << 40}
"""The SOAP endpoint bounds its bodies itself, so that even that refusal is a SOAP fault."""


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """The parts over one database."""

    queue: WorkQueue
    keeper: LinkKeeper
    finding: Finding
    connector: WebConnector
    connectors: Connectors
    reconciling: Reconciling
    binding: Binding


def make_set_id() -> str:
    """An id of a message set: 22 of at most 23 characters (qbxml.md, section 2)."""
    return secrets.token_hex(11)


def assemble(
    settings: GatewaySettings,
    database: Database,
    *,
    clock: Clock,
    make_id: MakeId,
    passwords: Passwords | None = None,
) -> Gateway:
    """Wire the parts; nothing is opened or started."""
    queue = WorkQueue(Edition.DESKTOP, clock=clock, make_id=make_id)
    keeper = LinkKeeper(Edition.DESKTOP, clock=clock, make_id=make_id)
    passwords = passwords or Passwords(now=clock.now)
    announcing = Announcing(clock=clock, make_id=make_id)
    sending = Sending(queue, Looking(queue, keeper), clock=clock, make_set_id=make_set_id)
    comparing = Comparing(queue, sending, announcing, clock=clock)
    identifying = Identifying(comparing, announcing, clock=clock)
    reading = Reading(keeper, clock=clock)
    finding = Finding(LookUps(Edition.DESKTOP, clock=clock, make_id=make_id), keeper)
    running = Running(
        queue=queue,
        identifying=identifying,
        reading=reading,
        finding=finding,
        sending=sending,
        comparing=comparing,
        announcing=announcing,
        clock=clock,
    )
    plans = plans_of(settings.desktop_plans)
    rules = _rules(settings)
    connector = WebConnector(
        database, running, announcing, passwords, rules=rules, clock=clock, make_id=make_id
    )
    return Gateway(
        queue=queue,
        keeper=keeper,
        finding=finding,
        connector=connector,
        connectors=Connectors(
            database,
            passwords,
            keeper,
            announcing,
            clock=clock,
            make_id=make_id,
            owner_id=settings.owner_id,
            public_url=settings.public_url,
            plans=plans,
        ),
        reconciling=Reconciling(database, keeper, announcing, clock=clock, make_id=make_id),
        binding=Binding(database, keeper, connector, announcing, clock=clock, make_id=make_id),
    )


def _rules(settings: GatewaySettings) -> Rules:
    versions = VersionRules(
        warn_below=settings.connector_warn_below,
        require=settings.connector_require,
        refuse=settings.connector_refuse,
    )
    return Rules(
        version=VERSION,
        plans=plans_of(settings.desktop_plans),
        read_every=timedelta(seconds=settings.read_every_seconds),
        versions=versions,
    )


def make_loops(settings: GatewaySettings, database: Database, gateway: Gateway, clock: Clock) -> list[Loop]:
    """Housekeeping: runs that fell silent, apps that fell silent, old message sets."""

    async def tidy() -> None:
        while True:
            await gateway.connector.expire(silent_for=timedelta(minutes=settings.session_idle_minutes))
            await _give_up_on_apps(database, gateway.keeper)
            before = clock.now() - timedelta(days=settings.keep_sets_days)
            async with database.everyone() as connection:
                await connection.execute(store.QUERIES["forget_sets"], before)
                await connection.execute(
                    store.QUERIES["forget_sessions"],
                    clock.now() - timedelta(days=settings.keep_runs_days),
                    clock.now() - timedelta(days=1),
                )
            await asyncio.sleep(60)

    return [tidy]


async def _give_up_on_apps(database: Database, keeper: LinkKeeper) -> None:
    async with database.everyone() as connection:
        rows = await connection.fetch(store.QUERIES["tenants_awaiting_app"])
    for row in rows:
        async with database.tenant(row["tenant_id"]) as connection:
            await keeper.give_up_on_app(connection, row["tenant_id"])


def make_routers(
    settings: GatewaySettings, database: Database, gateway: Gateway, pages: Pages
) -> Sequence[APIRouter]:
    """SOAP, API and pages."""
    site = Site(pages, gateway.connectors, gateway.reconciling, gateway.binding)
    return [
        soap_router(gateway.connector, public_url=settings.public_url),
        http.routes(
            database,
            gateway.connectors,
            gateway.reconciling,
            gateway.binding,
            app_name=settings.app_name,
        ),
        page_routes(site),
        action_routes(site),
        run_routes(site),
        qwc_routes(site),
    ]


def make_pages(settings: GatewaySettings, clock: Clock) -> Pages:
    """The renderer of the gateway's templates."""
    return Pages(
        SERVICE,
        settings,
        extra_templates="qbsync_qbwc_gateway.web",
        clock=clock,
        app_name=settings.app_name,
        sign_in_url=settings.sign_in_url,
    )


def build(settings: GatewaySettings) -> FastAPI:
    """The service as an ASGI app."""
    clock = SystemClock()
    database = Database(
        settings.database_url.get_secret_value(), schema=SCHEMA, max_size=settings.database_connections
    )
    gateway = assemble(settings, database, clock=clock, make_id=uuid7_maker(clock))
    pages = make_pages(settings, clock)
    app = create_service(
        name=SERVICE,
        settings=settings,
        database=database,
        subscriptions=subscriptions(gateway.queue, gateway.keeper, gateway.finding, gateway.connectors),
        loops=make_loops(settings, database, gateway, clock),
        routers=make_routers(settings, database, gateway, pages),
    )
    install(app, settings=settings, pages=pages, body_limits=BODY_LIMITS)
    return app
