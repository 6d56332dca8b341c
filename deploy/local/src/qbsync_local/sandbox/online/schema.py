"""The property tables of the simulated company: which entities exist and what may stand in them (`schema.toml`)."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Property:
    """One JSON property. `form` is a scalar form, `ref`, `enum` or the name of a type; `limit` counts characters."""

    name: str
    form: str
    many: bool = False
    limit: int = 0
    target: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EntityType:
    """One entity: its address, its properties and the few facts that rules and queries ask for."""

    name: str
    path: str
    properties: Mapping[str, Property]
    list: bool = False
    label: str = ""
    party: str = ""
    sequence: str = "transactions"
    required: tuple[str, ...] = ()
    required_sparse: tuple[str, ...] = ()
    readonly: frozenset[str] = frozenset()
    operations: frozenset[str] = frozenset({"create", "update", "read", "query"})
    feature: tuple[str, ...] = ()

    @property
    def transaction(self) -> bool:
        """Whether it is dated money (its deletion removes it), not a list record."""
        return "TotalAmt" in self.properties


@dataclass(frozen=True, slots=True)
class Schema:
    """All entities by name and by path, and the types inside them."""

    entities: Mapping[str, EntityType]
    types: Mapping[str, Mapping[str, Property]]
    paths: Mapping[str, EntityType] = field(default_factory=dict)


@cache
def schema() -> Schema:
    """Read `schema.toml` once."""
    text = files("qbsync_local.sandbox.online").joinpath("schema.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    entities = {name: _entity(name, table, tables["groups"]) for name, table in tables["entities"].items()}
    types = {name: _properties(table) for name, table in tables["types"].items()}
    return Schema(entities, types, {entity.path: entity for entity in entities.values()})


def _entity(name: str, table: Mapping[str, Any], groups: Mapping[str, Mapping[str, str]]) -> EntityType:
    forms: dict[str, str] = {}
    for group in table["groups"]:
        forms |= groups[group]
    forms |= table.get("properties", {})
    listed = bool(table.get("list", False))
    return EntityType(
        name=name,
        path=table["path"],
        properties=_properties(forms),
        list=listed,
        label=table.get("label", ""),
        party=table.get("party", ""),
        sequence=table.get("sequence", name if listed else "transactions"),
        required=tuple(table.get("required", ())),
        required_sparse=tuple(table.get("required_sparse", ())),
        readonly=frozenset(table.get("readonly", ())),
        operations=frozenset(table.get("operations", ("create", "update", "read", "query"))),
        feature=tuple(table.get("feature", ())),
    )


def _properties(forms: Mapping[str, str]) -> dict[str, Property]:
    return {name: _property(name, form) for name, form in forms.items()}


def _property(name: str, text: str) -> Property:
    words = text.split()
    many = words[0] == "many"
    form, *rest = words[1:] if many else words
    argument = rest[0] if rest else ""
    return Property(
        name=name,
        form=form,
        many=many,
        limit=int(argument) if form == "text" else 0,
        target=argument if form == "ref" else "",
        choices=tuple(argument.split("|")) if form == "enum" else (),
    )
