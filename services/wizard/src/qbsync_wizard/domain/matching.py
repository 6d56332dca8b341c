"""What the app's words stand for in QuickBooks' lists, and the rules that an admin sets."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from qbsync_shared.kinds import Direction, Kind, Operation, rules
from qbsync_wizard.domain.company import Entry
from qbsync_wizard.domain.evaluating import Item
from qbsync_wizard.domain.records import Json
from qbsync_wizard.domain.tenants import Tenant

MAPPED_KINDS = (Kind.ACCOUNT, Kind.TAX_CODE, Kind.CLASS, Kind.TERM, Kind.PAYMENT_METHOD)
"""The lists whose entries the app names by words of its own."""


class Match(StrEnum):
    """How a word of the app stands."""

    MISSING = "missing"
    INACTIVE = "inactive"
    CHOSEN = "chosen"
    SAME_NAME = "same_name"

    @property
    def needs_somebody(self) -> bool:
        """Whether records that use the word are held back."""
        return self in (Match.MISSING, Match.INACTIVE)


@dataclass(frozen=True, kw_only=True)
class Matched:
    """A word of the app and the entry that it means."""

    kind: Kind
    word: str
    match: Match
    entry: Entry | None = None


def matched(
    kind: Kind, word: str, same: Entry | None, chosen: Json | None, entries: dict[str, Entry]
) -> Matched:
    """How a word stands.

    Args:
        same: the entry of the same name.
        chosen: the tenant's mapping of the word.
        entries: active entries by id.
    """
    if chosen is not None:
        entry = entries.get(str(chosen.get("quickbooks_id")))
        if entry is None and not chosen.get("quickbooks_id"):
            name = str(chosen.get("quickbooks_name") or "").casefold()
            entry = next((one for one in entries.values() if one.name.casefold() == name), None)
        if entry is None:
            gone = Entry(
                kind=kind,
                quickbooks_id=str(chosen.get("quickbooks_id") or ""),
                name=str(chosen.get("quickbooks_name") or ""),
                active=False,
            )
            return Matched(kind=kind, word=word, match=Match.INACTIVE, entry=gone)
        return Matched(kind=kind, word=word, match=Match.CHOSEN, entry=entry)
    if same is None:
        return Matched(kind=kind, word=word, match=Match.MISSING)
    match = Match.SAME_NAME if same.active else Match.INACTIVE
    return Matched(kind=kind, word=word, match=match, entry=same)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What an admin decided once for all.

    ``auto_approve`` are the (kind, direction) that need no review; ``approve_role`` is ``approver`` or ``admin``; ``import_since`` the day from which on
    changes in QuickBooks are reviewed, None for the day of connection.
    """

    auto_approve: frozenset[tuple[Kind, Direction]] = frozenset()
    approve_role: str = "approver"
    import_since: date | None = None
    hold_seconds: int = 0

    @classmethod
    def of(cls, tenant: Tenant) -> "Rules":
        """As they stand in the tenant's settings; what does not fit counts as not set."""
        pairs = tenant.settings.get("auto_approve")
        since = tenant.settings.get("import_since")
        return cls(
            auto_approve=frozenset(_pairs(pairs if isinstance(pairs, list) else [])),
            approve_role="admin" if tenant.settings.get("approve_role") == "admin" else "approver",
            import_since=_day(str(since)) if since else None,
            hold_seconds=tenant.hold_seconds,
        )

    def to_settings(self) -> Json:
        """As the tenant's settings keep them."""
        return {
            "auto_approve": sorted(
                f"{kind.value}:{direction.value}" for kind, direction in self.auto_approve
            ),
            "approve_role": self.approve_role,
            "import_since": self.import_since.isoformat() if self.import_since else None,
            "hold_seconds": self.hold_seconds,
        }

    def lets_through(self, item: Item) -> bool:
        """Whether this needs no review: its rule is on, and nothing about it needs a look. A removal always does."""
        change = item.change
        careful = change.operation in (Operation.DELETE, Operation.VOID, Operation.DEACTIVATE)
        if careful or item.needs_choice or item.problems or item.resync_of is not None:
            return False
        return (item.kind, change.direction) in self.auto_approve


def _pairs(given: list[object]) -> list[tuple[Kind, Direction]]:
    possible = {f"{kind.value}:{direction.value}": (kind, direction) for kind, direction in choosable()}
    return [possible[str(one)] for one in given if str(one) in possible]


def choosable() -> list[tuple[Kind, Direction]]:
    """Every kind and direction that can be approved by rule."""
    return [
        (kind, direction)
        for kind in Kind
        if not kind.is_list
        for direction in Direction
        if direction in rules(kind).directions
    ]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
