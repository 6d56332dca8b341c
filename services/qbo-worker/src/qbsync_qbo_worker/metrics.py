"""What the worker counts besides what every service counts. No label names a tenant or a company."""

from prometheus_client import Counter, Gauge, Histogram

from qbsync_shared.metrics import REGISTRY

REQUESTS = Counter(
    "qbsync_qbo_requests_total",
    "Calls to QuickBooks Online; status is HTTP's, lost where no answer came, unreachable where nothing went out",
    ["operation", "status"],
    registry=REGISTRY,
)
REQUEST_DURATION = Histogram(
    "qbsync_qbo_request_duration_seconds",
    "One call until its answer",
    ["operation"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 125),
    registry=REGISTRY,
)
THROTTLED = Counter(
    "qbsync_qbo_throttled_total",
    "Calls that were refused because of their rate",
    ["source"],
    registry=REGISTRY,
)
TOKEN_REFRESHES = Counter(
    "qbsync_qbo_token_refresh_total", "Refreshes of access tokens", ["result"], registry=REGISTRY
)
REALMS_LEASED = Gauge(
    "qbsync_qbo_realms_leased", "Companies that this process is sending to", registry=REGISTRY
)
UNREADABLE_RECORDS = Counter(
    "qbsync_qbo_unreadable_records_total",
    "Records of QuickBooks that could not be read",
    ["resource"],
    registry=REGISTRY,
)
