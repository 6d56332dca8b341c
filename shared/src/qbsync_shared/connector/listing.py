"""The queue and the links as JSON lists, for audits and for operators."""

from typing import Any

from qbsync_shared.connector.repository import QUERIES
from qbsync_shared.postgres import Connection

Json = dict[str, Any]


async def work(
    connection: Connection, tenant: str, *, after: int, limit: int
) -> tuple[list[Json], int | None, int]:
    """Syncs in the order of approval: items, the seq to go on after (or None), and how many there are."""
    rows = await connection.fetch(QUERIES["list_work"], tenant, after, limit + 1)
    total: int = await connection.fetchval(QUERIES["count_work"], tenant)
    page = rows[:limit]
    items = [
        {
            "sync_id": row["sync_id"],
            "direction": row["direction"],
            "kind": row["kind"],
            "app_id": row["app_id"],
            "quickbooks_id": row["quickbooks_id"],
            "operation": row["operation"],
            "state": row["state"],
            "code": row["code"],
            "message": row["message"],
            "attempts": row["attempts"],
            "in_doubt_since": _iso(row["in_doubt_since"]),
            "awaiting_app_since": _iso(row["awaiting_app_since"]),
            "retry_at": _iso(row["retry_at"]),
            "approved_at": _iso(row["approved_at"]),
            "finished_at": _iso(row["finished_at"]),
        }
        for row in page
    ]
    return items, (page[-1]["seq"] if len(rows) > limit else None), total


async def count_unfinished(connection: Connection, tenant: str) -> int:
    """How many syncs are not final yet."""
    count: int = await connection.fetchval(QUERIES["count_unfinished"], tenant)
    return count


async def links(
    connection: Connection, tenant: str, *, after: tuple[str, str], limit: int
) -> tuple[list[Json], tuple[str, str] | None, int]:
    """Links by kind and app id: items, the key to go on after (or None), and how many there are."""
    rows = await connection.fetch(QUERIES["list_links"], tenant, *after, limit + 1)
    total: int = await connection.fetchval(QUERIES["count_links"], tenant)
    page = rows[:limit]
    items = [
        {
            "kind": row["kind"],
            "app_id": row["app_id"],
            "quickbooks_id": row["quickbooks_id"],
            "version": row["version"],
            "updated_at": _iso(row["updated_at"]),
        }
        for row in page
    ]
    more = len(rows) > limit
    return items, ((page[-1]["kind"], page[-1]["app_id"]) if more else None), total


def _iso(value: Any) -> str | None:
    return value.isoformat() if value is not None else None
