"""Routes of tenants, of imports for apps without NATS, and of the audit."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from qbsync_shared.ids import TenantId
from qbsync_shared.messages import Mapping
from qbsync_shared.web import ProblemError
from qbsync_shared.web.paging import LIMIT, Cursor, Keyset, Limit, Listing
from qbsync_shared.web.problems import not_found
from qbsync_wizard import schemas
from qbsync_wizard.api import Admin, Api, Operator, Viewer, told
from qbsync_wizard.domain.tenants import Tenant
from qbsync_wizard.postgres import approvals
from qbsync_wizard.service import imports, tenants
from qbsync_wizard.service.tenants import Configuration

_BY_ID = Keyset(str)
_BY_PLACE = Keyset(int)
_BY_TIME = Keyset(datetime, str)


def add(routes: APIRouter, api: Api) -> None:
    """Add them."""
    _add_tenants(routes, api)
    _add_imports(routes, api)

    @routes.get("/tenants/{tenant}/approvals")
    async def list_approvals(
        tenant: TenantId, _: Viewer, limit: Limit = LIMIT, cursor: Cursor = None
    ) -> Listing[schemas.ApprovalRow]:
        """Everything that was ever approved, newest first, with its present state."""
        before = _BY_PLACE.after(cursor)
        async with api.reading(tenant) as (connection, _tenant):
            rows, total = await approvals.listed(
                connection, tenant, before=before[0] if before else None, limit=limit + 1
            )
        page = _BY_PLACE.page(rows, limit, total, lambda one: (one.seq,))
        return Listing(
            items=[schemas.ApprovalRow.model_validate(one, from_attributes=True) for one in page.items],
            next_cursor=page.next_cursor,
            total=total,
        )


def _add_tenants(routes: APIRouter, api: Api) -> None:
    @routes.put("/tenants/{tenant}")
    async def put_tenant(
        tenant: TenantId, body: schemas.TenantBody, response: Response, _: Operator
    ) -> schemas.TenantAnswer:
        """Make a tenant (201) or change its settings (200)."""
        wanted = Configuration(
            name=body.name,
            plan=body.plan,
            edition=body.edition,
            paused=body.paused,
            settings=body.settings,
            mappings=body.mappings,
        )
        async with told(), api.database.tenant(tenant) as connection:
            stored, is_new = await tenants.configure(
                connection, api.context, tenant, wanted, desktop_plans=api.settings.desktop_plans
            )
        response.status_code = 201 if is_new else 200
        return _answer(stored)

    @routes.get("/tenants/{tenant}")
    async def get_tenant(tenant: TenantId, _: Viewer) -> schemas.TenantAnswer:
        """A tenant's configuration."""
        async with api.reading(tenant) as (_connection, found):
            return _answer(found)

    @routes.get("/tenants")
    async def list_tenants(
        _: Operator, limit: Limit = LIMIT, cursor: Cursor = None
    ) -> Listing[schemas.TenantAnswer]:
        """All tenants, by id."""
        after = _BY_ID.after(cursor)
        async with api.database.everyone() as connection:
            rows, total = await tenants.listed(connection, after=after[0] if after else None, limit=limit + 1)
        return _BY_ID.page([_answer(one) for one in rows], limit, total, lambda one: (one.id,))

    @routes.delete("/tenants/{tenant}", status_code=202)
    async def delete_tenant(
        tenant: TenantId, _: Operator, confirm: Annotated[str, Query(max_length=63)] = ""
    ) -> dict[str, str]:
        """Erase a tenant everywhere; ``confirm`` repeats its id. QuickBooks is not touched."""
        if confirm != tenant:
            detail = f"Repeat the id to be sure: ?confirm={tenant}. Everything of this tenant is erased; QuickBooks is not touched."
            raise ProblemError(422, "not-confirmed", "Deleting a tenant must be confirmed", detail)
        async with told(), api.database.tenant(tenant) as connection:
            await tenants.delete(connection, api.context, tenant)
        return {"id": tenant, "outcome": "deleting"}


def _add_imports(routes: APIRouter, api: Api) -> None:
    @routes.get("/tenants/{tenant}/imports")
    async def list_imports(
        tenant: TenantId, _: Viewer, limit: Limit = LIMIT, cursor: Cursor = None
    ) -> Listing[schemas.HandOver]:
        """Approved imports that wait for the app's answer, oldest first."""
        values = _BY_TIME.after(cursor)
        after = (values[0], values[1]) if values else None
        async with api.reading(tenant) as (connection, _tenant):
            rows, total = await imports.waiting(connection, tenant, after=after, limit=limit + 1)
        items = [schemas.HandOver.model_validate(one, from_attributes=True) for one in rows]
        return _BY_TIME.page(items, limit, total, lambda one: (one.handed_over_at, one.sync_id))

    @routes.post("/tenants/{tenant}/imports/{sync_id}", status_code=202)
    async def answer_import(
        tenant: TenantId, sync_id: str, body: schemas.ImportAnswer, _: Admin
    ) -> dict[str, str]:
        """The app applied or rejected an import; the answer may be repeated."""
        async with api.writing(tenant) as lane:
            if not await imports.answer(lane, sync_id, body.model_dump(exclude_none=True)):
                raise not_found("import", "List what waits with GET .../imports.")
        return {"sync_id": sync_id, "outcome": "accepted"}


def _answer(tenant: Tenant) -> schemas.TenantAnswer:
    return schemas.TenantAnswer(
        id=tenant.id,
        version=tenant.version,
        name=tenant.name,
        plan=tenant.plan,
        edition=tenant.edition,
        paused=tenant.paused,
        settings=tenant.settings,
        mappings=tuple(Mapping.model_validate(one) for one in tenant.mappings),
    )
