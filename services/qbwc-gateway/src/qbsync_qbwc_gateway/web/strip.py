"""The connection strip: facts when all is well, one sentence that says what to do when it is not."""

from datetime import datetime, tzinfo

from qbsync_qbwc_gateway.service import Health
from qbsync_shared.catalogue import explain
from qbsync_shared.connector.tenants import Tenant
from qbsync_shared.kinds import Edition
from qbsync_shared.messages import ConnectionState
from qbsync_shared.web import Fact, Strip
from qbsync_shared.web.filters import distance, moment

_PATIENCE = 3
"""So many missed runs, and the connector counts as silent."""


def strip_of(health: Health | None, tenant: Tenant, *, now: datetime, zone: tzinfo) -> Strip:
    """The strip of the page."""
    if health is None or health.connector.last_seen_at is None:
        return Strip(
            tone="warn", state="Not connected", advice="Nothing can be sent yet. Follow the five steps below."
        )
    connector, last_seen = health.connector, health.connector.last_seen_at
    seen = moment(last_seen.astimezone(zone), now.astimezone(zone))
    if tenant.paused or "*" in health.paused_kinds:
        advice = "Sending is paused. Everything approved stays Pending and goes after it is resumed."
        return Strip(tone="neutral", state="Paused", advice=advice)
    if connector.state == ConnectionState.WRONG_COMPANY.value:
        advice = (
            connector.message or "Open the right company in QuickBooks. Nothing was sent to the other one."
        )
        return Strip(tone="bad", state="Another company is open", advice=advice)
    if connector.state == ConnectionState.PROBLEM.value:
        guidance = explain(connector.code or "*", Edition.DESKTOP)
        return Strip(tone="warn", state=guidance.title, advice=guidance.steps[0] if guidance.steps else "")
    if is_silent(health, now):
        advice = f"Last seen: {seen}. Open QuickBooks, then the Web Connector, and press Update Selected."
        return Strip(tone="bad", state="Connector silent", advice=advice)
    facts = [Fact("Last seen", seen, distance(last_seen, now))]
    if health.next_expected_at:
        following = moment(health.next_expected_at.astimezone(zone), now.astimezone(zone))
        facts.append(Fact("Next run about", following))
    if connector.company_file:
        facts.append(Fact("Company file", file_name(connector.company_file)))
    return Strip(tone="ok", state="Connected", facts=tuple(facts))


def is_silent(health: Health, now: datetime) -> bool:
    """Whether the Web Connector missed several runs."""
    last = health.connector.last_seen_at
    return last is not None and now - last > _PATIENCE * health.run_every


def file_name(path: str) -> str:
    """The last part of a Windows path."""
    return path.replace("\\", "/").rsplit("/", 1)[-1]
