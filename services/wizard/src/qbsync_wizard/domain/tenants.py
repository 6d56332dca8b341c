"""A tenant and its settings."""

from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from qbsync_shared.kinds import Edition, Plan


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """One customer of the operator. ``change_no`` is the number of the latest change of its review."""

    id: str
    version: int
    name: str
    plan: Plan
    edition: Edition
    paused: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    mappings: tuple[dict[str, Any], ...] = ()
    company: dict[str, Any] = field(default_factory=dict)
    change_no: int = 0
    deleted: bool = False

    @property
    def zone(self) -> tzinfo:
        """The company's time zone (setting ``time_zone``), UTC where none is set."""
        try:
            return ZoneInfo(str(self.settings.get("time_zone") or "UTC"))
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo("UTC")

    @property
    def hold_seconds(self) -> int:
        """How long an approval is held before it goes (setting ``hold_seconds``)."""
        seconds = self.settings.get("hold_seconds", 0)
        return seconds if isinstance(seconds, int) and 0 <= seconds <= 3600 else 0
