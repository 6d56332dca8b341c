"""Puts the worker together; the only module that knows all of it."""

import random
import secrets
import socket

import httpx
from fastapi import FastAPI

from qbsync_qbo_worker.http import api_routes
from qbsync_qbo_worker.messages import subscriptions
from qbsync_qbo_worker.oauth import Endpoints, Intuit
from qbsync_qbo_worker.quickbooks import QuickBooksClient
from qbsync_qbo_worker.service.connecting import Connecting
from qbsync_qbo_worker.service.doubts import Doubts
from qbsync_qbo_worker.service.drain import Drain
from qbsync_qbo_worker.service.keeping import Keeper
from qbsync_qbo_worker.service.looking import Finder
from qbsync_qbo_worker.service.loops import Loops
from qbsync_qbo_worker.service.pausing import Pausing
from qbsync_qbo_worker.service.quota import ReadMeter
from qbsync_qbo_worker.service.rates import INTUITS, Limits, Rates
from qbsync_qbo_worker.service.reading import Reader
from qbsync_qbo_worker.service.rebinding import Rebinding
from qbsync_qbo_worker.service.sending import Sender
from qbsync_qbo_worker.service.settling import Settler
from qbsync_qbo_worker.service.tokens import Tokens
from qbsync_qbo_worker.settings import WorkerSettings
from qbsync_qbo_worker.web.actions import action_routes
from qbsync_qbo_worker.web.landing import landing_routes
from qbsync_qbo_worker.web.pages import Site, page_routes
from qbsync_shared.clock import Clock, SystemClock
from qbsync_shared.connector import LinkKeeper, LookUps, WorkQueue
from qbsync_shared.encryption import Keyring
from qbsync_shared.ids import MakeId, uuid7_maker
from qbsync_shared.kinds import Edition
from qbsync_shared.postgres import Database
from qbsync_shared.service import create_service
from qbsync_shared.web import Pages, install
from qbsync_shared.web.security import origin


def build(
    settings: WorkerSettings,
    *,
    clock: Clock | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    """The worker as an ASGI app.

    Args:
        settings: read from the environment.
        clock: the time; the machine's by default.
        transport: how Intuit is reached; over the network by default.
    """
    url = settings.database_url.get_secret_value()
    database = Database(url, schema="worker", max_size=settings.database_connections)
    return assemble(settings, database, clock=clock or SystemClock(), transport=transport)


def assemble(
    settings: WorkerSettings,
    database: Database,
    *,
    clock: Clock,
    transport: httpx.AsyncBaseTransport | None = None,
    limits: Limits = INTUITS,
) -> FastAPI:
    """The worker over a database; its loops are in ``state.loops``."""
    make_id = uuid7_maker(clock)
    keyring = Keyring.parse(settings.encryption_keys.get_secret_value())
    intuit = make_intuit(settings, clock, transport)
    queue = WorkQueue(Edition.ONLINE, clock=clock, make_id=make_id)
    links = LinkKeeper(Edition.ONLINE, clock=clock, make_id=make_id)
    tokens = Tokens(database=database, intuit=intuit, keyring=keyring, clock=clock, make_id=make_id)
    client = make_client(settings, transport)
    connecting = Connecting(
        database=database,
        intuit=intuit,
        tokens=tokens,
        rebinding=Rebinding(links=links, clock=clock),
        client=client,
        keyring=keyring,
        clock=clock,
        make_id=make_id,
    )
    pausing = Pausing(database=database, links=links, clock=clock, make_id=make_id)
    rates = Rates(database=database, clock=clock, limits=limits)
    sender = Sender(database=database, client=client, tokens=tokens, rates=rates, clock=clock)
    look_ups = LookUps(Edition.ONLINE, clock=clock, make_id=make_id)
    finder = Finder(database=database, look_ups=look_ups, links=links, sender=sender, clock=clock)
    loops = make_loops(
        settings, database, queue=queue, links=links, sender=sender, clock=clock, make_id=make_id
    )
    pages = make_pages(settings, clock)
    site = make_site(settings, database, pages, connecting=connecting, pausing=pausing, rates=rates)
    app = create_service(
        name="qbo-worker",
        settings=settings,
        database=database,
        subscriptions=subscriptions(queue, links, look_ups, connecting, pausing),
        loops=[
            *loops.all(),
            finder.listen,
            finder.run,
            Keeper(database=database, tokens=tokens, clock=clock).run,
        ],
        routers=[
            api_routes(database=database, connecting=connecting, on_connected=loops.read_now, pages=pages),
            landing_routes(database, connecting, pages),
            page_routes(site),
            action_routes(site),
        ],
    )
    app.state.loops = loops
    install(app, settings=settings, pages=pages, form_targets=authorisation_origins(settings))
    return app


def make_pages(settings: WorkerSettings, clock: Clock) -> Pages:
    """The renderer of the worker's templates."""
    return Pages(
        "qbo-worker",
        settings,
        extra_templates="qbsync_qbo_worker.web",
        clock=clock,
        app_name=settings.app_name,
        sign_in_url=settings.sign_in_url,
    )


def make_site(
    settings: WorkerSettings,
    database: Database,
    pages: Pages,
    *,
    connecting: Connecting,
    pausing: Pausing,
    rates: Rates,
) -> Site:
    """What the connection page shows and does."""
    return Site(
        pages=pages,
        database=database,
        connecting=connecting,
        pausing=pausing,
        rates=rates,
        meter=ReadMeter(database=database, clock=pages.clock, quota=settings.qbo_read_quota),
        read_interval=settings.read_interval_seconds,
    )


def make_loops(
    settings: WorkerSettings,
    database: Database,
    *,
    queue: WorkQueue,
    links: LinkKeeper,
    sender: Sender,
    clock: Clock,
    make_id: MakeId,
) -> Loops:
    """Sending and reading."""
    return Loops(
        database=database,
        drain=make_drain(
            settings, database, queue=queue, links=links, sender=sender, clock=clock, make_id=make_id
        ),
        reader=Reader(database=database, links=links, sender=sender, clock=clock, make_id=make_id),
        links=links,
        clock=clock,
        read_interval=settings.read_interval_seconds,
    )


def make_client(settings: WorkerSettings, transport: httpx.AsyncBaseTransport | None) -> QuickBooksClient:
    """What talks HTTP to QuickBooks."""
    return QuickBooksClient(
        settings.qbo_api_url,
        minorversion=settings.qbo_minorversion,
        answer_seconds=settings.qbo_answer_seconds,
        transport=transport,
    )


def make_drain(
    settings: WorkerSettings,
    database: Database,
    *,
    queue: WorkQueue,
    links: LinkKeeper,
    sender: Sender,
    clock: Clock,
    make_id: MakeId,
) -> Drain:
    """What sends approved work; this process is one holder of leases."""
    doubts = Doubts(database=database, sender=sender)
    settler = Settler(
        database=database,
        queue=queue,
        links=links,
        sender=sender,
        doubts=doubts,
        clock=clock,
        spread=random.random,
    )
    return Drain(
        database=database,
        queue=queue,
        sender=sender,
        settler=settler,
        doubts=doubts,
        clock=clock,
        make_id=make_id,
        holder=f"{socket.gethostname()}-{secrets.token_hex(4)}",
        answer_seconds=settings.qbo_answer_seconds,
    )


def make_intuit(settings: WorkerSettings, clock: Clock, transport: httpx.AsyncBaseTransport | None) -> Intuit:
    """Intuit's authorisation server, by discovery or by the three addresses."""
    endpoints = None
    if settings.intuit_authorize_url and settings.intuit_token_url and settings.intuit_revoke_url:
        endpoints = Endpoints(
            authorize=settings.intuit_authorize_url,
            token=settings.intuit_token_url,
            revoke=settings.intuit_revoke_url,
        )
    return Intuit(
        endpoints=endpoints,
        discovery_url=settings.intuit_discovery_url,
        client_id=settings.intuit_client_id,
        client_secret=settings.intuit_client_secret.get_secret_value(),
        redirect_uri=f"{settings.public_url}/oauth/callback",
        clock=clock,
        transport=transport,
    )


def authorisation_origins(settings: WorkerSettings) -> tuple[str, ...]:
    """Where the Connect form leads to: Intuit's own page."""
    address = settings.intuit_authorize_url or "https://appcenter.intuit.com"
    return tuple(
        {origin(address), *([origin(settings.intuit_discovery_url)] if settings.intuit_discovery_url else [])}
    )
