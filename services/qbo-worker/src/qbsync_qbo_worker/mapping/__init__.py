"""One module per kind: the contract's entity to QuickBooks Online's JSON and back, pure functions."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from qbsync_qbo_worker.mapping import customer, invoice, item, job
from qbsync_shared.entities import Entity
from qbsync_shared.kinds import Kind

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Mapper:
    """How one kind is written and read.

    ``write(entity, fields, lines, creating=...)`` gives the properties to send, without Id, SyncToken and sparse;
    ``read(record)`` gives the contract's entity as JSON values.
    """

    kind: Kind
    resource: str
    write: Callable[..., Json]
    read: Callable[[Json], Json]


def _mapper(module: Any) -> Mapper:
    return Mapper(kind=module.KIND, resource=module.RESOURCE, write=module.write, read=module.read)


MAPPERS: dict[Kind, Mapper] = {mapper.kind: mapper for mapper in map(_mapper, (customer, job, item, invoice))}


def payload_of(entity: Entity, fields: Collection[str], lines: Mapping[str, str], *, creating: bool) -> Json:
    """What to send for an entity.

    Raises:
        KeyError: the kind has no mapper.
    """
    return MAPPERS[entity.of_kind].write(entity, fields, lines, creating=creating)
