"""The connection strip: facts when all is well, one sentence that says what to do when it is not."""

from datetime import datetime, tzinfo

from qbsync_qbo_worker.postgres.connections import ConnectionRow
from qbsync_shared.catalogue import explain
from qbsync_shared.kinds import Edition
from qbsync_shared.messages import ConnectionState
from qbsync_shared.web import Fact, Link, Strip
from qbsync_shared.web.filters import distance, moment

_TITLES = {
    ConnectionState.EXPIRED: "Access ended",
    ConnectionState.REVOKED: "Disconnected",
    ConnectionState.WRONG_COMPANY: "Another company",
}


def strip_of(
    row: ConnectionRow | None, *, connect: str, now: datetime, zone: tzinfo, paused: bool = False
) -> Strip:
    """The strip of the page."""
    again = Link(connect, "Connect")
    if row is None or row.state is ConnectionState.NONE:
        advice = "Connect QuickBooks Online, so that what you approve can go."
        return Strip(tone="warn", state="Not connected", advice=advice, link=again)
    if row.state in _TITLES:
        advice = row.message or "Connect again. Everything approved waits meanwhile."
        return Strip(tone="bad", state=_TITLES[row.state], advice=advice, link=again)
    if row.state is ConnectionState.PROBLEM:
        guidance = explain(row.code or "*", Edition.ONLINE)
        advice = guidance.steps[0] if guidance.steps else guidance.cause
        return Strip(tone="warn", state=guidance.title, advice=advice)
    if paused:
        advice = "Sending is paused. Everything approved stays Pending and goes after it is resumed."
        return Strip(tone="neutral", state="Paused", advice=advice)
    if row.code is not None:
        guidance = explain(row.code, Edition.ONLINE)
        return Strip(
            tone="warn",
            state=guidance.title,
            advice=row.message or guidance.cause,
            link=Link(connect, "Reconnect"),
        )
    return Strip(tone="ok", state="Connected", facts=_facts(row, now, zone))


def _facts(row: ConnectionRow, now: datetime, zone: tzinfo) -> tuple[Fact, ...]:
    facts = [Fact("Company", row.company_name or "is being read")]
    local = now.astimezone(zone)
    if row.refreshed_at is not None:
        renewed = moment(row.refreshed_at.astimezone(zone), local)
        facts.append(Fact("Access renewed", renewed, distance(row.refreshed_at, now)))
    if row.refresh_expires_at is not None:
        facts.append(Fact("Access good until", moment(row.refresh_expires_at.astimezone(zone), local)))
    return tuple(facts)
