"""Vendor. QuickBooks Online keeps no notes of a vendor that its API would show, but it keeps the account number."""

from collections.abc import Collection, Mapping

from qbsync_qbo_worker.mapping.base import Mapper
from qbsync_qbo_worker.mapping.contacts import contact_in, contact_out
from qbsync_qbo_worker.mapping.values import Json, chosen, present, reference_in, reference_out
from qbsync_shared.entities import Vendor
from qbsync_shared.kinds import Kind

KIND = Kind.VENDOR


def write(entity: Vendor, fields: Collection[str], lines: Mapping[str, str], *, creating: bool) -> Json:
    """The properties of the fields that are to be sent."""
    del lines
    values = {"account_number": ("AcctNum", entity.account_number)}
    payload = contact_out(entity, fields, creating=creating) | chosen(values, fields, creating=creating)
    if "terms" in fields and entity.terms:
        payload["TermRef"] = reference_out(entity.terms)
    return payload


def read(record: Json) -> Json:
    """The entity as QuickBooks holds it."""
    return {"kind": KIND.value} | present(
        {
            **contact_in(record),
            "account_number": record.get("AcctNum"),
            "terms": reference_in(record.get("TermRef")),
        }
    )


MAPPER = Mapper(kind=KIND, resource="Vendor", write=write, read=read, found_by="DisplayName")
