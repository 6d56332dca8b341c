"""The connection strip: facts when all is well, one sentence that says what to do when it is not."""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any

from qbsync_shared.catalogue import explain
from qbsync_shared.kinds import Edition
from qbsync_shared.messages import ConnectionState
from qbsync_shared.web import Fact, Link, Strip
from qbsync_shared.web.filters import distance, moment

SILENT_AFTER = timedelta(minutes=10)
"""How long after the expected run the Web Connector counts as silent."""

_SENTENCES = {
    ConnectionState.EXPIRED: ("Access has run out", "An admin reconnects QuickBooks Online first."),
    ConnectionState.REVOKED: ("Access was withdrawn", "An admin reconnects QuickBooks Online first."),
    ConnectionState.WRONG_COMPANY: (
        "Another company is open",
        "Open the right company in QuickBooks. Nothing was sent.",
    ),
}


def make_strip(
    row: Mapping[str, Any] | None,
    *,
    edition: Edition,
    paused: bool,
    now: datetime,
    zone: tzinfo,
    details: str,
) -> Strip:
    """The strip of a tenant's pages.

    Args:
        row: the connection as the connector service told it, if it did.
        details: the address of its connection page.
    """
    state = ConnectionState(row["state"]) if row else ConnectionState.NONE
    if paused or state is ConnectionState.PAUSED:
        advice = "Sending is paused. What you approve stays Pending and goes after it is resumed."
        return Strip(tone="neutral", state="Paused", advice=advice, link=Link(details, "Details"))
    if row is None or state is ConnectionState.NONE:
        advice = "Nothing can be sent yet. An admin connects QuickBooks first."
        return Strip(tone="warn", state="Not connected", advice=advice, link=Link(details, "Connect"))
    if state in _SENTENCES:
        words, advice = _SENTENCES[state]
        return Strip(tone="bad", state=words, advice=advice, link=Link(details, "Details"))
    if state is ConnectionState.PROBLEM or (state is ConnectionState.CONNECTED and row["code"]):
        why = explain(row["code"] or "*", edition, text=row["message"] or "")
        advice = why.steps[0] if why.steps else ""
        return Strip(tone="warn", state=why.title, advice=advice, link=Link(details, "Details"))
    return _working(row, edition, now, zone, details)


def _working(row: Mapping[str, Any], edition: Edition, now: datetime, zone: tzinfo, details: str) -> Strip:
    link = Link(details, "Details")
    local = now.astimezone(zone)
    expected: datetime | None = row["next_expected_at"]
    if edition is Edition.DESKTOP and expected is not None and now > expected + SILENT_AFTER:
        seen = row["last_seen_at"]
        last = f"Last seen: {moment(seen.astimezone(zone), local)}. " if seen else ""
        advice = f"{last}Open QuickBooks, then the Web Connector, and press Update Selected."
        return Strip(tone="bad", state="Connector silent", advice=advice, link=link)
    return Strip(tone="ok", state="Connected", facts=_facts(row, edition, local, zone), link=link)


def _facts(row: Mapping[str, Any], edition: Edition, now: datetime, zone: tzinfo) -> tuple[Fact, ...]:
    facts = []
    if row["last_seen_at"]:
        seen = row["last_seen_at"].astimezone(zone)
        facts.append(Fact("Last seen", moment(seen, now), distance(seen, now)))
    if edition is Edition.DESKTOP and row["next_expected_at"]:
        facts.append(Fact("Next run about", moment(row["next_expected_at"].astimezone(zone), now)))
    if edition is Edition.ONLINE and row["expires_at"]:
        facts.append(Fact("Access good until", moment(row["expires_at"].astimezone(zone), now)))
    if row["company"]:
        facts.append(Fact("Company file" if edition is Edition.DESKTOP else "Company", row["company"]))
    return tuple(facts)
