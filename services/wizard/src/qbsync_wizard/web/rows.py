"""Rows of the review as the page shows them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from urllib.parse import urlencode

from qbsync_shared.ids import EntityKey
from qbsync_shared.kinds import Direction, Operation
from qbsync_shared.web.filters import operation as operation_words
from qbsync_shared.web.filters import things
from qbsync_wizard.domain.evaluating import Item
from qbsync_wizard.domain.prechecks import field_words
from qbsync_wizard.domain.records import Standing
from qbsync_wizard.domain.showing import depends_on
from qbsync_wizard.postgres.approvals import Dependency
from qbsync_wizard.postgres.items import ItemRow
from qbsync_wizard.web.details import Details

MOST_PROBLEMS = 3
"""Reasons that are told under a row; the others follow when these are solved."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """The state of a row: icon and word."""

    text: str
    tone: str
    icon: str | None = None
    plain: bool = False


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row. ``needs`` are records that must go first, ``note`` a reason under the row, ``needed_by`` other rows of the page,
    ``absent`` what it needs and what was kept back, cleared or is always skipped."""

    stored: ItemRow
    item: Item
    mark: Mark
    checked: bool
    disabled: bool
    needs: tuple[Dependency, ...] = ()
    note: str = ""
    note_tone: str = "warn"
    needed_by: tuple[str, ...] = ()
    absent: Dependency | None = None
    details: Details | None = None

    @property
    def id(self) -> str:
        """The item's id."""
        return self.stored.item_id

    @property
    def action(self) -> str:
        """What will happen, in a word."""
        return operation_words(self.stored.operation)

    @property
    def says(self) -> str:
        """The label of the box: ``create invoice 1042, Oak & Sons``."""
        who = f", {self.stored.party}" if self.stored.party else ""
        verb = (
            "make inactive" if self.stored.operation is Operation.DEACTIVATE else self.stored.operation.value
        )
        return f"{verb} {self.stored.kind.label} {self.stored.label}{who}"

    @property
    def says_name(self) -> str:
        """``Customer Oak & Sons``."""
        return f"{self.stored.kind.label.capitalize()} {self.stored.label}"

    @property
    def key(self) -> EntityKey | None:
        """What names it in the app."""
        return EntityKey(self.stored.kind, self.stored.app_id) if self.stored.app_id else None

    @property
    def changed_by(self) -> str:
        """Which side changed."""
        if self.item.is_conflict:
            return "Both sides"
        return "QuickBooks" if self.stored.direction is Direction.IMPORT else "The app"


@dataclass(frozen=True, kw_only=True)
class Section:
    """Import or Export."""

    direction: Direction
    title: str
    rows: tuple[Row, ...]
    total: int
    first: str | None = None
    following: str | None = None

    @property
    def checked(self) -> int:
        """How many are checked."""
        return sum(row.checked for row in self.rows)

    @property
    def sum(self) -> Decimal:
        """What the checked ones come to."""
        return sum((row.stored.amount or Decimal(0) for row in self.rows if row.checked), Decimal(0))


def make_rows(
    stored: Sequence[ItemRow],
    standings: Mapping[EntityKey, Dependency],
    *,
    unchecked: Collection[str] = (),
    changed: Collection[str] = (),
) -> list[Row]:
    """Rows with their states: all that can go are checked, except what somebody unchecked or what changed meanwhile."""
    rows = [_row(one, standings, one.item_id in unchecked, one.item_id in changed) for one in stored]
    return with_dependents(rows)


def with_dependents(rows: Sequence[Row]) -> list[Row]:
    """Say at a row that is not checked which others need it, and at those what they need."""
    by_key = {row.key: row for row in rows if row.key is not None}
    waiting: dict[str, list[str]] = {}
    for row in rows:
        for need in row.needs:
            target = by_key.get(need.key)
            if target is not None and row.checked and not target.checked:
                waiting.setdefault(target.id, []).append(row.id)
    marked = []
    for row in rows:
        behind = tuple(waiting.get(row.id, ()))
        if behind and not row.disabled:
            kinds = [one.stored.kind.label for one in rows if one.id in behind]
            counted = " and ".join(things(kinds.count(kind), kind) for kind in dict.fromkeys(kinds))
            verb = "needs" if len(behind) == 1 else "need"
            note = f"Unchecked, but {counted} {verb} this {row.stored.kind.label}. Without it they stay here."
            mark = Mark(text="Others need it", tone="warn", icon="warn")
            marked.append(replace(row, needed_by=behind, note=note, mark=mark))
        else:
            marked.append(row)
    return marked


def _row(stored: ItemRow, standings: Mapping[EntityKey, Dependency], unchecked: bool, changed: bool) -> Row:
    item = stored.item
    open_needs = tuple(
        standings[key]
        for key in depends_on(item)
        if key in standings and not standings[key].may_be_referred_to
    )
    stuck = next((need for need in open_needs if need.standing != Standing.WAITING), None)
    failed = next(
        (one for one in (standings.get(key) for key in depends_on(item)) if one and one.has_failed), None
    )
    disabled = item.needs_choice or bool(item.blocking) or stuck is not None
    note, tone = "", "warn"
    if item.blocking:
        note, tone = " ".join(one.text for one in item.blocking[:MOST_PROBLEMS]), "bad"
    elif stuck is not None:
        note, tone = _stuck(stuck)
    elif item.instead:
        note = _unstorable(item)
    elif failed is not None:
        note = (
            f"It needs {failed.key.kind.label} {failed.label}, whose sync failed, and will wait for that one."
        )
    elif changed:
        note, tone = "It changed after you opened the page, so it was not sent. Look at it again.", "info"
    elif item.problems:
        note = item.problems[0].text
    return Row(
        stored=stored,
        item=item,
        mark=_mark(item, open_needs, stuck, changed),
        checked=not (disabled or unchecked or changed),
        disabled=disabled,
        needs=open_needs,
        note=note,
        note_tone=tone,
        absent=stuck if stuck is not None and stuck.standing in (Standing.KEPT, Standing.CLEARED) else None,
    )


_ASIDE = {
    Standing.KEPT: "was kept back",
    Standing.CLEARED: "was cleared",
    Standing.SKIPPED: "is always skipped",
}


def _stuck(need: Dependency) -> tuple[str, str]:
    """Why it cannot go before another record, and how serious that is."""
    name = f"{need.key.kind.label} {need.label}"
    if need.standing is not None:
        return f"It needs {name}, which {_ASIDE[Standing(need.standing)]}.", "warn"
    return f"It refers to {name}, which the app has not handed over yet.", "bad"


def _unstorable(item: Item) -> str:
    """Which texts cannot be stored, and that there is a choice."""
    fields = list(dict.fromkeys(field_words(one.field) for one in item.instead))
    names = ", ".join(fields[:3]) + (" and more" if len(fields) > 3 else "")
    has, characters = ("has", "characters") if len(fields) == 1 else ("have", "characters")
    return f"{names} {has} {characters} that QuickBooks Desktop cannot store. Use the suggestion, or change it in the app."


def _mark(item: Item, needs: Sequence[Dependency], stuck: Dependency | None, changed: bool) -> Mark:
    mark = Mark(text="Ready", tone="ok", plain=True)
    if item.is_conflict:
        mark = Mark(text="Pick a side", tone="warn", icon="conflict")
    elif item.blocking:
        mark = Mark(text=item.blocking[0].title, tone="bad")
    elif item.duplicates:
        mark = Mark(text="Probable duplicate", tone="warn", icon="copy")
    elif item.instead:
        mark = Mark(text="Characters", tone="warn", icon="warn")
    elif stuck is not None:
        mark = Mark(text=f"Needs {stuck.label}", tone="warn" if stuck.standing else "bad", icon="clock")
    elif changed:
        mark = Mark(text="Changed since you looked", tone="info")
    elif needs:
        mark = Mark(text=f"With {needs[0].label}", tone="neutral", icon="needs", plain=True)
    elif item.problems:
        mark = Mark(text=item.problems[0].title, tone="warn", icon="warn", plain=True)
    return mark


def address(base: str, **query: str | None) -> str:
    """An address with those parameters that have a value."""
    kept = {name: value for name, value in query.items() if value}
    return f"{base}?{urlencode(kept)}" if kept else base
