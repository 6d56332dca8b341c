"""Routes of the review and the badge."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from qbsync_shared.diff import FieldChange
from qbsync_shared.ids import TenantId
from qbsync_shared.kinds import Direction, Kind
from qbsync_shared.postgres import Connection
from qbsync_shared.web.paging import LIMIT, Cursor, Keyset, Limit
from qbsync_wizard import schemas
from qbsync_wizard.api import Admin, Api, Approver, Viewer, check_may_approve
from qbsync_wizard.domain.approving import Need
from qbsync_wizard.domain.records import Standing
from qbsync_wizard.domain.showing import changes_of
from qbsync_wizard.postgres import items, matches
from qbsync_wizard.postgres.items import Filter, ItemRow
from qbsync_wizard.service import matching, review, ruling
from qbsync_wizard.service.approving import Checked, Result

_ORDER = Keyset(str, int, str)


def add(routes: APIRouter, api: Api) -> None:
    """Add them."""

    @routes.get("/tenants/{tenant}/review")
    async def get_review(
        tenant: TenantId,
        _: Viewer,
        wanted: Annotated[Filter, Depends(_filter)],
        limit: Limit = LIMIT,
        cursor: Cursor = None,
    ) -> schemas.Review:
        """What waits for review, imports first, in the order of the page."""
        async with api.reading(tenant) as (connection, found):
            rows = await _rows(connection, tenant, wanted, cursor, limit + 1)
            total = sum((await items.count(connection, tenant, wanted)).values())
        page = _ORDER.page(rows, limit, total, lambda row: (row.direction.value, row.place, row.item_id))
        return schemas.Review(
            items=[_item(row) for row in page.items],
            next_cursor=page.next_cursor,
            total=total,
            as_of=str(found.change_no),
        )

    @routes.post("/tenants/{tenant}/review/approve")
    async def approve(
        tenant: TenantId, body: schemas.ApproveBody, principal: Approver, response: Response
    ) -> schemas.ApproveAnswer:
        """Approve what was seen; keep or clear the rest of the scope. 202 with ``job`` when it runs on."""
        request = review.Request(
            by=principal.name,
            checked=tuple(
                Checked(id=one.id, revision=one.revision, choice=one.choice) for one in body.checked
            ),
            all_matching=body.all_matching.to_scope(body.except_) if body.all_matching else None,
            scope=body.scope.to_scope() if body.scope else None,
            unchecked=body.unchecked,
        )
        async with api.writing(tenant) as lane:
            check_may_approve(lane.tenant, principal)
            result = await review.approve(lane, request)
        if result.job is not None:
            response.status_code = 202
            api.jobs.wake()
        return _answer(result)

    @routes.post("/tenants/{tenant}/approvals/{approval_id}/undo", status_code=202)
    async def undo(tenant: TenantId, approval_id: str, principal: Approver) -> schemas.Undone:
        """Take back what is still held. What is cancelled returns to the review; 409 when all of it went already."""
        async with api.writing(tenant) as lane:
            check_may_approve(lane.tenant, principal)
            return schemas.Undone(asked=await ruling.undo(lane, approval_id, by=principal.name))

    @routes.get("/tenants/{tenant}/badge")
    async def badge(tenant: TenantId, _: Viewer) -> schemas.Badge:
        """How many review items wait."""
        async with api.reading(tenant) as (connection, _tenant):
            waiting = (await items.count_all(connection, tenant))[Standing.WAITING]
        imports, exports = waiting[Direction.IMPORT], waiting[Direction.EXPORT]
        return schemas.Badge(waiting=imports + exports, imports=imports, exports=exports)


def add_matches(routes: APIRouter, api: Api) -> None:
    """Match existing records."""

    @routes.get("/tenants/{tenant}/matches")
    async def get_matches(
        tenant: TenantId,
        _: Viewer,
        least: Annotated[int, Query(ge=50, le=99)] = matching.LEAST,
        limit: Limit = LIMIT,
    ) -> schemas.MatchList:
        """Records that both sides seem to hold, not linked yet, the surest first; at most ``limit``."""
        async with api.reading(tenant) as (connection, found):
            rows = await matches.listed(connection, tenant, least=least, limit=limit)
            counts = await matches.count(connection, tenant)
        return schemas.MatchList(
            items=[
                schemas.MatchItem(
                    item_id=row.item_id,
                    revision=row.revision,
                    kind=row.kind,
                    app_id=row.app_id,
                    label=row.label,
                    quickbooks_id=row.quickbooks_id,
                    quickbooks_label=row.other_label,
                    confidence=row.confidence,
                    same=row.same,
                )
                for row in rows
            ],
            total=counts.from_(least),
            unclear=counts.unclear,
            as_of=str(found.change_no),
        )

    @routes.post("/tenants/{tenant}/matches/link")
    async def link_matches(
        tenant: TenantId, body: schemas.LinkMatchesBody, principal: Admin
    ) -> schemas.LinkedMatches:
        """Link the next 500 of at least that confidence, as they were seen."""
        as_of = int(body.as_of)
        async with api.writing(tenant) as lane:
            result = await matching.link_from(lane, body.least, as_of=as_of, by=principal.name)
            counts = await matches.count(lane.connection, tenant)
        return schemas.LinkedMatches(linked=result.approved, remaining=counts.from_(body.least))


def _filter(
    direction: Direction | None = None,
    kind: Kind | None = None,
    q: Annotated[str, Query(max_length=200)] = "",
) -> Filter:
    return Filter(direction=direction, kind=kind, q=q)


async def _rows(
    connection: Connection, tenant: str, wanted: Filter, cursor: str | None, limit: int
) -> list[ItemRow]:
    """One list over both sections."""
    values = _ORDER.after(cursor)
    sections = [wanted.direction] if wanted.direction else [Direction.IMPORT, Direction.EXPORT]
    found: list[ItemRow] = []
    for direction in sections:
        after = (-1, "")
        if values is not None:
            if values[0] == Direction.EXPORT.value and direction is Direction.IMPORT:
                continue
            if values[0] == direction.value:
                after = (values[1], values[2])
        part = Filter(direction=direction, kind=wanted.kind, q=wanted.q)
        found += await items.section(connection, tenant, part, after=after, limit=limit - len(found))
        if len(found) >= limit:
            break
    return found


def _item(row: ItemRow) -> schemas.ReviewItem:
    item = row.item
    return schemas.ReviewItem(
        id=row.item_id,
        revision=row.revision,
        direction=row.direction,
        kind=row.kind,
        operation=row.operation,
        app_id=row.app_id,
        quickbooks_id=row.quickbooks_id,
        label=row.label,
        party=row.party,
        amount=row.amount,
        date=row.document_date.isoformat() if row.document_date else None,
        changed_at=row.changed_at,
        ready=not item.needs_choice and not item.blocking,
        conflict=item.is_conflict,
        changes=[_change(one) for one in changes_of(item.change)],
        problems=[
            schemas.ProblemAnswer(code=one.code, message=one.text, field=one.field, blocks=one.blocks)
            for one in item.problems
        ],
        replacements=[
            schemas.ReplacementAnswer(field=one.field, before=one.before, after=one.after)
            for one in item.instead
        ],
        duplicates=[
            {"id": one.id, "label": one.label, "same": list(one.same), "confidence": one.confidence}
            for one in item.duplicates
        ],
    )


def _change(one: FieldChange) -> schemas.ChangeAnswer:
    return schemas.ChangeAnswer(field=one.path, label=one.label, before=one.before, after=one.after)


def _answer(result: Result) -> schemas.ApproveAnswer:
    return schemas.ApproveAnswer(
        approved=result.approved,
        changed=result.changed,
        blocked=[
            schemas.BlockedAnswer(id=one.id, needs=[_need(need) for need in one.needs])
            for one in result.blocked
        ],
        job=result.job,
        approval_id=result.approval_id,
        held_until=result.held_until,
    )


def _need(need: Need) -> schemas.NeedAnswer:
    key: Any = need.dependency
    return schemas.NeedAnswer(
        code=need.code,
        message=need.message,
        kind=key.kind if key else None,
        app_id=key.app_id if key else None,
    )
