"""Renders the app's pages: its own plain frame over the shared styles, readable without JavaScript."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from qbsync_local.sandbox.demo_app.records import KINDS
from qbsync_shared.web.filters import FILTERS
from qbsync_shared.web.static import static_url


@dataclass(frozen=True)
class TenantPage:
    """What the frame shows of a tenant: its badge, and the kinds in the navigation."""

    id: str
    name: str
    edition: str
    waiting: int = 0
    current: str = ""


class Site:
    """The templates, and the tenants there are."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = dict(names)
        environment = Environment(
            loader=ChoiceLoader(
                [PackageLoader("qbsync_local.sandbox.demo_app"), PackageLoader("qbsync_shared.web")]
            ),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(FILTERS)
        environment.globals.update(static=static_url, kinds=list(KINDS.values()), names=self.names)
        environment.globals["ui"] = environment.get_template("ui.html").module
        self._environment = environment

    @property
    def tenants(self) -> tuple[str, ...]:
        """Their ids."""
        return tuple(self.names)

    def render(
        self,
        request: Request,
        template: str,
        *,
        page: TenantPage | None = None,
        status: int = 200,
        **values: Any,
    ) -> HTMLResponse:
        """A page from `templates/`."""
        context = {"request": request, "tenant": page, "page": None, "now": datetime.now(UTC), **values}
        html = self._environment.get_template(template).render(**context)
        return HTMLResponse(html, status, {"cache-control": "no-store"})
