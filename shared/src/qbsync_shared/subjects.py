"""The subjects of NATS, and the streams that hold them."""

from qbsync_shared.messages.base import CONTRACT_VERSION

EVENTS = "QBSYNC_EVENTS"
COMMANDS = "QBSYNC_COMMANDS"
TENANTS = "QBSYNC_TENANTS"
DEAD_LETTERS = "QBSYNC_DLQ"
ADVISORIES = "QBSYNC_ADVISORIES"

EVENT_NOUNS = (
    "sync",
    "entity",
    "link",
    "connection",
    "session",
    "company",
    "badge",
    "lookup",
    "reconcile",
    "audit",
)
"""One subject per noun in the events stream: subjects of streams must not overlap."""


def pattern(channel: str, noun: str, verb: str) -> str:
    """A subject for all tenants: ``pattern("desktop", "sync", "approved")``; ``*`` stands for any channel or verb."""
    return f"qbsync.{CONTRACT_VERSION}.*.{channel}.{noun}.{verb}"
