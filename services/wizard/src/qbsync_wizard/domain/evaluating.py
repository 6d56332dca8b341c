"""Whether an entity needs a review, and what it then is about: one pure function of all that is known."""

from dataclasses import dataclass, replace

from qbsync_shared.diff import changed_fields
from qbsync_shared.kinds import Direction, Edition, Kind, Operation, rules
from qbsync_shared.states import SyncState
from qbsync_wizard.domain.bookchecks import Around
from qbsync_wizard.domain.company import Company
from qbsync_wizard.domain.comparing import app_changes, as_sent, differing, quickbooks_changes
from qbsync_wizard.domain.encoding import Replacement, replacements
from qbsync_wizard.domain.prechecks import NOTHING_AROUND, check
from qbsync_wizard.domain.problems import Problem
from qbsync_wizard.domain.records import (
    REMOVALS,
    Candidate,
    Decision,
    Json,
    Known,
    LinkRecord,
    Standing,
    SyncRecord,
    digest,
)

_SETTLES = frozenset({SyncState.FAILED, SyncState.SUCCEEDED})


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one side did: ``operation`` for the other side, ``entity`` as it should be, ``before`` as it was."""

    direction: Direction
    operation: Operation
    entity: Json
    before: Json | None
    fields: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Item:
    """A review item as it is shown.

    ``other`` is set in a conflict: the change of the app, while ``change`` is that of QuickBooks. ``content`` names what
    both sides hold; a cleared item comes back when it changes. ``resync_of`` names the failed sync that approving this
    would repeat. ``instead`` are suggestions for texts that QuickBooks Desktop cannot store; somebody accepts them, or the app is changed.
    """

    kind: Kind
    app_id: str | None
    quickbooks_id: str | None
    change: Change
    other: Change | None = None
    base_version: int | None = None
    standing: Standing = Standing.WAITING
    content: str = ""
    resync_of: str | None = None
    problems: tuple[Problem, ...] = ()
    duplicates: tuple[Candidate, ...] = ()
    instead: tuple[Replacement, ...] = ()

    @property
    def is_conflict(self) -> bool:
        """Whether somebody has to pick a side."""
        return self.other is not None

    @property
    def needs_choice(self) -> bool:
        """Whether it cannot be approved by its box alone."""
        return self.is_conflict or bool(self.duplicates) or bool(self.instead)

    @property
    def blocking(self) -> tuple[Problem, ...]:
        """What stands against it; the other problems are only to be known."""
        return tuple(problem for problem in self.problems if problem.blocks)


def evaluate(known: Known, edition: Edition, around: Around = NOTHING_AROUND) -> Item | None:
    """The review item of an entity, or None when both sides agree, the change is on its way, or it failed unchanged."""
    link = known.link if known.link and not known.link.cleared else None
    ours, theirs = _app_change(known, link, edition, around.company), _quickbooks_change(known, link)
    if ours is not None and theirs is not None and theirs.operation is Operation.DELETE:
        ours = None  # what is gone in QuickBooks cannot be changed there
    open_ours = ours is not None and not covers(known, ours)
    open_theirs = theirs is not None and not covers(known, theirs)
    if not (open_ours or open_theirs):
        return None
    conflict = ours is not None and theirs is not None
    if theirs is not None and not conflict and not _imports(known, theirs):
        return None
    change = theirs or ours
    assert change is not None
    item = Item(
        kind=known.kind,
        app_id=(link.app_id if link else None) or (known.app.app_id if known.app else None),
        quickbooks_id=(link.quickbooks_id if link else None)
        or (known.quickbooks.quickbooks_id if known.quickbooks else None),
        change=change,
        other=ours if conflict else None,
        base_version=link.version if link else None,
        content=content_of(known),
        resync_of=_failed(known.sync),
    )
    return _with_findings(item, known, edition, around)


def _with_findings(item: Item, known: Known, edition: Edition, around: Around) -> Item:
    exported = item.other or item.change
    problems: tuple[Problem, ...] = ()
    instead: tuple[Replacement, ...] = ()
    if exported.direction is Direction.EXPORT:
        if edition is Edition.DESKTOP and exported.operation not in REMOVALS:
            instead = replacements(exported.entity)
        problems = check(
            item.kind,
            exported.operation,
            exported.entity,
            edition,
            around=replace(around, before=_in_the_books(known, exported)),
            instead=instead,
        )
    creates = item.change.operation is Operation.CREATE
    return replace(
        item,
        standing=_standing(known.decision, item.content),
        problems=problems,
        duplicates=known.duplicates if creates else (),
        instead=instead,
    )


def _in_the_books(known: Known, exported: Change) -> Json | None:
    """What QuickBooks holds of it: of a removal that is not what the app deleted, but what was last synced."""
    link = known.link
    if link is None or link.cleared:
        return exported.before
    return link.sent or link.returned


def _standing(decision: Decision | None, content: str) -> Standing:
    if decision is None:
        return Standing.WAITING
    if decision.standing is Standing.CLEARED and decision.content != content:
        return Standing.WAITING
    return decision.standing


def content_of(known: Known) -> str:
    """Names what both sides hold."""
    app = known.app.digest if known.app else ""
    quickbooks = known.quickbooks.digest if known.quickbooks else ""
    return digest({"app": app, "quickbooks": quickbooks})


def _failed(sync: SyncRecord | None) -> str | None:
    return sync.sync_id if sync and sync.state is SyncState.FAILED else None


def _imports(known: Known, change: Change) -> bool:
    assert known.quickbooks is not None
    if change.operation is Operation.DELETE:
        return True
    return not known.quickbooks.for_matching and Direction.IMPORT in rules(known.kind).directions


def covers(known: Known, change: Change) -> bool:
    """Whether the latest sync deals with this side's present content, so that nothing is to be reviewed."""
    sync = known.sync
    if sync is None or sync.state is SyncState.CANCELLED or sync.resynced:
        return False
    if change.direction is Direction.EXPORT:
        present, seen = known.app.digest if known.app else None, sync.app_digest
    else:
        present, seen = known.quickbooks.digest if known.quickbooks else None, sync.quickbooks_digest
    if present is None or present != seen:
        return False
    return sync.is_open or (sync.state in _SETTLES and not _overtaken(sync, known.link))


def _overtaken(sync: SyncRecord, link: LinkRecord | None) -> bool:
    """Whether the link tells more than a settled sync does: it was written, or cleared, after it."""
    if link is None:
        return False
    later = sync.settled_at is not None and link.at > sync.settled_at
    if sync.state is SyncState.FAILED:
        return later and not link.cleared
    return later if link.cleared else link.seq >= sync.seq


def _app_change(known: Known, link: LinkRecord | None, edition: Edition, company: Company) -> Change | None:
    app = known.app
    if app is None or Direction.EXPORT not in rules(known.kind).directions:
        return None
    if app.deleted:
        return _app_deletion(known, link, edition)
    if link is None:
        if known.link is None and app.applied is not None and not differing(app.applied, app.entity):
            return None  # an import made it; its link is on the way
        entity = as_sent(app, company)
        return Change(
            direction=Direction.EXPORT,
            operation=Operation.CREATE,
            entity=entity,
            before=None,
            fields=changed_fields(None, entity),
        )
    fields = app_changes(app, link, company)
    if not fields:
        return None
    before = app.applied or link.sent or link.returned
    return Change(
        direction=Direction.EXPORT,
        operation=Operation.UPDATE,
        entity=as_sent(app, company),
        before=before,
        fields=fields,
    )


def _app_deletion(known: Known, link: LinkRecord | None, edition: Edition) -> Change | None:
    """A record that was never sent is withdrawn; one whose creation is on its way, or which is linked, is removed."""
    assert known.app is not None
    sync = known.sync
    under_way = sync is not None and sync.is_open and sync.direction is Direction.EXPORT
    if link is None and not (under_way and sync is not None and sync.operation is not Operation.LINK):
        return None
    operation = rules(known.kind).deletion.get(edition, Operation.DELETE)
    if operation is Operation.DEACTIVATE and link is not None and link.returned.get("active") is False:
        return None
    if operation is Operation.VOID and link is not None and _voided(link):
        return None
    entity = known.app.entity or (link.sent or link.returned if link else {})
    return Change(direction=Direction.EXPORT, operation=operation, entity=entity, before=entity, fields=())


def _voided(link: LinkRecord) -> bool:
    return link.returned.get("total") in ("0", "0.00") and link.sent.get("total") not in ("0", "0.00")


def _quickbooks_deletion(known: Known, link: LinkRecord | None) -> Change | None:
    record = known.quickbooks
    if record is None or link is None or record.version < link.version:
        return None
    if known.app is not None and known.app.deleted:
        return None
    last = link.returned or record.entity
    return Change(direction=Direction.IMPORT, operation=Operation.DELETE, entity=last, before=last, fields=())


def _quickbooks_change(known: Known, link: LinkRecord | None) -> Change | None:
    record = known.quickbooks
    if record is None:
        return None
    if record.deleted:
        return _quickbooks_deletion(known, link)
    if link is None:
        gone = known.link is not None and known.link.cleared
        if gone or record.for_matching:
            return None
        return Change(
            direction=Direction.IMPORT,
            operation=Operation.CREATE,
            entity=record.entity,
            before=None,
            fields=changed_fields(None, record.entity),
        )
    fields = quickbooks_changes(record, link)
    if not fields:
        return None
    return Change(
        direction=Direction.IMPORT,
        operation=Operation.UPDATE,
        entity=record.entity,
        before=link.returned,
        fields=fields,
    )
