"""Syncs as CSV: exactly the current filter, streamed page by page, with the headings of the screen."""

from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import StreamingResponse

from qbsync_log.domain.records import Problem
from qbsync_log.domain.unsynced import words_for
from qbsync_log.postgres import listing
from qbsync_log.postgres.rows import record_of
from qbsync_shared.postgres import Database
from qbsync_shared.web.csv import csv_response

COLUMNS = (
    "Entity",
    "Name or number",
    "Customer",
    "Direction",
    "Action",
    "State",
    "Code",
    "Why",
    "Message",
    "Amount",
    "Approved by",
    "Approved at",
    "Last change",
    "App ID",
    "QuickBooks ID",
    "Sync ID",
)
_PAGE = 1_000


def sync_csv(database: Database, tenant: str, filters: listing.Filters) -> StreamingResponse:
    """The download. Each page is read in a transaction of its own, so a long one holds nothing back."""
    return csv_response(f"syncs-{tenant}.csv", COLUMNS, _rows(database, tenant, filters))


async def _rows(database: Database, tenant: str, filters: listing.Filters) -> AsyncIterator[tuple[Any, ...]]:
    after: tuple[Any, ...] | None = None
    while True:
        async with database.tenant(tenant) as connection:
            rows = await listing.syncs(connection, tenant, filters, limit=_PAGE, after=after)
        for row in rows:
            yield _line(row)
        if len(rows) < _PAGE:
            return
        after = (rows[-1]["changed_at"], rows[-1]["sync_id"])


def _line(row: Any) -> tuple[Any, ...]:
    record = record_of(row)
    code = record.standing.code
    why = (
        words_for(Problem(code=code, message=record.standing.message or ""), record.edition).title
        if code
        else ""
    )
    return (
        record.kind.label.capitalize(),
        record.label,
        row["party_name"] or row["party_label"],
        record.direction.value,
        record.operation.value,
        record.state.value.replace("_", " "),
        code,
        why,
        record.standing.message,
        row["amount"],
        row["approved_by"],
        row["approved_at"],
        record.changed_at,
        record.known_app_id,
        record.quickbooks_id,
        record.sync_id,
    )
