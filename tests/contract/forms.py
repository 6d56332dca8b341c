"""The forms of fields in the words of the documentation, read off the pydantic models."""

import types
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel

from qbsync_shared.entities.base import Address, Entity, Reference

COMMON = ("kind", "app_id", "revision")
_PLAIN: dict[Any, str] = {str: "text", bool: "yes or no", int: "whole number", date: "date", datetime: "moment", AwareDatetime: "moment"}


def form_of(annotation: Any) -> str:
    """The form of a value: ``text``, ``decimal``, ``date``, ``reference``, ``list of sales line`` ..."""
    origin = get_origin(annotation)
    if origin is Literal:
        return f"`{get_args(annotation)[0]}`"
    if origin in (types.UnionType, Union):
        forms = dict.fromkeys(form_of(member) for member in get_args(annotation) if member is not type(None))
        return next(iter(forms)) if len(forms) == 1 else "entity"
    if origin is tuple:
        return f"list of {form_of(get_args(annotation)[0])}"
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if annotation is Decimal:
        return "decimal"
    if origin is dict:
        return "object"
    if hasattr(annotation, "__metadata__"):
        return form_of(get_args(annotation)[0])
    if issubclass(annotation, Enum):
        return "word"
    assert issubclass(annotation, BaseModel)
    return {Reference: "reference", Address: "address"}.get(annotation, _words(annotation.__name__))


def _words(name: str) -> str:
    return "".join(f" {char.lower()}" if char.isupper() else char for char in name).strip()


def fields_of(model: type[BaseModel]) -> Iterator[tuple[str, str, bool]]:
    """Name as in JSON, form, and whether it must be there, of every field but those of every record."""
    names = [name for name in model.model_fields if name not in COMMON or not issubclass(model, Entity)]
    for name in names:
        field = model.model_fields[name]
        yield field.alias or name, form_of(field.annotation), field.is_required()
