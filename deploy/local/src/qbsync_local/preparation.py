"""What must have happened before a service starts: schemas brought up to date, streams provisioned."""

import asyncpg
import nats.errors

from qbsync_local.catalogue import SERVICES
from qbsync_local.given import given
from qbsync_shared import messaging
from qbsync_shared.postgres.migrate import MigrationError
from qbsync_shared.postgres.migrate import migrate as migrate_schema

ERRORS = (
    OSError,
    asyncpg.PostgresError,
    MigrationError,
    nats.errors.Error,
    messaging.ShrinkRefusedError,
)
"""What may go wrong for reasons outside of qbsync; the message tells a user enough."""


async def migrate(database_url: str) -> dict[str, list[str]]:
    """Bring each service's schema up to date; return the revisions applied now, by service."""
    return {spec.name: await migrate_schema(database_url, spec.schema, spec.module) for spec in SERVICES}


async def provision(
    nats_url: str, *, replicas: int = 1, allow_shrink: bool = False, dry_run: bool = False
) -> list[str]:
    """Bring the streams to what the contract asks for; return one line per change. QBSYNC_NATS_CREDENTIALS is used."""
    changes = await messaging.provision(
        nats_url,
        credentials=given("QBSYNC_NATS_CREDENTIALS"),
        replicas=replicas,
        allow_shrink=allow_shrink,
        dry_run=dry_run,
    )
    return [str(change) for change in changes]
