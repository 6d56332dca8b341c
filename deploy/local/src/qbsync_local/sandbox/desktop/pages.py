"""Plain pages, readable without JavaScript: what is in the simulated QuickBooks, and what a person may do there."""

from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from qbsync_local.sandbox.desktop import byhand, views
from qbsync_local.sandbox.desktop.desk import AlreadyRunningError, Desk, Pc, UnknownTenantError

SHOWN = 200
TITLES = {
    "customers": "Customers and jobs", "items": "Items", "invoices": "Invoices", "payments": "Payments", "vendors": "Vendors",
    "purchase_orders": "Purchase orders", "bills": "Bills", "estimates": "Estimates", "sales_receipts": "Sales receipts",
    "credit_memos": "Credit memos", "time_entries": "Time", "employees": "Employees", "accounts": "Accounts", "classes": "Classes",
    "terms": "Terms", "tax_codes": "Sales tax codes", "payment_methods": "Payment methods",
}  # fmt: skip
EDITABLE = ("customers", "items", "vendors")


def same_origin(request: Request) -> None:
    """Refuse a form that another site sends (the sandbox has no login)."""
    origin = request.headers.get("origin")
    if origin and origin != "null" and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, "This form came from another site.")


def build_pages(desk: Desk) -> APIRouter:
    """The HTML routes over a desk."""
    pages = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    templates = Environment(
        loader=PackageLoader("qbsync_local.sandbox.desktop"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip

    def page(name: str, **values: Any) -> HTMLResponse:
        return HTMLResponse(templates.get_template(name).render(**values))

    @pages.get("/")
    def home() -> Response:
        tenants = desk.tenants()
        return page("home.html", pcs=[desk.pc(tenant) for tenant in tenants])

    @pages.get("/t/{tenant}")
    def company(tenant: str, show: str = "customers", q: str = "", said: str = "", ok: int = 1) -> Response:
        pc = _pc(desk, tenant)
        if show not in TITLES:
            raise HTTPException(404, "There is no such list.")
        rows = [
            views.as_row(pc.company, one)
            for one in views.records(pc.company, show, search=q, limit=SHOWN, newest=not q)
        ]
        return page(
            "company.html", pc=pc, show=show, q=q, said=said, ok=ok, rows=rows, titles=TITLES, editable=show in EDITABLE, shown=SHOWN,
        )  # fmt: skip

    _add_actions(pages, desk)
    return pages


def _add_actions(pages: APIRouter, desk: Desk) -> None:
    guard = [Depends(same_origin)]

    @pages.post("/t/{tenant}/run", dependencies=guard)
    def run(tenant: str, show: Annotated[str, Form()] = "customers") -> Response:
        pc = _pc(desk, tenant)
        try:
            report = desk.run(tenant)
        except (UnknownTenantError, AlreadyRunningError) as error:
            return _back(pc, show, str(error))
        done = f"{report.round_trips} round trips, {report.requests} requests"
        return _back(
            pc,
            show,
            f"Web Connector: {report.outcome.replace('_', ' ')}. {report.message} ({done})",
            good=report.outcome in ("finished", "no_work"),
        )

    @pages.post("/t/{tenant}/add", dependencies=guard)
    def add(
        tenant: str,
        show: Annotated[str, Form()],
        name: Annotated[str, Form()],
        detail: Annotated[str, Form()] = "",
    ) -> Response:
        pc = _pc(desk, tenant)
        if show == "items":
            problem = byhand.add_item(pc.company, name, detail)
        else:
            problem = byhand.add_customer(pc.company, name, detail)
        return _back(pc, show, problem or f"{name} was added in QuickBooks.", good=not problem)

    @pages.post("/t/{tenant}/records/{identifier}/rename", dependencies=guard)
    def rename(
        tenant: str, identifier: str, show: Annotated[str, Form()], name: Annotated[str, Form()]
    ) -> Response:
        pc = _pc(desk, tenant)
        problem = byhand.rename(pc.company, identifier, name)
        return _back(pc, show, problem or f"It is called {name} now.", good=not problem)

    @pages.post("/t/{tenant}/records/{identifier}/delete", dependencies=guard)
    def delete(tenant: str, identifier: str, show: Annotated[str, Form()]) -> Response:
        pc = _pc(desk, tenant)
        problem = byhand.delete(pc.company, identifier)
        return _back(pc, show, problem or "It was deleted in QuickBooks.", good=not problem)


def _pc(desk: Desk, tenant: str) -> Pc:
    try:
        return desk.pc(tenant)
    except UnknownTenantError as error:
        raise HTTPException(404, str(error)) from error


def _back(pc: Pc, show: str, said: str, *, good: bool = False) -> Response:
    query = urlencode({"show": show, "said": said, "ok": int(good)})
    return RedirectResponse(f"/t/{pc.tenant}?{query}", status_code=303)
