"""What the worker tells of a connection."""

from datetime import datetime

from qbsync_qbo_worker.postgres.connections import ConnectionRow
from qbsync_shared.kinds import Edition
from qbsync_shared.messages import ConnectionChanged
from qbsync_shared.messages.base import stamp


def connection_changed(row: ConnectionRow, message_id: str, at: datetime) -> ConnectionChanged:
    """The state and the facts of the strip."""
    return ConnectionChanged(
        **stamp(message_id, row.tenant, at),
        edition=Edition.ONLINE,
        version=row.version,
        state=row.state,
        company=row.company_name,
        last_seen_at=row.last_seen_at,
        expires_at=row.refresh_expires_at,
        code=row.code,
        message=row.message,
    )
