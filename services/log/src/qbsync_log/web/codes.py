"""The status code guide: every code with its cause and steps, searchable."""

from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, BeforeValidator, Field
from starlette.requests import Request
from starlette.responses import Response

from qbsync_log.http import SCOPES, find_codes
from qbsync_log.postgres import reading
from qbsync_log.web.site import Site, code_anchor
from qbsync_shared.catalogue import Action, Guidance, RetryClass, entries
from qbsync_shared.web import Page, Principal, Role, require
from qbsync_shared.web.layout import Tone
from qbsync_shared.web.problems import not_found

Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]
ROWS = 60
_EDITIONS = {"desktop": "Desktop", "online": "Online", "any": "qbsync"}
_BUTTONS = {
    Action.RESYNC: "Resync",
    Action.CLEAR_ID: "Clear ID",
    Action.LINK: "Link",
    Action.OPEN_APP: "Open in the app",
    Action.REVIEW: "Review",
    Action.CONNECTION: "Connections",
    Action.MAPPINGS: "Match",
    Action.SUPPORT: "Support",
}


class CodesAddress(BaseModel):
    """What the page's address says. ``open`` is a code, ``edition`` may also be ``seen``."""

    q: str = Field(default="", max_length=200)
    edition: Annotated[
        Literal["desktop", "online", "any", "seen"] | None, BeforeValidator(lambda value: value or None)
    ] = None
    open: str = Field(default="", max_length=64)
    skip: int = Field(default=0, ge=0, le=10_000)


@dataclass(frozen=True, kw_only=True)
class CodeRow:
    """One code in the guide."""

    key: str
    entry: Guidance
    id: str
    open: bool
    seen: int
    tenant: str | None

    @property
    def code(self) -> str:
        return "other" if self.key == "*" else self.entry.code

    @property
    def wording(self) -> str:
        """The words of QuickBooks' message that make this entry count."""
        return self.key.partition("~")[2]

    @property
    def edition(self) -> str:
        return _EDITIONS[self.entry.scope]

    @property
    def href(self) -> str:
        return f"/status-codes?{urlencode({'edition': self.entry.scope, 'open': self.key})}#{self.id}"

    @property
    def load(self) -> str:
        return f"/status-codes/{self.entry.scope}?{urlencode({'key': self.key})}"

    @property
    def who(self) -> str:
        return _who(self.entry)[0]

    @property
    def tone(self) -> Tone:
        return _who(self.entry)[1]

    @property
    def icon(self) -> str:
        return _who(self.entry)[2]

    @property
    def buttons(self) -> str:
        return ", ".join(_BUTTONS[action] for action in self.entry.actions)

    @property
    def links(self) -> list[tuple[str, str]]:
        """Where the code stands now."""
        if self.tenant is None or not self.seen:
            return []
        query = urlencode({"code": self.entry.code})
        return [
            ("Unsynced entities with it", f"/t/{self.tenant}/unsynced?{query}"),
            ("In the Sync Report", f"/t/{self.tenant}/log?state=failed&{query}"),
        ]


def _who(entry: Guidance) -> tuple[str, Tone, str]:
    if entry.retry is RetryClass.OK:
        return "Nobody", "ok", "check"
    if not entry.needs_person:
        return "Retries by itself", "neutral", "clock"
    if entry.retry is RetryClass.CONNECTION:
        return "Admin", "warn", "key"
    if entry.retry is RetryClass.OURS:
        return "Support", "neutral", "ops"
    return "You", "warn", "warn"


def routes(site: Site) -> APIRouter:
    """The page and the details of one code."""
    router = APIRouter(include_in_schema=False)

    @router.get("/status-codes")
    async def show(request: Request, viewer: Viewer, address: Annotated[CodesAddress, Query()]) -> Response:
        page, tenant, seen = await _page(site, viewer)
        found = find_codes(None if address.edition == "seen" else address.edition, address.q)
        if address.edition == "seen":
            found = [(key, entry) for key, entry in found if _seen(seen, entry)]
        skip = _skip(found, address)
        shown = found[skip : skip + ROWS]
        query = {"q": address.q, "edition": address.edition or ""}
        return site.pages.render(
            request,
            "codes.html",
            page=page,
            q=address.q,
            edition=address.edition,
            rows=[
                _row(key, entry, tenant, seen, opened=_is(address.open, key, entry)) for key, entry in shown
            ],
            foot=f"{skip + 1} to {skip + len(shown)} of {len(found)}",
            newer=f"?{urlencode({**query, 'skip': max(0, skip - ROWS)})}" if skip else None,
            older=f"?{urlencode({**query, 'skip': skip + ROWS})}" if skip + ROWS < len(found) else None,
        )

    @router.get("/status-codes/{edition}")
    async def details(
        request: Request, edition: str, viewer: Viewer, key: Annotated[str, Query(max_length=200)]
    ) -> Response:
        scope = next((one for one in SCOPES if one == edition), None)
        entry = entries(scope).get(key) if scope else None
        if entry is None:
            raise not_found("status code")
        page, tenant, seen = await _page(site, viewer)
        return site.pages.fragment(
            request, "code.html", page=page, row=_row(key, entry, tenant, seen, opened=True)
        )

    return router


async def _page(site: Site, viewer: Principal) -> tuple[Page, str | None, dict[tuple[str, str], int]]:
    """The frame of the visitor's own tenant, if they have just one."""
    if viewer.tenant == "*":
        return Page(title="Status Codes", current="codes"), None, {}
    async with site.database.tenant(viewer.tenant) as connection:
        if await reading.tenant(connection, viewer.tenant) is None:
            return Page(title="Status Codes", current="codes"), None, {}
        frame = await site.frame(connection, viewer.tenant, title="Status Codes", current="codes")
        return frame.page, viewer.tenant, await reading.seen_codes(connection, viewer.tenant)


def _skip(found: list[tuple[str, Guidance]], address: CodesAddress) -> int:
    """Where the page begins: where it was asked to, else at the part that holds the open code."""
    if address.open and not address.skip:
        place = next((n for n, (key, entry) in enumerate(found) if _is(address.open, key, entry)), 0)
        return place - place % ROWS
    return min(address.skip, max(0, len(found) - 1))


def _is(asked: str, key: str, entry: Guidance) -> bool:
    return asked == key or (asked == entry.code and "~" not in key)


def _seen(seen: dict[tuple[str, str], int], entry: Guidance) -> int:
    if entry.scope == "any":
        return sum(n for (_, code), n in seen.items() if code == entry.code)
    return seen.get((entry.scope, entry.code), 0)


def _row(
    key: str, entry: Guidance, tenant: str | None, seen: dict[tuple[str, str], int], *, opened: bool
) -> CodeRow:
    return CodeRow(
        key=key,
        entry=entry,
        id=code_anchor(entry.scope, key),
        open=opened,
        seen=_seen(seen, entry),
        tenant=tenant,
    )
