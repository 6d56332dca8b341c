"""Pages: the frame that all services share (navigation, connection strip, theme) and the helper that renders them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal, Protocol

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import HTMLResponse

from qbsync_shared.clock import Clock, SystemClock
from qbsync_shared.kinds import Edition
from qbsync_shared.web import csrf
from qbsync_shared.web.auth import EVERYBODY, Principal, Role, principal_of
from qbsync_shared.web.filters import FILTERS
from qbsync_shared.web.static import static_url

Tone = Literal["ok", "info", "warn", "bad", "neutral"]
"""bad = you must act, warn = look before you go on, neutral = moves by itself, info = news, ok = done."""

Place = Literal["wizard", "report", "unsynced", "connections", "codes", "ops", ""]
THEMES = ("auto", "light", "dark")
THEME_COOKIE = "qbsync_theme"


class WebSettings(Protocol):
    """What the pages need of a service's settings. Addresses have no slash at the end; a missing one is this service's own host."""

    @property
    def public_url(self) -> str: ...
    @property
    def wizard_url(self) -> str | None: ...
    @property
    def gateway_url(self) -> str | None: ...
    @property
    def worker_url(self) -> str | None: ...
    @property
    def log_url(self) -> str | None: ...
    @property
    def jwt_key(self) -> SecretStr | None: ...
    @property
    def jwt_jwks_url(self) -> str | None: ...


@dataclass(frozen=True)
class TenantView:
    """The tenant as the navigation shows it."""

    id: str
    name: str
    edition: Edition


@dataclass(frozen=True)
class Link:
    """An address and the words for it."""

    href: str
    text: str


@dataclass(frozen=True)
class Fact:
    """One fact of the strip: ``Last seen <b>09:12</b>, 4 min ago``."""

    label: str
    value: str | Markup
    after: str | Markup = ""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """The connection, on every page: facts when it is well, one sentence that says what to do when it is not."""

    tone: Tone
    state: str
    facts: tuple[Fact, ...] = ()
    advice: str | Markup = ""
    link: Link | None = None
    icon: str = ""


@dataclass(frozen=True, kw_only=True)
class Page:
    """The frame of one page.

    ``current`` marks the place in the navigation. ``waiting`` counts what waits in the Sync Wizard, ``needs_you`` the unsynced entities that
    need a person. ``modal`` is set when the page is rendered with a dialog open, so that all behind it is inert. ``live`` is the path
    under which the service serves ``/events`` and ``/nav`` for this page, such as ``/t/oak/wizard``. ``zone`` is the tenant's.
    """

    title: str
    tenant: TenantView | None = None
    current: Place = ""
    waiting: int = 0
    needs_you: int = 0
    strip: Strip | None = None
    live: str | None = None
    modal: bool = False
    zone: tzinfo = UTC


@dataclass(frozen=True)
class NavLink:
    """One entry of the navigation."""

    place: Place
    href: str
    text: str
    icon: str


class Navigation:
    """Where the parts of the product are; they may be on different hosts."""

    def __init__(self, settings: WebSettings) -> None:
        self._wizard = settings.wizard_url or settings.public_url
        self._gateway = settings.gateway_url or settings.public_url
        self._worker = settings.worker_url or settings.public_url
        self._log = settings.log_url or settings.public_url

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses of the four services."""
        return self._wizard, self._gateway, self._worker, self._log

    @property
    def help(self) -> str:
        """The status code guide."""
        return f"{self._log}/status-codes"

    def home(self, tenant: str) -> str:
        """The page to begin with: the Sync Wizard of a tenant, the ops page for ``"*"``."""
        return f"{self._log}/ops" if tenant == EVERYBODY else f"{self._wizard}/t/{tenant}/wizard"

    def report(self, tenant: str) -> str:
        """The Sync Report."""
        return f"{self._log}/t/{tenant}/log"

    def unsynced(self, tenant: str) -> str:
        """The Unsynced Entities."""
        return f"{self._log}/t/{tenant}/unsynced"

    def timeline(self, tenant: str, sync_id: str) -> str:
        """The history of one sync."""
        return f"{self._log}/t/{tenant}/syncs/{sync_id}"

    def connections(self, tenant: TenantView) -> str:
        """The connection page of the tenant's edition."""
        if tenant.edition == Edition.DESKTOP:
            return f"{self._gateway}/t/{tenant.id}/desktop"
        return f"{self._worker}/t/{tenant.id}/online"

    def links(self, tenant: TenantView | None) -> list[NavLink]:
        """The entries, in their order; without a tenant only the guide."""
        guide = NavLink("codes", self.help, "Status Codes", "codes")
        if tenant is None:
            return [guide]
        return [
            NavLink("wizard", self.home(tenant.id), "Sync Wizard", "wizard"),
            NavLink("report", self.report(tenant.id), "Sync Report", "report"),
            NavLink("unsynced", self.unsynced(tenant.id), "Unsynced Entities", "unsynced"),
            NavLink("connections", self.connections(tenant), "Connections", "connections"),
            guide,
        ]

    def operator_links(self, principal: Principal | None) -> list[NavLink]:
        """The entries for operators; none for anybody else."""
        if principal is None or not principal.may(Role.OPERATOR):
            return []
        return [NavLink("ops", self.home(EVERYBODY), "Ops", "ops")]


def is_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of a page (and not for the page itself, by history or a boosted link)."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-request-type") != "full"


def theme_of(request: Request) -> str:
    """The colours the visitor chose: ``auto``, ``light`` or ``dark``."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else "auto"


@dataclass
class Pages:
    """Renders the templates of one service on top of the shared ones.

    ``extra_templates`` names the package whose ``templates`` folder holds the service's own. ``app_name`` stands for the operator's product.
    ``sign_in_url``, if there is one, is where a visitor without a session is sent (``?next=`` is added).
    """

    service: str
    settings: WebSettings
    extra_templates: str | None = None
    clock: Clock = field(default_factory=SystemClock)
    version: str = "1.0"
    app_name: str = "the app"
    sign_in_url: str | None = None
    environment: Environment = field(init=False, repr=False)

    def __post_init__(self) -> None:
        loaders = [PackageLoader("qbsync_shared.web")]
        if self.extra_templates:
            loaders.insert(0, PackageLoader(self.extra_templates))
        self.navigation = Navigation(self.settings)
        environment = Environment(
            loader=ChoiceLoader(loaders),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(FILTERS)
        environment.globals.update(
            static=static_url, service=self.service, version=self.version, app_name=self.app_name
        )
        environment.globals["ui"] = environment.get_template("ui.html").module
        self.environment = environment

    def render(
        self, request: Request, template: str, *, page: Page, status: int = 200, **context: Any
    ) -> HTMLResponse:
        """A whole page from a template that extends ``base.html``."""
        return self._respond(request, template, page=page, status=status, context=context)

    def fragment(
        self, request: Request, template: str, *, page: Page | None = None, status: int = 200, **context: Any
    ) -> HTMLResponse:
        """A part of a page for htmx; ``page`` gives the zone of its times."""
        return self._respond(request, template, page=page or Page(title=""), status=status, context=context)

    def html(self, request: Request, template: str, *, page: Page, **context: Any) -> str:
        """The text of a template, with everything that pages can use: ``page``, ``principal``, ``csrf``, ``csrf_field``, ``now``."""
        principal = principal_of(request)
        token = csrf.token_for(request)
        return self.environment.get_template(template).render(
            request=request,
            page=page,
            principal=principal,
            nav=self.navigation,
            csrf=token,
            csrf_field=csrf.field(token),
            theme=theme_of(request),
            now=self.clock.now(),
            **context,
        )

    def _respond(
        self, request: Request, template: str, *, page: Page, status: int, context: dict[str, Any]
    ) -> HTMLResponse:
        headers = {"cache-control": "private, no-cache", "vary": "cookie, hx-request"}
        return HTMLResponse(self.html(request, template, page=page, **context), status, headers)

    def now(self) -> datetime:
        """The time that the pages show."""
        return self.clock.now()
