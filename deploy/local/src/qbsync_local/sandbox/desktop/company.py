"""A company file: its records, ids, versions and references. What requests do with them is in the modules beside."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qbsync_local.sandbox.desktop.data import Content
from qbsync_local.sandbox.desktop.kinds import KINDS, Kind, reference_kinds, reference_word
from qbsync_local.sandbox.desktop.statuses import (
    RequestRefusedError,
    bad_parent,
    bad_reference,
    malformed_id,
    name_in_use,
    not_enabled,
    not_found,
    stale,
)
from qbsync_local.sandbox.desktop.store import Record, Store
from qbsync_local.sandbox.desktop.times import PcClock
from qbsync_shared.qbxml import Schema, load_elements

_ID = re.compile(r"[0-9A-F]{1,8}-[0-9]{1,10}")


class Company:
    """An open company file. All changes go through `save` and `remove`, inside a transaction of the store."""

    def __init__(self, store: Store, clock: PcClock, schema: Schema | None = None) -> None:
        self.store = store
        self.clock = clock
        self.schema = schema or load_elements()

    @property
    def path(self) -> Path:
        """The file on this machine."""
        return self.store.path

    @property
    def name(self) -> str:
        """The company's name."""
        return self.store.meta("company_name", "Sample Company")

    @property
    def file_name(self) -> str:
        """The path QuickBooks would tell: `C:\\Users\\Public\\...\\Oak Landscaping.QBW`."""
        return self.store.meta("file_name", f"C:\\QuickBooks\\{self.name}.QBW")

    def flag(self, name: str) -> bool:
        """A preference that is on or off."""
        return self.store.meta(name, "true") == "true"

    # ids and versions

    def new_record(self, kind: Kind, content: Content) -> Record:
        """A record with a fresh id in QuickBooks' shape; not saved yet."""
        number = self.store.next_number("list_id" if kind.is_list else "txn_id", 1 if kind.is_list else 0x1A0)
        prefix = f"8{number:07X}" if kind.is_list else f"{number:X}"
        now = self.clock.wall()
        identifier = f"{prefix}-{self.clock.utc_seconds()}"
        record = Record(identifier, kind.name, now, now, 0, content, names=kind.names)
        if not kind.is_list:
            content["TxnNumber"] = str(self.store.next_number("txn_number"))
        return record

    def save(self, record: Record) -> None:
        """Write the record with a grown EditSequence and a new TimeModified. Raises RequestRefusedError 3100."""
        record.modified = self.clock.wall()
        record.edit_sequence = max(record.edit_sequence + 1, self.clock.utc_seconds())
        self.keep(record)

    def keep(self, record: Record) -> None:
        """Write the record without a new version: what changed is not its own."""
        record.references = set(_targets(record.content))
        try:
            self.store.put(record)
        except sqlite3.IntegrityError as error:
            raise name_in_use(record.full_name) from error

    def current(self, kind: Kind, identifier: str, sequence: str | None = None) -> Record:
        """The record to change. Raises 3000 for a malformed id, 3120 for an unknown one, 3200 for an old sequence."""
        self.check_id(identifier, kind.id_name)
        record = self.store.get(identifier)
        if record is None or record.kind != kind.name:
            raise not_found(identifier)
        if sequence is not None and sequence != str(record.edit_sequence):
            raise stale(sequence)
        return record

    def check_id(self, identifier: str, field: str) -> None:
        """Raises 3000 unless the id has QuickBooks' shape."""
        if _ID.fullmatch(identifier) is None:
            raise malformed_id(identifier, field)

    # references

    def find(self, kinds: tuple[str, ...], name: str) -> Record | None:
        """A list element of one of these kinds by its full name."""
        for names in dict.fromkeys(KINDS[kind].names for kind in kinds):
            record = self.store.by_name(names, name)
            if record is not None and record.kind in kinds:
                return record
        return None

    def resolve(self, content: Content, kind: Kind) -> None:
        """Turn every reference in the content into one by ListID, all the way down.

        Raises 3140 for a record that does not exist, 3130 for a parent, 3000 for a malformed id, 3250 for a list
        that this company does not use.
        """
        for name, value in list(content.items()):
            if name.endswith("Ref") and isinstance(value, dict):
                content[name] = self._reference(name, value, kind)
                continue
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, dict):
                    self.resolve(part, kind)

    def _reference(self, name: str, value: Content, kind: Kind) -> Content:
        identifier, full_name = value.get("ListID", ""), value.get("FullName", "")
        if not identifier and not full_name:
            return {}
        kinds = reference_kinds(name, kind.name)
        if not kinds:
            raise not_enabled()
        if identifier:
            self.check_id(identifier, name)
            record = self.store.get(identifier)
        else:
            record = self.find(kinds, full_name)
        if record is None or record.kind not in kinds:
            shown = full_name or identifier
            if name == "ParentRef":
                raise bad_parent(shown, kind.name)
            raise bad_reference(reference_word(name), shown, kind.name)
        return {"ListID": record.id}

    def referred(self, content: Content, name: str) -> Record | None:
        """The record behind a resolved reference of the content."""
        target = content.get(name)
        identifier = target.get("ListID") if isinstance(target, dict) else None
        return self.store.get(identifier) if identifier else None

    def reference_to(self, kinds: tuple[str, ...], name: str) -> Content | None:
        """A reference to a list element that QuickBooks uses by itself, such as the default account."""
        record = self.find(kinds, name)
        return {"ListID": record.id} if record else None

    # closed books

    def check_open_period(self, day: str | None, code: int) -> None:
        """Raises 3161 or 3171 (`code`) for a transaction dated on or before the closing date."""
        closing = self.store.meta("closing_date")
        if closing and day and day <= closing:
            raise RequestRefusedError(
                code,
                "There was an error when modifying or deleting a transaction.  QuickBooks error message: The date of this "
                f"transaction is on or before the closing date ({closing}) of this company file.",
            )


def _targets(value: Any) -> Iterator[str]:
    """Ids of all list elements that the content names."""
    if isinstance(value, list):
        for part in value:
            yield from _targets(part)
    elif isinstance(value, dict):
        for name, part in value.items():
            if name.endswith("Ref") and isinstance(part, dict) and part.get("ListID"):
                yield part["ListID"]
            else:
                yield from _targets(part)
