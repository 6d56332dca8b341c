"""The timeline of one entity: everything that happened to it, newest first."""

import json
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from functools import partial
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from qbsync_log.domain.permissions import may_clear_id, may_resync
from qbsync_log.domain.records import Problem
from qbsync_log.domain.unsynced import words_for
from qbsync_log.http import SyncIdPath
from qbsync_log.postgres import reading, repository
from qbsync_log.postgres.rows import record_of
from qbsync_log.web.showing import shown
from qbsync_log.web.site import Site
from qbsync_shared.kinds import Edition, Operation
from qbsync_shared.web import Principal, Role, require
from qbsync_shared.web.filters import operation
from qbsync_shared.web.layout import Tone
from qbsync_shared.web.problems import not_found

Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that happened."""

    at: datetime
    title: str
    tone: Tone
    icon: str
    sync_id: str
    message_id: str
    text: str = ""
    said: str = ""
    attempt: int = 0
    code: str | None = None
    facts: list[tuple[str, str]] = field(default_factory=list)
    blocks: list[tuple[str, str]] = field(default_factory=list)

    @property
    def technical(self) -> bool:
        """Whether there is more for those who want to see it."""
        return bool(self.facts or self.blocks)


@dataclass(frozen=True)
class Day:
    """What happened on one day."""

    date: date
    entries: list[Entry]


def routes(site: Site) -> APIRouter:
    """The page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/t/{tenant}/syncs/{sync_id}")
    async def show(request: Request, tenant: str, sync_id: SyncIdPath, viewer: Viewer) -> Response:
        async with site.database.tenant(tenant) as connection:
            frame = await site.frame(connection, tenant, title="Timeline", current="report")
            row = await reading.sync(connection, tenant, sync_id)
            if row is None:
                raise not_found("sync")
            _, events, requests = await reading.history(connection, tenant, row["entity_key"])
            record = record_of(row)
            app_id = record.known_app_id
            link = await repository.link(connection, tenant, record.kind, app_id) if app_id else None
        one = shown(row, now=frame.now)
        entries = [_event(event, record.edition) for event in events] + [_request(one) for one in requests]
        refused = may_resync(record, latest=one.latest) is not None or one.queued
        return site.pages.render(
            request,
            "timeline.html",
            page=frame.page,
            row=one,
            days=_days(entries, frame.zone),
            why=one.why,
            link=link,
            app_href=site.app_href(tenant, record.kind, app_id),
            code_href=partial(site.code_href, edition=frame.tenant.edition),
            may_resync=viewer.may(Role.APPROVER) and not refused,
            may_clear=viewer.may(Role.ADMIN) and may_clear_id(record, latest=one.latest) is None,
        )

    return router


def _days(entries: list[Entry], zone: tzinfo) -> list[Day]:
    newest = sorted(entries, key=lambda entry: entry.at, reverse=True)
    return [
        Day(day, list(same))
        for day, same in groupby(newest, key=lambda entry: entry.at.astimezone(zone).date())
    ]


def _event(event: Any, edition: Edition) -> Entry:
    details = event["details"]
    code, message = event["code"], event["message"] or ""
    about: dict[str, Any] = {
        "at": event["occurred_at"],
        "sync_id": event["sync_id"],
        "message_id": event["message_id"],
        "attempt": event["attempt"],
        "code": code,
        "said": message,
        **_technical(event["technical"]),
    }
    why = words_for(Problem(code=code, message=message), edition).title if code else ""
    match event["verb"]:
        case "approved":
            return _approved(details, about)
        case "started":
            return _started(details, about)
        case "waiting":
            return Entry(title="Waits", tone="warn", icon="clock", text=why, **about)
        case "succeeded":
            return _succeeded(details, about, edition)
        case "cancelled":
            by = f" by {details['by']}" if details.get("by") else ""
            return Entry(title=f"Cancelled{by}", tone="neutral", icon="close", text=why, **about)
        case _:
            return Entry(title="Failed", tone="bad", icon="fail", text=why, **about)


def _approved(details: dict[str, Any], about: dict[str, Any]) -> Entry:
    fields = ", ".join(name.replace("_", " ") for name in details["fields"])
    words = operation(Operation(details["operation"]))
    text = f"{words}: {fields}." if fields else f"{words}."
    verb = "Resynced" if details["resync_of"] else "Approved"
    icon = "retry" if details["resync_of"] else "wizard"
    return Entry(
        title=f"{verb} by {details['by']}", tone="info", icon=icon, text=text, **{**about, "attempt": 0}
    )


def _started(details: dict[str, Any], about: dict[str, Any]) -> Entry:
    if details["in_doubt"]:
        text = "It was sent, but no answer came. qbsync finds out before anything is sent again."
        return Entry(title="Answer lost", tone="warn", icon="clock", text=text, **about)
    if details["awaiting_app"]:
        return Entry(
            title="Handed to the app", tone="info", icon="import", text="Its answer is awaited.", **about
        )
    return Entry(title="Sent", tone="neutral", icon="export", **about)


def _succeeded(details: dict[str, Any], about: dict[str, Any], edition: Edition) -> Entry:
    warnings = [Problem(**one) for one in details["warnings"]]
    titles = [f"{words_for(one, edition).title}. {one.message}" for one in warnings]
    text = f"QuickBooks ID {details['quickbooks_id']}." if details["quickbooks_id"] else ""
    tone: Tone = "warn" if warnings else "ok"
    about = {**about, "said": " ".join(titles) or about["said"]}
    return Entry(title="Arrived", tone=tone, icon="warn" if warnings else "check", text=text, **about)


_REFUSED = {"QS-REVIEW-AGAIN": "Back for review.", "QS-NOTHING-DIFFERS": "Done."}
"""What is said of a command that was not carried out as it stands, and yet is no trouble."""


def _request(request: Any) -> Entry:
    words = {"resync": "Resync", "clear-id": "Clear ID", "link": "Link to this one"}[request["action"]]
    outcome = {
        "open": "The answer is to come.",
        "answered": "Done.",
        "refused": f"{_REFUSED.get(request['code'], 'Refused:')} {request['answer']}",
    }
    why = f"{request['why']} " if request["why"] else ""
    refused = request["state"] == "refused" and request["code"] not in _REFUSED
    return Entry(
        at=request["asked_at"],
        title=f"{words} pressed by {request['by']}",
        tone="warn" if refused else "info",
        icon={"resync": "retry", "clear-id": "unlink", "link": "link"}[request["action"]],
        sync_id=request["sync_id"],
        message_id=request["command_id"],
        text=f"{why}{outcome[request['state']]}",
    )


def _technical(technical: dict[str, Any]) -> dict[str, Any]:
    facts, blocks = [], []
    for name, value in technical.items():
        title = name.replace("_", " ").capitalize()
        if isinstance(value, dict | list):
            blocks.append((title, json.dumps(value, indent=2, ensure_ascii=False)))
        elif isinstance(value, str) and (len(value) > 80 or "\n" in value or "<" in value):
            blocks.append((title, value))
        elif value not in (None, ""):
            facts.append((title, str(value)))
    return {"facts": facts, "blocks": blocks}
