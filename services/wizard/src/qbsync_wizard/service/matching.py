"""First-time matching: records that both sides hold already are linked, from a confidence on that an admin picks."""

from qbsync_wizard.postgres import matches
from qbsync_wizard.postgres.matches import Match
from qbsync_wizard.service import review
from qbsync_wizard.service.approving import Checked, Result
from qbsync_wizard.service.context import Lane
from qbsync_wizard.service.review import Request

AT_ONCE = 500
"""How many are linked in one transaction."""

LEAST = 50
"""Below this it is chance."""


async def link_from(lane: Lane, least: int, *, as_of: int, by: str) -> Result:
    """Approve the next links of at least that confidence; rows that changed after ``as_of`` are left alone."""
    found = await matches.listed(lane.connection, lane.id, least=least, as_of=as_of, limit=AT_ONCE)
    return await link(lane, found, by=by)


async def link(lane: Lane, found: list[Match], *, by: str) -> Result:
    """Approve these links, each as it was seen."""
    checked = tuple(
        Checked(id=one.item_id, revision=one.revision, choice=f"link:{one.quickbooks_id}") for one in found
    )
    return await review.approve(lane, Request(by=by, checked=checked)) if checked else Result()
