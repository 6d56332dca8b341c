"""References between records: app id to QuickBooks id for exports, and back for imports."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from qbsync_shared.connector import repository as store
from qbsync_shared.connector.domain import LinkRow
from qbsync_shared.entities import Entity, Reference
from qbsync_shared.entities.base import Part
from qbsync_shared.ids import EntityKey
from qbsync_shared.kinds import Kind
from qbsync_shared.outcomes import Failed
from qbsync_shared.postgres import Connection

P = TypeVar("P", bound=Part)
Change = Callable[[Kind, Reference], Reference]


async def resolve(connection: Connection, tenant: str, entity: Entity) -> Entity:
    """The entity with QuickBooks' id in every reference to a linked record of the app."""
    return with_quickbooks_ids(entity, await store.links_of(connection, tenant, entity.depends_on()))


def with_quickbooks_ids(entity: Entity, links: Mapping[EntityKey, LinkRow]) -> Entity:
    """The entity with QuickBooks' id in every reference to a record that is in ``links``."""

    def fill(kind: Kind, reference: Reference) -> Reference:
        link = links.get(EntityKey(kind, reference.app_id)) if reference.app_id else None
        if link is None:
            return reference
        return reference.model_copy(update={"quickbooks_id": link.quickbooks_id})

    return _rewrite(entity, entity.refers_to, fill)


async def name_app_ids(connection: Connection, tenant: str, entity: Entity) -> Entity:
    """The entity as read from QuickBooks, with the app id in every reference to a linked record."""
    wanted = [(kind, ref.quickbooks_id) for _, kind, ref in entity.references() if ref.quickbooks_id]
    return with_app_ids(entity, await store.app_ids_of(connection, tenant, wanted))


def with_app_ids(entity: Entity, app_ids: Mapping[tuple[Kind, str], str]) -> Entity:
    """The entity with the app id in every reference to a record of QuickBooks that is in ``app_ids``."""

    def fill(kind: Kind, reference: Reference) -> Reference:
        app_id = app_ids.get((kind, reference.quickbooks_id)) if reference.quickbooks_id else None
        return reference.model_copy(update={"app_id": app_id}) if app_id else reference

    return _rewrite(entity, entity.refers_to, fill)


async def resolve_lists(connection: Connection, tenant: str, entity: Entity) -> Entity | Failed:
    """The entity with QuickBooks' id in every reference to one of its lists.

    Names are looked up in what was read of QuickBooks, through the tenant's mappings; case does not matter.
    """
    row = await connection.fetchrow(store.QUERIES["get_tenant"], tenant)
    mapped = {(one["kind"], one["app_name"]): one for one in (row["mappings"] if row else [])}
    found: dict[tuple[Kind, str], str] = {}
    for path, kind, reference in entity.list_entries():
        if reference.quickbooks_id or not reference.name:
            continue
        mapping = mapped.get((kind.value, reference.name), {})
        name = mapping.get("quickbooks_name") or reference.name
        entry = mapping.get("quickbooks_id") or await connection.fetchval(
            store.QUERIES["find_entry"], tenant, kind.value, name
        )
        if entry is None:
            field = path.replace("class_", "class").replace("_", " ").replace("lines.", "line ")
            why = f"QuickBooks has no {kind.label} “{name}” (field: {field})."
            return Failed(code="QS-NOT-MAPPED", message=why)
        found[kind, reference.name] = entry

    def fill(kind: Kind, reference: Reference) -> Reference:
        entry = found.get((kind, reference.name)) if reference.name else None
        return reference.model_copy(update={"quickbooks_id": entry}) if entry else reference

    return _rewrite(entity, entity.uses_lists, fill)


def _rewrite(entity: Entity, paths: dict[str, Kind], change: Change) -> Entity:
    for path, kind in paths.items():
        entity = _at(entity, path.split("."), kind, change)
    return entity


def _at(part: P, path: list[str], kind: Kind, change: Change) -> P:
    value: Any = getattr(part, path[0])
    if isinstance(value, Reference):
        return part.model_copy(update={path[0]: change(kind, value)})
    if isinstance(value, tuple):
        members = tuple(_at(member, path[1:], kind, change) for member in value)
        return part.model_copy(update={path[0]: members})
    return part
