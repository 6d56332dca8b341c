"""What QuickBooks Desktop cannot store, and what could stand there instead.

Desktop keeps ISO-8859-1 and turns every other character into a question mark. Nothing is replaced that nobody accepted: a suggestion becomes a
:class:`Replacement`, which is part of what a reviewer approves.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from qbsync_wizard.domain.records import Json

_NOT_OURS = frozenset({"kind", "app_id", "revision", "line_id", "quickbooks_id"})
_REFERENCE = frozenset({"app_id", "name", "quickbooks_id"})
_LINE_BREAKS = "\t\n\r"


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """A text that QuickBooks Desktop cannot store and what goes there instead; ``field`` is dotted: ``lines.description``."""

    field: str
    before: str
    after: str


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text of an entity with its path: ``lines.description``, ``billing_address.city``. References are not ours to judge."""
    if isinstance(value, dict):
        if value and value.keys() <= _REFERENCE:
            return
        for key, inner in value.items():
            if key not in _NOT_OURS:
                yield from texts(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner, path)
    elif isinstance(value, str):
        yield path, value


def unstorable(text: str) -> str:
    """The first character that QuickBooks Desktop cannot store, or nothing."""
    return next((character for character in text if not _is_stored(character)), "")


def _is_stored(character: str) -> bool:
    code = ord(character)
    return 0x20 <= code < 0x7F or 0xA0 <= code <= 0xFF or character in _LINE_BREAKS


def suggest(text: str) -> str | None:
    """The same text in characters that Desktop stores; None where a letter or digit would be lost.

    Quotes, dashes and letters of the Latin script are written in their plain form, signs and pictures are left out.
    """
    written = ""
    for character in unicodedata.normalize("NFC", text):
        found = character if _is_stored(character) else _plain(character)
        if found is None:
            return None
        written += found
    tidy = re.sub(r" {2,}", " ", re.sub(r" +([,.;:)])", r"\1", written)) if written != text else written
    return tidy.strip() or None


@cache
def _written() -> dict[str, str]:
    return tomllib.loads(files("qbsync_wizard.domain").joinpath("plain_text.toml").read_text("utf-8"))


def _plain(character: str) -> str | None:
    known = _written().get(character)
    if known is not None:
        return known
    parts = unicodedata.normalize("NFKD", character)
    kept = "".join(part for part in parts if _is_stored(part))
    if kept.strip() or kept == " ":
        return kept
    is_text = unicodedata.category(character)[0] in "LN"
    return None if is_text else (" " if character.isspace() else "")


def replacements(entity: Json) -> tuple[Replacement, ...]:
    """What could stand instead of each text that Desktop cannot store, where that is possible."""
    found = {}
    for path, text in texts(entity):
        if unstorable(text) and (instead := suggest(text)) is not None:
            found[path, text] = Replacement(field=path, before=text, after=instead)
    return tuple(found.values())


def replaced(entity: Json, instead: Mapping[str, str]) -> Json:
    """The entity with every text that is a key of ``instead`` replaced; ids and references stay."""
    if not instead:
        return entity
    return {key: value if key in _NOT_OURS else _replaced(value, instead) for key, value in entity.items()}


def _replaced(value: Any, instead: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        if value and value.keys() <= _REFERENCE:
            return value
        return replaced(value, instead)
    if isinstance(value, list):
        return [_replaced(inner, instead) for inner in value]
    return instead.get(value, value) if isinstance(value, str) else value
