"""The connection strip: facts when all is well, one sentence that says what to do when it is not."""

from datetime import datetime, tzinfo

from qbsync_log.domain.connections import Connection
from qbsync_log.domain.records import Problem
from qbsync_log.domain.unsynced import words_for
from qbsync_shared.kinds import Edition
from qbsync_shared.messages import ConnectionState
from qbsync_shared.web import Fact, Link, Strip
from qbsync_shared.web.filters import distance, moment

_STATES = {
    ConnectionState.PAUSED: (
        "neutral",
        "Paused",
        "Sending is paused. Everything approved stays Pending and goes after it is resumed.",
    ),
    ConnectionState.EXPIRED: (
        "bad",
        "Access has run out",
        "An admin reconnects QuickBooks Online; everything approved goes by itself afterwards.",
    ),
    ConnectionState.REVOKED: (
        "bad",
        "Access was withdrawn",
        "An admin reconnects QuickBooks Online; everything approved goes by itself afterwards.",
    ),
    ConnectionState.WRONG_COMPANY: (
        "bad",
        "Another company is open",
        "Open the right company in QuickBooks. Nothing was sent to the other one.",
    ),
}


def make_strip(
    connection: Connection | None, *, edition: Edition, now: datetime, zone: tzinfo, details: str
) -> Strip:
    """The strip of a tenant's pages; ``details`` is the address of its connection page."""
    link = Link(details, "Details")
    if connection is None or connection.state is ConnectionState.NONE:
        advice = "Nothing can be sent yet. An admin connects QuickBooks first."
        return Strip(tone="warn", state="Not connected", advice=advice, link=Link(details, "Connect"))
    local_now = now.astimezone(zone)
    silent = connection.silent_since(now)
    if silent is not None:
        seen = moment(silent.astimezone(zone), local_now)
        advice = f"Last seen: {seen}. Open QuickBooks, then the Web Connector, and press Update Selected."
        return Strip(tone="bad", state="Connector silent", advice=advice, link=link)
    if connection.state in _STATES:
        tone, state, advice = _STATES[connection.state]
        return Strip(tone="neutral" if tone == "neutral" else "bad", state=state, advice=advice, link=link)
    told_of_trouble = connection.state is ConnectionState.CONNECTED and connection.code is not None
    if connection.state is ConnectionState.PROBLEM or told_of_trouble:
        why = words_for(Problem(code=connection.code or "*", message=connection.message or ""), edition)
        return Strip(tone="warn", state=why.title, advice=why.steps[0], link=link)
    return Strip(tone="ok", state="Connected", facts=_facts(connection, local_now, zone), link=link)


def _facts(connection: Connection, now: datetime, zone: tzinfo) -> tuple[Fact, ...]:
    facts = []
    if connection.last_seen_at:
        seen = connection.last_seen_at.astimezone(zone)
        facts.append(Fact("Last seen", moment(seen, now), distance(seen, now)))
    if connection.edition is Edition.DESKTOP and connection.next_expected_at:
        facts.append(Fact("Next run about", moment(connection.next_expected_at.astimezone(zone), now)))
    if connection.edition is Edition.ONLINE and connection.expires_at:
        facts.append(Fact("Access good until", moment(connection.expires_at.astimezone(zone), now)))
    if connection.company:
        facts.append(
            Fact("Company file" if connection.edition is Edition.DESKTOP else "Company", connection.company)
        )
    return tuple(facts)
