"""One sync as the log knows it, and how each fact about it changes that. Facts come in any order, and twice."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from qbsync_shared.entities import parse_entity
from qbsync_shared.kinds import Direction, Edition, Kind, Operation
from qbsync_shared.states import OPEN, StateGroup, SyncState, group

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A code with what QuickBooks said."""

    code: str
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Approval:
    """What ``sync.approved`` says. ``party`` is the entity key of the customer or vendor that it is about."""

    entity: Json
    fields: tuple[str, ...]
    entity_seq: int
    label: str
    amount: Decimal | None
    party: str | None
    party_name: str | None
    resync_of: str | None
    not_before: datetime | None
    approved_by: str
    approved_at: datetime


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the newest fact of the connector service says; ``version`` tells which is the newest."""

    version: int = 0
    state: SyncState = SyncState.PENDING
    attempt: int = 0
    code: str | None = None
    message: str | None = None
    retry_at: datetime | None = None
    waits_for: str | None = None
    in_doubt_since: datetime | None = None
    awaiting_app_since: datetime | None = None
    warnings: tuple[Problem, ...] = ()
    by: str | None = None
    superseded_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One message about a sync: an approval, or where it stands now."""

    message_id: str
    tenant: str
    edition: Edition
    occurred_at: datetime
    sync_id: str
    verb: str
    direction: Direction
    kind: Kind
    operation: Operation
    app_id: str | None
    quickbooks_id: str | None
    approval: Approval | None = None
    standing: Standing | None = None
    technical: Json = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SyncRecord:
    """One sync. Without ``approval`` its later facts came first.

    ``linked_app_id`` is the app's id by the link, for imports that were approved before they were linked.
    """

    tenant: str
    sync_id: str
    edition: Edition
    direction: Direction
    kind: Kind
    operation: Operation
    app_id: str | None
    quickbooks_id: str | None
    approval: Approval | None
    standing: Standing
    changed_at: datetime
    linked_app_id: str | None = None

    @property
    def state(self) -> SyncState:
        """Where it stands."""
        return self.standing.state

    @property
    def group(self) -> StateGroup:
        """The tab of the report that shows it."""
        return group(self.state)

    @property
    def is_open(self) -> bool:
        """Whether more will happen to it by itself."""
        return self.state in OPEN

    @property
    def label(self) -> str:
        """The name or number by which a person knows it."""
        return (self.approval.label if self.approval else "") or self.known_app_id or self.quickbooks_id or ""

    @property
    def known_app_id(self) -> str | None:
        """The app's id, told or by the link."""
        return self.app_id or self.linked_app_id

    @property
    def resync_of(self) -> str | None:
        """The sync that this one tries again."""
        return self.approval.resync_of if self.approval else None

    @property
    def entity_key(self) -> str:
        """What names the entity: by the app's id, else (an import that is not linked yet) by QuickBooks'."""
        return entity_key(
            self.kind, app_id=self.known_app_id, quickbooks_id=self.quickbooks_id or self.sync_id
        )


def entity_key(kind: Kind, *, app_id: str | None = None, quickbooks_id: str | None = None) -> str:
    """``invoice/app/V-1042`` or ``customer/quickbooks/80000A3F``."""
    return f"{kind.value}/app/{app_id}" if app_id else f"{kind.value}/quickbooks/{quickbooks_id}"


def apply(record: SyncRecord | None, fact: Fact) -> SyncRecord:
    """The record after one more fact. Any order and any repetition of the same facts give the same record."""
    if record is None:
        record = SyncRecord(
            tenant=fact.tenant,
            sync_id=fact.sync_id,
            edition=fact.edition,
            direction=fact.direction,
            kind=fact.kind,
            operation=fact.operation,
            app_id=fact.app_id,
            quickbooks_id=fact.quickbooks_id,
            approval=None,
            standing=Standing(),
            changed_at=fact.occurred_at,
        )
    if fact.approval is not None:
        # what the connector service said later about ids and operation stays
        changed_at = record.changed_at if record.standing.version else fact.occurred_at
        return replace(
            record,
            approval=fact.approval,
            app_id=record.app_id or fact.app_id,
            quickbooks_id=record.quickbooks_id or fact.quickbooks_id,
            changed_at=changed_at,
        )
    standing = fact.standing
    if standing is None or standing.version <= record.standing.version:
        return replace(
            record,
            app_id=record.app_id or fact.app_id,
            quickbooks_id=record.quickbooks_id or fact.quickbooks_id,
        )
    return replace(
        record,
        standing=standing,
        operation=fact.operation,
        app_id=fact.app_id or record.app_id,
        quickbooks_id=fact.quickbooks_id or record.quickbooks_id,
        changed_at=fact.occurred_at,
    )


def describe(entity: Json, kind: Kind) -> tuple[str, Decimal | None, str | None, str | None]:
    """Label, amount, and the customer or vendor of an entity (its key and, if told, its name)."""
    try:
        parsed = parse_entity({"kind": kind.value, **entity})
    except ValidationError:  # a deletion may carry no more than the ids
        label = entity.get("number") or entity.get("name") or entity.get("app_id") or ""
        return str(label), None, None, None
    for path, of_kind, reference in parsed.references():
        if path in {"customer", "vendor"}:
            key = entity_key(of_kind, app_id=reference.app_id, quickbooks_id=reference.quickbooks_id)
            return parsed.label, parsed.amount, key, reference.name
    return parsed.label, parsed.amount, None, None
