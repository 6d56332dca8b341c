"""A page with every component of ``qbsync_shared.web`` and invented data; for the tests here, never shipped."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI
from jinja2 import ChoiceLoader, FileSystemLoader
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from qbsync_shared.clock import FrozenClock
from qbsync_shared.kinds import Edition
from qbsync_shared.web import Fact, Link, Page, Pages, Principal, Role, Strip, TenantView, install, require
from qbsync_shared.web.live import live_routes
from qbsync_shared.web.sse import Hints

KEY = "a-key-for-tests-only-of-enough-length"
NOW = datetime(2026, 11, 12, 17, 16, tzinfo=UTC)
TENANT = TenantView("thistle-loam", "Thistle & Loam Landscaping", Edition.DESKTOP)
WELL = Strip(
    tone="ok",
    state="Connected",
    facts=(
        Fact("Last seen", "09:12", "4 min ago"),
        Fact("Next run about", "09:42"),
        Fact("Company file", "Thistle and Loam.qbw"),
    ),
    link=Link("#details", "Details"),
)
SILENT = Strip(
    tone="bad",
    state="Connector silent",
    advice="Last seen yesterday, 16:42. Start QuickBooks Web Connector on FRONT-DESK-PC and press Update Selected.",
    link=Link("#what-to-do", "What to do"),
)


SUMS = {"import": Decimal("760.00"), "export": Decimal("9223.50")}


class Settings:
    """Everything on one host, as behind one proxy."""

    jwt_jwks_url = None
    jwt_key = SecretStr(KEY)

    def __init__(self, url: str = "http://127.0.0.1") -> None:
        self.public_url = self.wizard_url = self.gateway_url = self.worker_url = self.log_url = url


Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]


def rows() -> list[dict[str, object]]:
    """Twelve invoices, enough to make a range over rows 9 and 10."""
    return [
        {
            "id": f"v{1040 + place}",
            "number": str(1040 + place),
            "who": "Oak & Sons",
            "amount": Decimal("118.25") * place,
            "date": date(2026, 11, place),
            "at": datetime(2026, 11, 12, 4 + place, 5, tzinfo=UTC),
        }
        for place in range(1, 13)
    ]


def create_gallery(url: str = "http://127.0.0.1", clock: FrozenClock | None = None) -> FastAPI:
    """The app. ``/t/{tenant}/gallery``, ``?strip=silent`` and ``?ask=1`` for its states."""
    app = FastAPI(title="gallery")
    settings = Settings(url)
    clock = clock or FrozenClock(NOW)
    app.state.clock = clock
    pages = Pages("gallery", settings, clock=clock, app_name="the app")
    own = FileSystemLoader(Path(__file__).parent / "templates")
    pages.environment.loader = ChoiceLoader([own, pages.environment.loader or own])
    install(app, settings=settings, pages=pages)
    hints = Hints("gallery")
    app.state.hints = hints
    app.state.waiting = 20
    app.state.silent = False
    app.state.approved = []
    _add_pages(app, pages)
    app.include_router(live_routes("/t/{tenant}/gallery", pages=pages, hints=hints, page_of=_frame))
    _add_approval(app, pages)
    _add_refusals(app)
    return app


def _page(request: Request, title: str, *, strip: Strip = WELL, modal: bool = False) -> Page:
    return Page(
        title=title,
        tenant=TENANT,
        current="wizard",
        waiting=request.app.state.waiting,
        needs_you=10,
        strip=strip,
        live=f"/t/{TENANT.id}/gallery",
        modal=modal,
        zone=ZoneInfo("America/Los_Angeles"),
    )


async def _frame(request: Request, tenant: str) -> Page:
    return _page(request, "Gallery", strip=SILENT if request.app.state.silent else WELL)


def _add_pages(app: FastAPI, pages: Pages) -> None:
    @app.get("/t/{tenant}/gallery")
    async def gallery(
        request: Request, tenant: str, _: Viewer, strip: str = "", ask: bool = False
    ) -> Response:
        shown = _page(request, "Gallery", strip=SILENT if strip == "silent" else WELL, modal=ask)
        return pages.render(
            request,
            "gallery.html",
            page=shown,
            rows=rows(),
            sums=SUMS,
            ask=ask,
            errors={"name": "Give it a name."},
        )

    @app.get("/t/{tenant}/gallery/detail")
    async def detail(request: Request, tenant: str, _: Viewer) -> Response:
        return pages.fragment(request, "gallery_detail.html", page=_page(request, "Gallery"))


def _add_approval(app: FastAPI, pages: Pages) -> None:
    @app.post("/t/{tenant}/gallery/approve")
    async def approve(
        request: Request, tenant: str, _: Annotated[Principal, Depends(require(Role.APPROVER))]
    ) -> Response:
        async with request.form() as form:
            app.state.approved.append(
                {"items": form.getlist("item"), "unchecked": form.get("unchecked"), "only": form.get("only")}
            )
        return pages.render(
            request,
            "gallery.html",
            page=_page(request, "Approved"),
            rows=rows(),
            sums=SUMS,
            ask=False,
            errors={},
        )


def _add_refusals(app: FastAPI) -> None:
    @app.get("/t/{tenant}/gallery/broken")
    async def broken(tenant: str, _: Viewer) -> Response:
        raise RuntimeError("secret detail of the inside")

    @app.get("/t/{tenant}/gallery/admins")
    async def admins(tenant: str, _: Annotated[Principal, Depends(require(Role.ADMIN))]) -> dict[str, str]:
        return {"you": "may"}
