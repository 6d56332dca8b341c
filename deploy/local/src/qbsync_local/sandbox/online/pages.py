"""Plain pages for people: the companies, one company's books, and forms for what a QuickBooks user does by hand."""

from decimal import Decimal
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Form
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from qbsync_local.sandbox.online.books import Books
from qbsync_local.sandbox.online.byhand import Action, Edit, edit
from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.schema import EntityType, schema
from qbsync_local.sandbox.online.store import Store

TABS = (
    "Customer", "Item", "Invoice", "Estimate", "SalesReceipt", "CreditMemo", "RefundReceipt", "Payment", "Vendor",
    "PurchaseOrder", "Bill", "Employee", "TimeActivity", "Account", "Class", "Department", "Term", "PaymentMethod",
)  # fmt: skip
_POLICY = "default-src 'none'; style-src 'self'; img-src data:; form-action *; base-uri 'none'; frame-ancestors 'none'"


_ROWS = 500  # a page stays readable; the control API has the rest


class HandEdit(BaseModel):
    """The fields of the forms on a company's page."""

    action: Action
    id: str | None = None
    name: str = ""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("qbsync_local.sandbox.online"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["money"] = _money
    environment.filters["words"] = _words
    environment.filters["plural"] = _plural
    return environment


def render(template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page from `templates/`, with headers that allow no script."""
    html = _environment().get_template(template).render(**values)
    headers = {
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return HTMLResponse(html, status, headers)


def page_routes(store: Store) -> APIRouter:
    """`/` and `/companies/{realm}/{entity}`, with their forms."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def companies() -> Response:
        listed = [(company, store.counts(company.realm)) for company in store.companies()]
        return render("companies.html", companies=listed)

    @router.get("/companies/{realm}")
    async def company(realm: str) -> Response:
        return RedirectResponse(f"/companies/{realm}/customer", 303)

    @router.get("/companies/{realm}/{entity}")
    async def records(realm: str, entity: str) -> Response:
        return _page(store, realm, entity)

    @router.post("/companies/{realm}/{entity}")
    async def by_hand(
        request: Request, realm: str, entity: str, wanted: Annotated[HandEdit, Form()]
    ) -> Response:
        origin = request.headers.get("origin")
        if origin is not None and origin != f"{request.url.scheme}://{request.url.netloc}":
            return render(
                "problem.html", status=403, title="Not from here", problem="Use the form on this site."
            )
        company, kind = store.company(realm), schema().paths.get(entity)
        if company is None or kind is None:
            return _page(store, realm, entity)
        change = Edit(action=wanted.action, id=wanted.id, name=wanted.name)
        if wanted.action == "create":
            change = Edit(action="create", record={kind.label: wanted.name})
        with store.transaction():
            result = edit(Books(store, company), kind, change)
        if isinstance(result, Fault):
            return _page(store, realm, entity, result)
        return RedirectResponse(f"/companies/{realm}/{entity}", 303)

    return router


def _page(store: Store, realm: str, entity: str, fault: Fault | None = None) -> Response:
    company, kind = store.company(realm), schema().paths.get(entity)
    if company is None or kind is None or kind.name not in TABS:
        return render(
            "problem.html", status=404, title="Nothing here", problem="Choose a company from the start page."
        )
    books = Books(store, company)
    labels: dict[tuple[str, str], str | None] = {}
    records = [books.show(record, labels) for record in books.all(kind.name)]
    shown = sorted(records, key=lambda record: str(record.get("FullyQualifiedName", "")).casefold())
    if kind.transaction:
        shown = records[::-1]
    return render(
        "company.html",
        status=400 if fault else 200,
        company=company,
        kind=kind,
        tabs=[schema().entities[name] for name in TABS],
        counts=store.counts(realm),
        records=shown[:_ROWS],
        total=len(shown),
        columns=_columns(kind),
        fault=fault,
    )


def _columns(kind: EntityType) -> tuple[str, ...]:
    if kind.name == "TimeActivity":
        return "TxnDate", "EmployeeRef", "CustomerRef", "Hours", "Description"
    if kind.transaction:
        return (
            "DocNumber",
            "TxnDate",
            kind.party,
            "TotalAmt",
            *(("Balance",) if "Balance" in kind.properties else ()),
        )
    extra = {
        "Customer": ("PrimaryEmailAddr", "PrimaryPhone", "Balance"),
        "Vendor": ("PrimaryEmailAddr", "PrimaryPhone", "Balance"),
        "Employee": ("PrimaryEmailAddr", "PrimaryPhone"),
        "Item": ("Type", "UnitPrice", "IncomeAccountRef"),
        "Account": ("AccountType",),
    }
    name = "FullyQualifiedName" if "FullyQualifiedName" in kind.properties else kind.label
    return name, *extra.get(kind.name, ())


def _plural(name: str) -> str:
    """Class -> Classes, TimeActivity -> Time activities, Bill -> Bills."""
    words = _words(name)
    if words.endswith("y"):
        return f"{words[:-1]}ies"
    return f"{words}es" if words.endswith("s") else f"{words}s"


def _money(value: object) -> str:
    """A cell: amounts with two digits, references by name, nested values by their one text."""
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    if isinstance(value, dict):
        for key in ("name", "Address", "FreeFormNumber", "value"):
            if key in value:
                return str(value[key])
        return ""
    return "" if value is None else str(value)


def _words(name: str) -> str:
    """SalesReceipt -> Sales receipt; CustomerRef -> Customer."""
    base = {"FullyQualifiedName": "Name", "TotalAmt": "Total", "TxnDate": "Date", "DocNumber": "Number"}.get(
        name, name
    )
    base = base.removeprefix("Primary").removesuffix("Ref").removesuffix("Addr")
    return "".join(
        f" {sign.lower()}" if sign.isupper() and place else sign for place, sign in enumerate(base)
    )
