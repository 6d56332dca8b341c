"""The JSON API: syncs, timelines, unsynced entities with their commands, and the status code guide."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from starlette.responses import StreamingResponse

from qbsync_log.domain.permissions import Refusal
from qbsync_log.export import sync_csv
from qbsync_log.postgres import listing, reading
from qbsync_log.postgres.listing import Filters
from qbsync_log.schemas import (
    AskedAnswer,
    ClearSelection,
    CodeItem,
    CodeQuery,
    EventItem,
    LinkSelection,
    LookUpItem,
    Matching,
    RefusedItem,
    RequestItem,
    Selection,
    SyncFilters,
    SyncItem,
    SyncQuery,
    Timeline,
    UnsyncedFilters,
    UnsyncedItem,
    UnsyncedQuery,
)
from qbsync_log.service.commands import Asked, Commands
from qbsync_log.service.looking import Looking
from qbsync_shared.catalogue import Guidance, Scope, entries
from qbsync_shared.postgres import Connection, Database
from qbsync_shared.states import StateGroup
from qbsync_shared.web import Principal, Role, require
from qbsync_shared.web.paging import Keyset, Listing
from qbsync_shared.web.problems import not_found, unknown_tenant

SYNCS = Keyset(datetime, str)
UNSYNCED = Keyset(str, str, datetime, str)
CODES = Keyset(int)
SyncIdPath = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]
AT_ONCE = 1_000
"""How many unsynced entities one request asks for."""

Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]
Approver = Annotated[Principal, Depends(require(Role.APPROVER))]
Admin = Annotated[Principal, Depends(require(Role.ADMIN))]


async def known_tenant(connection: Connection, tenant: str) -> reading.Tenant:
    """The tenant. Raises the same 404 as for somebody else's."""
    found = await reading.tenant(connection, tenant)
    if found is None:
        raise unknown_tenant()
    return found


def filters_of(query: SyncFilters, group: StateGroup | None = None) -> Filters:
    """The filters of an address."""
    return Filters(
        group=group,
        kind=query.kind,
        direction=query.direction,
        code=query.code or None,
        since=query.since,
        until=query.until,
        q=query.q,
    )


def unsynced_filters(query: UnsyncedFilters) -> Filters:
    """The filters of the list of unsynced entities."""
    return Filters(
        kind=query.kind,
        direction=query.direction,
        code=query.code,
        cause=query.cause,
        q=query.q,
        bucket=query.bucket,
    )


async def matching_ids(connection: Connection, tenant: str, matching: Matching) -> tuple[list[str], int]:
    """The first syncs that match, and how many more do."""
    filters = unsynced_filters(matching)
    rows = await listing.unsynced(connection, tenant, filters, limit=AT_ONCE)
    total = await listing.total_unsynced(connection, tenant, filters)
    as_of = matching.as_of
    ids = [row["sync_id"] for row in rows if as_of is None or row["changed_at"] <= as_of]
    return ids, max(0, total - len(rows))


def answer_of(result: Asked, remaining: int = 0) -> AskedAnswer:
    """What was asked for, as JSON."""
    refused = [
        RefusedItem(sync_id=sync_id, code=why.code, reason=why.reason)
        for sync_id, why in result.refused.items()
    ]
    return AskedAnswer(asked=result.asked, already=result.already, refused=refused, remaining=remaining)


def routes(database: Database, commands: Commands, looking: Looking) -> APIRouter:
    """All routes of the API."""
    router = APIRouter(prefix="/api/v1")
    _lists(router, database)
    _actions(router, database, commands)
    _linking(router, database, commands, looking)
    router.add_api_route("/status-codes", status_codes, response_model=Listing[CodeItem])
    return router


def _lists(router: APIRouter, database: Database) -> None:
    @router.get("/tenants/{tenant}/syncs")
    async def list_syncs(tenant: str, _: Viewer, query: Annotated[SyncQuery, Query()]) -> Listing[SyncItem]:
        """Syncs, the last change first. ``total`` is counted up to 10,000 where a filter other than state, kind and direction is set."""
        wanted, after = filters_of(query, query.state), SYNCS.after(query.cursor)
        async with database.tenant(tenant) as connection:
            await known_tenant(connection, tenant)
            rows = await listing.syncs(connection, tenant, wanted, limit=query.limit + 1, after=after)
            total = await listing.total(connection, tenant, wanted)
        items = [SyncItem.of(row) for row in rows]
        return SYNCS.page(items, query.limit, total, lambda item: (item.changed_at, item.sync_id))

    @router.get("/tenants/{tenant}/syncs.csv", response_class=StreamingResponse)
    async def export_syncs(tenant: str, _: Viewer, query: Annotated[SyncQuery, Query()]) -> StreamingResponse:
        """The same syncs as CSV, all of them, streamed."""
        async with database.tenant(tenant) as connection:
            await known_tenant(connection, tenant)
        return sync_csv(database, tenant, filters_of(query, query.state))

    @router.get("/tenants/{tenant}/syncs/{sync_id}")
    async def read_timeline(tenant: str, sync_id: SyncIdPath, _: Viewer) -> Timeline:
        """One sync with the history of its entity."""
        async with database.tenant(tenant) as connection:
            await known_tenant(connection, tenant)
            row = await reading.sync(connection, tenant, sync_id)
            if row is None:
                raise not_found("sync")
            syncs, events, requests = await reading.history(connection, tenant, row["entity_key"])
        return Timeline(
            sync=SyncItem.of(row),
            syncs=[one["sync_id"] for one in syncs],
            events=[EventItem(**_only(EventItem, one)) for one in events],
            requests=[RequestItem(**_only(RequestItem, one)) for one in requests],
        )

    @router.get("/tenants/{tenant}/unsynced")
    async def list_unsynced(
        tenant: str, _: Viewer, query: Annotated[UnsyncedQuery, Query()]
    ) -> Listing[UnsyncedItem]:
        """Unsynced entities by cause, the oldest first, each with what to do."""
        wanted, after = unsynced_filters(query), UNSYNCED.after(query.cursor)
        async with database.tenant(tenant) as connection:
            await known_tenant(connection, tenant)
            rows = await listing.unsynced(connection, tenant, wanted, limit=query.limit + 1, after=after)
            total = await listing.total_unsynced(connection, tenant, wanted)
        items = [UnsyncedItem.of(row) for row in rows]
        return UNSYNCED.page(items, query.limit, total, _place)


def _place(item: UnsyncedItem) -> tuple[str, str, datetime, str]:
    return (item.unsynced or "", item.cause, item.changed_at, item.sync_id)


def _actions(router: APIRouter, database: Database, commands: Commands) -> None:
    @router.post("/tenants/{tenant}/unsynced/resync", status_code=202)
    async def resync(
        tenant: str, principal: Approver, selection: Selection, response: Response
    ) -> AskedAnswer:
        """Approve unsynced entities again with their current data. Asking twice does it once."""
        response.headers["cache-control"] = "no-store"
        async with database.tenant(tenant) as connection:
            await known_tenant(connection, tenant)
            ids, remaining = await _selected(connection, tenant, selection)
            result = await commands.resync(connection, tenant, ids, by=principal.name, why=selection.why)
        return answer_of(result, remaining)

    @router.post("/tenants/{tenant}/unsynced/clear-id", status_code=202)
    async def clear_id(
        tenant: str, principal: Admin, selection: ClearSelection, response: Response
    ) -> AskedAnswer:
        """Drop the links of unsynced entities whose record is gone from QuickBooks; with ``resync`` create them anew."""
        response.headers["cache-control"] = "no-store"
        async with database.tenant(tenant) as connection:
            await known_tenant(connection, tenant)
            ids, remaining = await _selected(connection, tenant, selection)
            result = await commands.clear_id(
                connection,
                tenant,
                ids,
                by=principal.name,
                why=selection.why,
                resync=selection.resync,
                sure=selection.sure,
            )
        return answer_of(result, remaining)


def _linking(router: APIRouter, database: Database, commands: Commands, looking: Looking) -> None:
    @router.post("/tenants/{tenant}/unsynced/{sync_id}/look-up")
    async def look_up(
        tenant: str, sync_id: SyncIdPath, principal: Approver, response: Response, *, again: bool = False
    ) -> LookUpItem:
        """What QuickBooks holds under the name or number of an unsynced entity. QuickBooks is asked anew after ten minutes, or with ``again``."""
        response.headers["cache-control"] = "no-store"
        async with database.tenant(tenant) as connection:
            await known_tenant(connection, tenant)
        look = await looking.look(tenant, sync_id, by=principal.name, again=again)
        if look is None:
            raise not_found("sync")
        return LookUpItem.of(look)

    @router.post("/tenants/{tenant}/unsynced/link", status_code=202)
    async def link(
        tenant: str, principal: Approver, selection: LinkSelection, response: Response
    ) -> AskedAnswer:
        """Link an unsynced entity to a record that QuickBooks holds. What differs then waits in the Sync Wizard."""
        response.headers["cache-control"] = "no-store"
        async with database.tenant(tenant) as connection:
            await known_tenant(connection, tenant)
            result = await commands.link(
                connection,
                tenant,
                selection.sync_id,
                selection.quickbooks_id,
                by=principal.name,
                why=selection.why,
            )
        if result.command_id is not None:
            state, answer = await looking.outcome(tenant, result.command_id)
            if state == "refused":
                result.asked.clear()
                result.refused[selection.sync_id] = Refusal("refused", answer)
        return answer_of(result)


async def _selected(connection: Connection, tenant: str, selection: Selection) -> tuple[list[str], int]:
    if selection.matching is not None:
        return await matching_ids(connection, tenant, selection.matching)
    return list(selection.sync_ids or ()), 0


def _only(model: type[Any], row: Any) -> dict[str, Any]:
    return {name: row[name] for name in model.model_fields}


async def status_codes(_: Viewer, query: Annotated[CodeQuery, Query()]) -> Listing[CodeItem]:
    """The status code guide: every code with its cause and steps."""
    start = max(0, (CODES.after(query.cursor) or (0,))[0])
    found = find_codes(query.edition, query.q)
    items = [CodeItem.of(entry, code=key) for key, entry in found[start : start + query.limit + 1]]
    return CODES.page(items, query.limit, len(found), lambda _item: (start + query.limit,))


SCOPES: tuple[Scope, ...] = ("desktop", "online", "any")


def find_codes(edition: Scope | None, q: str) -> list[tuple[str, Guidance]]:
    """Entries of the catalogue by code or words, in the order of the catalogue."""
    words = q.casefold().split()
    return [
        (key, entry)
        for scope in SCOPES
        if edition in (None, scope)
        for key, entry in entries(scope).items()
        if all(word in f"{key} {entry.title} {entry.cause}".casefold() for word in words)
    ]
