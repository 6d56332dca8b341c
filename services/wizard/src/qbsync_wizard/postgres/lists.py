"""QuickBooks' own lists, the app's words for their entries, and what an admin chose for items."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from qbsync_shared.kinds import Kind
from qbsync_shared.messages import QuickBooksEntityChanged
from qbsync_shared.postgres import Connection
from qbsync_wizard.domain.company import Entry
from qbsync_wizard.domain.records import Json
from qbsync_wizard.postgres.repository import QUERIES, Row


async def put_entry(connection: Connection, message: QuickBooksEntityChanged) -> bool:
    """Store an entry of a list. True: it is new, or changed in what matters here."""
    entity = message.entity or {}
    changed: bool | None = await connection.fetchval(
        QUERIES["put_list_entry"],
        message.tenant,
        message.kind.value,
        message.quickbooks_id,
        message.version,
        str(entity.get("name") or ""),
        bool(entity.get("active", True)),
        message.deleted,
        message.entity,
    )
    return bool(changed)


def _entry(row: Row) -> Entry:
    return Entry(
        kind=Kind(row["kind"]),
        quickbooks_id=row["quickbooks_id"],
        name=row["name"],
        active=row["active"],
        entity=row["entity"],
    )


async def read_lists(connection: Connection, tenant_id: str) -> dict[Kind, int]:
    """Which lists were read, with how many usable entries."""
    rows = await connection.fetch(QUERIES["lists_read"], tenant_id)
    return {Kind(row["kind"]): row["count"] for row in rows}


async def find(
    connection: Connection, tenant_id: str, wanted: Iterable[tuple[Kind, str | None, str | None]]
) -> list[Entry]:
    """Entries by (list, name, id), where one of both is given."""
    asked = list(dict.fromkeys(wanted))
    if not asked:
        return []
    kinds = [kind.value for kind, _, _ in asked]
    rows = await connection.fetch(
        QUERIES["find_entries"],
        tenant_id,
        kinds,
        [name for _, name, _ in asked],
        [one for _, _, one in asked],
    )
    return [_entry(row) for row in rows]


async def entries(connection: Connection, tenant_id: str, kind: Kind) -> list[Entry]:
    """A list for choosing from: active entries by name."""
    rows = await connection.fetch(QUERIES["list_entries"], tenant_id, kind.value)
    return [_entry(row) for row in rows]


async def put_words(
    connection: Connection, tenant_id: str, words: Sequence[tuple[Kind, str]], *, at: datetime
) -> None:
    """Remember the words that the app uses for entries of lists."""
    if words:
        kinds, texts = [kind.value for kind, _ in words], [word for _, word in words]
        await connection.execute(QUERIES["put_words"], tenant_id, kinds, texts, at)


@dataclass(frozen=True, kw_only=True)
class Word:
    """A word of the app, and the entry of the same name where there is one."""

    word: str
    same: Entry | None


async def words(connection: Connection, tenant_id: str, kind: Kind) -> list[Word]:
    """The words that the app uses for entries of a list."""
    rows = await connection.fetch(QUERIES["list_words"], tenant_id, kind.value)
    return [Word(word=row["word"], same=_same(kind, row)) for row in rows]


def _same(kind: Kind, row: Row) -> Entry | None:
    if row["quickbooks_id"] is None:
        return None
    return Entry(kind=kind, quickbooks_id=row["quickbooks_id"], name=row["name"], active=row["active"])


@dataclass(frozen=True, kw_only=True)
class ItemChoice:
    """An item of the app that does not say a field itself, and what an admin chose for it."""

    app_id: str
    name: str
    type: str
    quickbooks_id: str | None
    chosen: str | None


async def items(
    connection: Connection, tenant_id: str, field: str, *, q: str = "", limit: int, offset: int = 0
) -> list[ItemChoice]:
    """Items of the app without this field, those without a choice first."""
    word = q.strip().lower().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    pattern = f"%{word}%" if word else None
    rows = await connection.fetch(QUERIES["app_items"], tenant_id, field, pattern, limit, offset)
    return [ItemChoice(**dict(row)) for row in rows]


async def choices_for_items(
    connection: Connection, tenant_id: str, app_ids: Sequence[str]
) -> dict[str, Json]:
    """What an admin chose for these items: app id -> field -> reference."""
    found: dict[str, Json] = {}
    for row in await connection.fetch(QUERIES["item_choices"], tenant_id, list(app_ids)):
        reference = {"quickbooks_id": row["quickbooks_id"], "name": row["name"]}
        found.setdefault(row["app_id"], {})[row["field"]] = reference
    return found


async def choose_for_item(
    connection: Connection, tenant_id: str, app_id: str, field: str, entry: Entry | None
) -> None:
    """Set or take back what an item gets that does not say it itself."""
    if entry is None:
        await connection.execute(QUERIES["drop_item_choice"], tenant_id, app_id, field)
    else:
        await connection.execute(
            QUERIES["put_item_choice"], tenant_id, app_id, field, entry.quickbooks_id, entry.name
        )
