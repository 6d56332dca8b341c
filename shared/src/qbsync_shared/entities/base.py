"""What all entities have in common."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from qbsync_shared.ids import AppId, EntityKey
from qbsync_shared.kinds import Kind

Revision = Annotated[str, StringConstraints(pattern=r"^\d{1,18}$")]
"""The app's revision of an entity: a whole number in a string that grows with every change."""

Text = Annotated[str, StringConstraints(max_length=4000)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=500)]


Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
"""ISO 4217. A currency other than the company's is refused before approval."""


class Part(BaseModel):
    """A frozen piece of an entity; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)


class Reference(Part):
    """A record of the app by ``app_id``, or an entry of QuickBooks' own lists by ``name`` or ``quickbooks_id``.

    An entity that comes from QuickBooks carries all that is known.
    """

    app_id: AppId | None = None
    name: Name | None = None
    quickbooks_id: Name | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.app_id or self.name or self.quickbooks_id):
            raise ValueError("a reference needs app_id, name or quickbooks_id")
        return self


class Address(Part):
    """A postal address."""

    line1: Text | None = None
    line2: Text | None = None
    line3: Text | None = None
    line4: Text | None = None
    line5: Text | None = None
    city: Text | None = None
    state: Text | None = None
    postal_code: Text | None = None
    country: Text | None = None


class Entity(Part):
    """One business record of a kind, as the app hands it over or as it is read from QuickBooks."""

    refers_to: ClassVar[dict[str, Kind]] = {}
    """Field (``customer``, ``lines.item``) -> kind of the record that it refers to by app id."""

    uses_lists: ClassVar[dict[str, Kind]] = {}
    """Field (``terms``, ``lines.tax_code``) -> which of QuickBooks' own lists it names an entry of."""

    app_id: AppId | None = None
    revision: Revision | None = None

    @property
    def of_kind(self) -> Kind:
        """The entity's kind."""
        return Kind(str(getattr(self, "kind")))  # noqa: B009 - each subclass pins its own literal

    @property
    def label(self) -> str:
        """The name or number by which a person knows it."""
        return self.app_id or ""

    @property
    def amount(self) -> Decimal | None:
        """What it is worth, for kinds that are worth something."""
        return None

    def to_json(self) -> dict[str, Any]:
        """The entity as JSON values; fields without a value are left out."""
        return self.model_dump(mode="json", exclude_none=True, by_alias=True)

    def references(self) -> Iterator[tuple[str, Kind, Reference]]:
        """Every reference to a record of the app: field, kind, reference."""
        for path, kind in self.refers_to.items():
            for reference in _walk(self, path.split(".")):
                yield path, kind, reference

    def list_entries(self) -> Iterator[tuple[str, Kind, Reference]]:
        """Every reference to an entry of one of QuickBooks' lists: field, kind, reference."""
        for path, kind in self.uses_lists.items():
            for reference in _walk(self, path.split(".")):
                yield path, kind, reference

    def depends_on(self) -> tuple[EntityKey, ...]:
        """The records of the app that must be in QuickBooks before this one, each once, in order."""
        keys = (EntityKey(kind, ref.app_id) for _, kind, ref in self.references() if ref.app_id)
        return tuple(dict.fromkeys(keys))


def _walk(value: Any, path: list[str]) -> Iterator[Reference]:
    if isinstance(value, tuple):
        for member in value:
            yield from _walk(member, path)
    elif isinstance(value, Reference):
        yield value
    elif value is not None and path:
        yield from _walk(getattr(value, path[0]), path[1:])
