"""How a connection stands, in the log's eyes: above all whether it is silent, so that Pending does not move."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from qbsync_shared.kinds import Edition
from qbsync_shared.messages import ConnectionState

LATE = timedelta(minutes=10)
"""A run may begin this much later than expected before the connector counts as silent."""
LONGEST_PAUSE = timedelta(hours=26)
"""Without an expectation: a connector that ran daily is silent after this."""


@dataclass(frozen=True, kw_only=True)
class Connection:
    """The newest word of a connector service about a tenant's connection."""

    edition: Edition
    state: ConnectionState
    company: str | None = None
    last_seen_at: datetime | None = None
    next_expected_at: datetime | None = None
    expires_at: datetime | None = None
    code: str | None = None
    message: str | None = None

    def silent_since(self, now: datetime) -> datetime | None:
        """Since when a Web Connector that should have run has not; ``None`` when all is well or it is not its fault."""
        if self.edition is not Edition.DESKTOP or self.last_seen_at is None:
            return None
        if self.state not in (ConnectionState.CONNECTED, ConnectionState.PROBLEM):
            return None
        limit = self.next_expected_at + LATE if self.next_expected_at else self.last_seen_at + LONGEST_PAUSE
        return self.last_seen_at if now > limit else None
