"""What an admin sets: what the app's words stand for, and the rules. Each change is told to all services and to the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qbsync_shared.kinds import Kind
from qbsync_shared.messages import AuditRecorded
from qbsync_shared.messages.base import Channel
from qbsync_shared.messaging import publish
from qbsync_shared.postgres import Connection
from qbsync_wizard.domain.company import DEFAULTS, ITEM_FIELDS, Entry
from qbsync_wizard.domain.matching import MAPPED_KINDS, Matched, Rules, matched
from qbsync_wizard.domain.records import Json
from qbsync_wizard.domain.tenants import Tenant
from qbsync_wizard.errors import RefusedError
from qbsync_wizard.postgres import lists
from qbsync_wizard.postgres import repository as store
from qbsync_wizard.service import rechecking
from qbsync_wizard.service.context import Lane, look
from qbsync_wizard.service.tenants import publish_configuration


@dataclass(frozen=True, kw_only=True)
class WordList:
    """One list: the app's words with what they mean, those that need somebody first, and the entries to choose from."""

    kind: Kind
    words: tuple[Matched, ...]
    entries: tuple[Entry, ...]

    @property
    def missing(self) -> int:
        """How many words need somebody."""
        return sum(one.match.needs_somebody for one in self.words)


async def word_list(connection: Connection, tenant: Tenant, kind: Kind, *, q: str = "") -> WordList:
    """What the app's words stand for in one list; ``q`` finds words and entries."""
    entries = await lists.entries(connection, tenant.id, kind)
    by_id = {one.quickbooks_id: one for one in entries}
    chosen = _chosen(tenant, kind)
    found = [
        matched(kind, one.word, one.same, chosen.pop(one.word, None), by_id)
        for one in await lists.words(connection, tenant.id, kind)
    ]
    found += [matched(kind, word, None, mapping, by_id) for word, mapping in chosen.items()]
    needle = q.strip().casefold()
    shown = [one for one in found if needle in f"{one.word} {one.entry.name if one.entry else ''}".casefold()]
    shown.sort(key=lambda one: (not one.match.needs_somebody, one.word.casefold(), one.word))
    return WordList(kind=kind, words=tuple(shown), entries=tuple(entries))


def _chosen(tenant: Tenant, kind: Kind) -> dict[str, Json]:
    return {str(one["app_name"]): one for one in tenant.mappings if one["kind"] == kind.value}


async def choose_words(
    lane: Lane, kind: Kind, choices: Mapping[str, str | None], *, by: str
) -> dict[str, str]:
    """Say what words of the app stand for: word -> id of an entry, None to go by the same name again.

    Returns:
        Faults by word; where there is one, nothing was changed.
    """
    entries = {one.quickbooks_id: one for one in await lists.entries(lane.connection, lane.id, kind)}
    faults = {
        word: f"QuickBooks has no such active {kind.label}. Choose one from the list."
        for word, entry_id in choices.items()
        if entry_id is not None and entry_id not in entries
    }
    if faults or not choices:
        return faults
    kept = [
        one for one in lane.tenant.mappings if one["kind"] != kind.value or one["app_name"] not in choices
    ]
    fresh = [
        {
            "kind": kind.value,
            "app_name": word,
            "quickbooks_id": entry_id,
            "quickbooks_name": entries[entry_id].name,
        }
        for word, entry_id in choices.items()
        if entry_id is not None
    ]
    details = {"kind": kind.value, "words": dict(choices.items())}
    await _change(lane, mappings=[*kept, *fresh], by=by, action="mappings-changed", details=details)
    await lists.put_words(lane.connection, lane.id, [(kind, word) for word in choices], at=lane.now())
    return {}


async def choose_for_items(
    lane: Lane, field: str, choices: Mapping[str, str | None], *, by: str
) -> dict[str, str]:
    """Say which account or tax code items get that do not say it themselves: app id -> id of an entry, None for none.

    Returns:
        Faults by app id; where there is one, nothing was changed.
    """
    kind = ITEM_FIELDS[field]
    entries = {one.quickbooks_id: one for one in await lists.entries(lane.connection, lane.id, kind)}
    faults = {
        app_id: f"QuickBooks has no such active {kind.label}. Choose one from the list."
        for app_id, entry_id in choices.items()
        if entry_id is not None and entry_id not in entries
    }
    if faults or not choices:
        return faults
    for app_id, entry_id in choices.items():
        entry = entries[entry_id] if entry_id is not None else None
        await lists.choose_for_item(lane.connection, lane.id, app_id, field, entry)
    await _record(lane, by, "item-choices-changed", {"field": field, "items": dict(choices)})
    await rechecking.ask(lane, at_once=True)
    return {}


async def choose_defaults(lane: Lane, choices: Mapping[str, str | None], *, by: str) -> dict[str, str]:
    """Say what records get that name no class, tax code or deposit account: setting -> id of an entry, None for none.

    Returns:
        Faults by setting; where there is one, nothing was changed.
    """
    settings: Json = {}
    faults: dict[str, str] = {}
    for name, entry_id in choices.items():
        kind = DEFAULTS[name]
        found = await lists.find(lane.connection, lane.id, [(kind, None, entry_id)]) if entry_id else []
        active = next((one for one in found if one.active), None)
        if entry_id and active is None:
            faults[name] = f"This {kind.label} is not there, or inactive in QuickBooks. Choose another one."
        settings[name] = active.reference if active else None
    if not faults:
        await _change(lane, settings=settings, by=by, action="defaults-changed", details=dict(choices))
    return faults


async def set_rules(lane: Lane, wanted: Rules, *, by: str) -> None:
    """Set the rules."""
    values = wanted.to_settings()
    await _change(lane, settings=values, by=by, action="rules-changed", details=values)


async def _change(
    lane: Lane,
    *,
    by: str,
    action: str,
    details: Json,
    settings: Json | None = None,
    mappings: list[Json] | None = None,
) -> None:
    tenant = lane.tenant
    merged = {**tenant.settings, **(settings or {})}
    merged = {key: value for key, value in merged.items() if value is not None}
    kept = list(tenant.mappings) if mappings is None else mappings
    if (merged, kept) == (tenant.settings, list(tenant.mappings)):
        return
    await lane.connection.fetchval(
        store.QUERIES["update_tenant"],
        tenant.id,
        tenant.name,
        tenant.plan.value,
        tenant.edition.value,
        tenant.paused,
        merged,
        kept,
    )
    await publish_configuration(lane.connection, lane.context, await look(lane.connection, tenant.id))
    await _record(lane, by, action, details)
    await rechecking.ask(lane, at_once=True)


async def _record(lane: Lane, by: str, action: str, details: dict[str, Any]) -> None:
    message = AuditRecorded(**lane.stamp(), speaker=Channel.WIZARD, by=by, action=action, details=details)
    await publish(lane.connection, message)


def mapped_kind(name: str) -> Kind:
    """A list whose words can be chosen.

    Raises:
        RefusedError: 404, there is no such list.
    """
    found = next((kind for kind in MAPPED_KINDS if kind.value == name), None)
    if found is None:
        names = ", ".join(kind.value for kind in MAPPED_KINDS)
        raise RefusedError("unknown-list", "There is no such list", f"There are {names}.", status=404)
    return found
