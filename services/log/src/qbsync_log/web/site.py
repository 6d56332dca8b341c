"""What the log's pages work with, and the frame that each of them begins with."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from qbsync_log.domain.connections import Connection
from qbsync_log.postgres import reading
from qbsync_log.service.commands import Commands
from qbsync_log.service.looking import Looking
from qbsync_log.settings import LogSettings
from qbsync_log.web.strip import make_strip
from qbsync_shared import postgres
from qbsync_shared.kinds import Edition, Kind
from qbsync_shared.messages import ConnectionState
from qbsync_shared.postgres import Database
from qbsync_shared.web import Page, Pages, TenantView
from qbsync_shared.web.layout import Place
from qbsync_shared.web.problems import unknown_tenant
from qbsync_shared.web.sse import Hints


@dataclass(frozen=True)
class Frame:
    """What every page of a tenant shows."""

    page: Page
    tenant: reading.Tenant
    counts: reading.Counts
    connection: Connection | None
    zone: tzinfo
    now: datetime


@dataclass(frozen=True)
class Site:
    """Everything that the pages need."""

    database: Database
    commands: Commands
    looking: Looking
    settings: LogSettings
    pages: Pages
    hints: Hints

    async def frame(
        self,
        connection: postgres.Connection,
        tenant_id: str,
        *,
        title: str,
        current: Place,
        modal: bool = False,
    ) -> Frame:
        """Navigation, counts and connection of a tenant. Raises the 404 of an unknown tenant."""
        tenant = await reading.tenant(connection, tenant_id)
        if tenant is None:
            raise unknown_tenant()
        counts = await reading.counts(connection, tenant_id)
        row = await reading.connection_of(connection, tenant_id, tenant.edition)
        zone, now = zone_of(tenant), self.pages.now()
        view = TenantView(tenant.id, tenant.name, tenant.edition)
        known = _connection(tenant, row) if row else None
        details = self.pages.navigation.connections(view)
        page = Page(
            title=title,
            tenant=view,
            current=current,
            waiting=counts.waiting_in_wizard,
            needs_you=counts.needs_you,
            strip=make_strip(known, edition=tenant.edition, now=now, zone=zone, details=details),
            live=f"/t/{tenant_id}/log",
            modal=modal,
            zone=zone,
        )
        return Frame(page, tenant, counts, known, zone, now)

    def code_href(self, code: str, *, edition: Edition) -> str:
        """The entry of the status code guide for a code that an edition, or qbsync itself, gave."""
        scope = "any" if code.startswith("QS-") else edition.value
        query = urlencode({"edition": scope, "open": code})
        return f"{self.settings.log_url}/status-codes?{query}#{code_anchor(scope, code)}"

    def wizard_href(self, tenant: str, **query: str) -> str:
        """The Sync Wizard, perhaps narrowed."""
        path = f"{self.settings.wizard_url}/t/{tenant}/wizard"
        return f"{path}?{urlencode(query)}" if query else path

    def app_href(self, tenant: str, kind: Kind, app_id: str | None) -> str | None:
        """Where a record opens in the app, if the app told where."""
        if self.settings.app_record_url is None or app_id is None:
            return None
        values = {"tenant": tenant, "kind": kind.value, "app_id": quote(app_id, safe="")}
        return self.settings.app_record_url.format(**values)


def code_anchor(scope: str, key: str) -> str:
    """Where the status code guide has an entry."""
    return f"code-{scope}-{anchor(key)}"


def anchor(code: str) -> str:
    """A code as part of an id on the page."""
    return "".join(letter if letter.isalnum() else "-" for letter in code)


def zone_of(tenant: reading.Tenant) -> tzinfo:
    """The company's time zone (setting ``time_zone``), UTC where none is set."""
    try:
        return ZoneInfo(str(tenant.settings.get("time_zone") or "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def _connection(tenant: reading.Tenant, row: Any) -> Connection:
    return Connection(
        edition=tenant.edition,
        state=ConnectionState.PAUSED if tenant.paused else ConnectionState(row["state"]),
        company=row["company"],
        last_seen_at=row["last_seen_at"],
        next_expected_at=row["next_expected_at"],
        expires_at=row["expires_at"],
        code=row["code"],
        message=row["message"],
    )
