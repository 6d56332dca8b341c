"""One module per kind: the contract's entity to QuickBooks Online's JSON and back, pure functions."""

from collections.abc import Collection, Mapping

from qbsync_qbo_worker.mapping import (
    bill,
    credit_memo,
    customer,
    employee,
    estimate,
    invoice,
    item,
    job,
    payment,
    purchase_order,
    refund_receipt,
    sales_receipt,
    time_entry,
    vendor,
)
from qbsync_qbo_worker.mapping.base import IncompleteError, Json, Mapper
from qbsync_shared.entities import Entity
from qbsync_shared.kinds import Kind

__all__ = ["MAPPERS", "IncompleteError", "Json", "Mapper", "payload_of"]

_MODULES = (
    customer,
    job,
    vendor,
    employee,
    item,
    estimate,
    invoice,
    sales_receipt,
    credit_memo,
    refund_receipt,
    payment,
    purchase_order,
    bill,
    time_entry,
)

MAPPERS: dict[Kind, Mapper] = {module.MAPPER.kind: module.MAPPER for module in _MODULES}


def payload_of(entity: Entity, fields: Collection[str], lines: Mapping[str, str], *, creating: bool) -> Json:
    """What to send for an entity.

    Raises:
        KeyError: the kind has no mapper.
        IncompleteError: QuickBooks demands what the entity does not have.
    """
    return MAPPERS[entity.of_kind].write(entity, fields, lines, creating=creating)
