"""The Sync Report: Pending, Successful, Failed and Cancelled, with filters in the address."""

from dataclasses import dataclass
from datetime import date, tzinfo
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, BeforeValidator, Field
from starlette.requests import Request
from starlette.responses import Response

from qbsync_log.domain.permissions import REASONS
from qbsync_log.http import SYNCS
from qbsync_log.postgres import listing
from qbsync_log.postgres.listing import COUNTED, Filters
from qbsync_log.web.showing import shown
from qbsync_log.web.site import Frame, Site
from qbsync_shared.kinds import Direction, Kind
from qbsync_shared.states import StateGroup
from qbsync_shared.web import Principal, Role, require
from qbsync_shared.web.filters import day, number, things

Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]
ROWS = 50
KINDS = [("", "Any"), *((kind.value, kind.label.capitalize()) for kind in Kind if not kind.is_list)]
_WORDS = {
    StateGroup.PENDING: "Pending",
    StateGroup.SUCCEEDED: "Successful",
    StateGroup.FAILED: "Failed",
    StateGroup.CANCELLED: "Cancelled",
}
_NOTHING = BeforeValidator(lambda value: value or None)
"""A form sends an empty text where nothing was chosen."""


class ReportAddress(BaseModel):
    """What the page's address says."""

    state: StateGroup = StateGroup.PENDING
    kind: Annotated[Kind | None, _NOTHING] = None
    direction: Annotated[Direction | None, _NOTHING] = None
    code: str = Field(default="", max_length=64)
    since: Annotated[date | None, _NOTHING] = None
    until: Annotated[date | None, _NOTHING] = None
    q: str = Field(default="", max_length=200)
    after: str | None = Field(default=None, max_length=1_000)
    before: str | None = Field(default=None, max_length=1_000)
    n: int = Field(default=0, ge=0, le=10_000_000)
    asked: int | None = Field(default=None, ge=0)
    refused: int = Field(default=0, ge=0)
    reason: str = Field(default="", max_length=64)
    did: str = Field(default="", max_length=20)

    @property
    def filters(self) -> dict[str, str]:
        """The filters that are set, as they stand in an address."""
        values = {
            "kind": self.kind.value if self.kind else "",
            "direction": self.direction.value if self.direction else "",
            "code": self.code,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
            "q": self.q,
        }
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True)
class View:
    """Addresses and words around the table."""

    path: str
    address: ReportAddress
    today: date
    newer: str | None
    older: str | None

    @property
    def group(self) -> str:
        return self.address.state.value

    @property
    def q(self) -> str:
        return self.address.q

    @property
    def kind(self) -> str:
        return self.address.filters.get("kind", "")

    @property
    def direction(self) -> str:
        return self.address.filters.get("direction", "")

    @property
    def code(self) -> str:
        return self.address.code

    @property
    def since(self) -> str:
        return self.address.filters.get("since", "")

    @property
    def until(self) -> str:
        return self.address.filters.get("until", "")

    @property
    def csv(self) -> str:
        """The same rows as a file."""
        path = self.path.replace("/t/", "/api/v1/tenants/").removesuffix("/log")
        return f"{path}/syncs.csv?{urlencode({'state': self.group, **self.address.filters})}"

    def tab(self, group: str, *, clear: bool = False) -> str:
        """Another tab with the same filters, or without them."""
        return f"{self.path}?{urlencode({'state': group, **({} if clear else self.address.filters)})}"

    def without(self, name: str) -> dict[str, str]:
        """The address without one filter."""
        return {
            "state": self.group,
            **{key: value for key, value in self.address.filters.items() if key != name},
        }

    @property
    def chips(self) -> list[tuple[str, str]]:
        """The active filters, each with the address without it."""
        address = self.address
        words = {
            "kind": f"Kind {address.kind.label}" if address.kind else "",
            "direction": f"Direction {address.direction.value}" if address.direction else "",
            "code": f"Code {address.code}",
            "since": f"Since {day(address.since, self.today)}",
            "until": f"Until {day(address.until, self.today)}",
            "q": f"“{address.q}”",
        }
        return [(words[name], f"{self.path}?{urlencode(self.without(name))}") for name in address.filters]


def routes(site: Site) -> APIRouter:
    """The page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/t/{tenant}/log")
    async def show(
        request: Request, tenant: str, _: Viewer, address: Annotated[ReportAddress, Query()]
    ) -> Response:
        async with site.database.tenant(tenant) as connection:
            frame = await site.frame(connection, tenant, title="Sync Report", current="report")
            filters = _filters(address, frame.zone)
            place = SYNCS.after(address.before or address.after)
            newer = address.before is not None
            rows = await listing.syncs(connection, tenant, filters, limit=ROWS + 1, after=place, newer=newer)
            total = await listing.total(connection, tenant, filters)
        more = len(rows) > ROWS
        rows = (rows[-ROWS:] if newer else rows[:ROWS]) if more else rows
        start = address.n
        context = _context(site, frame, address, rows, start=start, more=more, newer=newer, total=total)
        return site.pages.render(request, "report.html", page=frame.page, frame=frame, **context)

    return router


def _filters(address: ReportAddress, zone: tzinfo) -> Filters:
    return Filters(
        group=address.state,
        kind=address.kind,
        direction=address.direction,
        code=address.code or None,
        since=address.since,
        until=address.until,
        q=address.q,
        zone=zone,
    )


def _context(
    site: Site,
    frame: Frame,
    address: ReportAddress,
    rows: list[Any],
    *,
    start: int,
    more: bool,
    newer: bool,
    total: int,
) -> dict[str, Any]:
    path = f"/t/{frame.tenant.id}/log"
    start = start if address.after or newer else 0

    def place(row: Any, name: str, n: int) -> str:
        cursor = SYNCS.encode([row["changed_at"], row["sync_id"]])
        query = {"state": address.state.value, **address.filters, name: cursor, "n": str(max(0, n))}
        return f"{path}?{urlencode(query)}"

    has_newer, has_older = (more and start > 0, True) if newer else (address.after is not None, more)
    view = View(
        path=path,
        address=address,
        today=frame.now.astimezone(frame.zone).date(),
        newer=place(rows[0], "before", start - ROWS) if has_newer and rows else None,
        older=place(rows[-1], "after", start + len(rows)) if has_older and rows else None,
    )
    counted = f"{number(total)} or more" if total >= COUNTED and address.filters else number(total)
    word = _WORDS[address.state]
    return {
        "view": view,
        "rows": [shown(row, now=frame.now) for row in rows],
        "total": total,
        "kinds": KINDS,
        "caption": f"{word} syncs" + (f": {', '.join(text for text, _ in view.chips)}" if view.chips else ""),
        "foot": f"{number(start + 1)} to {number(start + len(rows))} of {counted}" if rows else "",
        "silent": frame.connection.silent_since(frame.now) if frame.connection else None,
        "code_href": partial(site.code_href, edition=frame.tenant.edition),
        "outcome": _outcome(address),
    }


def _outcome(address: ReportAddress) -> tuple[str, str] | None:
    if address.asked is None:
        return None
    if address.asked:
        return (
            "info",
            f"Cancel: asked for {things(address.asked, 'sync')}. What is cancelled returns to the Sync Wizard.",
        )
    return "warn", f"Nothing was cancelled. {REASONS.get(address.reason, '')}".strip()
