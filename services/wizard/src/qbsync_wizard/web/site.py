"""What the pages work with, and the frame that each of them begins with."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

from qbsync_shared.ids import EntityKey
from qbsync_shared.kinds import Direction, Kind
from qbsync_shared.postgres import Connection, Database
from qbsync_shared.web import Page, Pages, Role, TenantView
from qbsync_shared.web.filters import day, distance, exact
from qbsync_shared.web.sse import Hints
from qbsync_wizard.api import told
from qbsync_wizard.domain.matching import Rules
from qbsync_wizard.domain.records import Standing
from qbsync_wizard.domain.tenants import Tenant
from qbsync_wizard.jobs import Jobs
from qbsync_wizard.postgres import items
from qbsync_wizard.postgres.repository import QUERIES
from qbsync_wizard.service.context import SCHEMA, Context, Lane, enter, look
from qbsync_wizard.settings import WizardSettings
from qbsync_wizard.web.strip import make_strip
from qbsync_wizard.web.words import Names

MATCHING = "Match existing"


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The tenant, the counts of all lists, and the frame of the page."""

    tenant: Tenant
    page: Page
    counts: dict[Standing, int]
    skipped: int
    base: str
    matching: bool = False
    """Whether records of both sides look alike and are not linked."""

    @property
    def approver(self) -> Role:
        """Who may approve here."""
        return Role.ADMIN if Rules.of(self.tenant).approve_role == "admin" else Role.APPROVER

    def tabs(self, current: str) -> list[dict[str, object]]:
        """Waiting, Cleared, Kept, Always skipped."""
        kept = self.counts[Standing.KEPT]
        tabs: list[dict[str, object]] = [
            {"href": self.base, "text": "Waiting", "count": self.counts[Standing.WAITING]},
            {"href": f"{self.base}/cleared", "text": "Cleared", "count": self.counts[Standing.CLEARED]},
            {"href": f"{self.base}/kept", "text": "Kept", "count": kept},
            {"href": f"{self.base}/skipped", "text": "Always skipped", "count": self.skipped},
        ]
        if self.matching or current == MATCHING:
            tabs.append({"href": f"{self.base}/matches", "text": MATCHING})
        return [{**tab, "current": tab["text"] == current} for tab in tabs]

    def all_tabs(self, current: str, *, admin: bool) -> list[dict[str, object]]:
        """The same, with Mappings and Rules for an admin."""
        settings: list[dict[str, object]] = [
            {"href": f"{self.base}/mappings", "text": "Mappings", "push": True},
            {"href": f"{self.base}/rules", "text": "Rules"},
        ]
        more = [{**tab, "current": tab["text"] == current} for tab in settings] if admin else []
        return [*self.tabs(current), *more]


@dataclass(frozen=True)
class Site:
    """Everything that the pages need."""

    database: Database
    context: Context
    jobs: Jobs
    settings: WizardSettings
    pages: Pages
    hints: Hints

    @classmethod
    def make(cls, database: Database, context: Context, jobs: Jobs, settings: WizardSettings) -> "Site":
        """With the shared layout and the wizard's own templates."""
        pages = Pages(
            "wizard",
            settings,
            extra_templates="qbsync_wizard.web",
            clock=context.clock,
            app_name=settings.app_name,
            sign_in_url=settings.sign_in_url,
        )
        pages.environment.globals["approver"] = Role.APPROVER
        pages.environment.globals["admin"] = Role.ADMIN
        pages.environment.filters.update(day=day, distance=distance, exact_text=exact)
        return cls(database, context, jobs, settings, pages, Hints(SCHEMA))

    async def listen(self) -> None:
        """Pass on the hints of all transactions to the open pages."""
        await self.hints.listen(self.settings.database_url.get_secret_value())

    @asynccontextmanager
    async def reading(self, tenant_id: str) -> AsyncIterator[tuple[Connection, Tenant]]:
        """One transaction that only looks."""
        async with told(), self.database.tenant(tenant_id) as connection:
            yield connection, await look(connection, tenant_id)

    @asynccontextmanager
    async def writing(self, tenant_id: str) -> AsyncIterator[Lane]:
        """One transaction that holds the tenant's lane."""
        async with told(), self.database.tenant(tenant_id) as connection:
            yield await enter(connection, self.context, tenant_id)

    async def frame(self, connection: Connection, tenant: Tenant, *, title: str = "Sync Wizard") -> Frame:
        """Navigation, counts and connection of a tenant."""
        tallies = await items.count_all(connection, tenant.id)
        counts = {standing: sum(tallies[standing].values()) for standing in Standing}
        view = TenantView(tenant.id, tenant.name, tenant.edition)
        strip = make_strip(
            await connection.fetchrow(QUERIES["get_connection"], tenant.id),
            edition=tenant.edition,
            paused=tenant.paused,
            now=self.pages.now(),
            zone=tenant.zone,
            details=self.pages.navigation.connections(view),
        )
        base = f"/t/{tenant.id}/wizard"
        page = Page(
            title=title,
            tenant=view,
            current="wizard",
            waiting=counts[Standing.WAITING],
            needs_you=await connection.fetchval(QUERIES["count_failed"], tenant.id),
            strip=strip,
            live=base,
            zone=tenant.zone,
        )
        skipped: int = await connection.fetchval(QUERIES["count_skips"], tenant.id)
        matching: bool = await connection.fetchval(QUERIES["has_matches"], tenant.id)
        return Frame(tenant=tenant, page=page, counts=counts, skipped=skipped, base=base, matching=matching)

    async def names(self, connection: Connection, tenant: Tenant, keys: Iterable[EntityKey]) -> Names:
        """The names of the app's records that others refer to."""
        wanted = list(dict.fromkeys(keys))
        rows = await connection.fetch(
            QUERIES["known_app_entities"],
            tenant.id,
            [key.kind.value for key in wanted],
            [key.app_id for key in wanted],
        )
        return {EntityKey(Kind(row["kind"]), row["app_id"]): row["label"] for row in rows}

    def app_href(self, tenant: str, kind: Kind, app_id: str | None) -> str | None:
        """Where a record opens in the app, if the operator told where."""
        if self.settings.app_record_url is None or app_id is None:
            return None
        values = {"tenant": tenant, "kind": kind.value, "app_id": quote(app_id, safe="")}
        return self.settings.app_record_url.format(**values)


SECTIONS = ((Direction.IMPORT, "Import from QuickBooks"), (Direction.EXPORT, "Export to QuickBooks"))
