"""One PostgreSQL database, a schema and a role per service, row-level security per tenant.

Migrations are in :mod:`qbsync_shared.postgres.migrate`, imported where they are run: a service needs no alembic.
"""

from qbsync_shared.postgres.database import (
    Connection,
    Database,
    application_role,
    connect,
    is_transient,
    is_unavailable,
)
from qbsync_shared.postgres.queries import Queries

__all__ = [
    "Connection",
    "Database",
    "Queries",
    "application_role",
    "connect",
    "is_transient",
    "is_unavailable",
]
