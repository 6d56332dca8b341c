"""What both connector services share: the work queue, links, and the rules between them (contract, section 4)."""

from qbsync_shared.connector.domain import LinkRow, Seen, WorkItem, backoff
from qbsync_shared.connector.imports import judge_import
from qbsync_shared.connector.links import LinkKeeper
from qbsync_shared.connector.lookups import AskedFor, LookUps
from qbsync_shared.connector.queue import WorkQueue
from qbsync_shared.connector.settlement import Settled

__all__ = [
    "AskedFor",
    "LinkKeeper",
    "LinkRow",
    "LookUps",
    "Seen",
    "Settled",
    "WorkItem",
    "WorkQueue",
    "backoff",
    "judge_import",
]
