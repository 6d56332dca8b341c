"""PostgreSQL and NATS as child processes, for `qbsync up` and for tests: no container, no system service."""

from qbsync_local.embedded.nats import EmbeddedNats
from qbsync_local.embedded.postgres import EmbeddedPostgres
from qbsync_local.embedded.process import EmbeddedServerError

__all__ = ["EmbeddedNats", "EmbeddedPostgres", "EmbeddedServerError"]
