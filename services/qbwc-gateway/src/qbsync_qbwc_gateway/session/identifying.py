"""The first steps of a session: is the open company file the tenant's? Nothing is sent into any other.

A file without our FileID may become the tenant's at its first run, or after the connection got new ids. Before that it
is asked what stands in it under all OwnerIDs of this installation: another tenant's file is refused, and after new ids
only the file that carried the former ones is taken.
"""

from qbsync_qbwc_gateway.postgres import repository as store
from qbsync_qbwc_gateway.qbxml.reader import Responses
from qbsync_qbwc_gateway.qbxml.writer import Version
from qbsync_qbwc_gateway.session.announcing import Announcing
from qbsync_qbwc_gateway.session.company import (
    CompanyFile,
    Match,
    bind_request,
    check_request,
    company_of,
    compare,
    read_company,
    stamps_of,
)
from qbsync_qbwc_gateway.session.comparing import Comparing
from qbsync_qbwc_gateway.session.model import Connector, Session
from qbsync_shared.clock import Clock
from qbsync_shared.connector import tenants
from qbsync_shared.messages import ConnectionState
from qbsync_shared.postgres import Connection

WRONG_COMPANY = (
    "Another company file is open in QuickBooks than the one this connection belongs to. Nothing was sent."
    " Open the right company, or let an admin bind the connection to this one."
)
OTHERS_COMPANY = "This company file belongs to another connection of qbsync. Nothing was sent."


class Identifying:
    """Where it stands is ``session.plan["company"]``: check, look, bind; then ok, wrong, or held by a comparison."""

    def __init__(self, comparing: Comparing, announcing: Announcing, *, owner_id: str, clock: Clock) -> None:
        self._comparing = comparing
        self._announcing = announcing
        self._owner_id = owner_id
        self._clock = clock

    async def handed_over(
        self, connection: Connection, session: Session, connector: Connector, hcp: str
    ) -> Connector:
        """Judge what the Web Connector brought along; where the company is not in it, it is asked."""
        found = read_company(hcp, connector.owner_id)
        return connector if found is None else await self._judge(connection, session, connector, found)

    def request(self, session: Session, connector: Connector, version: Version) -> str:
        """The next query, or the write that binds."""
        plan = session.plan
        plan["request"] = {"company": True}
        if plan["company"] == "bind":
            return bind_request(connector, version, stamped=bool(plan.get("stamped")))
        if plan["company"] == "look":
            known = (connector.owner_id, self._owner_id, connector.previous_owner_id)
            return check_request(*dict.fromkeys(owner for owner in known if owner))
        return check_request(connector.owner_id)

    async def take(
        self, connection: Connection, session: Session, connector: Connector, responses: Responses
    ) -> None:
        """What QuickBooks answered to it."""
        plan = session.plan
        if plan["company"] == "look":
            await self._looked(connection, session, connector, stamps_of(responses))
        elif plan["company"] == "bind":
            plan["company"], plan["bound"] = "check", True
        else:
            found = company_of(responses, connector.owner_id)
            if found is None:
                session.error = "QuickBooks did not say which company is open."
            else:
                await self._judge(connection, session, connector, found)

    async def _judge(
        self, connection: Connection, session: Session, connector: Connector, found: CompanyFile
    ) -> Connector:
        """Take the open file as the tenant's, or hold everything."""
        plan = session.plan
        plan["version"] = list(found.version)
        match = compare(found, connector, plan.get("file", ""))
        if match is Match.UNBOUND and not plan.get("bound"):
            plan["company"], plan["stamped"] = "look", found.file_id is not None
            return connector
        if match is not Match.OURS:
            await self._wrong(connection, session, connector, WRONG_COMPANY)
            return connector
        bind = tenants.rebind if plan.get("bound") else tenants.bind
        if not await bind(connection, session.tenant, connector.file_id):
            await self._wrong(connection, session, connector, OTHERS_COMPANY)
            return connector
        plan["company"] = "ok"
        plan["marker"] = found.marker
        await connection.execute(
            store.QUERIES["set_bound"],
            session.tenant,
            plan.get("file") or connector.company_file,
            self._clock.now(),
        )
        await self._announcing.company(connection, connector, found.name, found.facts)
        fresh = await store.get_connector(connection, session.tenant)
        assert fresh is not None
        comparison = await self._comparing.check(connection, session, fresh)
        if comparison == "open":
            await self._comparing.hold(connection, session, fresh)
        elif comparison is None and fresh.state != ConnectionState.CONNECTED.value:
            await self._announcing.state(connection, fresh, ConnectionState.CONNECTED)
        return fresh

    async def _looked(
        self, connection: Connection, session: Session, connector: Connector, stamps: dict[str, str]
    ) -> None:
        """Bind the file, unless it is another tenant's, or not the one that carried the ids before."""
        others = await connection.fetchval(
            store.QUERIES["is_file_of_others"], session.tenant, list(stamps.values())
        )
        if others:
            await self._wrong(connection, session, connector, OTHERS_COMPANY)
            return
        before = connector.previous_file_id
        renewed = connector.bound_at is not None and before is not None
        if renewed and before is not None and before.casefold() not in stamps.values():
            await self._wrong(connection, session, connector, WRONG_COMPANY)
            return
        session.plan["company"] = "bind"

    async def _wrong(self, connection: Connection, session: Session, connector: Connector, why: str) -> None:
        session.plan["company"] = "wrong"
        session.error = why
        await self._announcing.state(
            connection, connector, ConnectionState.WRONG_COMPANY, code="QS-WRONG-COMPANY", message=why
        )
