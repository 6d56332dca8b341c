"""Messages about syncs as the services would say them, made in a few words."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from qbsync_log.messages import SUBSCRIPTIONS
from qbsync_shared import messages as said
from qbsync_shared.kinds import Direction, Edition, Kind, Operation, Plan
from qbsync_shared.messages import Message
from qbsync_shared.postgres import Database

TENANT = "oak"
START = datetime(2026, 11, 12, 8, 0, tzinfo=UTC)
_HANDLERS = {subscription.message: subscription.handle for subscription in SUBSCRIPTIONS}


class Story:
    """Says things about one tenant, in order; each message gets the next id and minute."""

    def __init__(self, tenant: str = TENANT, edition: Edition = Edition.DESKTOP) -> None:
        self.tenant = tenant
        self.edition = edition
        self._numbers = count(1)
        self._versions: dict[str, int] = {}
        self._seqs: dict[str, int] = {}
        self._about: dict[str, dict[str, Any]] = {}
        self.said: list[Message] = []

    def _stamp(self) -> dict[str, Any]:
        number = next(self._numbers)
        return {
            "id": f"{self.tenant}-m{number:04}",
            "tenant": self.tenant,
            "occurred_at": START + timedelta(minutes=number),
        }

    def _keep(self, message: Message) -> Any:
        self.said.append(message)
        return message

    def _version(self, key: str) -> int:
        self._versions[key] = self._versions.get(key, 0) + 1
        return self._versions[key]

    def tenant_configured(self, name: str = "Oak & Sons", **more: Any) -> said.TenantConfigured:
        return self._keep(
            said.TenantConfigured(
                **self._stamp(),
                version=self._version("tenant"),
                name=name,
                plan=Plan.PLUS,
                edition=self.edition,
                **more,
            )
        )

    def approved(self, sync_id: str, entity: dict[str, Any], **more: Any) -> said.SyncApproved:
        stamp = self._stamp()
        key = f"{entity['kind']}/{more.get('app_id', entity.get('app_id'))}"
        self._seqs[key] = self._seqs.get(key, 0) + 1
        about = {
            "edition": self.edition,
            "direction": Direction(more.pop("direction", "export")),
            "kind": Kind(entity["kind"]),
            "app_id": more.pop("app_id", entity.get("app_id")),
            "operation": Operation(more.pop("operation", "create")),
        }
        self._about[sync_id] = {**about, "quickbooks_id": more.get("quickbooks_id")}
        return self._keep(
            said.SyncApproved(
                **stamp,
                **about,
                sync_id=sync_id,
                entity=entity,
                entity_seq=self._seqs[key],
                approved_by="Dana R.",
                approved_at=stamp["occurred_at"],
                **more,
            )
        )

    def _event(self, kind: type[said.SyncEvent], sync_id: str, **more: Any) -> Any:
        about = {**self._about[sync_id], **more}
        version = self._version(sync_id)
        return self._keep(kind(**self._stamp(), **about, sync_id=sync_id, version=version))

    def started(self, sync_id: str, **more: Any) -> said.SyncStarted:
        return self._event(said.SyncStarted, sync_id, **{"attempt": 1, **more})

    def waiting(self, sync_id: str, code: str, **more: Any) -> said.SyncWaiting:
        return self._event(said.SyncWaiting, sync_id, code=code, **more)

    def failed(self, sync_id: str, code: str, message: str = "", **more: Any) -> said.SyncFailed:
        return self._event(
            said.SyncFailed, sync_id, **{"attempt": 1, "code": code, "message": message, **more}
        )

    def succeeded(self, sync_id: str, quickbooks_id: str = "80-1", **more: Any) -> said.SyncSucceeded:
        return self._event(
            said.SyncSucceeded, sync_id, **{"attempt": 1, "quickbooks_id": quickbooks_id, **more}
        )

    def cancelled(self, sync_id: str, code: str = "QS-CANCELLED", **more: Any) -> said.SyncCancelled:
        return self._event(said.SyncCancelled, sync_id, code=code, **more)

    def linked(self, kind: str, app_id: str, quickbooks_id: str = "80-1", **more: Any) -> said.LinkCreated:
        return self._keep(
            said.LinkCreated(
                **self._stamp(),
                edition=self.edition,
                version=self._version("link"),
                kind=Kind(kind),
                app_id=app_id,
                quickbooks_id=quickbooks_id,
                **more,
            )
        )

    def looked_up(
        self, command_id: str, text: str, found: list[dict[str, Any]], **more: Any
    ) -> said.LookUpAnswered:
        answer = {"kind": Kind.CUSTOMER, "source": said.LookUpSource.QUICKBOOKS, **more}
        stamp = self._stamp()
        return self._keep(
            said.LookUpAnswered(
                **stamp,
                edition=self.edition,
                command_id=command_id,
                text=text,
                found=tuple(found),
                as_of=stamp["occurred_at"],
                **answer,
            )
        )

    def cleared(self, kind: str, app_id: str, quickbooks_id: str = "80-1") -> said.LinkCleared:
        return self._keep(
            said.LinkCleared(
                **self._stamp(),
                edition=self.edition,
                version=self._version("link"),
                kind=Kind(kind),
                app_id=app_id,
                quickbooks_id=quickbooks_id,
                by="Dana R.",
                why="merged",
            )
        )

    def connection(self, state: str = "connected", **more: Any) -> said.ConnectionChanged:
        return self._keep(
            said.ConnectionChanged(
                **self._stamp(),
                edition=self.edition,
                version=self._version("connection"),
                state=said.ConnectionState(state),
                **more,
            )
        )

    def badge(self, waiting: int) -> said.BadgeChanged:
        version = self._version("badge")
        return self._keep(
            said.BadgeChanged(**self._stamp(), version=version, waiting=waiting, imports=0, exports=waiting)
        )

    def refused(self, command_id: str, sync_id: str, message: str = "It is gone.") -> said.CommandRefused:
        return self._keep(
            said.CommandRefused(
                **self._stamp(),
                speaker=said.Channel.WIZARD,
                command_id=command_id,
                command="resync",
                code="unknown",
                message=message,
                sync_id=sync_id,
            )
        )


def customer(app_id: str = "C-17", name: str = "Oak & Sons") -> dict[str, Any]:
    return {"kind": "customer", "app_id": app_id, "revision": "1", "name": name}


def invoice(
    app_id: str = "V-1042", number: str = "1042", customer_id: str = "C-17", amount: str = "237.50"
) -> dict[str, Any]:
    return {
        "kind": "invoice",
        "app_id": app_id,
        "revision": "1",
        "number": number,
        "customer": {"app_id": customer_id},
        "date": "2026-11-02",
        "total": amount,
        "lines": [{"line_id": "1", "item": {"app_id": "I-3"}, "amount": amount}],
    }


async def hear(database: Database, *heard: Message) -> None:
    """Let the log handle messages, each in a transaction of its tenant, as the bus does."""
    for message in heard:
        async with database.tenant(message.tenant) as connection:
            await _HANDLERS[type(message)](connection, message)
