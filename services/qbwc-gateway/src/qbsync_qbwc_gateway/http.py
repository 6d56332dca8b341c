"""The JSON API: the connector, the queue and the links, a restored backup; and the page that AppSupport names."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict

from qbsync_qbwc_gateway.binding import Binding
from qbsync_qbwc_gateway.http_connector import connector_routes
from qbsync_qbwc_gateway.reconciling import Choice, Finding, NotOfferedError, Reconciling
from qbsync_qbwc_gateway.service import Connectors
from qbsync_shared.connector import listing
from qbsync_shared.ids import TenantId
from qbsync_shared.kinds import Kind
from qbsync_shared.postgres import Database
from qbsync_shared.web import Principal, Role, require
from qbsync_shared.web.paging import LIMIT, Cursor, Keyset, Limit, Listing
from qbsync_shared.web.problems import conflict, unknown_tenant

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
    database: Database, connectors: Connectors, reconciling: Reconciling, binding: Binding, *, app_name: str
) -> APIRouter:
    """The routes."""
    router = APIRouter()
    router.include_router(_reconcile_routes(connectors, reconciling))
    router.include_router(connector_routes(connectors, binding))
    router.include_router(_list_routes(database))
    router.include_router(_support_routes(app_name))
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
