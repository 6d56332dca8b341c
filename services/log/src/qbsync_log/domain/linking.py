"""What QuickBooks holds under the name or number of a sync, and whether it can be linked to that."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from qbsync_log.domain.permissions import Refusal, may_resync
from qbsync_log.domain.records import Json, SyncRecord
from qbsync_log.domain.unsynced import guidance, problem
from qbsync_shared.catalogue import Action
from qbsync_shared.kinds import Direction

FRESH = timedelta(minutes=10)
"""How long an answer of QuickBooks counts; after that it is asked again."""

_OWNER = re.compile(r"\b(?:TxnId|Id)=(\d+)")
NOT_FOR_LINK = Refusal("not-applicable", "Linking does not help here. Follow the steps shown for its code.")
ONLY_EXPORTS = Refusal("not-applicable", "It comes from QuickBooks: the app says to which record it belongs.")
_ADDRESS = ("line1", "line2", "city", "state", "postal_code")
_COMPARED = {
    "name": "Name",
    "number": "Number",
    "company_name": "Company",
    "email": "E-mail",
    "phone": "Phone",
    "billing_address": "Billing address",
    "date": "Date",
    "total": "Total",
    "unit_price": "Price",
    "description": "Description",
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to look for: a name or number, and the id of a record that the fault named."""

    text: str
    quickbooks_id: str | None


def wanted(record: SyncRecord) -> Wanted | None:
    """What to look for in QuickBooks; None where the record has neither name nor number."""
    entity = (record.approval.entity if record.approval else None) or {}
    text = entity.get("number") or entity.get("name")
    if not text:
        return None
    owner = _OWNER.search(record.standing.message or "")
    return Wanted(text=str(text), quickbooks_id=owner.group(1) if owner else None)


def may_link(record: SyncRecord, *, latest: bool) -> Refusal | None:
    """Whether its record may be linked to one that QuickBooks holds; ``None`` means yes."""
    refusal = may_resync(record, latest=latest)
    if refusal is not None:
        return refusal
    if record.direction is Direction.IMPORT or record.known_app_id is None:
        return ONLY_EXPORTS
    why = problem(record)
    if why is None or Action.LINK not in guidance(record, why).actions:
        return NOT_FOR_LINK
    return None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One field of both records."""

    label: str
    left: str
    right: str

    @property
    def same(self) -> bool:
        """Whether both say the same, whatever the case."""
        return bool(self.left) and self.left.casefold() == self.right.casefold()


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A record that QuickBooks holds under that name or number. ``refusal`` says why it cannot be linked to."""

    quickbooks_id: str
    kind: str
    label: str
    rows: tuple[Row, ...]
    refusal: str

    @property
    def words(self) -> str:
        """``vendor Redfern Nursery``."""
        return f"{self.kind.replace('_', ' ')} {self.label}"


@dataclass(frozen=True, kw_only=True)
class LookedUp:
    """A look into QuickBooks and its answer, if there is one.

    ``pending``: QuickBooks itself has not answered yet. ``asked``: the answer is QuickBooks' own, else it is from what
    was read before, at ``as_of``.
    """

    command_id: str
    asked_at: datetime
    answered_at: datetime | None
    pending: bool
    asked: bool
    as_of: datetime | None
    message: str
    found: tuple[Json, ...]

    @property
    def answered(self) -> bool:
        """Whether anything was answered."""
        return self.answered_at is not None

    def is_fresh(self, now: datetime) -> bool:
        """Whether nothing is to be asked again."""
        return now - self.asked_at < FRESH


def candidates(
    record: SyncRecord, found: Sequence[Mapping[str, Any]], *, linked: str | None
) -> list[Candidate]:
    """What was found, but for the record that it is linked to already; what can be linked to comes first."""
    entity = (record.approval.entity if record.approval else None) or {}
    made = [_candidate(record, entity, one) for one in found if one["quickbooks_id"] != linked]
    return sorted(made, key=lambda one: bool(one.refusal))


def _candidate(record: SyncRecord, entity: Json, found: Mapping[str, Any]) -> Candidate:
    held = found.get("entity") or {}
    kind = str(found.get("kind") or record.kind.value)
    label = str(held.get("name") or held.get("number") or found["quickbooks_id"])
    rows = (
        Row(label=words, left=_text(entity.get(field)), right=_text(held.get(field)))
        for field, words in _COMPARED.items()
    )
    return Candidate(
        quickbooks_id=str(found["quickbooks_id"]),
        kind=kind,
        label=label,
        rows=tuple(row for row in rows if row.left or row.right),
        refusal=_refusal(record, kind, held, found.get("app_id")),
    )


def _refusal(record: SyncRecord, kind: str, held: Json, app_id: str | None) -> str:
    mine = record.kind.label
    if kind != record.kind.value:
        other = kind.replace("_", " ")
        return (
            f"It is {_article(other)} {other}, so {_article(mine)} {mine} cannot be linked to it. QuickBooks keeps one list of names for all: "
            f"give the {mine} another name in the app, for example “{record.label} ({mine})”, and approve that."
        )
    if app_id and app_id != record.known_app_id:
        return (
            f"It is linked to {mine} {app_id} of the app already. If the two are one, merge them in the app."
        )
    if held.get("active") is False:
        return "It is inactive in QuickBooks. Make it active there, look again, and link to it."
    return ""


def _article(word: str) -> str:
    return "an" if word[:1] in "aeiou" else "a"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(str(value[part]) for part in _ADDRESS if value.get(part))
    return "" if value is None else str(value)
