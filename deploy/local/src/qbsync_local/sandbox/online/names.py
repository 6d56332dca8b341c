"""Rules of the name lists: unique names, hierarchies, inactivation that renames."""

from qbsync_local.sandbox.online import faults
from qbsync_local.sandbox.online.books import Books, Draft
from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.jsonio import Json
from qbsync_local.sandbox.online.schema import schema
from qbsync_local.sandbox.online.store import Record

PEOPLE = frozenset({"Customer", "Vendor", "Employee"})
_SUFFIX = " (deleted)"
_CHILD_FLAGS = {
    "Customer": "Job",
    "Item": "SubItem",
    "Account": "SubAccount",
    "Class": "SubClass",
    "Department": "SubDepartment",
}
_DEEPEST = 4  # five levels, the topmost is 0


def name_rules(books: Books, draft: Draft) -> Fault | None:
    """Settle the name, place in the hierarchy and activity of a list record; the first fault, or None."""
    body = draft.body
    body.setdefault("Active", True)
    if draft.entity.name in PEOPLE:
        _default_person(body)
    label = body.get(draft.entity.label)
    if not label:
        if draft.entity.name in PEOPLE:
            return faults.rule("6080", "No name provided", "At least one of the name parts is required.")
        return faults.missing(draft.entity.label)
    forbidden = ':\t\n"' if draft.entity.name == "Account" else ":\t\n"
    if any(sign in label for sign in forbidden):
        return faults.bad_value("2040", "Invalid String", draft.entity.label, label)
    return _place(books, draft) or _activity(books, draft) or _unique(books, draft)


def name_key(draft: Draft) -> str:
    """What must be unique in the company: one space for Customer, Vendor and Employee, one for each other list."""
    space = draft.entity.sequence if draft.entity.name in PEOPLE else draft.entity.name
    name = draft.body.get("FullyQualifiedName") or draft.body[draft.entity.label]
    return f"{space}|{str(name).casefold()}"


def rename_children(books: Books, record: Record) -> None:
    """Give the records below a renamed one their new full names."""
    entity = schema().entities[record.entity]
    for child in books.children(record.entity, record.id):
        full = f"{record.body['FullyQualifiedName']}:{child.body[entity.label]}"
        if child.body.get("FullyQualifiedName") == full:
            continue
        body = child.body | {"FullyQualifiedName": full}
        draft = Draft(entity, body, {}, child, child.id)
        renamed = child.changed(body=body, name_key=name_key(draft), updated=books.store.seconds())
        books.store.put(renamed)
        rename_children(books, renamed)


def _default_person(body: Json) -> None:
    parts = (body.get(part) for part in ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix"))
    composed = " ".join(part for part in parts if part)
    if composed and not body.get("DisplayName"):
        body["DisplayName"] = composed
    if body.get("DisplayName") and not body.get("PrintOnCheckName"):
        body["PrintOnCheckName"] = str(body.get("CompanyName") or body["DisplayName"])[:110]


def _place(books: Books, draft: Draft) -> Fault | None:
    flag = _CHILD_FLAGS.get(draft.entity.name)
    label = draft.body[draft.entity.label]
    if flag is None:
        if "FullyQualifiedName" in draft.entity.properties:
            draft.body["FullyQualifiedName"] = label
        return None
    parent = draft.body.get("ParentRef")
    if parent is None:
        if draft.sent.get(flag):
            return faults.rule(
                "6150", "ParentRef required", f"{flag} is true, so ParentRef is required.", "ParentRef"
            )
        draft.body |= {flag: False, "FullyQualifiedName": label}
        if "Level" in draft.entity.properties:
            draft.body["Level"] = 0
        return None
    level = 0
    above: Record | None = books.find(draft.entity.name, parent["value"])
    full = f"{above.body['FullyQualifiedName']}:{label}" if above else label
    while above is not None:
        if above.id == draft.id:
            return faults.rule("900", "Parent cannot be its own child", "", "ParentRef")
        level += 1
        higher = above.body.get("ParentRef")
        above = books.find(draft.entity.name, higher["value"]) if higher else None
    if level > _DEEPEST:
        return faults.rule(
            "6180", "Sub level limit", "You have exceeded the maximum of 5 levels.", "ParentRef"
        )
    draft.body |= {flag: True, "FullyQualifiedName": full}
    if "Level" in draft.entity.properties:
        draft.body["Level"] = level
    return None


def _activity(books: Books, draft: Draft) -> Fault | None:
    was_active = draft.old is None or bool(draft.old.body.get("Active", True))
    label = str(draft.body[draft.entity.label])
    if draft.body["Active"] and not was_active and label.endswith(")") and _SUFFIX[:-1] in label:
        _relabel(draft, label[: label.rindex(_SUFFIX[:-1])])
    if draft.body["Active"] is False and was_active:
        if draft.old is not None and books.store.open_cents(books.realm, f"{draft.entity.name}:{draft.id}"):
            return faults.rule("6220", "Cannot delete: the name has a balance", "", "Active")
        _relabel(draft, f"{label}{_SUFFIX}")
        count = 0
        while _owner(books, draft) is not None:
            count += 1
            _relabel(draft, f"{label} (deleted-{count})")
    return None


def _relabel(draft: Draft, label: str) -> None:
    old = str(draft.body[draft.entity.label])
    draft.body[draft.entity.label] = label
    full = draft.body.get("FullyQualifiedName")
    if full:
        draft.body["FullyQualifiedName"] = f"{str(full)[: len(str(full)) - len(old)]}{label}"


def _unique(books: Books, draft: Draft) -> Fault | None:
    owner = _owner(books, draft)
    return faults.duplicate_name(owner.id) if owner else None


def _owner(books: Books, draft: Draft) -> Record | None:
    owner = books.owner_of_name(name_key(draft))
    same = owner is not None and owner.entity == draft.entity.name and owner.id == draft.id
    return None if same else owner
