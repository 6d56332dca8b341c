"""Which company file a connection belongs to, changed on purpose: new ids, another file name, another company."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from qbsync_qbwc_gateway.postgres import repository as store
from qbsync_qbwc_gateway.session.announcing import Announcing
from qbsync_qbwc_gateway.session.model import Connector, Session
from qbsync_shared.clock import Clock
from qbsync_shared.connector import LinkKeeper, tenants
from qbsync_shared.ids import MakeId
from qbsync_shared.kinds import Kind
from qbsync_shared.messages import AuditRecorded, Channel, ConnectionState
from qbsync_shared.messages.base import stamp
from qbsync_shared.messaging import publish
from qbsync_shared.postgres import Connection, Database

WHY = "bound to another company file"
WAITS = "The company file that is open in QuickBooks at the next run becomes this connection's."

BY_RULE = (
    "Changes of this company are approved by rule, and would fill the new one before anybody looked. Switch auto-approve"
    " off under Rules in the Sync Wizard first; switch it on again when the first match is reviewed."
)


class Sessions(Protocol):
    """What can end a session of the Web Connector."""

    async def interrupt(self, connection: Connection, session: Session, why: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Books:
    """What is known of the bound company, per kind: what rebinding ends. ``records`` were read and counted as held."""

    links: dict[Kind, int]
    records: dict[Kind, int]
    unsettled: int
    in_doubt: int

    @property
    def link_count(self) -> int:
        """All links."""
        return sum(self.links.values())

    @property
    def record_count(self) -> int:
        """All records that were read."""
        return sum(self.records.values())


class NotNowError(Exception):
    """It would be wrong or makes no sense as things are; ``slug`` names the reason, the text says it for a user."""

    def __init__(self, slug: str, text: str) -> None:
        super().__init__(text)
        self.slug = slug


class Binding:
    """Carries out what an admin decides about the company file. Each is one transaction, and audited."""

    def __init__(
        self,
        database: Database,
        keeper: LinkKeeper,
        sessions: Sessions,
        announcing: Announcing,
        *,
        clock: Clock,
        make_id: MakeId,
    ) -> None:
        self._database = database
        self._keeper = keeper
        self._sessions = sessions
        self._announcing = announcing
        self._clock = clock
        self._make_id = make_id

    async def books(self, tenant: str) -> Books | None:
        """What is known of the bound company; None before one was bound."""
        async with self._database.tenant(tenant) as connection:
            connector = await store.get_connector(connection, tenant)
            if connector is None or connector.bound_at is None:
                return None
            return await self._books(connection, tenant)

    async def _books(self, connection: Connection, tenant: str) -> Books:
        rows = await connection.fetch(store.QUERIES["count_books"], tenant)
        sets = await connection.fetchrow(store.QUERIES["count_sets"], tenant, "")
        assert sets is not None
        return Books(
            links={Kind(row["kind"]): row["links"] for row in rows if row["links"]},
            records={Kind(row["kind"]): row["records"] for row in rows if row["records"]},
            unsettled=await self._keeper.unsettled(connection, tenant),
            in_doubt=sets["doubted"],
        )

    async def renew_ids(self, tenant: str, *, by: str) -> bool:
        """Other ids for the connection, for a file that the Web Connector refuses to add with those it has (QBWC1039).

        Those before stay known until the company file carries the new ones; only the file with the former ones is
        taken. False before the connector user was made.
        """

        async def renew(connection: Connection, connector: Connector) -> dict[str, Any]:
            await self._give_ids(connection, tenant, keep=connector.bound_at is not None)
            return {"former_file_id": connector.file_id}

        return await self._change(tenant, "connector-new-ids", renew, by=by)

    async def take_new_name(self, tenant: str, *, by: str) -> bool:
        """The same company file under another name or in another folder. It must carry our ids all the same."""

        async def forget(connection: Connection, connector: Connector) -> dict[str, Any]:
            await connection.execute(store.QUERIES["forget_name"], tenant)
            return {"file": connector.company_file}

        return await self._change(tenant, "connector-file-renamed", forget, by=by)

    async def rebind(self, tenant: str, *, links: int, by: str) -> Books:
        """Another company: all links become history, what the old one held is told as gone, imports start anew.

        ``links`` is how many the person was told that will end. The open session is ended: it still talks to the file
        before.

        Raises:
            NotNowError: nothing is bound; syncs are not final, or changes are approved by rule, which would fill the new
                company by itself (contract, section 1); or the number is another one.
        """
        async with self._database.tenant(tenant) as connection:
            session = await store.lock_open_session(connection, tenant)
            books = await self._books(connection, tenant)
            connector = await store.lock_connector(connection, tenant)
            if connector is None or connector.bound_at is None:
                raise NotNowError("not-bound", f"No company file is bound yet. {WAITS}")
            _refuse(books, links)
            known = await tenants.get(connection, tenant)
            if known is not None and known.settings.get("auto_approve"):
                raise NotNowError("approves-by-rule", BY_RULE)
            if session is not None:
                await self._sessions.interrupt(connection, session, "Ended: the connection is bound anew")
            await self._leave(connection, connector, by=by)
            details = {
                "file": connector.company_file,
                "former_file_id": connector.file_id,
                "links": books.link_count,
                "records": books.record_count,
            }
            await self._audit(connection, tenant, by=by, action="connector-rebind", details=details)
        return books

    async def _leave(self, connection: Connection, connector: Connector, *, by: str) -> None:
        tenant, now = connector.tenant, self._clock.now()
        async for links in self._keeper.leave_company(connection, tenant, by=by, why=WHY):
            columns = [
                [link.kind.value for link in links],
                [link.app_id for link in links],
                [link.quickbooks_id for link in links],
                [link.sync_id for link in links],
            ]
            await connection.execute(store.QUERIES["keep_links"], tenant, connector.file_id, *columns, now)
        await connection.execute(store.QUERIES["end_sets"], tenant, now)
        for name in ("drop_cursors", "forget_findings", "new_books"):
            await connection.execute(store.QUERIES[name], tenant)
        fresh = await self._give_ids(connection, tenant, keep=False)
        await self._announcing.state(connection, fresh, ConnectionState.NONE, message=WAITS, seen=False)

    async def _give_ids(self, connection: Connection, tenant: str, *, keep: bool) -> Connector:
        """A pair that no company file carries: QuickBooks wants another FileID to come with another OwnerID."""
        owner_id, file_id = (f"{{{self._make_id()}}}" for _ in range(2))
        row = await connection.fetchrow(store.QUERIES["give_ids"], tenant, owner_id, file_id, keep)
        assert row is not None
        return store.connector_row(row)

    async def _change(
        self,
        tenant: str,
        action: str,
        change: Callable[[Connection, Connector], Awaitable[dict[str, Any]]],
        *,
        by: str,
    ) -> bool:
        async with self._database.tenant(tenant) as connection:
            connector = await store.lock_connector(connection, tenant)
            if connector is None:
                return False
            details = await change(connection, connector)
            await self._audit(connection, tenant, by=by, action=action, details=details)
            return True

    async def _audit(
        self, connection: Connection, tenant: str, *, by: str, action: str, details: dict[str, Any]
    ) -> None:
        audit = stamp(self._make_id(), tenant, self._clock.now())
        await publish(
            connection,
            AuditRecorded(**audit, speaker=Channel.DESKTOP, by=by, action=action, details=details),
        )


def _refuse(books: Books, links: int) -> None:
    if books.unsettled:
        raise NotNowError(
            "syncs-not-final",
            f"{books.unsettled} approved changes are not finished yet. Let the connector run with the file bound now,"
            " or cancel them in the Sync Report; then bind to another company.",
        )
    if links != books.link_count:
        raise NotNowError(
            "links-changed",
            f"There are {books.link_count} links now, not {links}. Look again at what would end, then confirm.",
        )
