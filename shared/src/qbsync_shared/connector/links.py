"""Links, commands of people, the app's answers to imports, and what was seen in QuickBooks."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from qbsync_shared.clock import Clock
from qbsync_shared.connector import repository as store
from qbsync_shared.connector.domain import Json, LinkRow, Seen, WorkItem, without_quickbooks_ids
from qbsync_shared.connector.events import Announcer
from qbsync_shared.connector.linking import DOUBT, Linking, namesake, under_way
from qbsync_shared.connector.observing import observe
from qbsync_shared.connector.references import name_app_ids
from qbsync_shared.diff import changed_fields
from qbsync_shared.entities import parse_entity
from qbsync_shared.ids import EntityKey, MakeId
from qbsync_shared.kinds import Direction, Edition, Kind, Operation
from qbsync_shared.messages import (
    AuditRecorded,
    Cancel,
    Channel,
    ClearId,
    CommandRefused,
    EntityApplied,
    EntityRejected,
    Link,
    Message,
    Pause,
    QuickBooksEntityChanged,
    Resume,
)
from qbsync_shared.messages.base import stamp
from qbsync_shared.messaging import publish, publish_many
from qbsync_shared.outcomes import Failed
from qbsync_shared.postgres import Connection
from qbsync_shared.states import SyncState

_Command = ClearId | Link | Cancel | Pause | Resume

APP_PATIENCE = timedelta(hours=24)
"""How long the app may take to answer an import (contract, section 4)."""

AT_ONCE = 1_000
"""So many links or records of a company that is left are in memory at a time."""


class LinkKeeper:
    """Keeps the links of one edition and carries out commands about them."""

    def __init__(self, edition: Edition, *, clock: Clock, make_id: MakeId) -> None:
        self.edition = edition
        self._clock = clock
        self._make_id = make_id
        self._say = Announcer(edition, make_id)
        self._linking = Linking(self._say)

    async def clear_id(self, connection: Connection, command: ClearId) -> None:
        """Drop a link; refused while a sync of the entity is in flight or in doubt, or where it would make a double."""
        key = EntityKey(command.kind, command.app_id)
        await store.lock(connection, command.tenant)
        items = await under_way(connection, command.tenant, key)
        if any(item.state is SyncState.IN_FLIGHT for item in items):
            await self._refuse(connection, command, DOUBT, command.sync_id)
            return
        link = await store.get_link(connection, command.tenant, key)
        if link is None:
            why = "It has no link to a record of QuickBooks, so there is no ID to clear."
            await self._refuse(
                connection, command, Failed(code="QS-LINK-MISSING", message=why), command.sync_id
            )
            return
        double = None if command.sure else await namesake(connection, command, link)
        if double is not None:
            await self._refuse(connection, command, _would_double(command.kind, double), command.sync_id)
            return
        await store.drop_link(connection, command.tenant, key)
        now = self._clock.now()
        version = await store.next_version(connection)
        await publish(
            connection,
            self._say.link_cleared(
                link, now, version=version, by=command.by, why=command.why, command_id=command.id
            ),
            caused_by=command.id,
        )
        await self._audit(connection, command, key)

    async def link(self, connection: Connection, command: Link) -> None:
        """Link a record of the app to one that QuickBooks was seen to hold."""
        await store.lock(connection, command.tenant)
        refused = await self._linking.link(connection, command, self._clock.now())
        if refused is not None:
            await self._refuse(connection, command, refused, command.sync_id)
            return
        key = EntityKey(command.kind, command.app_id)
        await self._audit(connection, command, key, quickbooks_id=command.quickbooks_id)

    async def cancel(self, connection: Connection, command: Cancel) -> None:
        """Cancel a sync of which certainly nothing was applied."""
        await store.lock(connection, command.tenant)
        item = await store.get(connection, command.tenant, command.sync_id)
        if item is None or item.state not in (SyncState.PENDING, SyncState.WAITING):
            why = "It is under way or finished already, so it cannot be cancelled."
            await self._refuse(connection, command, Failed(code="QS-IN-DOUBT", message=why), command.sync_id)
            return
        now = self._clock.now()
        done = await store.finish(
            connection, item, SyncState.CANCELLED, now=now, code="QS-CANCELLED", message=command.why or None
        )
        await publish(connection, self._say.cancelled(done, now, by=command.by), caused_by=command.id)
        await self._audit(connection, command, item.key)

    async def pause(self, connection: Connection, command: Pause) -> None:
        """Send nothing more of a kind, or nothing at all."""
        kind = command.kind.value if command.kind else "*"
        await connection.execute(store.QUERIES["put_pause"], command.tenant, kind, command.by, command.why)
        await self._audit(connection, command)

    async def resume(self, connection: Connection, command: Resume) -> None:
        """Send again."""
        kind = command.kind.value if command.kind else "*"
        await connection.execute(store.QUERIES["drop_pause"], command.tenant, kind)
        await self._audit(connection, command)

    async def applied(self, connection: Connection, answer: EntityApplied) -> None:
        """The app has the import: link it. A late answer after QS-APP-SILENT still makes the link."""
        await store.lock(connection, answer.tenant)
        item = await store.get(connection, answer.tenant, answer.sync_id)
        if item is None or item.direction is not Direction.IMPORT:
            return
        late = item.state is SyncState.FAILED and item.code == "QS-APP-SILENT"
        if not late and item.awaiting_app_since is None:
            return
        now = self._clock.now()
        if not late:
            done = await store.finish(connection, item, SyncState.SUCCEEDED, now=now, app_id=answer.app_id)
            await publish(
                connection,
                self._say.succeeded(done, now, warnings=(), snapshot=item.data),
                caused_by=answer.id,
            )
        await self._link_import(connection, item, answer.app_id, now)

    async def _link_import(self, connection: Connection, item: WorkItem, app_id: str, now: datetime) -> None:
        assert item.quickbooks_id is not None
        key = EntityKey(item.kind, app_id)
        if item.operation is Operation.DELETE:
            gone = await store.drop_link(connection, item.tenant, key)
            if gone is not None:
                version = await store.next_version(connection)
                cleared = self._say.link_cleared(
                    gone, now, version=version, by="app", why="deleted in QuickBooks"
                )
                await publish(connection, cleared)
            return
        seen = await store.get_seen(connection, item.tenant, item.kind, item.quickbooks_id)
        link = await store.put_link(
            connection,
            LinkRow(
                tenant=item.tenant,
                kind=item.kind,
                app_id=app_id,
                quickbooks_id=item.quickbooks_id,
                version=0,
                token=seen.token if seen else None,
                sent=without_quickbooks_ids(item.data),
                returned=item.data,
                sync_id=item.sync_id,
                entity_seq=item.entity_seq,
            ),
        )
        await publish(connection, self._say.link_created(link, now))
        await store.release(connection, key, tenant=item.tenant, at=now)

    async def rejected(self, connection: Connection, answer: EntityRejected) -> None:
        """The app refused the import."""
        await store.lock(connection, answer.tenant)
        item = await store.get(connection, answer.tenant, answer.sync_id)
        if item is None or item.awaiting_app_since is None:
            return
        await self._fail(connection, item, "QS-APP-REJECTED", answer.reason)

    async def give_up_on_app(self, connection: Connection, tenant: str) -> int:
        """Fail the imports that the app did not answer in time; returns how many."""
        await store.lock(connection, tenant)
        before = self._clock.now() - APP_PATIENCE
        rows = await connection.fetch(store.QUERIES["silent_imports"], tenant, before)
        for row in rows:
            why = "The app did not answer within 24 hours."
            await self._fail(connection, store.work_item(row), "QS-APP-SILENT", why)
        return len(rows)

    async def _fail(self, connection: Connection, item: WorkItem, code: str, message: str) -> None:
        now = self._clock.now()
        done = await store.finish(connection, item, SyncState.FAILED, now=now, code=code, message=message)
        await publish(connection, self._say.failed(done, now))

    async def observe(
        self, connection: Connection, tenant: str, record: Seen, *, import_since: datetime | None = None
    ) -> bool:
        """As `observe_many`, for one record: whether it is news."""
        (news,) = await self.observe_many(connection, tenant, [record], import_since=import_since)
        return news

    async def observe_many(
        self,
        connection: Connection,
        tenant: str,
        records: Sequence[Seen],
        *,
        import_since: datetime | None = None,
    ) -> list[bool]:
        """Take note of records as QuickBooks holds them; which of them are news to the wizard.

        What was last changed before ``import_since`` is told for matching only: imports start on the day of connection
        until an admin sets an earlier date.
        """
        await store.lock(connection, tenant)
        observed = await observe(connection, tenant, records)
        now = self._clock.now()
        messages = [
            QuickBooksEntityChanged(
                **self._say.stamp(tenant, now),
                version=one.version,
                kind=one.seen.kind,
                quickbooks_id=one.seen.quickbooks_id,
                app_id=one.link.app_id if one.link else None,
                entity=one.seen.entity,
                deleted=one.seen.deleted,
                for_matching=one.is_for_matching(import_since),
                changed_at=one.seen.changed_at,
            )
            for one in observed
            if one.is_news
        ]
        await publish_many(connection, messages)
        return [one.is_news for one in observed]

    async def forget(self, connection: Connection, tenant: str, key: EntityKey, *, by: str, why: str) -> None:
        """QuickBooks lost a linked record: drop the link, so that its entity comes back for review."""
        await store.lock(connection, tenant)
        link = await store.drop_link(connection, tenant, key)
        if link is None:
            return
        version = await store.next_version(connection)
        cleared = self._say.link_cleared(link, self._clock.now(), version=version, by=by, why=why)
        await publish(connection, cleared)
        gone = Seen(kind=key.kind, quickbooks_id=link.quickbooks_id, deleted=True)
        await self.observe(connection, tenant, gone)

    async def unsettled(self, connection: Connection, tenant: str) -> int:
        """How many approved syncs are not final. Takes the tenant's lane: none is added until the transaction ends."""
        await store.lock(connection, tenant)
        count: int = await connection.fetchval(store.QUERIES["count_unsettled"], tenant)
        return count

    async def leave_company(
        self, connection: Connection, tenant: str, *, by: str, why: str
    ) -> AsyncIterator[list[LinkRow]]:
        """The tenant gets other books: all links end, and what the old ones held is told as gone.

        Gives the links that ended, some at a time: a company may have more than fits into memory. To be read to its end.
        """
        await store.lock(connection, tenant)
        while rows := await connection.fetch(store.QUERIES["take_links"], tenant, AT_ONCE):
            links = [store.link_row(row) for row in rows]
            now, versions = self._clock.now(), await store.next_versions(connection, len(links))
            cleared = [
                self._say.link_cleared(link, now, version=version, by=by, why=why)
                for link, version in zip(links, versions, strict=True)
            ]
            await publish_many(connection, cleared)
            yield links
        after = ("", "")
        while rows := await connection.fetch(store.QUERIES["held_records"], tenant, *after, AT_ONCE):
            gone = [
                Seen(kind=Kind(row["kind"]), quickbooks_id=row["quickbooks_id"], deleted=True) for row in rows
            ]
            await self.observe_many(connection, tenant, gone)
            after = (rows[-1]["kind"], rows[-1]["quickbooks_id"])
        await connection.execute(store.QUERIES["drop_seen"], tenant)

    async def rebase(self, connection: Connection, tenant: str, key: EntityKey, held: Seen) -> None:
        """QuickBooks fell back to an older form: compare the app's record with that one from now on, for review."""
        await store.lock(connection, tenant)
        link = await store.get_link(connection, tenant, key)
        if link is None or held.entity is None:
            return
        named = (await name_app_ids(connection, tenant, parse_entity(held.entity))).to_json()
        fresh = replace(link, token=held.token, sent={}, returned=named)
        await store.put_seen(connection, tenant, replace(held, entity=named))
        await publish(
            connection, self._say.link_created(await store.put_link(connection, fresh), self._clock.now())
        )

    async def changed_since(self, connection: Connection, item: WorkItem, read: Seen) -> tuple[str, ...]:
        """Which of the approved fields differ in QuickBooks from what they were at the last sync (3200, 5010)."""
        if item.link is None or read.entity is None:
            return item.fields
        named = await name_app_ids(connection, item.tenant, parse_entity(read.entity))
        moved = set(changed_fields(item.link.returned, named.to_json()))
        return tuple(field for field in item.fields if field in moved)

    async def _refuse(
        self, connection: Connection, command: Message, refused: Failed, sync_id: str | None = None
    ) -> None:
        await publish(
            connection,
            CommandRefused(
                **stamp(self._make_id(), command.tenant, self._clock.now()),
                speaker=Channel(self.edition.value),
                command_id=command.id,
                command=command.verb,
                code=refused.code,
                message=refused.message,
                sync_id=sync_id,
            ),
            caused_by=command.id,
        )

    async def _audit(
        self, connection: Connection, command: _Command, key: EntityKey | None = None, **details: str
    ) -> None:
        await publish(
            connection,
            AuditRecorded(
                **stamp(self._make_id(), command.tenant, self._clock.now()),
                speaker=Channel(self.edition.value),
                by=command.by,
                action=command.verb,
                subject_kind=key.kind if key else None,
                app_id=key.app_id if key else None,
                why=command.why,
                details=details,
            ),
            caused_by=command.id,
        )


def _would_double(kind: Kind, double: Json) -> Failed:
    entity = double["entity"]
    name = entity.get("name") or entity.get("number") or double["quickbooks_id"]
    why = (
        f"QuickBooks holds {kind.label} {name} (id {double['quickbooks_id']}), linked to nothing. Link to that one instead; "
        "if it is another one, clear the ID and say that you looked."
    )
    return Failed(code="QS-LINK-INSTEAD", message=why)
