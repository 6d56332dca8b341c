"""The app's records in lists."""

from datetime import datetime
from typing import Any

from qbsync_shared.postgres import Connection
from qbsync_wizard.postgres.repository import QUERIES


async def listed(
    connection: Connection,
    tenant_id: str,
    *,
    since: datetime | None,
    after: tuple[datetime, str, str] | None,
    limit: int,
) -> tuple[list[dict[str, Any]], int]:
    """Records by the time they were handed over, and how many there are."""
    moment, kind, app_id = after or (None, None, None)
    rows = await connection.fetch(QUERIES["list_app_entities"], tenant_id, since, moment, kind, app_id, limit)
    total: int = await connection.fetchval(QUERIES["count_app_entities"], tenant_id, since)
    return [{**dict(row), "revision": str(row["revision"])} for row in rows], total
