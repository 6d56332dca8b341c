"""Ids are opaque strings. Those that qbsync makes are UUIDv7, so that they sort by the time they were made."""

import re
import secrets
from collections.abc import Callable
from typing import Annotated, NamedTuple

from pydantic import StringConstraints

from qbsync_shared.clock import Clock, SystemClock
from qbsync_shared.kinds import Kind

TENANT_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
TenantId = Annotated[str, StringConstraints(pattern=TENANT_PATTERN)]
"""One customer of the operator; safe as a token of a NATS subject and in a path."""

AppId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""The app's own id of a record."""

MakeId = Callable[[], str]
"""Makes a new id; passed in, so that tests know which ids will come."""


class EntityKey(NamedTuple):
    """What names one entity of a tenant in the app."""

    kind: Kind
    app_id: str

    def __str__(self) -> str:
        return f"{self.kind.value}/{self.app_id}"


def is_tenant_id(text: str) -> bool:
    """Whether the text may serve as a tenant id."""
    return re.fullmatch(TENANT_PATTERN, text) is not None


def uuid7_maker(clock: Clock | None = None, random_bits: Callable[[int], int] = secrets.randbits) -> MakeId:
    """Return a maker of UUIDv7 (RFC 9562): 48 bits of milliseconds, then 74 random bits."""
    now = (clock or SystemClock()).now

    def make() -> str:
        milliseconds = int(now().timestamp() * 1000) & ((1 << 48) - 1)
        value = milliseconds << 80 | 0x7 << 76 | random_bits(12) << 64 | 0b10 << 62 | random_bits(62)
        digits = f"{value:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    return make
