"""Customer: a top-level Customer of QuickBooks Online, which keeps no account number of a customer (2010)."""

from collections.abc import Collection, Mapping

from qbsync_qbo_worker.mapping.base import Mapper
from qbsync_qbo_worker.mapping.contacts import contact_in, contact_out, shipping_out, terms_out
from qbsync_qbo_worker.mapping.values import Json, address_in, chosen, present, reference_in, reference_out
from qbsync_shared.entities import Customer
from qbsync_shared.kinds import Kind

KIND = Kind.CUSTOMER


def write(entity: Customer, fields: Collection[str], lines: Mapping[str, str], *, creating: bool) -> Json:
    """The properties of the fields that are to be sent."""
    del lines
    values = {"notes": ("Notes", entity.notes)}
    payload = (
        contact_out(entity, fields, creating=creating)
        | shipping_out(entity, fields, creating=creating)
        | terms_out(entity, fields)
        | chosen(values, fields, creating=creating)
    )
    if "tax_code" in fields and entity.tax_code:
        payload["DefaultTaxCodeRef"] = reference_out(entity.tax_code)
    return payload


def read(record: Json) -> Json:
    """The entity as QuickBooks holds it."""
    return {"kind": KIND.value} | present(
        {
            **contact_in(record),
            "shipping_address": address_in(record.get("ShipAddr")),
            "terms": reference_in(record.get("SalesTermRef")),
            "tax_code": reference_in(record.get("DefaultTaxCodeRef")),
            "notes": record.get("Notes"),
        }
    )


MAPPER = Mapper(kind=KIND, resource="Customer", write=write, read=read, found_by="DisplayName")
