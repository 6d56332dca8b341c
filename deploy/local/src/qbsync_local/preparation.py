"""What must have happened before a service starts: schemas brought up to date, streams and consumers provisioned."""

from qbsync_local.catalogue import SERVICES
from qbsync_shared import messaging, postgres


async def migrate(database_url: str) -> None:
    """Bring each service's schema up to date; does nothing where it is."""
    for spec in SERVICES:
        await postgres.migrate(database_url, spec.schema, spec.module)


async def provision(nats_url: str) -> None:
    """Create or update the streams and consumers; does nothing where they are right."""
    await messaging.provision(nats_url)
