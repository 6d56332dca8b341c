"""The ops page: queues over all tenants, dead letters, who did what. For operators only."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from qbsync_log.domain.connections import Connection
from qbsync_log.domain.redaction import redact, redact_text
from qbsync_log.postgres import operations
from qbsync_log.web.showing import Badge
from qbsync_log.web.site import Site
from qbsync_shared.kinds import Edition
from qbsync_shared.messages import ConnectionState
from qbsync_shared.web import Page, Principal, Role, require
from qbsync_shared.web.problems import not_found, unprocessable
from qbsync_shared.web.session import read_form

Operator = Annotated[Principal, Depends(require(Role.OPERATOR))]
TENANTS = 100
LETTERS = 50
AUDITED = 50
_DONE = {
    "replay": "The message was sent again to where it came from.",
    "discard": "The message was given up; it stays in the history.",
    "gone": "Somebody decided about this message already.",
}


class OpsAddress(BaseModel):
    """What the page's address says: which dead letter is open, which page of them, what was done before."""

    letter: int | None = Field(default=None, ge=1)
    before: int | None = Field(default=None, ge=1)
    done: str = Field(default="", pattern="^(replay|discard|gone|)$")


@dataclass(frozen=True, kw_only=True)
class QueueRow:
    """A tenant with what waits."""

    id: str
    name: str
    waiting: int
    needs_you: int
    oldest: datetime | None
    state: Badge


def routes(site: Site) -> APIRouter:
    """The page and its decisions."""
    router = APIRouter(include_in_schema=False)

    @router.get("/ops")
    async def show(request: Request, _: Operator, address: Annotated[OpsAddress, Query()]) -> Response:
        now = site.pages.now()
        async with site.database.everyone() as connection:
            sums, tenants = await operations.queues(connection, TENANTS)
            count, letters = await operations.letters(connection, before=address.before, limit=LETTERS + 1)
            opened = await operations.letter(connection, address.letter) if address.letter else None
            audited = await operations.audit(connection, AUDITED)
        rows = [_queue(row, now) for row in tenants]
        return site.pages.render(
            request,
            "ops.html",
            page=Page(title="Ops", current="ops"),
            sums=sums,
            rows=rows,
            oldest=min((row.oldest for row in rows if row.oldest), default=None),
            silent=sum(row.state.tone == "bad" for row in rows),
            count=count,
            letters=letters[:LETTERS],
            older=letters[LETTERS - 1]["id"] if len(letters) > LETTERS else None,
            opened=opened["id"] if opened else None,
            body=_body(opened["payload"]) if opened else "",
            headers=_headers(opened["headers"]) if opened else [],
            audited=audited,
            done=_DONE.get(address.done, ""),
        )

    @router.post("/ops/letters/{letter_id}")
    async def decide(request: Request, letter_id: int, operator: Operator) -> Response:
        form = await read_form(request)
        why, do = str(form.get("reason", "")).strip()[:1_000], str(form.get("do", ""))
        if not why:
            raise unprocessable(
                "A reason is missing", "Say why: it stands in the audit log. Nothing was done."
            )
        if do not in {"replay", "discard"}:
            raise not_found("decision")
        now = site.pages.now()
        async with site.database.everyone() as connection:
            row = await operations.letter(connection, letter_id)
            if row is None:
                return RedirectResponse("/ops?done=gone#dead", 303)
            decided = operations.replay if do == "replay" else operations.discard
            await decided(connection, row, by=operator.name, why=why, at=now)
            await operations.note_decision(
                connection, row, message_id=site.commands.make_id(), do=do, by=operator.name, why=why, at=now
            )
        return RedirectResponse(f"/ops?done={do}#dead", 303)

    return router


def _queue(row: Any, now: datetime) -> QueueRow:
    return QueueRow(
        id=row["tenant_id"],
        name=row["name"],
        waiting=int(row["waiting"]),
        needs_you=int(row["needs_you"]),
        oldest=row["oldest"],
        state=_state(row, now),
    )


def _state(row: Any, now: datetime) -> Badge:
    if row["paused"]:
        return Badge("Paused", "neutral", "pause")
    if row["state"] is None or row["state"] == ConnectionState.NONE.value:
        return Badge("Not connected", "neutral", "connections")
    connection = Connection(
        edition=Edition(row["edition"]),
        state=ConnectionState(row["state"]),
        last_seen_at=row["last_seen_at"],
        next_expected_at=row["next_expected_at"],
    )
    silent = connection.silent_since(now)
    if silent is not None:
        return Badge("Silent since", "bad", at=silent)
    if connection.state is ConnectionState.CONNECTED:
        return Badge("On track", "ok")
    if connection.state is ConnectionState.PAUSED:
        return Badge("Paused", "neutral", "pause")
    return Badge(connection.state.value.replace("_", " ").capitalize(), "warn")


def _body(payload: bytes) -> str:
    """The message's body, redacted; what is no JSON is shown as text."""
    text = payload.decode("utf-8", "replace")
    try:
        return json.dumps(redact(json.loads(text)), indent=2, ensure_ascii=False)
    except ValueError:
        return redact_text(text)


def _headers(headers: dict[str, str]) -> list[tuple[str, str]]:
    return [
        (name, str(value))
        for name, value in sorted(headers.items())
        if name.lower().startswith(("ce-", "trace"))
    ]
