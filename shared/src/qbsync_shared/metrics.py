"""Prometheus metrics that every service has. Base units; no label ever names a tenant."""

import platform
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

REGISTRY = CollectorRegistry(auto_describe=True)
"""One per process. A service adds its own metrics to it."""

MINUTES_TO_DAYS = (60, 300, 900, 3600, 4 * 3600, 12 * 3600, 86400, 3 * 86400, 7 * 86400)

WORK_ITEMS = Gauge(
    "qbsync_work_items", "Syncs in the queue by state", ["connector", "state"], registry=REGISTRY
)
WORK_OLDEST_PENDING = Gauge(
    "qbsync_work_oldest_pending_seconds", "Age of the oldest pending sync", ["connector"], registry=REGISTRY
)
WORK_ENQUEUED = Counter(
    "qbsync_work_enqueued_total",
    "Syncs taken into the queue",
    ["connector", "entity_type"],
    registry=REGISTRY,
)
WORK_COMPLETED = Counter(
    "qbsync_work_completed_total",
    "Syncs that came to an end",
    ["connector", "entity_type", "outcome"],
    registry=REGISTRY,
)
WORK_FAILURES = Counter(
    "qbsync_work_failures_total", "Failed attempts by class", ["connector", "error_class"], registry=REGISTRY
)
WORK_WAIT = Histogram(
    "qbsync_work_wait_seconds",
    "From approval to the first attempt",
    ["connector"],
    buckets=MINUTES_TO_DAYS,
    registry=REGISTRY,
)
WORK_ATTEMPT_DURATION = Histogram(
    "qbsync_work_attempt_duration_seconds", "One attempt", ["connector"], registry=REGISTRY
)
TENANTS_STALLED = Gauge(
    "qbsync_tenants_stalled", "Tenants whose pending work does not move", ["connector"], registry=REGISTRY
)
WORK_LEASE_EXPIRED = Counter(
    "qbsync_work_lease_expired_total",
    "Leases that ran out with work in flight",
    ["connector"],
    registry=REGISTRY,
)

OUTBOX_PENDING = Gauge("qbsync_outbox_pending_messages", "Outbox rows not yet published", registry=REGISTRY)
OUTBOX_OLDEST_PENDING = Gauge(
    "qbsync_outbox_oldest_pending_seconds", "Age of the oldest row not yet published", registry=REGISTRY
)
OUTBOX_PUBLISHED = Counter(
    "qbsync_outbox_published_total", "Outbox rows handed to NATS", ["result"], registry=REGISTRY
)
OUTBOX_PUBLISH_DURATION = Histogram(
    "qbsync_outbox_publish_duration_seconds", "One publish until its acknowledgement", registry=REGISTRY
)
RELAY_LEADER = Gauge("qbsync_outbox_relay_leader", "1 in the replica whose relay works", registry=REGISTRY)
INBOX_DUPLICATES = Counter(
    "qbsync_inbox_duplicates_total", "Messages that had been handled before", ["consumer"], registry=REGISTRY
)

DEAD_LETTERS = Counter(
    "qbsync_dead_letters_total",
    "Messages that could not be handled",
    ["stream", "consumer", "reason"],
    registry=REGISTRY,
)
CONSUMER_RECREATED = Counter(
    "qbsync_consumer_recreated_total", "Consumers that were gone and made again", registry=REGISTRY
)
NATS_CONNECTED = Gauge("qbsync_nats_connected", "1 while connected to NATS", registry=REGISTRY)
NATS_RECONNECTS = Counter("qbsync_nats_reconnects_total", "Connections to NATS made again", registry=REGISTRY)
BUILD = Info("qbsync_build", "What runs", registry=REGISTRY)


def describe_build(revision: str) -> None:
    """Set ``qbsync_build_info``: the version, the revision it was built from, and the Python."""
    BUILD.info(
        {"version": version("qbsync-shared"), "revision": revision, "python": platform.python_version()}
    )


def render(*others: CollectorRegistry) -> bytes:
    """The text that Prometheus reads: ours and those of libraries."""
    return b"".join(generate_latest(registry) for registry in (REGISTRY, *others))
