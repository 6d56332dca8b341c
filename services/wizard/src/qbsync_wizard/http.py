"""The JSON API of the wizard (contracts.md, section 7)."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import AwareDatetime, ValidationError

from qbsync_shared.entities import Entity, parse_entity
from qbsync_shared.entities.base import Revision
from qbsync_shared.ids import AppId, TenantId
from qbsync_shared.kinds import Kind
from qbsync_shared.web import ProblemError
from qbsync_shared.web.paging import LIMIT, Cursor, Keyset, Limit, Listing
from qbsync_wizard import http_review, http_settings, http_tenants, schemas
from qbsync_wizard.api import Admin, Api, Viewer
from qbsync_wizard.postgres import entities
from qbsync_wizard.service import intake
from qbsync_wizard.service.context import Lane, tell_counts
from qbsync_wizard.service.intake import HandOver, Taken

_ORDER = Keyset(datetime, str, str)
TOGETHER = 50
"""Members of a bulk hand-over per transaction, so that the tenant's lane is never held for long."""
_STATUS = {Taken.REFUSED: 409}


def router(api: Api) -> APIRouter:
    """All routes below ``/api/v1``."""
    routes = APIRouter(prefix="/api/v1")
    http_tenants.add(routes, api)
    _add_entities(routes, api)
    http_review.add(routes, api)
    http_settings.add(routes, api)
    http_review.add_matches(routes, api)
    return routes


def _add_entities(routes: APIRouter, api: Api) -> None:
    base = "/tenants/{tenant}/entities"

    @routes.put(f"{base}/{{kind}}/{{app_id}}", status_code=202)
    async def put_entity(
        tenant: TenantId,
        kind: Kind,
        app_id: AppId,
        body: Annotated[dict[str, Any], Body()],
        _: Admin,
        import_sync_id: Annotated[str | None, Query(max_length=64)] = None,
    ) -> schemas.Taken:
        """Hand over a record. A lower revision is ignored, the same with the same content does nothing."""
        entity = _parse(body, kind, app_id)
        async with api.writing(tenant) as lane:
            return _told(await _take(lane, _given(entity, import_sync_id)), entity)

    @routes.delete(f"{base}/{{kind}}/{{app_id}}", status_code=202)
    async def delete_entity(
        tenant: TenantId, kind: Kind, app_id: AppId, revision: Revision, _: Admin
    ) -> schemas.Taken:
        """The record was deleted in the app."""
        given = HandOver(kind=kind, app_id=app_id, revision=int(revision), entity=None)
        async with api.writing(tenant) as lane:
            outcome = await _take(lane, given)
        return schemas.Taken(kind=kind, app_id=app_id, revision=revision, outcome=outcome)

    @routes.post(base, status_code=202)
    async def post_entities(tenant: TenantId, body: schemas.EntitiesBody, _: Admin) -> schemas.Members:
        """Hand over up to 1,000 records; each is taken or refused on its own."""
        members: list[schemas.Member] = []
        for start in range(0, len(body.entities), TOGETHER):
            async with api.writing(tenant) as lane:
                part = enumerate(body.entities[start : start + TOGETHER], start)
                members += [await _member(lane, index, data) for index, data in part]
                await tell_counts(lane)
        return schemas.Members(items=members, accepted=sum(one.status == 202 for one in members))

    @routes.get(base)
    async def list_entities(
        tenant: TenantId,
        _: Viewer,
        since: AwareDatetime | None = None,
        limit: Limit = LIMIT,
        cursor: Cursor = None,
    ) -> Listing[schemas.EntityRow]:
        """What the wizard knows of the app's records, by the time they were handed over, so that an app can compare."""
        async with api.reading(tenant) as (connection, _tenant):
            rows, total = await entities.listed(
                connection, tenant, since=since, after=_place(cursor), limit=limit + 1
            )
        return _ORDER.page(
            [schemas.EntityRow(**row) for row in rows],
            limit,
            total,
            lambda one: (one.received_at, one.kind.value, one.app_id),
        )


def _place(cursor: str | None) -> tuple[datetime, str, str] | None:
    values = _ORDER.after(cursor)
    return (values[0], values[1], values[2]) if values else None


def _parse(body: dict[str, Any], kind: Kind, app_id: str) -> Entity:
    """Read the body of a hand-over; kind and id are those of the path."""
    for name, value in (("kind", kind.value), ("app_id", app_id)):
        if body.get(name, value) != value:
            member = {"in": "body", "pointer": f"#/{name}", "detail": f"differs from the path: {value}"}
            raise ProblemError(
                422, "invalid", "The request does not fit", "Body and path differ.", errors=[member]
            )
    try:
        entity = parse_entity({**body, "kind": kind.value, "app_id": app_id})
    except ValidationError as error:
        raise _invalid(error) from None
    if entity.revision is None:
        member = {"in": "body", "pointer": "#/revision", "detail": "Field required"}
        raise ProblemError(422, "invalid", "The request does not fit", "", errors=[member])
    if kind.is_list:
        raise ProblemError(
            422,
            "not-handed-over",
            f"A {kind.label} is not handed over",
            "It is one of QuickBooks' own lists.",
        )
    return entity


def _invalid(error: ValidationError) -> ProblemError:
    members = []
    for one in error.errors():
        place, *path = one["loc"] or ("",)
        steps = path if place in set(Kind) else [place, *path]
        pointer = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)
        detail = str(one["msg"]).removeprefix("Value error, ")
        members.append({"in": "body", "pointer": f"#{pointer}", "detail": detail})
    count = "1 value is" if len(members) == 1 else f"{len(members)} values are"
    return ProblemError(
        422, "invalid", "The request does not fit", f"{count} not as expected.", errors=members
    )


def _given(entity: Entity, import_sync_id: str | None) -> HandOver:
    return HandOver(
        kind=entity.of_kind,
        app_id=str(entity.app_id),
        revision=int(entity.revision or 0),
        entity=entity,
        import_sync_id=import_sync_id,
    )


async def _take(lane: Lane, given: HandOver) -> Taken:
    outcome = await intake.take(lane, given)
    if outcome is Taken.REFUSED:
        raise ProblemError(
            409,
            "revision-reused",
            "This revision was handed over before with other content",
            "Raise the revision with every change of the record.",
        )
    await tell_counts(lane)
    return outcome


def _told(outcome: Taken, entity: Entity) -> schemas.Taken:
    return schemas.Taken(
        kind=entity.of_kind,
        app_id=str(entity.app_id),
        revision=str(entity.revision),
        outcome=outcome,
    )


async def _member(lane: Lane, index: int, data: dict[str, Any]) -> schemas.Member:
    """One member of a bulk hand-over."""
    try:
        given = _read_member(data)
    except ProblemError as problem:
        reasons = "; ".join(f"{one.get('pointer', '')} {one['detail']}" for one in problem.errors)
        return schemas.Member(
            index=index,
            status=problem.status,
            kind=_text(data.get("kind")),
            app_id=_text(data.get("app_id")),
            outcome="invalid",
            detail=reasons or problem.title,
        )
    outcome = await intake.take(lane, given)
    detail = "this revision was handed over before with other content" if outcome is Taken.REFUSED else ""
    return schemas.Member(
        index=index,
        status=_STATUS.get(outcome, 202),
        kind=given.kind.value,
        app_id=given.app_id,
        outcome=outcome,
        detail=detail,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _read_member(data: dict[str, Any]) -> HandOver:
    kind, app_id = data.get("kind"), data.get("app_id")
    if kind not in set(Kind) or not isinstance(app_id, str) or not 0 < len(app_id) <= 200:
        member = {"in": "body", "pointer": "#", "detail": "kind and app_id are needed"}
        raise ProblemError(422, "invalid", "The request does not fit", errors=[member])
    import_sync_id = _text(data.get("import_sync_id"))
    data = {key: value for key, value in data.items() if key != "import_sync_id"}
    if data.get("deleted") is True:
        revision = data.get("revision")
        if (
            not isinstance(revision, str)
            or not revision.isascii()
            or not revision.isdigit()
            or len(revision) > 18
        ):
            member = {"in": "body", "pointer": "#/revision", "detail": "a whole number in a string is needed"}
            raise ProblemError(422, "invalid", "The request does not fit", errors=[member])
        return HandOver(kind=Kind(kind), app_id=app_id, revision=int(revision), entity=None)
    return _given(_parse(data, Kind(kind), app_id), import_sync_id)
