"""The control API of the simulated QuickBooks Desktop: register connectors, run them, read and touch the books."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from qbsync_local.sandbox.desktop import views
from qbsync_local.sandbox.desktop.desk import AlreadyRunningError, Desk, Pc, UnknownTenantError
from qbsync_local.sandbox.desktop.faults import Faults, PlannedStatus
from qbsync_local.sandbox.desktop.processor import Processor
from qbsync_local.sandbox.desktop.queries import Session
from qbsync_local.sandbox.desktop.qwc import QwcRefusedError
from qbsync_local.sandbox.desktop.seeding import SeedRefusedError
from qbsync_local.sandbox.desktop.statuses import SetRefusedError

NAMED_FAULTS = (
    "cannot_store", "die_before_write", "die_after_write", "die_before_answer", "die_after_answer", "answer_twice",
    "connection_error", "wrong_company",
)  # fmt: skip


class Strict(BaseModel):
    """Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class ConnectorBody(Strict):
    """An application for the Web Connector. `plan` seeds the company file, `every_seconds` switches Auto-Run on."""

    tenant: str
    qwc: str
    password: str
    company: str = ""
    plan: str | None = None
    every_seconds: float | None = Field(default=None, gt=0)


class CompanyBody(Strict):
    """A company file to make."""

    tenant: str
    company: str = ""
    plan: str | None = None


class AutoRunBody(Strict):
    """Seconds between updates, None = off."""

    every_seconds: float | None = Field(default=None, gt=0)


class StatusFault(Strict):
    """A status to answer instead of executing."""

    code: int
    message: str
    severity: str = "Error"
    request: str = ""
    matching: str = ""
    times: int = 1


class FaultsBody(Strict):
    """What shall go wrong. Everything given is set, the rest stays; `clear` first puts all right."""

    clear: bool = False
    named: dict[str, int] = {}
    statuses: list[StatusFault] = []
    hresult: str | None = None
    hresult_times: int = 1
    die_after_members: int | None = None
    seconds_per_write: float | None = Field(default=None, ge=0)
    newest_qbxml: str | None = None
    closing_date: str | None = None
    uses_sales_tax: bool | None = None
    snapshot: str | None = None
    restore: str | None = None
    replace_file: bool = False


def build_api(desk: Desk) -> APIRouter:
    """The JSON routes over a desk."""
    api = APIRouter()

    @api.get("/health/live")
    @api.get("/health/ready")
    def healthy() -> dict[str, str]:
        return {"status": "ok"}

    @api.post("/connectors", status_code=201)
    def register(body: ConnectorBody) -> dict[str, Any]:
        with _problems():
            desk.set_up(body.tenant, body.company, body.plan)
            return _connector(desk.register(body.tenant, body.qwc, body.password, body.every_seconds))

    @api.get("/connectors")
    def connectors() -> dict[str, Any]:
        found = [_connector(desk.pc(tenant)) for tenant in desk.tenants()]
        return {"items": found, "total": len(found)}

    @api.post("/connectors/{tenant}/run")
    def run(tenant: str, auto: Annotated[bool, Query()] = False) -> dict[str, Any]:
        with _problems():
            return desk.run(tenant, auto=auto).as_dict()

    @api.put("/connectors/{tenant}/auto-run")
    def auto_run(tenant: str, body: AutoRunBody) -> dict[str, Any]:
        with _problems():
            desk.set_auto_run(tenant, body.every_seconds)
            return _connector(desk.pc(tenant))

    _add_company_routes(api, desk)
    return api


def _add_company_routes(api: APIRouter, desk: Desk) -> None:
    @api.post("/companies", status_code=201)
    def make_company(body: CompanyBody) -> dict[str, Any]:
        with _problems():
            return _company(desk.set_up(body.tenant, body.company, body.plan))

    @api.get("/companies/{tenant}")
    def company(tenant: str) -> dict[str, Any]:
        with _problems():
            return _company(desk.pc(tenant))

    @api.get("/companies/{tenant}/deleted")
    def deleted(tenant: str) -> dict[str, Any]:
        with _problems():
            rows = views.deletions(desk.pc(tenant).company)
        return {"items": rows, "total": len(rows)}

    @api.get("/companies/{tenant}/{list_name}")
    def records(tenant: str, list_name: str, q: str = "") -> dict[str, Any]:
        with _problems():
            opened = desk.pc(tenant).company
            if list_name not in views.LISTS:
                raise HTTPException(
                    404, f"There is no list {list_name}; there are {', '.join(views.LISTS)}, deleted."
                )
            found = [views.as_data(opened, record) for record in views.records(opened, list_name, search=q)]
        return {"items": found, "total": len(found)}

    @api.post("/companies/{tenant}/qbxml")
    async def qbxml(tenant: str, request: Request) -> Response:
        """Raw qbXML as the QuickBooks user's own hand: no ordered fault applies."""
        text = (await request.body()).decode("utf-8")
        with _problems():
            opened = desk.pc(tenant).company
            try:
                answer = Processor(opened, Faults()).process(text, Session("QuickBooks"))
            except SetRefusedError as refused:
                raise HTTPException(422, f"{refused.hresult}: {refused.message}") from refused
        return Response(answer, media_type="text/xml")

    @api.post("/companies/{tenant}/faults")
    def order_faults(tenant: str, body: Annotated[FaultsBody, Body()]) -> dict[str, Any]:
        with _problems():
            return _order(desk, tenant, body)


def _order(desk: Desk, tenant: str, body: FaultsBody) -> dict[str, Any]:
    unknown = set(body.named) - set(NAMED_FAULTS)
    if unknown:
        raise HTTPException(
            422, f"There is no fault {', '.join(sorted(unknown))}; there are {', '.join(NAMED_FAULTS)}."
        )
    pc = desk.pc(tenant)
    faults, store = pc.faults, pc.company.store
    if body.clear:
        faults.clear()
    faults.named.update(body.named)
    faults.statuses += [PlannedStatus(**one.model_dump()) for one in body.statuses]
    if body.hresult is not None:
        faults.hresult, faults.hresult_times = body.hresult, body.hresult_times
    if body.die_after_members is not None:
        faults.die_after_members = body.die_after_members
    if body.seconds_per_write is not None:
        faults.seconds_per_write = body.seconds_per_write
    settings = {"newest_qbxml": body.newest_qbxml, "closing_date": body.closing_date}
    if body.uses_sales_tax is not None:
        settings["uses_sales_tax"] = "true" if body.uses_sales_tax else "false"
    for name, value in settings.items():
        if value is not None:
            store.set_meta(name, value)
    if body.snapshot is not None:
        desk.snapshot(tenant, body.snapshot)
    if body.restore is not None:
        desk.restore(tenant, body.restore)
    if body.replace_file:
        desk.replace_file(tenant)
    return {
        "named": faults.named,
        "statuses": len(faults.statuses),
        "hresult": faults.hresult,
        "hresult_times": faults.hresult_times,
    }


def _company(pc: Pc) -> dict[str, Any]:
    store = pc.company.store
    return {
        "tenant": pc.tenant,
        "company": pc.company.name,
        "file": pc.company.file_name,
        "counts": dict(store.counts()),
        "message_sets": store.message_set_ids(),
    }


def _connector(pc: Pc) -> dict[str, Any]:
    application = pc.application
    return {
        "tenant": pc.tenant,
        "company": pc.company.name,
        "registered": application is not None,
        "every_seconds": application.every_seconds if application else None,
        "last": pc.last.as_dict() if pc.last else None,
    }


@contextmanager
def _problems() -> Iterator[None]:
    try:
        yield
    except UnknownTenantError as error:
        raise HTTPException(404, str(error)) from error
    except AlreadyRunningError as error:
        raise HTTPException(409, str(error)) from error
    except (QwcRefusedError, SeedRefusedError) as error:
        raise HTTPException(422, str(error)) from error
