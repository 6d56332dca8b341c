"""What must have happened before a service starts: schemas brought up to date, streams and consumers provisioned."""

import asyncpg
import nats.errors

from qbsync_local.catalogue import SERVICES
from qbsync_shared import messaging, postgres

ERRORS = (OSError, asyncpg.PostgresError, postgres.MigrationError, nats.errors.Error)
"""What may go wrong for reasons outside of qbsync; the message tells a user enough."""


async def migrate(database_url: str) -> None:
    """Bring each service's schema up to date; does nothing where it is."""
    for spec in SERVICES:
        await postgres.migrate(database_url, spec.schema, spec.module)


async def provision(nats_url: str) -> None:
    """Create or update the streams and consumers; does nothing where they are right."""
    await messaging.provision(nats_url)
