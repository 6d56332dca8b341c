"""The JSON of the log's API."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from qbsync_log.domain.unsynced import Bucket, guidance, problem
from qbsync_log.postgres.rows import record_of
from qbsync_log.service.looking import Look
from qbsync_shared.catalogue import Guidance
from qbsync_shared.kinds import Direction, Edition, Kind, Operation
from qbsync_shared.states import StateGroup, SyncState
from qbsync_shared.web.paging import LIMIT, Cursor, Limit

SyncId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]


class WarningItem(BaseModel):
    """Something a person should know about a sync that went through."""

    code: str
    message: str


class SyncItem(BaseModel):
    """One sync. ``state`` is the group of the pages, ``sync_state`` the state itself."""

    sync_id: str
    state: StateGroup
    sync_state: SyncState
    edition: Edition
    direction: Direction
    kind: Kind
    operation: Operation
    app_id: str | None
    quickbooks_id: str | None
    label: str
    customer: str | None = Field(description="name of the customer or vendor that it is about")
    amount: Decimal | None
    attempt: int
    code: str | None
    message: str | None
    retry_at: datetime | None
    waits_for: str | None = Field(description="entity that it waits for: kind/app/id")
    in_doubt_since: datetime | None
    awaiting_app_since: datetime | None
    warnings: list[WarningItem]
    approved_by: str | None
    approved_at: datetime | None
    changed_at: datetime
    resync_of: str | None
    latest: bool = Field(description="whether no newer sync of the entity exists")
    unsynced: Bucket | None = Field(description="where it is listed under Unsynced Entities")

    @classmethod
    def of(cls, row: Any) -> "SyncItem":
        """From a row of a list."""
        record = record_of(row)
        shared = {name: row[name] for name in _SAME}
        return cls(
            **shared,
            state=record.group,
            sync_state=record.state,
            app_id=record.known_app_id,
            label=record.label,
            customer=row["party_name"] or row["party_label"],
            unsynced=row["bucket"],
        )


_SAME = (
    "sync_id",
    "edition",
    "direction",
    "kind",
    "operation",
    "quickbooks_id",
    "amount",
    "attempt",
    "code",
    "message",
    "retry_at",
    "waits_for",
    "in_doubt_since",
    "awaiting_app_since",
    "warnings",
    "approved_by",
    "approved_at",
    "changed_at",
    "resync_of",
    "latest",
)


class CodeItem(BaseModel):
    """One code of the status code guide."""

    code: str
    edition: Literal["desktop", "online", "any"]
    title: str
    cause: str
    steps: list[str]
    actions: list[str]
    retry: str
    needs_person: bool
    verified: bool
    known: bool

    @classmethod
    def of(cls, entry: Guidance, *, code: str | None = None) -> "CodeItem":
        """From an entry of the catalogue."""
        return cls(
            code=code or entry.code,
            edition=entry.scope,
            title=entry.title,
            cause=entry.cause,
            steps=list(entry.steps),
            actions=[action.value for action in entry.actions],
            retry=entry.retry.value,
            needs_person=entry.needs_person,
            verified=entry.verified,
            known=entry.known,
        )


class UnsyncedItem(SyncItem):
    """An unsynced entity with what to do about it; those of one ``cause`` are solved by the same deed."""

    cause: str
    guidance: CodeItem | None
    asked_at: datetime | None = Field(description="when its Resync was pressed, if the answer is to come")

    @classmethod
    def of(cls, row: Any) -> "UnsyncedItem":
        """From a row of the list of unsynced entities."""
        record = record_of(row)
        why = problem(record)
        found = CodeItem.of(guidance(record, why)) if why else None
        base = SyncItem.of(row).model_dump()
        return cls(**base, cause=row["cause"], guidance=found, asked_at=row["asked_at"])


class EventItem(BaseModel):
    """Something that was said about a sync; ``technical`` is redacted."""

    sync_id: str
    verb: str
    occurred_at: datetime
    attempt: int
    code: str | None
    message: str | None
    details: dict[str, Any]
    technical: dict[str, Any]


class RequestItem(BaseModel):
    """What a person asked for."""

    command_id: str
    sync_id: str
    action: str
    by: str
    why: str
    asked_at: datetime
    state: str
    answer: str | None


class Timeline(BaseModel):
    """One sync, and the history of its entity, newest first."""

    sync: SyncItem
    syncs: list[str] = Field(description="all syncs of the entity, the newest first")
    events: list[EventItem]
    requests: list[RequestItem]


class UnsyncedFilters(BaseModel):
    """The filters of the list of unsynced entities."""

    kind: Kind | None = None
    direction: Direction | None = None
    code: str | None = Field(default=None, max_length=64)
    cause: str | None = Field(default=None, max_length=500)
    q: str = Field(default="", max_length=200)
    bucket: Bucket | None = None


class UnsyncedQuery(UnsyncedFilters):
    """The same with paging."""

    cursor: Cursor = None
    limit: Limit = LIMIT


class Matching(UnsyncedFilters):
    """Unsynced entities by the same filters as the list; without a bucket those that need a person."""

    model_config = ConfigDict(extra="forbid")

    bucket: Bucket | None = Bucket.NEEDS_YOU
    as_of: datetime | None = Field(default=None, description="only what did not change after this moment")


class Selection(BaseModel):
    """Which unsynced entities: ``sync_ids`` or ``all_matching``."""

    model_config = ConfigDict(extra="forbid")

    sync_ids: list[SyncId] | None = Field(default=None, max_length=1_000)
    all_matching: Matching | Literal[True] | None = None
    why: str = Field(default="", max_length=1_000)

    @model_validator(mode="after")
    def _one_of_both(self) -> "Selection":
        if (self.sync_ids is None) == (self.all_matching is None):
            raise ValueError("give either sync_ids or all_matching")
        return self

    @property
    def matching(self) -> Matching | None:
        """The filters, if it is ``all_matching``."""
        return Matching() if self.all_matching is True else self.all_matching


class ClearSelection(Selection):
    """The same for Clear ID; with ``resync`` they are created anew right after.

    Refused where QuickBooks was seen to hold another record of that name or number that is linked to nothing, unless
    ``sure`` says that somebody looked and it is another one.
    """

    resync: bool = False
    sure: bool = False


class LinkSelection(BaseModel):
    """Which unsynced entity, and the record of QuickBooks that it belongs to."""

    model_config = ConfigDict(extra="forbid")

    sync_id: SyncId
    quickbooks_id: SyncId
    why: str = Field(default="", max_length=1_000)


class FoundItem(BaseModel):
    """A record of QuickBooks. ``refusal`` says why it cannot be linked to; empty where it can."""

    quickbooks_id: str
    kind: str
    label: str
    refusal: str
    same: list[str] = Field(description="the fields in which both agree")


class LookUpItem(BaseModel):
    """What QuickBooks holds under a name or number.

    ``source`` is ``quickbooks`` where it was asked, ``read`` where this is what was read before; empty while there is no
    answer. ``pending``: QuickBooks' own answer is to come (Desktop: with the next run).
    """

    linked: str | None = Field(description="the record that it is linked to now")
    asked_at: datetime | None
    answered_at: datetime | None
    source: Literal["", "read", "quickbooks"]
    as_of: datetime | None
    pending: bool
    message: str
    found: list[FoundItem]

    @classmethod
    def of(cls, look: Look) -> "LookUpItem":
        """As JSON."""
        looked = look.looked
        source: Literal["", "read", "quickbooks"] = ""
        if looked is not None and looked.answered:
            source = "quickbooks" if looked.asked else "read"
        found = [
            FoundItem(
                quickbooks_id=one.quickbooks_id,
                kind=one.kind,
                label=one.label,
                refusal=one.refusal,
                same=[row.label for row in one.rows if row.same],
            )
            for one in look.candidates
        ]
        return cls(
            linked=look.linked,
            asked_at=looked.asked_at if looked else None,
            answered_at=looked.answered_at if looked else None,
            source=source,
            as_of=looked.as_of if looked else None,
            pending=looked.pending if looked else False,
            message=looked.message if looked else "",
            found=found,
        )


class RefusedItem(BaseModel):
    """Why one of them was not done."""

    sync_id: str
    code: str
    reason: str


class AskedAnswer(BaseModel):
    """What was asked for. ``already``: asked for before and not answered yet. ``remaining``: more match than go at once; ask again."""

    asked: list[str]
    already: list[str]
    refused: list[RefusedItem]
    remaining: int = 0


class SyncFilters(BaseModel):
    """The filters of the lists, in the address."""

    kind: Kind | None = None
    direction: Direction | None = None
    code: str | None = Field(default=None, max_length=64)
    since: date | None = None
    until: date | None = None
    q: str = Field(default="", max_length=200)


class SyncQuery(SyncFilters):
    """The same with the group and paging."""

    state: StateGroup | None = Field(default=None, description="the group of the pages")
    cursor: Cursor = None
    limit: Limit = LIMIT


class CodeQuery(BaseModel):
    """The filters of the status code guide."""

    edition: Literal["desktop", "online", "any"] | None = None
    q: str = Field(default="", max_length=200)
    cursor: Cursor = None
    limit: Limit = LIMIT
