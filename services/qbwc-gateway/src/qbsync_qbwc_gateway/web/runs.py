"""``/t/{tenant}/desktop/runs/{session_id}``: the transcript of a run, to read and to hand to support."""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from starlette.requests import Request

from qbsync_qbwc_gateway.service import MOST, Run
from qbsync_qbwc_gateway.session.transcript import Exchange
from qbsync_qbwc_gateway.web.pages import Site
from qbsync_shared.ids import TenantId
from qbsync_shared.web import Principal, Role, require
from qbsync_shared.web.problems import not_found

Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]
SessionId = Annotated[str, Path(max_length=60)]

SHOWN = 200
"""So many calls stand on the page; the download has all."""


def routes(site: Site) -> APIRouter:
    """The page and the download."""
    router = APIRouter(include_in_schema=False)

    @router.get("/t/{tenant}/desktop/runs/{session_id}")
    async def show(request: Request, tenant: TenantId, session_id: SessionId, _: Viewer) -> Response:
        """What was exchanged in a run."""
        found = await site.tenant(tenant)
        run = await _run(site, tenant, session_id, limit=SHOWN)
        page = await site.page("Run of the Web Connector", found, await site.connectors.health(tenant))
        rows = [(one, told(one)) for one in run.exchanges]
        return site.pages.render(request, "run.html", page=page, run=run, rows=rows)

    @router.get("/t/{tenant}/desktop/runs/{session_id}/transcript.txt")
    async def download(tenant: TenantId, session_id: SessionId, _: Viewer) -> Response:
        """The same as plain text."""
        await site.tenant(tenant)
        run = await _run(site, tenant, session_id, limit=MOST)
        headers = {"content-disposition": f'attachment; filename="qbsync-run-{run.session.session_id}.txt"'}
        return Response(as_text(run), media_type="text/plain; charset=utf-8", headers=headers)

    return router


async def _run(site: Site, tenant: str, session_id: str, *, limit: int) -> Run:
    run = await site.connectors.run(tenant, session_id, limit=limit)
    if run is None:
        raise not_found("run", "It is not kept any more, or the address is wrong.")
    return run


def told(one: Exchange) -> list[str]:
    """What a call exchanged, in short lines."""
    note = one.note
    lines = [f"{count} {name}" for name, count in note.get("requests", {}).items()]
    lines += [f"{count} {name}" for name, count in note.get("statuses", {}).items()]
    if "set" in note:
        lines.append(f"Message set {note['set']}{', sent again' if note.get('again') else ''}")
    words = {
        "version": "Web Connector {}",
        "postpone": "Put off by {} s",
        "hresult": "QuickBooks refused: {}",
        "progress": "Answer {}",
        "said": "{}",
    }
    lines += [text.format(note[name]) for name, text in words.items() if name in note]
    if note.get("repeated"):
        lines.append("The same answer came again")
    return lines


def as_text(run: Run) -> str:
    """A transcript for support; times are UTC, sizes characters."""
    session = run.session
    lines = [
        "qbsync: a run of the QuickBooks Web Connector. Names, codes and sizes only, no contents of records.",
        f"tenant {session.tenant}, run {session.session_id}",
        f"started {session.started_at.isoformat()}, ended {session.ended_at.isoformat() if session.ended_at else '-'}",
        f"result: {session.result or '-'}",
        f"calls {run.calls}, round trips {session.round_trips}",
        f"sent {session.sent}, received {session.received}, failed {session.failed}",
        "",
        "  #  time                              took     in       out  call: what",
        *_rows(run.exchanges),
    ]
    if run.calls > len(run.exchanges):
        lines.append(f"... {run.calls - len(run.exchanges)} more calls are not kept")
    return "\n".join([*lines, ""])


def _rows(exchanges: Iterable[Exchange]) -> Iterable[str]:
    for one in exchanges:
        sizes: list[Any] = [one.note.get(name, "") for name in ("received", "answered")]
        what = "; ".join(told(one))
        yield (
            f"{one.position:>3}  {one.at.isoformat():<32} {one.took_ms:>5} ms {sizes[0]:>8} {sizes[1]:>8}"
            f"  {one.call}{': ' if what else ''}{what}"
        )
