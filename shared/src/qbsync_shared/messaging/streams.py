"""The streams of the contract and the job that provisions them: idempotent, shows what it changes, never shrinks.

Services do not declare streams when they start. A relay or guard that finds a stream gone (NATS lost its disk) runs
this same code.
"""

from dataclasses import dataclass, replace
from typing import Any

import nats
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from qbsync_shared import subjects
from qbsync_shared.ids import is_tenant_id
from qbsync_shared.messages import CONTRACT_VERSION
from qbsync_shared.messaging.link import login_of

DAY = 86_400.0
EVENT_DAYS = 30
DEAD_LETTER_DAYS = 60
DUPLICATE_SECONDS = 3600.0
STREAMS = (
    subjects.EVENTS,
    subjects.COMMANDS,
    subjects.TENANTS,
    subjects.DEAD_LETTERS,
    subjects.ADVISORIES,
)

_NO_LIMIT = {"max_age": 0.0, "max_msgs_per_subject": -1}


class ShrinkRefusedError(Exception):
    """The wanted streams would hold less than they do now; the message says what, and how to insist."""


@dataclass(frozen=True)
class Change:
    """One difference between what is wanted and what the server has; ``before`` is None for a new stream."""

    stream: str
    field: str
    before: Any
    after: Any

    def __str__(self) -> str:
        if self.before is None:
            return f"+ {self.stream}: {self.after}"
        return f"~ {self.stream}.{self.field}: {self.before} -> {self.after}"


def wanted_streams(replicas: int = 1) -> list[StreamConfig]:
    """What the contract asks for (contracts.md, section 6)."""
    prefix = f"qbsync.{CONTRACT_VERSION}.*.*"
    base = StreamConfig(
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.OLD,
        num_replicas=replicas,
        duplicate_window=DUPLICATE_SECONDS,
        max_age=EVENT_DAYS * DAY,
        max_msgs_per_subject=-1,
    )
    advisories = "$JS.EVENT.ADVISORY.CONSUMER"
    return [
        replace(base, name=subjects.EVENTS, subjects=[f"{prefix}.{noun}.*" for noun in subjects.EVENT_NOUNS]),
        replace(base, name=subjects.COMMANDS, subjects=[f"{prefix}.command.*"]),
        replace(
            base,
            name=subjects.TENANTS,
            subjects=[f"qbsync.{CONTRACT_VERSION}.*.wizard.tenant.*"],
            max_age=0.0,
            max_msgs_per_subject=1,
        ),
        replace(
            base,
            name=subjects.DEAD_LETTERS,
            subjects=[f"qbsync.dlq.{CONTRACT_VERSION}.>"],
            max_age=DEAD_LETTER_DAYS * DAY,
        ),
        replace(
            base,
            name=subjects.ADVISORIES,
            subjects=[f"{advisories}.MAX_DELIVERIES.>", f"{advisories}.MSG_TERMINATED.>"],
        ),
    ]


async def provision(
    nats_url: str,
    *,
    credentials: str | None = None,
    replicas: int = 1,
    allow_shrink: bool = False,
    dry_run: bool = False,
) -> list[Change]:
    """Bring the streams of a server to what the contract asks for and return what was changed.

    Args:
        nats_url: one or more servers, separated by commas.
        credentials: content of a .creds file, or ``user:password``.
        replicas: copies of each stream in a cluster.
        allow_shrink: also apply what makes a stream hold less.
        dry_run: only compare.

    Raises:
        ShrinkRefusedError: something would be held shorter or less; nothing was changed.
    """
    client = await nats.connect(
        nats_url.split(","),
        connect_timeout=5,
        allow_reconnect=True,
        max_reconnect_attempts=3,
        **login_of(credentials),
    )
    try:
        return await provision_streams(
            client.jetstream(timeout=10), replicas=replicas, allow_shrink=allow_shrink, dry_run=dry_run
        )
    finally:
        await client.close()


async def provision_streams(
    js: JetStreamContext, *, replicas: int = 1, allow_shrink: bool = False, dry_run: bool = False
) -> list[Change]:
    """As ``provision``, on a connection that is there."""
    plans = [(config, await _existing(js, config)) for config in wanted_streams(replicas)]
    changes = {str(config.name): _compare(config, existing) for config, existing in plans}
    shrinking = [str(change) for found in changes.values() for change in found if _shrinks(change)]
    if shrinking and not allow_shrink:
        raise ShrinkRefusedError(
            "Streams would hold less than they do now:\n  "
            + "\n  ".join(shrinking)
            + "\nRun it again with --allow-shrink if that is meant."
        )
    if not dry_run:
        for config, existing in plans:
            await _apply(js, config, existing, changes[str(config.name)])
    return [change for found in changes.values() for change in found]


async def purge_tenant(js: JetStreamContext, tenant: str) -> None:
    """Remove a tenant's messages from all streams, but keep the last word: that it was deleted.

    Raises:
        ValueError: not a tenant id.
    """
    if not is_tenant_id(tenant):
        raise ValueError(f"{tenant!r} is not a tenant id")
    own = f"qbsync.{CONTRACT_VERSION}.{tenant}"
    await js.purge_stream(subjects.EVENTS, subject=f"{own}.>")
    await js.purge_stream(subjects.COMMANDS, subject=f"{own}.>")
    await js.purge_stream(subjects.TENANTS, subject=f"{own}.wizard.tenant.configured")
    await js.purge_stream(subjects.DEAD_LETTERS, subject=f"qbsync.dlq.{CONTRACT_VERSION}.*.{tenant}.>")


async def _existing(js: JetStreamContext, config: StreamConfig) -> StreamConfig | None:
    try:
        return (await js.stream_info(str(config.name))).config
    except NotFoundError:
        return None


def _compare(wanted: StreamConfig, existing: StreamConfig | None) -> list[Change]:
    name = str(wanted.name)
    if existing is None:
        return [Change(name, "", None, f"{', '.join(wanted.subjects or [])}; {_age(wanted.max_age)}")]
    pairs: list[tuple[str, Any, Any]] = [
        ("subjects", sorted(existing.subjects or []), sorted(wanted.subjects or [])),
        *(
            (field, getattr(existing, field), getattr(wanted, field))
            for field in ("max_age", "max_msgs_per_subject", "duplicate_window", "num_replicas")
        ),
    ]
    return [Change(name, field, before, after) for field, before, after in pairs if before != after]


def _shrinks(change: Change) -> bool:
    if change.before is None:
        return False
    if change.field == "subjects":
        return not set(change.before) <= set(change.after)
    if change.field == "num_replicas":
        return bool(change.after < change.before)
    if change.field in _NO_LIMIT:
        if change.after == _NO_LIMIT[change.field]:
            return False
        return bool(change.before == _NO_LIMIT[change.field] or change.after < change.before)
    return False


async def _apply(
    js: JetStreamContext, wanted: StreamConfig, existing: StreamConfig | None, changes: list[Change]
) -> None:
    """Create, or change only the fields that differ: what operators set beside them stays."""
    if existing is None:
        await js.add_stream(wanted)
    elif changes:
        fields = {change.field: getattr(wanted, change.field) for change in changes}
        await js.update_stream(replace(existing, **fields))


def _age(seconds: float | None) -> str:
    return f"kept for {seconds / DAY:.0f} days" if seconds else "kept for ever"
