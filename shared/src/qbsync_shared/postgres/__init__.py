"""One PostgreSQL database, a schema and a role per service, row-level security per tenant."""

from qbsync_shared.postgres.database import (
    Connection,
    Database,
    application_role,
    connect,
    is_transient,
    is_unavailable,
)
from qbsync_shared.postgres.migrate import MigrationError, migrate
from qbsync_shared.postgres.queries import Queries

__all__ = [
    "Connection",
    "Database",
    "MigrationError",
    "Queries",
    "application_role",
    "connect",
    "is_transient",
    "is_unavailable",
    "migrate",
]
