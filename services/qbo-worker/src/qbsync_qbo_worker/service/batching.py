"""What goes next, and what together: pure rules over what is claimed (decision 5)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from qbsync_qbo_worker.postgres.calls import StoredBatch
from qbsync_qbo_worker.quickbooks import Call
from qbsync_qbo_worker.service.requests import Ready, batch_of, may_go_along
from qbsync_shared.connector import WorkItem
from qbsync_shared.ids import MakeId

BATCH_SIZE = 30
"""Members of a batch (qbo-api, batch)."""

BATCH_FROM = 5
"""From how many writes on they go together; fewer are answered sooner alone."""

IN_FLIGHT = 8
"""Calls at once per realm: Intuit allows 10, of which two are left for reading."""

BESIDE = 2
"""Single writes at once while enough for a batch waits: batches must not wait for them."""

Name = tuple[str, str, str]
"""A record: kind, whose id it is (``app`` or ``quickbooks``), id."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What one call carries: one item alone, or the members of a batch by bId."""

    call: Call
    members: dict[str, Ready]
    stored_at: datetime | None
    is_batch: bool = False

    @property
    def ready(self) -> list[Ready]:
        """Its items."""
        return list(self.members.values())

    @property
    def in_doubt(self) -> bool:
        """Whether an earlier sending may have been applied. All members were sent together, or none."""
        return any(one.in_doubt for one in self.members.values())

    @property
    def requestids(self) -> list[str]:
        """The ids of the members' own calls."""
        return [one.requestid for one in self.members.values()]


def alone(ready: Ready) -> Load:
    """One item in its own call."""
    return Load(call=ready.call, members={"": ready}, stored_at=ready.stored_at)


def together(members: Sequence[Ready], *, requestid: str, at: datetime) -> Load:
    """A new batch."""
    by_bid = {str(number): one for number, one in enumerate(members, 1)}
    call = batch_of(by_bid, requestid=requestid)
    marked = {bid: replace(one, batch=requestid) for bid, one in by_bid.items()}
    return Load(call=call, members=marked, stored_at=at, is_batch=True)


def again(batch: StoredBatch, members: dict[str, Ready]) -> Load:
    """A batch that went out already: the same bytes, for the members that have no outcome yet."""
    return Load(call=batch.call, members=members, stored_at=batch.created_at, is_batch=True)


@dataclass(frozen=True)
class Touch:
    """Which record an item is, and which it refers to."""

    own: frozenset[Name]
    others: frozenset[Name]


def touch_of(item: WorkItem) -> Touch:
    """By every id that is known."""
    own = {
        (item.kind.value, "app", item.app_id or ""),
        (item.kind.value, "quickbooks", item.quickbooks_id or ""),
    }
    if item.link is not None:
        own.add((item.kind.value, "quickbooks", item.link.quickbooks_id))
    others = {(key.kind.value, "app", key.app_id) for key in item.depends_on}
    for _, kind, reference in item.entity.references() if item.entity is not None else ():
        others.add((kind.value, "app", reference.app_id or ""))
        others.add((kind.value, "quickbooks", reference.quickbooks_id or ""))
    return Touch(
        own=frozenset(name for name in own if name[2]), others=frozenset(name for name in others if name[2])
    )


@dataclass
class Meeting:
    """Records that calls under way, or earlier items, are about or refer to."""

    own: set[Name] = field(default_factory=set)
    others: set[Name] = field(default_factory=set)

    def add(self, touch: Touch) -> None:
        """One more."""
        self.own |= touch.own
        self.others |= touch.others

    def meets(self, touch: Touch) -> bool:
        """Whether an item refers to one of them, or one of them to it."""
        return bool(self.own & touch.others or self.others & touch.own)


class Backlog:
    """What is claimed and stored, and did not go yet, in order."""

    def __init__(self, *, make_id: MakeId, batch_from: int = BATCH_FROM) -> None:
        self._make_id = make_id
        self._batch_from = batch_from
        self._touches: dict[str, Touch] = {}
        self.waiting: list[Ready] = []

    @property
    def sync_ids(self) -> set[str]:
        """Of what waits."""
        return {one.item.sync_id for one in self.waiting}

    @property
    def room(self) -> int:
        """How much more should be claimed: two batches are kept at hand."""
        return 2 * BATCH_SIZE - len(self.waiting) if len(self.waiting) < BATCH_SIZE else 0

    def add(self, ready: Iterable[Ready]) -> None:
        """More was claimed."""
        self.waiting += ready

    def take(
        self, *, room: int, alone_now: int, batch_may_go: bool, unanswered: Iterable[WorkItem], at: datetime
    ) -> list[Load]:
        """What goes now, at most ``room`` calls.

        Args:
            alone_now: single calls under way.
            batch_may_go: whether no other batch waits for its turn.
            unanswered: whose outcome is not known.
        """
        unanswered = list(unanswered)
        free = self._free(unanswered)
        fit = [one for one in free if may_go_along(one)]
        single = [one for one in free if not may_go_along(one)]
        loads: list[Load] = []
        if batch_may_go and room and len(fit) >= self._batch_from:
            members, fit = fit[:BATCH_SIZE], fit[BATCH_SIZE:]
            loads.append(together(members, requestid=self._make_id(), at=at))
        beside = room - len(loads)
        if loads or len(fit) >= self._batch_from:
            beside = min(beside, BESIDE - alone_now)
        loads += [alone(one) for one in [*single, *fit][: max(beside, 0)]]
        gone = {one.item.sync_id for load in loads for one in load.ready}
        self.waiting = [one for one in self.waiting if one.item.sync_id not in gone]
        self._forget_all_but(self.sync_ids | gone | {item.sync_id for item in unanswered})
        return loads

    def behind(self, unanswered: Iterable[WorkItem]) -> set[str]:
        """The syncs that cannot go before one of these is answered."""
        free = {one.item.sync_id for one in self._free(unanswered)}
        return self.sync_ids - free

    def _free(self, unanswered: Iterable[WorkItem]) -> list[Ready]:
        """What meets neither a call under way nor anything before it."""
        meeting = Meeting()
        for item in unanswered:
            meeting.add(self._touch(item))
        free: list[Ready] = []
        for one in self.waiting:
            touch = self._touch(one.item)
            if not meeting.meets(touch):
                free.append(one)
            meeting.add(touch)
        return free

    def _forget_all_but(self, sync_ids: set[str]) -> None:
        """A realm may be drained for hours."""
        self._touches = {key: touch for key, touch in self._touches.items() if key in sync_ids}

    def _touch(self, item: WorkItem) -> Touch:
        found = self._touches.get(item.sync_id)
        if found is None:
            found = self._touches[item.sync_id] = touch_of(item)
        return found
