"""Resync, Clear ID and Link: the log changes nothing by itself, it sends commands and keeps who asked for what."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from qbsync_log.domain.linking import may_link, wanted
from qbsync_log.domain.permissions import UNKNOWN, Refusal, may_cancel, may_clear_id, may_resync
from qbsync_log.domain.records import SyncRecord
from qbsync_log.postgres import repository
from qbsync_log.postgres.rows import record_of
from qbsync_shared.clock import Clock
from qbsync_shared.ids import MakeId
from qbsync_shared.messages import AuditRecorded, Cancel, Channel, ClearId, Link, LookUp, Resync
from qbsync_shared.messages.base import stamp
from qbsync_shared.messaging import publish
from qbsync_shared.postgres import Connection

ANSWER_WITHIN = timedelta(minutes=10)
"""After this long without an answer the same may be asked for again."""


@dataclass(kw_only=True)
class Asked:
    """What became of a request for several syncs; a double click finds the second one under ``already``."""

    asked: list[str] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    refused: dict[str, Refusal] = field(default_factory=dict)
    command_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Commands:
    """Sends the commands of the pages and the API through the outbox."""

    clock: Clock
    make_id: MakeId

    async def resync(
        self, connection: Connection, tenant: str, sync_ids: Sequence[str], *, by: str, why: str = ""
    ) -> Asked:
        """Ask the wizard to approve these again with their current data; all in the caller's transaction."""
        result = Asked()
        for record, latest in await self._records(connection, tenant, sync_ids, result):
            refusal = may_resync(record, latest=latest)
            if refusal is not None:
                result.refused[record.sync_id] = refusal
            elif await self._resync(connection, record, by=by, why=why):
                result.asked.append(record.sync_id)
            else:
                result.already.append(record.sync_id)
        return result

    async def clear_id(
        self,
        connection: Connection,
        tenant: str,
        sync_ids: Sequence[str],
        *,
        by: str,
        why: str,
        resync: bool,
        sure: bool = False,
    ) -> Asked:
        """Ask the connector service to drop the links, and with ``resync`` the wizard to approve again after that.

        It refuses where QuickBooks holds another one of that name or number, unless somebody is ``sure`` that it is
        another one.
        """
        result = Asked()
        for record, latest in await self._records(connection, tenant, sync_ids, result):
            app_id = record.known_app_id
            linked = await repository.is_linked(connection, tenant, record.kind, app_id) if app_id else None
            refusal = may_clear_id(record, latest=latest)
            if refusal is not None or app_id is None:
                result.refused[record.sync_id] = refusal or UNKNOWN
            elif await self._clear(connection, record, app_id, linked, by=by, why=why, sure=sure):
                result.asked.append(record.sync_id)
                if resync:
                    await self._resync(connection, record, by=by, why=why, after_clear_id=True)
            else:
                result.already.append(record.sync_id)
        return result

    async def cancel(
        self, connection: Connection, tenant: str, sync_ids: Sequence[str], *, by: str, why: str = ""
    ) -> Asked:
        """Ask the connector service not to send these; their entities return to the Sync Wizard."""
        result = Asked()
        for record, _ in await self._records(connection, tenant, sync_ids, result):
            refusal = may_cancel(record)
            if refusal is not None:
                result.refused[record.sync_id] = refusal
                continue
            command_id = self.make_id()
            about = stamp(command_id, tenant, self.clock.now())
            await publish(
                connection, Cancel(**about, by=by, why=why, edition=record.edition, sync_id=record.sync_id)
            )
            channel = Channel(record.edition.value)
            await self._audit(connection, record, "cancel", channel, by=by, why=why, command_id=command_id)
            result.asked.append(record.sync_id)
        return result

    async def link(
        self,
        connection: Connection,
        tenant: str,
        sync_id: str,
        quickbooks_id: str,
        *,
        by: str,
        why: str = "",
    ) -> Asked:
        """Ask the connector service to link the record of a sync to one of QuickBooks, in place of its present link."""
        result = Asked()
        for record, latest in await self._records(connection, tenant, [sync_id], result):
            refusal, app_id = may_link(record, latest=latest), record.known_app_id
            if refusal is not None or app_id is None:
                result.refused[sync_id] = refusal or UNKNOWN
                continue
            command_id = await self._open_request(connection, record, "link", by=by, why=why)
            if command_id is None:
                result.already.append(sync_id)
                continue
            command = Link(
                **stamp(command_id, tenant, self.clock.now()),
                by=by,
                why=why,
                edition=record.edition,
                kind=record.kind,
                app_id=app_id,
                quickbooks_id=quickbooks_id,
                sync_id=sync_id,
                instead_of=await repository.is_linked(connection, tenant, record.kind, app_id),
            )
            await publish(connection, command)
            result.asked.append(sync_id)
            result.command_id = command_id
        return result

    async def look_up(self, connection: Connection, record: SyncRecord, *, by: str) -> bool:
        """Ask the connector service what QuickBooks holds under its name or number; False where it has neither."""
        what = wanted(record)
        if what is None:
            return False
        command_id, now = self.make_id(), self.clock.now()
        command = LookUp(
            **stamp(command_id, record.tenant, now),
            by=by,
            edition=record.edition,
            kind=record.kind,
            text=what.text,
            app_id=record.known_app_id,
            quickbooks_id=what.quickbooks_id,
            sync_id=record.sync_id,
        )
        about = (record.tenant, command_id, record.sync_id, what.text, by, now)
        await connection.execute(repository.QUERIES["insert_look_up"], *about)
        await publish(connection, command)
        return True

    async def _records(
        self, connection: Connection, tenant: str, sync_ids: Sequence[str], result: Asked
    ) -> list[tuple[SyncRecord, bool]]:
        if not await repository.lock(connection, tenant):
            result.refused.update(dict.fromkeys(sync_ids, UNKNOWN))
            return []
        wanted = list(dict.fromkeys(sync_ids))
        rows = await connection.fetch(repository.QUERIES["read_syncs"], tenant, wanted)
        found = [(record_of(row), bool(row["latest"])) for row in rows]
        missing = set(wanted) - {record.sync_id for record, _ in found}
        result.refused.update(dict.fromkeys(sorted(missing), UNKNOWN))
        return found

    async def _open_request(
        self, connection: Connection, record: SyncRecord, action: str, *, by: str, why: str
    ) -> str | None:
        """The command's id, or None where the same was asked for and is not answered yet."""
        now, command_id = self.clock.now(), self.make_id()
        expired = now - ANSWER_WITHIN
        await connection.execute(
            repository.QUERIES["expire_request"], record.tenant, record.sync_id, action, expired
        )
        made = await connection.fetchval(
            repository.QUERIES["insert_request"],
            record.tenant,
            command_id,
            record.sync_id,
            action,
            by,
            why,
            now,
        )
        return str(made) if made else None

    async def _resync(
        self, connection: Connection, record: SyncRecord, *, by: str, why: str, after_clear_id: bool = False
    ) -> bool:
        command_id = await self._open_request(connection, record, "resync", by=by, why=why)
        if command_id is None:
            return False
        now = self.clock.now()
        command = Resync(
            **stamp(command_id, record.tenant, now),
            by=by,
            why=why,
            edition=record.edition,
            sync_id=record.sync_id,
            kind=record.kind,
            app_id=record.known_app_id,
            quickbooks_id=record.quickbooks_id,
            after_clear_id=after_clear_id,
        )
        await publish(connection, command)
        await self._audit(connection, record, "resync", Channel.WIZARD, by=by, why=why, command_id=command_id)
        await repository.set_asked(connection, record.tenant, record.sync_id, now)
        return True

    async def _clear(
        self,
        connection: Connection,
        record: SyncRecord,
        app_id: str,
        linked: str | None,
        *,
        by: str,
        why: str,
        sure: bool,
    ) -> bool:
        command_id = await self._open_request(connection, record, "clear-id", by=by, why=why)
        if command_id is None:
            return False
        command = ClearId(
            **stamp(command_id, record.tenant, self.clock.now()),
            by=by,
            why=why,
            edition=record.edition,
            kind=record.kind,
            app_id=app_id,
            quickbooks_id=linked,
            sync_id=record.sync_id,
            sure=sure,
        )
        await publish(connection, command)
        channel = Channel(record.edition.value)
        details = {"quickbooks_id": linked}
        await self._audit(
            connection, record, "clear-id", channel, by=by, why=why, command_id=command_id, **details
        )
        return True

    async def _audit(
        self,
        connection: Connection,
        record: SyncRecord,
        action: str,
        speaker: Channel,
        *,
        by: str,
        why: str,
        **details: Any,
    ) -> None:
        message = AuditRecorded(
            **stamp(self.make_id(), record.tenant, self.clock.now()),
            speaker=speaker,
            by=by,
            action=action,
            subject_kind=record.kind,
            app_id=record.known_app_id,
            sync_id=record.sync_id,
            why=why,
            details=details,
        )
        await publish(connection, message)
