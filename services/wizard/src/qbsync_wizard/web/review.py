"""The review page: what it shows for a filter, a place in the list and what was unchecked."""

from dataclasses import dataclass, replace
from datetime import timedelta

from qbsync_shared.kinds import Direction, Edition, Kind
from qbsync_shared.postgres import Connection
from qbsync_shared.web.filters import moment, things
from qbsync_shared.web.paging import Keyset
from qbsync_wizard.domain.records import REMOVALS
from qbsync_wizard.domain.showing import depends_on
from qbsync_wizard.domain.tenants import Tenant
from qbsync_wizard.postgres import approvals, items
from qbsync_wizard.postgres.approvals import Approval
from qbsync_wizard.postgres.items import EVERYTHING, Filter, ItemRow
from qbsync_wizard.postgres.repository import QUERIES
from qbsync_wizard.web.details import Details, make_details
from qbsync_wizard.web.rows import Row, Section, address, make_rows
from qbsync_wizard.web.site import SECTIONS, Frame, Site
from qbsync_wizard.web.words import references

PER_SECTION = 50
_PLACES = Keyset(int, str)
RECENTLY = timedelta(hours=1)
"""How long the progress of an approval is shown."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What somebody asked to see. ``cursors`` are places in the sections, ``opened`` rows are open."""

    filter: Filter = EVERYTHING
    imports_after: str = ""
    exports_after: str = ""
    opened: str = ""
    unchecked: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()

    def after(self, direction: Direction) -> str:
        """The place in one section."""
        return self.imports_after if direction is Direction.IMPORT else self.exports_after

    def query(self, **other: str | None) -> dict[str, str | None]:
        """The address of this view, with some parameters changed."""
        return {
            "q": self.filter.q,
            "kind": self.filter.kind.value if self.filter.kind else None,
            "imports_after": self.imports_after,
            "exports_after": self.exports_after,
            **other,
        }


@dataclass(frozen=True, kw_only=True)
class View:
    """Everything that the review page shows."""

    frame: Frame
    wanted: Wanted
    sections: tuple[Section, ...]
    as_of: int
    progress: tuple[Approval, ...]
    last_sync: str
    kept_return: str
    kinds: tuple[Kind, ...] = ()

    @property
    def rows(self) -> list[Row]:
        """All shown rows."""
        return [row for section in self.sections for row in section.rows]

    @property
    def checked(self) -> int:
        """How many are checked."""
        return sum(row.checked for row in self.rows)

    @property
    def stuck(self) -> int:
        """How many cannot go yet."""
        return sum(row.disabled for row in self.rows)

    @property
    def total(self) -> int:
        """How many match, also on other pages."""
        return sum(section.total for section in self.sections)

    @property
    def elsewhere(self) -> int:
        """How many match and are on other pages."""
        return self.total - len(self.rows)


async def make_view(site: Site, connection: Connection, tenant: Tenant, wanted: Wanted) -> View:
    """Read what the page shows; its size does not grow with the list."""
    frame = await site.frame(connection, tenant)
    found: dict[Direction, list[ItemRow]] = {}
    for direction, _ in SECTIONS:
        place = _PLACES.after(wanted.after(direction))
        found[direction] = await items.section(
            connection,
            tenant.id,
            replace(wanted.filter, direction=direction),
            after=(place[0], place[1]) if place else (-1, ""),
            limit=PER_SECTION + 1,
        )
    rows = await _rows(
        connection, tenant, [row for part in found.values() for row in part[:PER_SECTION]], wanted
    )
    rows = await _open(site, connection, tenant, rows, wanted.opened)
    sections = []
    totals = await items.count(connection, tenant.id, wanted.filter)
    for direction, title in SECTIONS:
        sections.append(
            Section(
                direction=direction,
                title=title,
                rows=tuple(row for row in rows if row.stored.direction is direction),
                total=totals[direction],
                **_pages(frame.base, wanted, direction, found[direction]),
            )
        )
    now = site.pages.now()
    return View(
        frame=frame,
        wanted=wanted,
        sections=tuple(sections),
        as_of=tenant.change_no,
        progress=tuple(await approvals.recent(connection, tenant.id, since=now - RECENTLY, limit=2)),
        last_sync=await _last_sync(site, connection, tenant),
        kept_return=_kept_return(tenant),
    )


async def _rows(connection: Connection, tenant: Tenant, stored: list[ItemRow], wanted: Wanted) -> list[Row]:
    keys = [key for row in stored for key in depends_on(row.item)]
    standings = await approvals.dependencies(connection, tenant.id, keys)
    return make_rows(stored, standings, unchecked=wanted.unchecked, changed=wanted.changed)


async def _open(
    site: Site, connection: Connection, tenant: Tenant, rows: list[Row], opened: str
) -> list[Row]:
    """Conflicts and duplicates are open, because they need a choice; others when asked for."""
    return [
        replace(row, details=await details_of(site, connection, tenant, row.stored))
        if row.id == opened or row.item.needs_choice
        else row
        for row in rows
    ]


async def details_of(site: Site, connection: Connection, tenant: Tenant, stored: ItemRow) -> Details:
    """What a row opens to."""
    item = stored.item
    entities = [item.change.entity, item.change.before if item.change.operation not in REMOVALS else None]
    if item.other is not None:
        entities += [item.other.entity]
    names = await site.names(
        connection, tenant, references(*(one for one in entities if one and "kind" in one))
    )
    return make_details(item, names, app_name=site.settings.app_name)


def _pages(base: str, wanted: Wanted, direction: Direction, found: list[ItemRow]) -> dict[str, str | None]:
    name = "imports_after" if direction is Direction.IMPORT else "exports_after"
    first = following = None
    if wanted.after(direction):
        first = address(base, **wanted.query(**{name: None}))
    if len(found) > PER_SECTION:
        last = found[PER_SECTION - 1]
        cursor = _PLACES.encode((last.place, last.item_id))
        following = address(base, **wanted.query(**{name: cursor}))
    return {"first": first, "following": following}


async def _last_sync(site: Site, connection: Connection, tenant: Tenant) -> str:
    """When it was last seen and when it is next expected, in a sentence."""
    row = await connection.fetchrow(QUERIES["get_connection"], tenant.id)
    if row is None or row["last_seen_at"] is None:
        return "New changes from either side appear here."
    now = site.pages.now().astimezone(tenant.zone)
    last = moment(row["last_seen_at"].astimezone(tenant.zone), now)
    coming = row["next_expected_at"]
    then = f", next about {moment(coming.astimezone(tenant.zone), now)}" if coming else ""
    return f"Last sync: {last}{then}. New changes from either side appear here."


def _kept_return(tenant: Tenant) -> str:
    if tenant.edition is Edition.DESKTOP:
        return "They come back after the connector's next run."
    return "They come back when what you approve now has arrived, at the latest in one hour."


def waiting_words(count: int) -> str:
    """``20 changes wait.``"""
    return f"{things(count, 'change')} {'waits' if count == 1 else 'wait'}."
