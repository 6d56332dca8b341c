"""Job: a sub-customer of QuickBooks Online, billed with its parent."""

from collections.abc import Collection, Mapping

from qbsync_qbo_worker.mapping.base import Mapper
from qbsync_qbo_worker.mapping.contacts import contact_in, contact_out, shipping_out
from qbsync_qbo_worker.mapping.values import Json, address_in, chosen, present, reference_in, reference_out
from qbsync_shared.entities import Job
from qbsync_shared.kinds import Kind

KIND = Kind.JOB


def write(entity: Job, fields: Collection[str], lines: Mapping[str, str], *, creating: bool) -> Json:
    """The properties of the fields that are to be sent."""
    del lines
    payload = (
        contact_out(entity, fields, creating=creating)
        | shipping_out(entity, fields, creating=creating)
        | chosen({"notes": ("Notes", entity.notes)}, fields, creating=creating)
    )
    if creating or "customer" in fields:
        payload |= {"Job": True, "BillWithParent": True, "ParentRef": reference_out(entity.customer)}
    return payload


def read(record: Json) -> Json:
    """The entity as QuickBooks holds it."""
    return {"kind": KIND.value} | present(
        {
            **contact_in(record),
            "customer": reference_in(record.get("ParentRef")),
            "shipping_address": address_in(record.get("ShipAddr")),
            "notes": record.get("Notes"),
        }
    )


MAPPER = Mapper(kind=KIND, resource="Customer", write=write, read=read, found_by="DisplayName")
