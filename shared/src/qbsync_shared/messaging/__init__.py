"""Messages between services: outbox, relay, broker, inbox, dead letters, streams."""

from qbsync_shared.messaging.outbox import MessageTooLargeError, erase_tenant, publish, publish_many
from qbsync_shared.messaging.streams import Change, ShrinkRefusedError, provision
from qbsync_shared.messaging.subscriptions import Subscription, TransientError

__all__ = [
    "Change",
    "MessageTooLargeError",
    "ShrinkRefusedError",
    "Subscription",
    "TransientError",
    "erase_tenant",
    "provision",
    "publish",
    "publish_many",
]
