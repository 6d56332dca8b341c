"""QuickBooks' clock: the wall clock of its PC with the zone's standard offset, in summer too (a known quirk).

So the wall-clock part of TimeModified is right and its offset is wrong by an hour while daylight saving lasts. Bounds
of a query without an offset are wall-clock times of that PC.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]

_TIME = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:T(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:([+-])(\d{1,2}):(\d{1,2}))?)?)?)?"
)


class PcClock:
    """The clock of the PC on which QuickBooks runs. `now` gives aware UTC time."""

    def __init__(self, now: Clock, zone: str = "America/Los_Angeles") -> None:
        self._now = now
        self._zone = ZoneInfo(zone)

    def utc_seconds(self) -> int:
        """Seconds since 1970."""
        return int(self._now().timestamp())

    def wall(self) -> str:
        """The wall clock now, `2026-07-01T10:00:00`: what a record keeps as its time."""
        return self._now().astimezone(self._zone).strftime("%Y-%m-%dT%H:%M:%S")

    def today(self) -> str:
        """The date on the PC, ISO."""
        return self.wall()[:10]

    def shown(self, wall: str) -> str:
        """A wall-clock time as QuickBooks writes it: with the standard offset, whatever the season."""
        moment = datetime.fromisoformat(wall).replace(tzinfo=self._zone)
        standard = (moment.utcoffset() or timedelta()) - (moment.dst() or timedelta())
        minutes = int(standard.total_seconds()) // 60
        sign = "-" if minutes < 0 else "+"
        return f"{wall}{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"

    def bound(self, value: str, *, end: bool = False) -> str:
        """A bound of a query as wall-clock time. A date alone means its first, or with `end` its last, second."""
        match = _TIME.fullmatch(value.strip())
        if match is None:
            raise ValueError(f"not a time: {value!r}")
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
        moment = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 a wall clock has no zone
        if match[4] is None and end:
            moment += timedelta(days=1, seconds=-1)
        if match[7]:
            given = timedelta(hours=int(match[8]), minutes=int(match[9])) * (-1 if match[7] == "-" else 1)
            local = moment.replace(tzinfo=self._zone)
            standard = (local.utcoffset() or timedelta()) - (local.dst() or timedelta())
            moment += standard - given
        return moment.strftime("%Y-%m-%dT%H:%M:%S")


def system_now() -> datetime:
    """The machine's time, aware, UTC."""
    return datetime.now(UTC)
