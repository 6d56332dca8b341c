"""What every operation needs: the time, new ids, and the tenant's lane."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from qbsync_shared.clock import Clock
from qbsync_shared.ids import MakeId
from qbsync_shared.kinds import Kind
from qbsync_shared.messages import BadgeChanged
from qbsync_shared.messages.base import stamp
from qbsync_shared.messaging import publish
from qbsync_shared.postgres import Connection
from qbsync_shared.web.sse import notify
from qbsync_wizard.domain.tenants import Tenant
from qbsync_wizard.errors import UnknownTenantError
from qbsync_wizard.postgres import lists
from qbsync_wizard.postgres import repository as store

SCHEMA = "wizard"


@dataclass(frozen=True)
class Context:
    """Clock and ids, passed in."""

    clock: Clock
    make_id: MakeId

    def now(self) -> datetime:
        """The time."""
        return self.clock.now()

    def stamp(self, tenant_id: str) -> dict[str, Any]:
        """Id, tenant and time of a new message."""
        return stamp(self.make_id(), tenant_id, self.now())


@dataclass(frozen=True)
class Lane:
    """A transaction that holds a tenant's lane: all that writes goes one after the other."""

    connection: Connection
    tenant: Tenant
    context: Context
    _once: dict[str, int] = field(default_factory=dict)
    _kinds: dict[str, frozenset[Kind]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The tenant's id."""
        return self.tenant.id

    def now(self) -> datetime:
        """The time."""
        return self.context.now()

    def make_id(self) -> str:
        """A new id."""
        return self.context.make_id()

    def stamp(self) -> dict[str, Any]:
        """Id, tenant and time of a new message."""
        return self.context.stamp(self.tenant.id)

    async def change_no(self) -> int:
        """The number of this transaction among the changes of the review: all that it changes appears at once."""
        if "change" not in self._once:
            self._once["change"] = await store.next_change(self.connection, self.id)
        return self._once["change"]

    async def lists_read(self) -> frozenset[Kind]:
        """Which lists of QuickBooks were read; asked once per transaction."""
        if "lists" not in self._kinds:
            self._kinds["lists"] = frozenset(await lists.read_lists(self.connection, self.id))
        return self._kinds["lists"]

    async def hint(self) -> None:
        """Tell open pages of the tenant, once per transaction, to look at the counts."""
        if "hint" not in self._once:
            self._once["hint"] = 1
            await notify(self.connection, SCHEMA, self.id, "counts")


async def enter(connection: Connection, context: Context, tenant_id: str) -> Lane:
    """Take the tenant's lane until the transaction ends.

    Raises:
        UnknownTenantError: there is none, or it was deleted.
    """
    tenant = await store.lock_tenant(connection, tenant_id)
    if tenant is None or tenant.deleted:
        raise UnknownTenantError(tenant_id)
    return Lane(connection, tenant, context)


async def look(connection: Connection, tenant_id: str) -> Tenant:
    """The tenant, for reading.

    Raises:
        UnknownTenantError: there is none, or it was deleted.
    """
    tenant = await store.get_tenant(connection, tenant_id)
    if tenant is None or tenant.deleted:
        raise UnknownTenantError(tenant_id)
    return tenant


async def tell_counts(lane: Lane) -> None:
    """Publish the badge if the counts changed in this transaction, and give open pages a hint."""
    row = await lane.connection.fetchrow(store.QUERIES["take_badge"], lane.id)
    if row is None:
        return
    imports, exports = row["badge_imports"], row["badge_exports"]
    badge = BadgeChanged(
        **lane.stamp(),
        version=row["badge_version"],
        waiting=imports + exports,
        imports=imports,
        exports=exports,
    )
    await publish(lane.connection, badge)
    await lane.hint()
