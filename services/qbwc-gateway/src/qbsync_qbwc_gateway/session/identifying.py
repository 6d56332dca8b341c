"""The first steps of a session: is the open company file the tenant's? Nothing is sent into any other.

A file may become the tenant's at its first run, or be taken again after the connection got new ids. Before that it is
asked what stands in it under all OwnerIDs of this installation: another tenant's file is refused, and after new ids only
the file that carried the former ones is taken. The Web Connector stamps the file that is open when a .qwc file is added,
so that a file which carries our FileID may still be another tenant's.
"""

from qbsync_qbwc_gateway.postgres import repository as store
from qbsync_qbwc_gateway.qbxml.reader import Responses
from qbsync_qbwc_gateway.qbxml.writer import Version
from qbsync_qbwc_gateway.session.announcing import Announcing
from qbsync_qbwc_gateway.session.company import (
    NO_STAMP,
    CompanyFile,
    Match,
    Stamp,
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
OTHERS_COMPANY = (
    "This company file belongs to another connection of qbsync. Nothing was sent."
    " Open this connection's own company file in QuickBooks."
)
UNKNOWN_COMPANY = (
    "The connection got new ids, and this company file does not carry the former ones, so it is not the file that was"
    " synced until now. Nothing was sent. Open that file in QuickBooks, or let an admin bind the connection to this one."
)


class Identifying:
    """Where it stands is ``session.plan["company"]``: check, look, bind; then ok, wrong, or held by a comparison."""

    def __init__(self, comparing: Comparing, announcing: Announcing, *, clock: Clock) -> None:
        self._comparing = comparing
        self._announcing = announcing
        self._clock = clock

    async def handed_over(
        self, connection: Connection, session: Session, connector: Connector, hcp: str
    ) -> Connector:
        """Judge what the Web Connector brought along; where the company or our FileID is not in it, it is asked.

        A Web Connector that still has a .qwc file with former ids asks under the former OwnerID.
        """
        found = read_company(hcp, connector.owner_id)
        if found is None or (found.file_id is None and not connector.may_bind):
            return connector
        return await self._judge(connection, session, connector, found)

    async def request(
        self, connection: Connection, session: Session, connector: Connector, version: Version
    ) -> str:
        """The next query, or the write that binds."""
        plan = session.plan
        plan["request"] = {"company": True}
        if plan["company"] == "bind":
            stamp = Stamp(file_id=plan["stamp"]["file_id"], marker=plan["stamp"]["marker"])
            return bind_request(connector, version, stamp=stamp, mark=plan["stamp"]["former_marker"])
        if plan["company"] == "look":
            owners: list[str] = await connection.fetchval(store.QUERIES["known_owners"])
            return check_request(*dict.fromkeys([connector.owner_id, *owners]))
        return check_request(connector.owner_id)

    async def take(
        self, connection: Connection, session: Session, connector: Connector, responses: Responses
    ) -> None:
        """What QuickBooks answered to it."""
        plan = session.plan
        if plan["company"] == "bind":
            plan["company"], plan["bound"] = "check", True
            return
        found = company_of(responses, connector.owner_id)
        if found is None:
            session.error = "QuickBooks did not say which company is open."
        elif plan["company"] == "look":
            await self._looked(connection, session, connector, found, stamps_of(responses))
        else:
            await self._judge(connection, session, connector, found)

    async def _judge(
        self, connection: Connection, session: Session, connector: Connector, found: CompanyFile
    ) -> Connector:
        """Take the open file as the tenant's, look closer, or hold everything."""
        plan = session.plan
        plan["version"] = list(found.version)
        match = compare(found, connector, plan.get("file", ""))
        if match is not Match.OTHER and connector.may_bind and not plan.get("bound"):
            plan["company"] = "look"
        elif match is Match.OURS:
            return await self._accept(connection, session, connector, found)
        else:
            await self._wrong(connection, session, connector, WRONG_COMPANY)
        return connector

    async def _looked(
        self,
        connection: Connection,
        session: Session,
        connector: Connector,
        found: CompanyFile,
        stamps: dict[str, Stamp],
    ) -> None:
        """Bind the file, unless it is another tenant's, or not the one that carried the ids before."""
        ids = [stamp.file_id for stamp in stamps.values() if stamp.file_id]
        if await connection.fetchval(store.QUERIES["is_file_of_others"], session.tenant, ids):
            await self._wrong(connection, session, connector, OTHERS_COMPANY)
            return
        former = NO_STAMP
        if connector.previous_file_id is not None:
            former = stamps.get((connector.previous_owner_id or "").casefold(), NO_STAMP)
            if former.file_id != connector.previous_file_id.casefold():
                await self._wrong(connection, session, connector, UNKNOWN_COMPANY)
                return
        is_stamped = (found.file_id or "").casefold() == connector.file_id.casefold()
        if is_stamped and (former.marker is None or found.marker is not None):
            await self._accept(connection, session, connector, found)
            return
        session.plan["company"] = "bind"
        session.plan["stamp"] = {
            "file_id": found.file_id,
            "marker": found.marker,
            "former_marker": former.marker,
        }

    async def _accept(
        self, connection: Connection, session: Session, connector: Connector, found: CompanyFile
    ) -> Connector:
        plan = session.plan
        held = await store.lock_connector(connection, session.tenant)
        if held is None or held.file_id != connector.file_id:  # it got other ids meanwhile
            plan["company"] = "check"
            return held or connector
        bind = tenants.rebind if held.may_bind else tenants.bind
        if not await bind(connection, session.tenant, held.file_id):
            await self._wrong(connection, session, held, OTHERS_COMPANY)
            return held
        plan["company"] = "ok"
        plan["marker"] = found.marker
        file = plan.get("file") or held.company_file
        await connection.execute(store.QUERIES["set_bound"], session.tenant, file, self._clock.now())
        await self._announcing.company(connection, held, found.name, found.facts)
        fresh = await store.get_connector(connection, session.tenant)
        assert fresh is not None
        comparison = await self._comparing.check(connection, session, fresh)
        if comparison == "open":
            await self._comparing.hold(connection, session, fresh)
        elif comparison is None and fresh.state != ConnectionState.CONNECTED.value:
            await self._announcing.state(connection, fresh, ConnectionState.CONNECTED)
        return fresh

    async def _wrong(self, connection: Connection, session: Session, connector: Connector, why: str) -> None:
        session.plan["company"] = "wrong"
        session.error = why
        await self._announcing.state(
            connection, connector, ConnectionState.WRONG_COMPANY, code="QS-WRONG-COMPANY", message=why
        )
