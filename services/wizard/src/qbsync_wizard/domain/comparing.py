"""What changed on each side since the last sync."""

from typing import Any

from qbsync_shared.diff import IDENTITY, same
from qbsync_wizard.domain.company import NOTHING_KNOWN, Company, filled, without_filling
from qbsync_wizard.domain.encoding import replaced
from qbsync_wizard.domain.records import AppRecord, Json, LinkRecord, QuickBooksRecord

_REFERENCE = frozenset({"app_id", "name", "quickbooks_id"})
_FIXED = frozenset({"currency"})
"""What QuickBooks never changes of a record, and does not always tell."""
_DEFAULTS = {"active": True, "billable": False}
"""What a field means that is not given."""


def alike(before: Any, after: Any, *, field: str = "") -> bool:
    """Whether two values mean the same; references do when one of their names is the same.

    QuickBooks gives a reference with all names that it has, the app with one of them.
    """
    if _is_reference(before) and _is_reference(after):
        for name in ("app_id", "quickbooks_id", "name"):
            if before.get(name) and after.get(name):
                return bool(before[name] == after[name])
        return False
    if isinstance(before, dict) and isinstance(after, dict):
        return all(alike(before.get(key), after.get(key), field=key) for key in before.keys() | after.keys())
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(alike, before, after))
    return same(before, after, field=field)


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and value.keys() <= _REFERENCE


def differing(before: Json, after: Json, *, only_known: bool = False) -> tuple[str, ...]:
    """The top-level fields that differ, sorted.

    With ``only_known`` a field that ``after`` does not have is no change: that side does not keep it.
    """
    keys = (after.keys() if only_known else before.keys() | after.keys()) - IDENTITY - _FIXED
    return tuple(sorted(key for key in keys if not alike(_value(before, key), _value(after, key), field=key)))


def _value(entity: Json, key: str) -> Any:
    return entity.get(key, _DEFAULTS.get(key))


def app_baseline(app: AppRecord, link: LinkRecord) -> tuple[Json, bool]:
    """What the app's side looked like at the last sync, and whether only fields that the app keeps count."""
    if app.applied is not None and app.applied_seq >= link.seq:
        return app.applied, False
    if link.imported:
        return link.sent, True
    if link.sent:
        return link.sent, False
    return link.returned, True


def as_sent(app: AppRecord, company: Company) -> Json:
    """The app's record as it goes to QuickBooks: with the texts that somebody accepted, and what an admin chose for it."""
    return filled(replaced(app.entity, app.replaced), company)


def app_changes(app: AppRecord, link: LinkRecord, company: Company = NOTHING_KNOWN) -> tuple[str, ...]:
    """The fields that the app changed since the last sync. An accepted replacement and an admin's choice are no change."""
    before, only_known = app_baseline(app, link)
    entity = replaced(app.entity, app.replaced)
    before = without_filling(replaced(before, app.replaced), entity, company)
    return differing(before, entity, only_known=only_known)


def quickbooks_changes(record: QuickBooksRecord, link: LinkRecord) -> tuple[str, ...]:
    """The fields that changed in QuickBooks since the last sync; none where the link is newer than the reading."""
    if record.version < link.version:
        return ()
    return differing(link.returned, record.entity)


def was_applied(imported: Json, fields: tuple[str, ...], before: AppRecord | None, after: Json) -> bool:
    """Whether the app's new content is what an import brought and nothing else.

    Fields that the app does not keep may be missing; those that the import did not touch must not have changed.
    """
    for field in after.keys() - IDENTITY:
        expected = _value(imported, field)
        if field not in fields and before is not None:
            expected = _value(before.entity, field)
        elif field not in imported and before is None:
            continue
        if not alike(expected, after[field], field=field):
            return False
    return True
