"""The audit: compares what was approved with what the log, the connector service and QuickBooks know about it.

Every approval must have exactly one outcome or be pending; the two records of an outcome must agree; no link may be
there twice; QuickBooks must hold each approved entity once. The comparison is made without I/O, on what was read.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from qbsync_shared.states import FINAL, SyncState, group

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Books:
    """One record that QuickBooks holds. `key` is what a user would call the same: the name or number."""

    kind: str
    quickbooks_id: str
    key: str


@dataclass(frozen=True)
class Evidence:
    """What each book says about one tenant. `books` is None where QuickBooks cannot be looked into (no sandbox)."""

    approvals: Sequence[Record]
    syncs: Sequence[Record]
    work: Sequence[Record]
    links: Sequence[Record]
    books: Sequence[Books] | None = None


@dataclass(frozen=True)
class Finding:
    """One thing that must not be: `rule` is stable for programs, `text` is for people."""

    rule: str
    subject: str
    text: str


@dataclass(frozen=True)
class Report:
    """What the audit found. `settled` and `pending` count approvals."""

    approvals: int
    settled: int
    pending: int
    books_compared: bool
    findings: list[Finding] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"clean": self.clean, **asdict(self)}


def compare(evidence: Evidence) -> Report:
    """Compare the books of one tenant."""
    logged = {str(sync["sync_id"]): sync for sync in evidence.syncs}
    settled = sum(
        SyncState(logged[sync_id]["sync_state"]) in FINAL
        for sync_id in {str(approval["sync_id"]) for approval in evidence.approvals} & logged.keys()
    )
    findings = [
        *_doubled("approvals", evidence.approvals),
        *_doubled("log", evidence.syncs),
        *_doubled("connector", evidence.work),
        *_strays(evidence),
        *_outcomes(evidence),
        *_links(evidence.links),
        *_books(evidence),
    ]
    return Report(
        approvals=len(evidence.approvals),
        settled=settled,
        pending=len(evidence.approvals) - settled,
        books_compared=evidence.books is not None,
        findings=findings,
    )


def _doubled(book: str, records: Iterable[Record]) -> Iterator[Finding]:
    for sync_id, times in Counter(str(record["sync_id"]) for record in records).items():
        if times > 1:
            yield Finding(f"doubled-in-{book}", sync_id, f"stands {times} times in the {book}'s book")


def _strays(evidence: Evidence) -> Iterator[Finding]:
    """Who lacks what another has: nothing may be lost on the way, and nothing may move that nobody approved."""
    approved = {str(record["sync_id"]): record for record in evidence.approvals}
    books = {"log": evidence.syncs, "connector": evidence.work}
    for book, records in books.items():
        known = {str(record["sync_id"]): record for record in records}
        for sync_id in approved.keys() - known.keys():
            yield Finding(
                f"missing-in-{book}",
                sync_id,
                f"{_name(approved[sync_id])} was approved, the {book} has no record of it",
            )
        for sync_id in known.keys() - approved.keys():
            yield Finding(
                f"unapproved-in-{book}",
                sync_id,
                f"{_name(known[sync_id])} is in the {book}, nobody approved it",
            )


def _outcomes(evidence: Evidence) -> Iterator[Finding]:
    """The log and the connector service must tell the same outcome."""
    work = {str(record["sync_id"]): record for record in evidence.work}
    for sync in evidence.syncs:
        sync_id = str(sync["sync_id"])
        if sync_id not in work:
            continue
        in_log, in_connector = SyncState(sync["sync_state"]), SyncState(work[sync_id]["state"])
        if group(in_log) is not group(in_connector):
            text = f"{_name(sync)} is {in_log} in the log and {in_connector} in the connector's book"
            yield Finding("outcomes-differ", sync_id, text)
        in_doubt = work[sync_id].get("in_doubt_since")
        if in_doubt and in_connector in FINAL:
            text = f"{_name(sync)} is {in_connector} although its outcome has been unknown since {in_doubt}"
            yield Finding("final-in-doubt", sync_id, text)


def _links(links: Sequence[Record]) -> Iterator[Finding]:
    """An entity has one link, and a QuickBooks record belongs to one entity."""
    for side in ("app_id", "quickbooks_id"):
        counted = Counter((str(link["kind"]), str(link[side])) for link in links)
        for (kind, name), times in counted.items():
            if times > 1:
                yield Finding(
                    f"linked-twice-by-{side.replace('_', '-')}",
                    f"{kind}/{name}",
                    f"{kind} {name} has {times} links",
                )


def _books(evidence: Evidence) -> Iterator[Finding]:
    """Each link leads to a record; what qbsync created is there once under its name or number."""
    if evidence.books is None:
        return
    held = {(record.kind, record.quickbooks_id): record for record in evidence.books}
    doubles = Counter((record.kind, record.key.casefold()) for record in evidence.books if record.key)
    deleted = {
        (str(sync["kind"]), str(sync["app_id"]))
        for sync in evidence.syncs
        if sync.get("operation") in {"delete", "void"} and sync["sync_state"] == SyncState.SUCCEEDED
    }
    for link in evidence.links:
        kind, app_id, quickbooks_id = str(link["kind"]), str(link["app_id"]), str(link["quickbooks_id"])
        record = held.get((kind, quickbooks_id))
        if record is None:
            if (kind, app_id) not in deleted:
                yield Finding(
                    "missing-in-quickbooks",
                    f"{kind}/{app_id}",
                    f"{kind} {app_id} is linked to {quickbooks_id}, which QuickBooks does not hold",
                )
        elif doubles[kind, record.key.casefold()] > 1:
            yield Finding(
                "doubled-in-quickbooks",
                f"{kind}/{app_id}",
                f"QuickBooks holds {record.key!r} ({kind}) more than once",
            )


def _name(record: Record) -> str:
    return f"{record.get('kind', 'record')} {record.get('app_id') or record['sync_id']}"
