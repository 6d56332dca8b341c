"""The Mappings page: what the app's words stand for in QuickBooks' lists."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field
from starlette.datastructures import FormData

from qbsync_shared.ids import TenantId
from qbsync_shared.kinds import Kind
from qbsync_shared.postgres import Connection
from qbsync_shared.web.session import read_form
from qbsync_wizard.api import Admin
from qbsync_wizard.domain.company import DEFAULTS, ITEM_FIELDS, Entry
from qbsync_wizard.domain.matching import MAPPED_KINDS
from qbsync_wizard.postgres import lists
from qbsync_wizard.service import configuring
from qbsync_wizard.service.configuring import WordList
from qbsync_wizard.service.context import Lane
from qbsync_wizard.web.rows import address
from qbsync_wizard.web.site import Site

PER_PAGE = 50
TITLES = {
    Kind.ACCOUNT: ("Accounts", "Account in the app"),
    Kind.TAX_CODE: ("Tax codes", "Tax code in the app"),
    Kind.CLASS: ("Classes", "Class in the app"),
    Kind.TERM: ("Terms", "Terms in the app"),
    Kind.PAYMENT_METHOD: ("Payment methods", "Method in the app"),
}
ITEM_PARTS = {
    "item-income": ("income_account", "Items and their income accounts", "Item income"),
    "item-expense": ("expense_account", "Items and their expense accounts", "Item expense"),
    "item-tax": ("tax_code", "Items and their sales tax codes", "Item tax"),
}
"""Part of the page -> field of an item, title, word of the tab."""
DEFAULT_LABELS = {
    "default_tax_code": (
        "Tax code of lines that name none",
        "For sales, where the company uses sales tax. Without it such a line is not taxed.",
    ),
    "default_class": (
        "Class",
        "Given to every sale and purchase that names none. Leave it at None if you do not use classes.",
    ),
    "default_deposit_to": (
        "Deposit payments to",
        "For payments that name no account. Without it they go to Undeposited Funds.",
    ),
}


class Address(BaseModel):
    """The parameters of the page's address."""

    part: Annotated[str, Field(max_length=40)] = ""
    q: Annotated[str, Field(max_length=200)] = ""
    page: Annotated[int, Field(ge=1, le=1000)] = 1
    saved: Annotated[str, Field(max_length=10)] = ""


def add(routes: APIRouter, site: Site) -> None:
    """Add them."""

    @routes.get("/t/{tenant}/wizard/mappings")
    async def mappings(
        request: Request,
        tenant: TenantId,
        _: Admin,
        asked: Annotated[Address, Query()],
    ) -> Response:
        """What the app's words stand for, one list at a time, missing ones first."""
        shown = await _shown(site, tenant, asked.part, asked.q, asked.page)
        return site.pages.render(
            request, "mappings.html", faults={}, given={}, saved=bool(asked.saved), **shown
        )

    @routes.post("/t/{tenant}/wizard/mappings")
    async def save(request: Request, tenant: TenantId, principal: Admin) -> Response:
        """Keep what was chosen; where something does not fit, nothing is kept and the page says what."""
        form = await read_form(request)
        part, q = str(form.get("part", ""))[:40], str(form.get("q", ""))[:200]
        number = str(form.get("page", "1"))
        page = int(number) if number.isascii() and number.isdigit() and 0 < len(number) < 4 else 1
        async with site.writing(tenant) as lane:
            faults, given = await _save(lane, part, form, principal.name)
        site.jobs.wake()
        if faults:
            shown = await _shown(site, tenant, part, q, page)
            return site.pages.render(
                request, "mappings.html", status=422, faults=faults, given=given, saved=False, **shown
            )
        base = f"/t/{tenant}/wizard/mappings"
        back = address(base, part=part, q=q, page=str(page) if page > 1 else None, saved="1")
        return RedirectResponse(back, 303)


async def _shown(site: Site, tenant_id: str, part: str, q: str, page: int) -> dict[str, Any]:
    async with site.reading(tenant_id) as (connection, tenant):
        frame = await site.frame(connection, tenant, title="Mappings")
        found = {kind: await configuring.word_list(connection, tenant, kind) for kind in MAPPED_KINDS}
        part = part if part in _parts() else _first(found)
        rows: list[dict[str, Any]] = []
        more, entries = False, tuple[Entry, ...]()
        if part in ITEM_PARTS:
            rows, more = await _item_rows(connection, tenant_id, ITEM_PARTS[part][0], q, page)
            entries = found[ITEM_FIELDS[ITEM_PARTS[part][0]]].entries
        elif part != "defaults":
            kind = Kind(part)
            listed = await configuring.word_list(connection, tenant, kind, q=q) if q else found[kind]
            rows, more, entries = (
                _word_rows(listed, page),
                len(listed.words) > page * PER_PAGE,
                listed.entries,
            )
        defaults = [
            {"name": name, "label": label, "hint": hint, "entries": found[kind].entries,
             "value": str((tenant.settings.get(name) or {}).get("quickbooks_id", ""))}
            for name, kind in DEFAULTS.items()
            for label, hint in [DEFAULT_LABELS[name]]
        ]  # fmt: skip
    base = f"{frame.base}/mappings"
    return {
        "page": frame.page,
        "frame": frame,
        "part": part,
        "title": _title(part),
        "column": TITLES[Kind(part)][1] if part in set(Kind) else "Item in the app",
        "tabs": _tabs(base, part, found),
        "rows": rows,
        "entries": entries,
        "defaults": defaults,
        "missing": sum(one.missing for one in found.values()),
        "read": any(one.entries for one in found.values()),
        "q": q,
        "number": page,
        "newer": address(base, part=part, q=q, page=str(page - 1)) if page > 1 else None,
        "older": address(base, part=part, q=q, page=str(page + 1)) if more else None,
        "base": base,
    }


async def _item_rows(
    connection: Connection, tenant_id: str, field: str, q: str, page: int
) -> tuple[list[dict[str, Any]], bool]:
    """A page of the app's items with what was chosen for them, and whether there are more."""
    offset = (page - 1) * PER_PAGE
    items = await lists.items(connection, tenant_id, field, q=q, limit=PER_PAGE + 1, offset=offset)
    rows = [
        {
            "key": one.app_id,
            "word": one.name,
            "who": one.type.replace("_", " "),
            "value": one.chosen or "",
            "state": "chosen" if one.chosen else "none",
        }
        for one in items[:PER_PAGE]
    ]
    return rows, len(items) > PER_PAGE


def _word_rows(listed: WordList, page: int) -> list[dict[str, Any]]:
    return [
        {
            "key": one.word,
            "word": one.word,
            "who": "",
            "value": one.entry.name if one.entry else "",
            "state": one.match.value,
        }
        for one in listed.words[(page - 1) * PER_PAGE : page * PER_PAGE]
    ]


def _parts() -> set[str]:
    return {*(kind.value for kind in MAPPED_KINDS), *ITEM_PARTS, "defaults"}


def _first(found: Mapping[Kind, configuring.WordList]) -> str:
    """The list where something is missing, else the accounts of items."""
    return next((kind.value for kind, one in found.items() if one.missing), "item-income")


def _title(part: str) -> str:
    if part == "defaults":
        return "One for all"
    return ITEM_PARTS[part][1] if part in ITEM_PARTS else TITLES[Kind(part)][0]


def _tabs(base: str, part: str, found: Mapping[Kind, configuring.WordList]) -> list[dict[str, Any]]:
    tabs: list[dict[str, Any]] = [
        {"href": address(base, part=name), "text": word, "current": part == name}
        for name, (_, _, word) in ITEM_PARTS.items()
    ]
    for kind in MAPPED_KINDS:
        tab: dict[str, Any] = {
            "href": address(base, part=kind.value),
            "text": TITLES[kind][0],
            "current": part == kind.value,
        }
        if found[kind].missing:
            tab |= {"count": found[kind].missing, "tone": "bad"}
        tabs.append(tab)
    return [
        *tabs,
        {"href": address(base, part="defaults"), "text": "One for all", "current": part == "defaults"},
    ]


async def _save(lane: Lane, part: str, form: FormData, by: str) -> tuple[dict[str, str], dict[str, str]]:
    """Faults by field id, and what was typed."""
    if part == "defaults":
        chosen = {name: str(form.get(name, "")) or None for name in DEFAULTS if name in form}
        return await configuring.choose_defaults(lane, chosen, by=by), {}
    item_field = ITEM_PARTS[part][0] if part in ITEM_PARTS else None
    kind = ITEM_FIELDS[item_field] if item_field else configuring.mapped_kind(part)
    by_name = {
        one.name.casefold(): one.quickbooks_id for one in await lists.entries(lane.connection, lane.id, kind)
    }
    keys, values, before = ([str(one) for one in form.getlist(name)] for name in ("key", "entry", "was"))
    given = {key: value.strip() for key, value in zip(keys, values, strict=False)}
    old = dict(zip(keys, before, strict=False))
    changed = {key: value for key, value in given.items() if value != old.get(key, "")}
    choices = {key: by_name.get(value.casefold(), value) if value else None for key, value in changed.items()}
    if item_field:
        faults = await configuring.choose_for_items(lane, item_field, choices, by=by)
    else:
        faults = await configuring.choose_words(lane, kind, choices, by=by)
    return faults, given
