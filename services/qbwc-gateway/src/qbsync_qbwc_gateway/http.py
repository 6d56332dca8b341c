"""The JSON API: connector users, the .qwc file, health, the queue and the links; and the page that AppSupport names."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict

from qbsync_qbwc_gateway.qwc import QwcChoices
from qbsync_qbwc_gateway.reconciling import Choice, Finding, NotOfferedError, Reconciling
from qbsync_qbwc_gateway.service import Connectors, Health, NotForDesktopError
from qbsync_shared.connector import listing
from qbsync_shared.ids import TenantId
from qbsync_shared.kinds import Kind
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


class ReconcileGroup(BaseModel):
    """Linked records of a kind that the company file lacks, or holds in an older form."""

    kind: Kind
    finding: Finding
    records: int
    undecided: int
    examples: list[str]


class Reconcile(BaseModel):
    """How the company file compares with the links. ``state``: ``none``, ``comparing`` or ``open`` (an admin decides)."""

    state: Literal["none", "comparing", "open"]
    groups: list[ReconcileGroup]


class ReconcileChoice(BaseModel):
    """What becomes of a group; without ``kind`` of all kinds."""

    model_config = ConfigDict(extra="forbid")

    finding: Finding
    choice: Choice
    kind: Kind | None = None


class Reconciled(BaseModel):
    """How many records a choice concerned."""

    records: int


def routes(
    database: Database, connectors: Connectors, reconciling: Reconciling, *, app_name: str
) -> APIRouter:
    """The routes."""
    router = APIRouter()
    router.include_router(_reconcile_routes(connectors, reconciling))
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


def _reconcile_routes(connectors: Connectors, reconciling: Reconciling) -> APIRouter:
    router = APIRouter(prefix=_TENANT, tags=["reconcile"])

    @router.get("/reconcile")
    async def get_reconcile(tenant: TenantId, _: Viewer) -> Reconcile:
        """Whether a restored backup of the company file was found, and what it lacks."""
        if await connectors.tenant(tenant) is None:
            raise unknown_tenant()
        found = await reconciling.report(tenant)
        if found is None:
            return Reconcile(state="none", groups=[])
        groups = [ReconcileGroup(**{**vars(one), "examples": list(one.examples)}) for one in found.groups]
        return Reconcile(state="open" if found.is_open else "comparing", groups=groups)

    @router.get("/reconcile/records")
    async def get_records(tenant: TenantId, _: Viewer, limit: Limit = LIMIT, cursor: Cursor = None) -> Listed:
        """The records that are missing or older, with what was chosen for each."""
        kind, app_id = _LINKS.decode(cursor) if cursor else ("", "")
        rows = await reconciling.findings(tenant, after=(kind, app_id), limit=limit)
        items = [
            {name: row[name] for name in ("kind", "app_id", "quickbooks_id", "label", "finding", "choice")}
            for row in rows
        ]
        last = (rows[-1]["kind"], rows[-1]["app_id"]) if len(rows) == limit else None
        found = await reconciling.report(tenant)
        total = sum(group.records for group in found.groups) if found else len(rows)
        return Listed(items=items, next_cursor=_LINKS.encode(last) if last else None, total=total)

    @router.post("/reconcile")
    async def post_reconcile(tenant: TenantId, principal: Admin, body: ReconcileChoice) -> Reconciled:
        """Decide about a group: ``again`` (back for review), ``link`` (take QuickBooks' older form) or ``leave``."""
        try:
            records = await reconciling.decide(
                tenant, finding=body.finding, kind=body.kind, choice=body.choice, by=principal.name
            )
        except NotOfferedError as reason:
            raise conflict("not-offered", "Not for these records", str(reason)) from None
        return Reconciled(records=records)

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
