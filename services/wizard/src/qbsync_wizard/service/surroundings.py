"""What else has to be known of a record before it is reviewed: the company's books, and other records that stand in its way."""

from collections.abc import Iterable

from qbsync_shared.kinds import NAME_KINDS, Direction, Edition, Kind, rules
from qbsync_wizard.domain.bookchecks import Around
from qbsync_wizard.domain.company import DEFAULTS, Company, Entry, list_references
from qbsync_wizard.domain.duplicates import match_keys
from qbsync_wizard.domain.records import Json, Known
from qbsync_wizard.postgres import lists
from qbsync_wizard.postgres.repository import QUERIES
from qbsync_wizard.service.context import Lane

_SETTLED = frozenset({Kind.INVOICE})


async def around(lane: Lane, known: Known) -> Around:
    """What the checks of an export need; nothing is read for what only goes to the app."""
    app = known.app
    if app is None or Direction.EXPORT not in rules(known.kind).directions:
        return Around()
    company = await company_of(lane, app.entity)
    if app.deleted:
        quickbooks_id = known.link.quickbooks_id if known.link and not known.link.cleared else None
        return Around(
            company=company, settled_by=await _settled_by(lane, known.kind, app.app_id, quickbooks_id)
        )
    return Around(company=company, same_number=await _same_number(lane, known.kind, app.app_id, app.entity))


async def company_of(lane: Lane, entity: Json) -> Company:
    """The company as far as this record needs it."""
    tenant = lane.tenant
    mapped = {
        (Kind(one["kind"]), str(one["app_name"])): {
            "quickbooks_id": one.get("quickbooks_id"),
            "name": one.get("quickbooks_name"),
        }
        for one in tenant.mappings
    }
    items: dict[str, Json] = {}
    if entity.get("kind") == Kind.ITEM and entity.get("app_id"):
        items = await lists.choices_for_items(lane.connection, lane.id, [entity["app_id"]])
    references = [(kind, reference) for _, kind, reference in list_references(entity)] if entity else []
    for chosen in items.values():
        references += [
            (Kind.TAX_CODE if field == "tax_code" else Kind.ACCOUNT, one) for field, one in chosen.items()
        ]
    references += [
        (kind, tenant.settings[name]) for name, kind in DEFAULTS.items() if tenant.settings.get(name)
    ]
    found = await _entries(lane, references, mapped)
    return Company(
        facts=tenant.company,
        settings=tenant.settings,
        read=await lane.lists_read() if references else frozenset(),
        entries={
            (one.kind, key): one for one in found for key in (f"#{one.quickbooks_id}", one.name.casefold())
        },
        mapped=mapped,
        items=items,
    )


async def _entries(
    lane: Lane, references: Iterable[tuple[Kind, Json]], mapped: dict[tuple[Kind, str], Json]
) -> list[Entry]:
    """The entries that are meant, inactive ones too; of two with one name the active one comes last, and so counts."""
    wanted = []
    for kind, reference in references:
        word = str(reference.get("name") or reference.get("app_id") or "")
        target = reference if reference.get("quickbooks_id") else mapped.get((kind, word), reference)
        wanted.append((kind, target.get("name") or word or None, target.get("quickbooks_id")))
    found = await lists.find(lane.connection, lane.id, wanted)
    return sorted(found, key=lambda one: one.active)


async def _same_number(lane: Lane, kind: Kind, app_id: str, entity: Json) -> str:
    """Another record that has this number, in words; asked only where it matters."""
    if kind in NAME_KINDS or not entity.get("number"):
        return ""
    if lane.tenant.edition is Edition.ONLINE and not lane.tenant.company.get("custom_numbers"):
        return ""
    key = match_keys(kind, entity)[0]
    row = await lane.connection.fetchrow(QUERIES["same_number"], lane.id, kind.value, key, app_id)
    if row is None:
        return ""
    where = "the app" if row["side"] == "a" else "QuickBooks"
    return f"another {kind.label} in {where}" + (f" of {row['date'][:10]}" if row["date"] else "")


async def _settled_by(lane: Lane, kind: Kind, app_id: str, quickbooks_id: str | None) -> tuple[str, ...]:
    if kind not in _SETTLED:
        return ()
    rows = await lane.connection.fetch(QUERIES["settled_by"], lane.id, app_id, quickbooks_id or "")
    return tuple(f"payment {row['number']}" for row in rows)
