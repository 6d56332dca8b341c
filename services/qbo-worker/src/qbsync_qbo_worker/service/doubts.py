"""Doubts that only a look into QuickBooks can settle: whether it holds what was sent.

Used where resending cannot tell: after a day, and where a resend was refused, which may be the effect of the first
sending itself (a name is taken: by our own record; a version is stale: by our own change).
"""

from dataclasses import dataclass

import httpx
import simplejson

from qbsync_qbo_worker.mapping import MAPPERS, Json
from qbsync_qbo_worker.quickbooks.matching import holds, is_void
from qbsync_qbo_worker.quickbooks.outcomes import retry_class
from qbsync_qbo_worker.service import requests
from qbsync_qbo_worker.service.requests import Ready
from qbsync_qbo_worker.service.sending import NotSentError, Sender
from qbsync_qbo_worker.service.tokens import NotConnectedError
from qbsync_shared.catalogue import RetryClass
from qbsync_shared.connector import WorkItem
from qbsync_shared.connector.repository import get_link_by_quickbooks
from qbsync_shared.kinds import Operation
from qbsync_shared.outcomes import Succeeded
from qbsync_shared.postgres import Database


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a look found: the success, or that QuickBooks does not hold the change (``None``)."""

    success: Succeeded | None


class Doubts:
    """Looks into QuickBooks for what may have been applied."""

    def __init__(self, *, database: Database, sender: Sender) -> None:
        self._database = database
        self._sender = sender

    async def look(self, ready: Ready) -> Look | None:
        """Ask QuickBooks; None where it did not say."""
        item = ready.item
        creates = item.operation is Operation.CREATE
        call = requests.look_up(item) if creates else requests.re_read(item)
        if call is None:
            return None
        try:
            answer = await self._sender.send(item.tenant, call)
        except (httpx.HTTPError, NotSentError, NotConnectedError):
            return None
        if answer.fault is not None:
            gone = retry_class(answer.fault) is RetryClass.GONE
            return Look(success=_deleted(item) if gone else None) if gone else None
        resource = MAPPERS[item.kind].resource
        records = answer.rows(resource) if creates else [answer.entity(resource)]
        for record in filter(None, records):
            if _shows(ready, record) and await self._may_be_ours(item, str(record["Id"])):
                return Look(success=requests.success_of(item, record))
        return Look(success=None)

    async def _may_be_ours(self, item: WorkItem, quickbooks_id: str) -> bool:
        """Nobody else is linked to it."""
        async with self._database.tenant(item.tenant) as connection:
            link = await get_link_by_quickbooks(connection, item.tenant, item.kind, quickbooks_id)
        return link is None or link.app_id == item.app_id


def _shows(ready: Ready, record: Json) -> bool:
    """Whether a record shows that the change was applied."""
    operation = ready.item.operation
    if operation is Operation.DELETE:
        return record.get("status") == "Deleted"
    if operation is Operation.VOID:
        return is_void(record)
    if operation is Operation.DEACTIVATE:
        return record.get("Active") is False
    sent: Json = simplejson.loads(ready.call.body, use_decimal=True)
    return holds(record, sent)


def _deleted(item: WorkItem) -> Succeeded | None:
    if item.operation is not Operation.DELETE or item.link is None:
        return None
    return Succeeded(quickbooks_id=item.link.quickbooks_id, token=None)
