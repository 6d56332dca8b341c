"""The forms of fields in the words of the documentation, read off the pydantic models."""

import types
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel

from qbsync_shared.entities.base import Entity

COMMON = ("kind", "app_id", "revision")
_PLAIN: dict[Any, str] = {
    str: "text",
    bool: "yes or no",
    int: "whole number",
    Decimal: "decimal",
    date: "date",
    datetime: "moment",
    AwareDatetime: "moment",
    dict: "object",
}


def form_of(annotation: Any) -> str:
    """The form of a value: ``text``, ``decimal``, ``date``, ``reference``, ``list of sales line`` ..."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in _PLAIN or origin in _PLAIN:
        return _PLAIN.get(annotation) or _PLAIN[origin]
    if origin is Literal:
        return f"`{inner[0]}`"
    if origin is tuple:
        return f"list of {form_of(inner[0])}"
    if origin in (types.UnionType, Union):
        forms = {form_of(member) for member in inner if member is not type(None)}
        return forms.pop() if len(forms) == 1 else "entity"
    return form_of(inner[0]) if hasattr(annotation, "__metadata__") else _form_of_class(annotation)


def _form_of_class(annotation: type) -> str:
    return "word" if issubclass(annotation, Enum) else _words(annotation.__name__)


def _words(name: str) -> str:
    return "".join(f" {char.lower()}" if char.isupper() else char for char in name).strip()


def fields_of(model: type[BaseModel]) -> Iterator[tuple[str, str, bool]]:
    """Name as in JSON, form, and whether it must be there, of every field but those of every record."""
    names = [name for name in model.model_fields if name not in COMMON or not issubclass(model, Entity)]
    for name in names:
        field = model.model_fields[name]
        yield field.alias or name, form_of(field.annotation), field.is_required()
