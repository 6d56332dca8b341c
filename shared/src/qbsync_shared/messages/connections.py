"""Health of a connection, sessions, and what QuickBooks is like."""

from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, Field

from qbsync_shared.messages.base import EditionMessage, Version


class ConnectionState(StrEnum):
    """How a tenant's connection to QuickBooks stands."""

    NONE = "none"
    CONNECTED = "connected"
    PAUSED = "paused"
    EXPIRED = "expired"
    REVOKED = "revoked"
    WRONG_COMPANY = "wrong_company"
    PROBLEM = "problem"


class ConnectionChanged(EditionMessage):
    """The state, or a fact of the connection strip, changed. ``code`` leads into the catalogue where it is a problem."""

    noun = "connection"
    verb = "changed"

    version: Version
    state: ConnectionState
    company: str | None = None
    last_seen_at: AwareDatetime | None = None
    next_expected_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None
    code: str | None = None
    message: str | None = None


class SessionEnded(EditionMessage):
    """A session of the Web Connector is over."""

    noun = "session"
    verb = "ended"

    version: Version
    session_id: str
    started_at: AwareDatetime
    round_trips: int
    succeeded: int = 0
    failed: int = 0
    result: str


class CompanyChanged(EditionMessage):
    """What QuickBooks told of the company: closing date, features, versions, limits, lists."""

    noun = "company"
    verb = "changed"

    version: Version
    company_id: str
    name: str
    facts: dict[str, Any] = Field(default_factory=dict)
