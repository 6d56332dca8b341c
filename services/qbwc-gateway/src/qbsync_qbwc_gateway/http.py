"""The JSON API: connector users, the .qwc file, health, the queue and the links; and the page that AppSupport names."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict

from qbsync_qbwc_gateway.qwc import QwcChoices
from qbsync_qbwc_gateway.service import Connectors, Health, NotForDesktopError
from qbsync_shared.connector import listing
from qbsync_shared.ids import TenantId
from qbsync_shared.postgres import Database
from qbsync_shared.web import Principal, Role, require
from qbsync_shared.web.paging import LIMIT, Cursor, Keyset, Limit, Listing
from qbsync_shared.web.problems import conflict, not_found, unknown_tenant

Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]
Admin = Annotated[Principal, Depends(require(Role.ADMIN))]
Listed = Listing[dict[str, Any]]

_TENANT = "/api/v1/tenants/{tenant}"
_WORK = Keyset(int)
_LINKS = Keyset(str, str)
_SUPPORT = """QuickBooks connection

This address belongs to the connection between QuickBooks Desktop and {app}.
If a run of the QuickBooks Web Connector reports a problem, open the connection's page in {app}:
it says what happened and what to do next.
"""


class ConnectorAccess(BaseModel):
    """User and password of the Web Connector; the password is shown this once."""

    username: str
    password: str


class ConnectorRun(BaseModel):
    """One run of the Web Connector."""

    session_id: str
    started_at: datetime
    ended_at: datetime | None
    round_trips: int
    sent: int
    received: int
    failed: int
    result: str | None


class ConnectorHealth(BaseModel):
    """How the connection stands."""

    model_config = ConfigDict(from_attributes=True)

    state: str
    code: str | None
    message: str | None
    username: str
    company_file: str | None
    company_name: str | None
    last_seen_at: datetime | None
    next_expected_at: datetime | None
    last_result: str | None
    last_read_at: datetime | None
    connector_version: str | None
    quickbooks: dict[str, Any]
    in_doubt_sets: int
    waiting: int
    paused: list[str]
    sessions: list[ConnectorRun]


def routes(database: Database, connectors: Connectors, *, app_name: str) -> APIRouter:
    """The routes."""
    router = APIRouter()
    router.include_router(_connector_routes(connectors))
    router.include_router(_list_routes(database))
    router.include_router(_support_routes(app_name))
    return router


def _connector_routes(connectors: Connectors) -> APIRouter:
    router = APIRouter(prefix=_TENANT, tags=["connector"])

    @router.post("/connector", status_code=201)
    async def create_connector(tenant: TenantId, principal: Admin, response: Response) -> ConnectorAccess:
        """Make the connector user, or give it a new password. The password is shown this once."""
        try:
            access = await connectors.create(tenant, by=principal.name)
        except NotForDesktopError as reason:
            if await connectors.tenant(tenant) is None:
                raise unknown_tenant() from None
            raise conflict("not-for-desktop", "Not for QuickBooks Desktop", str(reason)) from None
        response.headers["cache-control"] = "no-store"
        return ConnectorAccess(username=access.username, password=access.password)

    @router.get("/connector.qwc", response_class=Response)
    async def get_qwc(tenant: TenantId, _: Admin) -> Response:
        """The file by which the connection is added to the Web Connector."""
        text = await connectors.qwc(tenant)
        if text is None:
            raise not_found("connector", "Create the connector user first.")
        headers = {"content-disposition": f'attachment; filename="qbsync-{tenant}.qwc"'}
        return Response(text, media_type="application/xml", headers=headers)

    @router.put("/connector/qwc", status_code=204)
    async def put_qwc(tenant: TenantId, principal: Admin, choices: QwcChoices) -> None:
        """Choose what the .qwc file says."""
        if not await connectors.choose(tenant, choices, by=principal.name):
            raise not_found("connector", "Create the connector user first.")

    @router.get("/connector")
    async def get_connector(tenant: TenantId, _: Viewer) -> ConnectorHealth:
        """How the connection stands, and its last runs."""
        if await connectors.tenant(tenant) is None:
            raise unknown_tenant()
        health = await connectors.health(tenant)
        if health is None:
            raise not_found("connector", "Create the connector user first.")
        return _health(health)

    return router


def _list_routes(database: Database) -> APIRouter:
    router = APIRouter(prefix=_TENANT, tags=["queue"])

    @router.get("/work")
    async def get_work(tenant: TenantId, _: Viewer, limit: Limit = LIMIT, cursor: Cursor = None) -> Listed:
        """Approved syncs of this tenant in the order of approval, with their states."""
        after = _WORK.decode(cursor)[0] if cursor else 0
        async with database.tenant(tenant) as connection:
            items, last, total = await listing.work(connection, tenant, after=after, limit=limit)
        return Listed(
            items=items, next_cursor=_WORK.encode([last]) if last is not None else None, total=total
        )

    @router.get("/links")
    async def get_links(tenant: TenantId, _: Viewer, limit: Limit = LIMIT, cursor: Cursor = None) -> Listed:
        """Which record of the app belongs to which one of QuickBooks."""
        kind, app_id = _LINKS.decode(cursor) if cursor else ("", "")
        async with database.tenant(tenant) as connection:
            items, last, total = await listing.links(connection, tenant, after=(kind, app_id), limit=limit)
        return Listed(items=items, next_cursor=_LINKS.encode(last) if last else None, total=total)

    return router


def _support_routes(app_name: str) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/support/{tenant}")
    async def get_support(tenant: str) -> Response:  # noqa: ARG001 - it says the same for all
        """AppSupport: the Web Connector checks that it answers without a login; it says nothing of a tenant."""
        return Response(_SUPPORT.format(app=app_name), media_type="text/plain; charset=utf-8")

    return router


def _health(health: Health) -> ConnectorHealth:
    connector = health.connector
    return ConnectorHealth(
        state=connector.state,
        code=connector.code,
        message=connector.message,
        username=connector.username,
        company_file=connector.company_file,
        company_name=connector.facts.get("company_name"),
        last_seen_at=connector.last_seen_at,
        next_expected_at=health.next_expected_at,
        last_result=connector.last_result,
        last_read_at=connector.last_read_at,
        connector_version=connector.connector_version,
        quickbooks={key: value for key, value in connector.facts.items() if key != "company_name"},
        in_doubt_sets=health.in_doubt,
        waiting=health.waiting,
        paused=list(health.paused_kinds),
        sessions=[
            ConnectorRun(**{key: getattr(run, key) for key in ConnectorRun.model_fields})
            for run in health.sessions
        ],
    )
