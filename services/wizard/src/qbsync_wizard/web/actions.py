"""What the forms of the pages do. Each answers with a redirect to the page that then is true, also without script."""

from collections.abc import Sequence
from dataclasses import replace

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from qbsync_shared.ids import TenantId
from qbsync_shared.kinds import Direction, Kind
from qbsync_shared.web import ProblemError
from qbsync_shared.web.session import read_form
from qbsync_wizard.api import Approver, check_may_approve
from qbsync_wizard.domain.approving import REPLACE
from qbsync_wizard.errors import RefusedError
from qbsync_wizard.postgres.items import Filter, Scope
from qbsync_wizard.service import kept, review, ruling
from qbsync_wizard.service.approving import Checked, Result
from qbsync_wizard.service.review import Request as Approval
from qbsync_wizard.web.review import Wanted, make_view
from qbsync_wizard.web.rows import address
from qbsync_wizard.web.site import Site

CHOICES = ("app", "quickbooks", "create")
MOST_SHOWN = 100
"""Rows named in the address of the page after an approval."""


def add(routes: APIRouter, site: Site) -> None:
    """Add them."""
    _add_selection(routes, site)
    _add_lists(routes, site)


def _add_selection(routes: APIRouter, site: Site) -> None:
    @routes.post("/t/{tenant}/wizard")
    async def approve(request: Request, tenant: TenantId, principal: Approver) -> Response:
        """Approve what is checked; keep or clear the other rows that were shown."""
        form = await read_form(request)
        base = f"/t/{tenant}/wizard"
        async with site.writing(tenant) as lane:
            check_may_approve(lane.tenant, principal)
            result = await review.approve(lane, _approval(form, principal.name))
        site.jobs.wake()
        return RedirectResponse(address(base, **_after(form, result)), 303)

    @routes.post("/t/{tenant}/wizard/undo")
    async def undo(request: Request, tenant: TenantId, principal: Approver) -> Response:
        """Take back what is still held."""
        approval_id = str((await read_form(request)).get("approval", ""))[:64]
        base = f"/t/{tenant}/wizard"
        try:
            async with site.writing(tenant) as lane:
                check_may_approve(lane.tenant, principal)
                await ruling.undo(lane, approval_id, by=principal.name)
        except ProblemError as problem:
            if problem.slug != "already-sent":
                raise
            return RedirectResponse(f"{base}?done=late", 303)
        return RedirectResponse(f"{base}?done=undone", 303)

    @routes.post("/t/{tenant}/wizard/select")
    async def select(request: Request, tenant: TenantId, _: Approver) -> Response:
        """The same page with another selection: check what others need, or uncheck those."""
        form = await read_form(request)
        wanted = _wanted(form)
        async with site.reading(tenant) as (connection, found):
            view = await make_view(site, connection, found, _selected(form, wanted))
        return site.pages.render(request, "wizard.html", page=view.frame.page, view=view, done="")

    @routes.post("/t/{tenant}/wizard/warnings")
    async def warnings(request: Request, tenant: TenantId, _: Approver) -> Response:
        """Which unchecked rows others need; fetched when a box changes."""
        form = await read_form(request)
        wanted = _selected(form, _wanted(form))
        async with site.reading(tenant) as (connection, found):
            view = await make_view(site, connection, found, wanted)
        needed = {need.key for row in view.rows for need in row.needs}
        rows = [row for row in view.rows if row.key in needed]
        return site.pages.fragment(
            request, "warnings.html", page=view.frame.page, rows=rows, base=view.frame.base
        )


def _add_lists(routes: APIRouter, site: Site) -> None:
    @routes.post("/t/{tenant}/wizard/skip")
    async def skip(request: Request, tenant: TenantId, principal: Approver) -> Response:
        """Never ask about an entity again."""
        item_id, revision = _seen(str((await read_form(request)).get("skip", "")))
        async with site.writing(tenant) as lane:
            skipped = await kept.always_skip(lane, item_id, revision, by=principal.name)
        base = f"/t/{tenant}/wizard"
        return RedirectResponse(f"{base}/skipped" if skipped else address(base, changed=item_id), 303)

    @routes.post("/t/{tenant}/wizard/restore")
    async def restore(request: Request, tenant: TenantId, _: Approver) -> Response:
        """Put cleared or kept rows back on the list."""
        form = await read_form(request)
        ids = [str(one) for name in ("back", "restore") for one in form.getlist(name)]
        async with site.writing(tenant) as lane:
            await kept.restore(lane, ids)
        back = {"kept": "/kept", "cleared": "/cleared"}.get(str(form.get("list")), "")
        return RedirectResponse(f"/t/{tenant}/wizard{back}", 303)

    @routes.post("/t/{tenant}/wizard/ask-again")
    async def ask_again(request: Request, tenant: TenantId, _: Approver) -> Response:
        """Stop skipping an entity."""
        kind, _sep, ref = str((await read_form(request)).get("entity", "")).partition("/")
        if kind in set(Kind) and ref[:2] in ("a:", "q:"):
            async with site.writing(tenant) as lane:
                await kept.ask_again(lane, Kind(kind), ref)
        return RedirectResponse(f"/t/{tenant}/wizard/skipped", 303)


def _seen(posted: str) -> tuple[str, int]:
    """Id and revision of a row, as a form posts them."""
    item_id, _, revision = posted.rpartition(":")
    if not item_id or not revision.isascii() or not revision.isdigit() or len(revision) > 18:
        detail = "Reload the page and do it again; nothing was changed."
        raise RefusedError("invalid", "This form is not one of ours", detail, status=422)
    return item_id, int(revision)


def _wanted(form: FormData) -> Wanted:
    kind = str(form.get("kind", ""))
    return Wanted(
        filter=Filter(kind=Kind(kind) if kind in set(Kind) else None, q=str(form.get("q", ""))[:200]),
        imports_after=str(form.get("imports_after", ""))[:1000],
        exports_after=str(form.get("exports_after", ""))[:1000],
    )


def _shown(form: FormData) -> list[tuple[str, int]]:
    """All rows that the page showed."""
    only = form.get("only")
    names = ("import", "export") if only not in ("import", "export") else (str(only),)
    return [_seen(str(one)) for name in names for one in form.getlist(f"row-{name}")]


def _choice(form: FormData, item_id: str) -> str | None:
    """The side or the way that was picked for a row, if any, with the acceptance of suggested texts."""
    picked = str(form.get(f"pick-{item_id}", ""))
    way = picked if picked in CHOICES or picked.startswith("link:") else None
    if form.get(f"text-{item_id}") == REPLACE:
        return f"{way}+{REPLACE}" if way in CHOICES else way or REPLACE
    return way


def _approval(form: FormData, by: str) -> Approval:
    shown = _shown(form)
    boxes = {_seen(str(one))[0] for one in form.getlist("item")}
    checked = tuple(
        Checked(id=item_id, revision=revision, choice=_choice(form, item_id))
        for item_id, revision in shown
        if item_id in boxes or _choice(form, item_id)
    )
    wanted = _wanted(form)
    as_of = str(form.get("as_of", "0"))
    number = int(as_of) if as_of.isascii() and as_of.isdigit() and len(as_of) <= 18 else 0
    unchecked: review.Unchecked = "clear" if form.get("unchecked") == "clear" else "keep"
    only = form.get("only")
    if only in ("import", "export"):
        wanted = replace(wanted, filter=replace(wanted.filter, direction=Direction(str(only))))
    chosen = {one.id for one in checked}
    if form.get("everything"):
        left = tuple(item_id for item_id, _ in shown if item_id not in chosen)
        choices = {one.id: one.choice for one in checked if one.choice}
        scope = Scope(filter=wanted.filter, as_of=number, leave_out=left)
        return Approval(by=by, all_matching=scope, unchecked=unchecked, choices=choices)
    scope = Scope(filter=wanted.filter, as_of=number, only=tuple(item_id for item_id, _ in shown))
    return Approval(by=by, checked=checked, scope=scope, unchecked=unchecked)


def _after(form: FormData, result: Result) -> dict[str, str | None]:
    """Where to look afterwards."""
    wanted = _wanted(form)
    return {
        "q": wanted.filter.q,
        "kind": wanted.filter.kind.value if wanted.filter.kind else None,
        "changed": ",".join(result.changed[:MOST_SHOWN]),
        "done": _told(result),
    }


def _told(result: Result) -> str:
    """What the page says afterwards: approved, changed, blocked, set aside."""
    counts: Sequence[int] = (result.approved, len(result.changed), len(result.blocked), result.set_aside)
    return "job" if result.job else "-".join(map(str, counts))


def _selected(form: FormData, wanted: Wanted) -> Wanted:
    """The selection that was posted, changed by Check or Uncheck."""
    boxes = {_seen(str(one))[0] for one in form.getlist("item")}
    boxes |= set(str(form.get("check", "")).split(","))
    boxes -= set(str(form.get("uncheck", "")).split(","))
    shown = {_seen(str(one))[0] for name in ("import", "export") for one in form.getlist(f"row-{name}")}
    return replace(wanted, unchecked=frozenset(shown - boxes))
