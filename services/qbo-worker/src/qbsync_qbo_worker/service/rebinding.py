"""Another company on purpose: the rules and the consequences are those of Desktop's company files (contract, section 1)."""

from dataclasses import dataclass

from qbsync_qbo_worker.postgres import connections as store
from qbsync_shared.clock import Clock
from qbsync_shared.connector import LinkKeeper, tenants
from qbsync_shared.postgres import Connection

WHY = "connected to another company"


@dataclass(frozen=True, kw_only=True)
class Consequences:
    """What another company would end, and what speaks against it now."""

    links: int
    unsettled: int
    by_rule: bool

    @property
    def problem(self) -> str | None:
        """Why it cannot be done now, and what to do first."""
        if self.unsettled:
            return (
                f"{self.unsettled} approved changes are not finished yet. Let them go to the present company, or cancel"
                " them in the Sync Report; then connect another company."
            )
        if self.by_rule:
            return (
                "Changes of this company are approved by rule, and would fill the new one before anybody looked. Switch"
                " auto-approve off under Rules in the Sync Wizard first."
            )
        return None


class NotNowError(Exception):
    """It would be wrong as things are; the text says why and what to do, for a user."""


class Rebinding:
    """Leaves a company."""

    def __init__(self, *, links: LinkKeeper, clock: Clock) -> None:
        self._links = links
        self._clock = clock

    async def consequences(self, connection: Connection, tenant: str) -> Consequences:
        """What would end. Nothing is approved meanwhile until the transaction ends."""
        known = await tenants.get(connection, tenant)
        return Consequences(
            unsettled=await self._links.unsettled(connection, tenant),
            links=await store.count_links(connection, tenant),
            by_rule=known is not None and bool(known.settings.get("auto_approve")),
        )

    async def check(self, connection: Connection, tenant: str, *, links: int) -> None:
        """Raise NotNowError where it must not be done, or another number of links would end than a person was told."""
        found = await self.consequences(connection, tenant)
        if found.problem is not None:
            raise NotNowError(found.problem)
        if found.links != links:
            raise NotNowError(
                f"There are {found.links} links now, not {links}. Look again at what would end, then confirm."
            )

    async def leave(self, connection: Connection, tenant: str, realm: str, *, links: int, by: str) -> None:
        """End all links, keep them as history, forget what was read of the company.

        Raises:
            NotNowError: as `check`.
        """
        await self.check(connection, tenant, links=links)
        now = self._clock.now()
        async for ended in self._links.leave_company(connection, tenant, by=by, why=WHY):
            await store.keep_links(connection, tenant, realm, ended, now=now)
        await store.leave_realm(connection, tenant)
