"""Unsynced Entities: the landing page of the log, by cause."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from qbsync_log.domain.permissions import REASONS, Refusal, may_clear_id
from qbsync_log.domain.unsynced import Bucket, guidance, problem
from qbsync_log.http import UNSYNCED, SyncIdPath
from qbsync_log.postgres import listing, reading
from qbsync_log.postgres.listing import Filters
from qbsync_log.web.causes import Card, make_card
from qbsync_log.web.linking import about
from qbsync_log.web.showing import Shown, shown
from qbsync_log.web.site import Frame, Site
from qbsync_shared.kinds import Kind
from qbsync_shared.postgres import Connection
from qbsync_shared.web import Principal, Role, require
from qbsync_shared.web.problems import ProblemError, not_found

Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]
Admin = Annotated[Principal, Depends(require(Role.ADMIN))]

CAUSES = 25
EACH = 5
ROWS = 100
DONE_WITHIN = timedelta(minutes=15)


class UnsyncedAddress(BaseModel):
    """What the page's address says. ``asked``, ``already`` and ``refused`` tell the outcome of the button pressed before."""

    q: str = Field(default="", max_length=200)
    kind: Kind | None = None
    code: str | None = Field(default=None, max_length=64)
    cause: str | None = Field(default=None, max_length=500)
    skip: int = Field(default=0, ge=0, le=10_000)
    after: str | None = Field(default=None, max_length=1_000)
    asked: int | None = Field(default=None, ge=0)
    already: int = Field(default=0, ge=0)
    refused: int = Field(default=0, ge=0)
    remaining: int = Field(default=0, ge=0)
    reason: str = Field(default="", max_length=64)
    linked: int | None = Field(default=None, ge=0, le=1)
    did: str = Field(default="resync", pattern="^(resync|clear-id|cancel)$")

    @property
    def narrowed(self) -> bool:
        """Whether the list is limited to something."""
        return bool(self.q or self.kind or self.code or self.cause)


@dataclass(frozen=True)
class Found:
    """What the page lists."""

    cards: list[Card]
    more_causes: bool
    older: str | None
    retries: list[Shown]
    resyncing: list[Shown]
    done: list[Shown]


def routes(site: Site) -> APIRouter:
    """The page and its dialog."""
    router = APIRouter(include_in_schema=False)

    @router.get("/t/{tenant}/unsynced")
    async def show(
        request: Request, tenant: str, viewer: Viewer, address: Annotated[UnsyncedAddress, Query()]
    ) -> Response:
        async with site.database.tenant(tenant) as connection:
            frame = await site.frame(connection, tenant, title="Unsynced Entities", current="unsynced")
            found = await _find(site, frame, connection, viewer, address)
        return site.pages.render(
            request,
            "unsynced.html",
            page=frame.page,
            frame=frame,
            address=address,
            found=found,
            outcome=_outcome(address),
            code_href=partial(site.code_href, edition=frame.tenant.edition),
        )

    @router.get("/t/{tenant}/unsynced/{sync_id}/clear-id")
    async def ask_clear_id(request: Request, tenant: str, sync_id: SyncIdPath, admin: Admin) -> Response:
        return await clear_id_page(site, request, tenant, sync_id, admin)

    return router


async def clear_id_page(
    site: Site,
    request: Request,
    tenant: str,
    sync_id: str,
    who: Principal,
    *,
    errors: dict[str, str] | None = None,
    given: Any = None,
) -> Response:
    """The dialog that asks before an ID is cleared, on a page of its own; with ``errors`` after a form that was not complete.

    QuickBooks is looked into for the same name or number first.
    """
    look = await site.looking.look(tenant, sync_id, by=who.name)
    async with site.database.tenant(tenant) as connection:
        frame = await site.frame(connection, tenant, title="Clear ID", current="unsynced", modal=True)
        row = await reading.sync(connection, tenant, sync_id)
    if row is None or look is None:
        raise not_found("sync")
    record = look.record
    refusal = may_clear_id(record, latest=bool(row["latest"]))
    if refusal is not None:
        raise _refused(refusal)
    why = problem(record)
    assert why is not None
    return site.pages.render(
        request,
        "clear_id.html",
        page=frame.page,
        status=422 if errors else 200,
        row=shown(row, now=frame.now),
        why=guidance(record, why),
        said=why.message,
        linked=look.linked or record.quickbooks_id,
        look=look,
        code_href=site.code_href(why.code, edition=record.edition),
        errors=errors or {},
        given=given or {},
        **about(look, frame, clearing=True),
    )


def _refused(refusal: Refusal) -> ProblemError:
    return ProblemError(409, refusal.code, "The ID cannot be cleared now", refusal.reason)


async def _find(
    site: Site, frame: Frame, connection: Connection, viewer: Principal, address: UnsyncedAddress
) -> Found:
    tenant, now = frame.tenant.id, frame.now
    if address.narrowed:
        return await _narrowed(site, frame, connection, viewer, address)
    causes = await reading.causes(connection, tenant, Bucket.NEEDS_YOU)
    shown_causes = causes[address.skip : address.skip + CAUSES]
    rows = await reading.rows_of_causes(
        connection, tenant, Bucket.NEEDS_YOU, [one.cause for one in shown_causes], EACH
    )
    cards = [
        _card(
            site,
            frame,
            viewer,
            rows[one.cause],
            count=one.count,
            total=one.total,
            since=one.since,
            last=one.last,
        )
        for one in shown_causes
        if rows[one.cause]
    ]
    resyncing = await listing.unsynced(connection, tenant, Filters(bucket=Bucket.RESYNCING), limit=ROWS)
    return Found(
        cards=cards,
        more_causes=len(causes) > address.skip + CAUSES,
        older=None,
        retries=[shown(row, now=now) for row in await reading.next_retries(connection, tenant, ROWS)],
        resyncing=[shown(row, now=now) for row in resyncing],
        done=[
            shown(row, now=now) for row in await reading.done_lately(connection, tenant, now - DONE_WITHIN)
        ],
    )


async def _narrowed(
    site: Site, frame: Frame, connection: Connection, viewer: Principal, address: UnsyncedAddress
) -> Found:
    filters = Filters(q=address.q, kind=address.kind, code=address.code, cause=address.cause)
    rows = await listing.unsynced(
        connection, frame.tenant.id, filters, limit=ROWS + 1, after=UNSYNCED.after(address.after)
    )
    more, rows = len(rows) > ROWS, rows[:ROWS]
    last = rows[-1] if rows else None
    older = (
        UNSYNCED.encode([last["bucket"], last["cause"], last["changed_at"], last["sync_id"]])
        if more and last
        else None
    )
    by_bucket: dict[str, list[Any]] = {bucket.value: [] for bucket in Bucket}
    for row in rows:
        by_bucket[row["bucket"]].append(row)
    cards = []
    for _, group in groupby(by_bucket[Bucket.NEEDS_YOU], key=lambda row: row["cause"]):
        same = list(group)
        count = await listing.total_unsynced(
            connection,
            frame.tenant.id,
            Filters(
                q=address.q,
                kind=address.kind,
                code=address.code,
                cause=same[0]["cause"],
                bucket=Bucket.NEEDS_YOU,
            ),
        )
        total = sum(row["amount"] or 0 for row in same) if count == len(same) else None
        cards.append(
            _card(
                site,
                frame,
                viewer,
                same,
                count=count,
                total=total,
                since=same[0]["changed_at"],
                last=same[-1]["changed_at"],
            )
        )
    return Found(
        cards=cards,
        more_causes=False,
        older=older,
        retries=[shown(row, now=frame.now) for row in by_bucket[Bucket.RETRIES]],
        resyncing=[shown(row, now=frame.now) for row in by_bucket[Bucket.RESYNCING]],
        done=[],
    )


def _card(site: Site, frame: Frame, viewer: Principal, rows: list[Any], **numbers: Any) -> Card:
    first = rows[0]
    listed = [shown(row, now=frame.now) for row in rows]
    return make_card(site, frame, viewer, listed, first["waits_for_label"], cause=first["cause"], **numbers)


_DID = {
    "resync": ("Resync", "queued. They go with the next run.", "queued. It goes with the next run."),
    "clear-id": ("Clear ID", "asked for.", "asked for."),
    "cancel": ("Cancel", "asked for.", "asked for."),
}


_LINKED = (
    ("info", "The link was asked for. Its answer comes in a moment; if it is refused, its history says why."),
    ("ok", "Linked. What differs between the two waits in the Sync Wizard; if nothing does, all is done."),
)


def _outcome(address: UnsyncedAddress) -> tuple[str, str] | None:
    """Tone and sentence about the button that was pressed before."""
    if address.linked is not None:
        return _LINKED[address.linked]
    if address.asked is None:
        return None
    word, many, one = _DID[address.did]
    parts = []
    if address.asked:
        parts.append(
            f"{word}: 1 entity {one}" if address.asked == 1 else f"{word}: {address.asked:,} entities {many}"
        )
    if address.already:
        parts.append(f"{address.already:,} asked for before, still on the way.")
    if address.refused:
        parts.append(f"{address.refused:,} not possible now. {REASONS.get(address.reason, '')}".strip())
    if address.remaining:
        parts.append(f"{address.remaining:,} more match: press the button again.")
    if not parts:
        parts.append("Nothing was checked, so nothing was sent.")
    return ("info" if address.asked else "warn"), " ".join(parts)
