"""Bodies of the JSON API."""

import json
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from qbsync_shared.entities.base import Revision
from qbsync_shared.ids import AppId
from qbsync_shared.kinds import Direction, Edition, Kind, Operation, Plan
from qbsync_shared.messages import Mapping
from qbsync_shared.money import Money
from qbsync_wizard.postgres.items import Filter, Scope


class Body(BaseModel):
    """A body of ours: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse what JSON of PostgreSQL does not hold: NUL, half a surrogate pair, NaN and infinities."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError):
        raise ValueError("it holds a number or character that cannot be stored") from None
    if "\\u0000" in text.replace("\\\\", ""):
        raise ValueError("it holds a NUL character, which cannot be stored")
    return value


class TenantBody(Body):
    """A tenant's configuration."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    plan: Plan
    edition: Edition
    paused: bool = False
    settings: Annotated[dict[str, Any], AfterValidator(_storable)] = Field(default_factory=dict)
    mappings: tuple[Mapping, ...] = ()


class TenantAnswer(TenantBody):
    """The same, as it is stored."""

    id: str
    version: int


class Taken(BaseModel):
    """What became of one hand-over."""

    kind: Kind
    app_id: str
    revision: str
    outcome: str


class Member(BaseModel):
    """The answer to one member of a bulk hand-over, with the status that a single one would have had."""

    index: int
    status: int
    kind: str | None = None
    app_id: str | None = None
    outcome: str
    detail: str = ""


class EntitiesBody(Body):
    """Up to 1,000 entities, or deletions ``{"deleted": true, "kind", "app_id", "revision"}``."""

    entities: Annotated[list[dict[str, Any]], Field(max_length=1000)]


class Members(BaseModel):
    """One answer per member, in the order of the request."""

    items: list[Member]
    accepted: int


class EntityRow(BaseModel):
    """A record as the wizard knows it, for comparing."""

    kind: Kind
    app_id: str
    revision: str
    deleted: bool
    changed_at: datetime
    received_at: datetime


class FilterBody(Body):
    """Which rows."""

    direction: Direction | None = None
    kind: Kind | None = None
    q: Annotated[str, Field(max_length=200)] = ""

    def to_filter(self) -> Filter:
        """As the service takes it."""
        return Filter(direction=self.direction, kind=self.kind, q=self.q)


Number = Annotated[int, Field(ge=0, lt=1 << 62)]
AsOf = Number | Annotated[str, Field(pattern=r"^\d{1,18}$")] | AwareDatetime
"""The ``as_of`` that a list of the review gave, or a moment."""


class ScopeBody(Body):
    """The rows that were shown: a filter, at a moment; with ``ids`` only these of them."""

    filter: FilterBody = Field(default_factory=FilterBody)
    as_of: AsOf
    ids: Annotated[tuple[str, ...], Field(max_length=5000)] | None = None

    def to_scope(self, leave_out: tuple[str, ...] = ()) -> Scope:
        """As the service takes it."""
        as_of = int(self.as_of) if isinstance(self.as_of, str) else self.as_of
        return Scope(filter=self.filter.to_filter(), as_of=as_of, leave_out=leave_out, only=self.ids)


class CheckedBody(Body):
    """A checked row as it was seen. ``choice``: ``app``, ``quickbooks``, ``create`` or ``link:{id}`` where one is needed.

    ``replace``, or one of these with ``+replace``, accepts the suggested texts.
    """

    id: Annotated[str, Field(min_length=1, max_length=64)]
    revision: Number
    choice: Annotated[str, Field(max_length=300)] | None = None


class ApproveBody(Body):
    """What is approved, and what becomes of the rest (contracts.md, section 5)."""

    checked: Annotated[tuple[CheckedBody, ...], Field(max_length=5000)] = ()
    scope: ScopeBody | None = None
    all_matching: ScopeBody | None = None
    except_: Annotated[tuple[str, ...], Field(max_length=5000)] = Field(default=(), alias="except")
    unchecked: Literal["keep", "clear"] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "ApproveBody":
        if self.all_matching is not None and (self.checked or self.scope):
            raise ValueError("either checked rows with their scope, or all_matching")
        return self


class NeedAnswer(BaseModel):
    """Why a row stays."""

    code: str
    message: str
    kind: Kind | None = None
    app_id: str | None = None


class ProblemAnswer(NeedAnswer):
    """What QuickBooks would refuse, or (``blocks`` false) only something to know; ``field`` is dotted."""

    field: str = ""
    blocks: bool = True


class ReplacementAnswer(BaseModel):
    """A text that QuickBooks Desktop cannot store, and what is suggested instead."""

    field: str
    before: str
    after: str


class BlockedAnswer(BaseModel):
    """A row that stays, and why."""

    id: str
    needs: list[NeedAnswer]


class ApproveAnswer(BaseModel):
    """How many were approved, which changed meanwhile, which cannot go; ``job`` when it runs on.

    Until ``held_until`` it can be undone.
    """

    approved: int
    changed: list[str]
    blocked: list[BlockedAnswer]
    job: str | None = None
    approval_id: str | None = None
    held_until: datetime | None = None


class Undone(BaseModel):
    """How many held syncs the connector service is asked to cancel."""

    asked: int


class ChangeAnswer(BaseModel):
    """One field before and after."""

    field: str
    label: str
    before: Any = None
    after: Any = None


class ReviewItem(BaseModel):
    """A row of the review."""

    id: str
    revision: int
    direction: Direction
    kind: Kind
    operation: Operation
    app_id: str | None
    quickbooks_id: str | None
    label: str
    party: str
    amount: Money | None
    date: str | None
    changed_at: datetime
    ready: bool
    conflict: bool
    changes: list[ChangeAnswer]
    problems: list[ProblemAnswer]
    replacements: list[ReplacementAnswer]
    duplicates: list[dict[str, Any]]


class Review(BaseModel):
    """A page of the review. ``as_of`` goes back into the scope of an approval."""

    items: list[ReviewItem]
    next_cursor: str | None
    total: int
    as_of: str


class Badge(BaseModel):
    """How many review items wait."""

    waiting: int
    imports: int
    exports: int


class HandOver(BaseModel):
    """An approved import for the app."""

    sync_id: str
    kind: Kind
    quickbooks_id: str
    app_id: str | None
    entity: dict[str, Any]
    changed: list[str]
    deleted: bool
    handed_over_at: datetime


class AppliedBody(Body):
    """The app applied it."""

    app_id: AppId
    revision: Revision


class RejectedBody(Body):
    """The app cannot take it."""

    reason: Annotated[str, Field(min_length=1, max_length=1000)]


class ImportAnswer(Body):
    """``{"applied": {...}}`` or ``{"rejected": {...}}``."""

    applied: AppliedBody | None = None
    rejected: RejectedBody | None = None

    @model_validator(mode="after")
    def _one(self) -> "ImportAnswer":
        if (self.applied is None) == (self.rejected is None):
            raise ValueError("either applied or rejected")
        return self


class ApprovalRow(BaseModel):
    """An approved movement, for the audit."""

    sync_id: str
    kind: Kind
    app_id: str | None
    quickbooks_id: str | None
    direction: Direction
    operation: Operation
    approved_at: datetime
    approved_by: str
    resync_of: str | None
    state: str


EntryId = Annotated[str, Field(min_length=1, max_length=100)]


class EntryAnswer(BaseModel):
    """One entry of a list of QuickBooks."""

    quickbooks_id: str
    name: str


class Entries(BaseModel):
    """A list of QuickBooks."""

    items: list[EntryAnswer]


class MappingAnswer(BaseModel):
    """A word of the app. ``state``: ``missing``, ``inactive``, ``chosen`` or ``same_name``."""

    kind: Kind
    word: str
    state: str
    quickbooks_id: str | None
    quickbooks_name: str | None


class Mappings(BaseModel):
    """Words of the app; ``missing`` counts those that hold records back."""

    items: list[MappingAnswer]
    missing: int


class MappingBody(Body):
    """What a word stands for; without ``quickbooks_id`` the entry of the same name."""

    word: Annotated[str, Field(min_length=1, max_length=500)]
    quickbooks_id: EntryId | None = None


class MappingsBody(Body):
    """Words of one list."""

    mappings: Annotated[list[MappingBody], Field(min_length=1, max_length=2000)]


class ItemChoicesBody(Body):
    """What an item gets that does not say it itself."""

    income_account: EntryId | None = None
    expense_account: EntryId | None = None
    asset_account: EntryId | None = None
    tax_code: EntryId | None = None


class DefaultsBody(Body):
    """Entries for all records that name none."""

    tax_code: EntryId | None = None
    deposit_to: EntryId | None = None
    class_: EntryId | None = Field(default=None, alias="class")


class Changed(BaseModel):
    """How many were set."""

    changed: int


class AutoApprove(Body):
    """What goes without review."""

    kind: Kind
    direction: Direction


class RulesBody(Body):
    """What an admin decided once for all."""

    auto_approve: Annotated[list[AutoApprove], Field(max_length=100)] = Field(default_factory=list)
    approve_role: Literal["approver", "admin"] = "approver"
    import_since: date | None = None
    hold_seconds: Annotated[int, Field(ge=0, le=3600)] = 0


class MatchItem(BaseModel):
    """A waiting record of the app and the record of QuickBooks that it is probably the same as; ``confidence`` in percent."""

    item_id: str
    revision: int
    kind: Kind
    app_id: str
    label: str
    quickbooks_id: str
    quickbooks_label: str
    confidence: int
    same: str


class MatchList(BaseModel):
    """Matches, the surest first. ``unclear`` counts records that fit several, or share one: somebody chooses."""

    items: list[MatchItem]
    total: int
    unclear: int
    as_of: str


class LinkMatchesBody(BaseModel):
    """From which confidence on, and what was seen: rows that changed after ``as_of`` stay."""

    model_config = ConfigDict(extra="forbid")

    least: int = Field(ge=50, le=99)
    as_of: Annotated[str, Field(pattern=r"^\d{1,18}$")]


class LinkedMatches(BaseModel):
    """How many were linked, and how many more are as sure: ask again."""

    linked: int
    remaining: int
