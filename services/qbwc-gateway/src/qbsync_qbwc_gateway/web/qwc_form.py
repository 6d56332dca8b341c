"""``/t/{tenant}/desktop/qwc``: what the .qwc file says, and how runs go."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from qbsync_qbwc_gateway.qwc import QwcChoices, app_names
from qbsync_qbwc_gateway.service import NameTakenError
from qbsync_qbwc_gateway.web.pages import Site
from qbsync_shared.ids import TenantId
from qbsync_shared.web import Principal, Role, read_form, require
from qbsync_shared.web.problems import not_found

Admin = Annotated[Principal, Depends(require(Role.ADMIN))]

EDITIONS = ((1, "Simple Start"), (2, "Pro"), (4, "Premier"), (8, "Enterprise"))
_SWITCHES = ("notify", "is_read_only")
_SAID = {
    "app_name": "Write 1 to 80 characters for the name.",
    "app_id": "Write at most 80 characters for the AppID.",
    "app_display_name": "Write at most 80 characters for the name that is shown.",
    "app_unique_name": "Write at most 80 characters for the unique name.",
    "app_description": "Write at most 80 characters for the description.",
    "run_every_minutes": "Choose between 1 minute and 10,080 (a week).",
    "run_every_seconds": "Choose between 5 and 3,600 seconds, or leave it empty.",
    "minimum_minutes": "Choose between 0 and 1,440 minutes.",
    "quiet_from": "Write a time such as 08:00, or leave both empty.",
    "quiet_until": "Write a time such as 17:00, or leave both empty.",
}
_QUIET = "Quiet hours need a beginning and another end."


def routes(site: Site) -> APIRouter:
    """The form."""
    router = APIRouter(include_in_schema=False)

    @router.get("/t/{tenant}/desktop/qwc")
    async def show(request: Request, tenant: TenantId, _: Admin) -> Response:
        """The fields as they are."""
        choices = await site.connectors.choices(tenant)
        if choices is None:
            await site.tenant(tenant)
            raise not_found("connector", "Create the connector user first.")
        return await _show(site, request, tenant, choices.model_dump(), {})

    @router.post("/t/{tenant}/desktop/qwc")
    async def keep(request: Request, tenant: TenantId, admin: Admin) -> Response:
        """Keep them, or say which is wrong."""
        await site.tenant(tenant)
        given = _given(await read_form(request))
        try:
            kept = await site.connectors.choose(tenant, QwcChoices.model_validate(given), by=admin.name)
        except ValidationError as error:
            return await _show(site, request, tenant, given, _errors(error))
        except NameTakenError as reason:
            return await _show(site, request, tenant, given, {"app_unique_name": str(reason)})
        if not kept:
            raise not_found("connector", "Create the connector user first.")
        return RedirectResponse(f"/t/{tenant}/desktop", 303)

    return router


def _given(form: Any) -> dict[str, Any]:
    """The fields as they came; empty ones are left to their defaults."""
    given: dict[str, Any] = {
        name: str(form.get(name)).strip()
        for name in QwcChoices.model_fields
        if name not in (*_SWITCHES, "auth_flags") and str(form.get(name) or "").strip()
    }
    flags = {int(str(one)) for one in form.getlist("edition") if str(one) in "1248" and str(one)}
    given |= {name: form.get(name) is not None for name in _SWITCHES}
    return {**given, "auth_flags": f"0x{sum(flags):X}"}


def _errors(error: ValidationError) -> dict[str, str]:
    return {
        (name := str(one["loc"][0]) if one["loc"] else "quiet_from"): _SAID.get(name, one["msg"])
        if one["loc"]
        else _QUIET
        for one in error.errors()
    }


async def _show(
    site: Site, request: Request, tenant_id: str, given: dict[str, Any], errors: dict[str, str]
) -> Response:
    tenant = await site.tenant(tenant_id)
    page = await site.page("Web Connector file", tenant, await site.connectors.health(tenant_id))
    blank = QwcChoices()
    name, unique_name = app_names(blank, tenant_id)
    return site.pages.render(
        request,
        "qwc.html",
        page=page,
        status=422 if errors else 200,
        given={**blank.model_dump(), **given},
        errors=errors,
        editions=EDITIONS,
        flags=int(str(given.get("auth_flags", "0x0")), 16),
        default_name=name,
        default_unique_name=unique_name,
    )
