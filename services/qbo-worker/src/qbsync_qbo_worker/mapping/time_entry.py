"""Time entry: a TimeActivity, in hours and whole minutes, of an employee or a vendor."""

from collections.abc import Collection, Mapping
from decimal import ROUND_HALF_UP, Decimal

from qbsync_qbo_worker.mapping.base import IncompleteError, Mapper
from qbsync_qbo_worker.mapping.parties import customer_in, customer_out
from qbsync_qbo_worker.mapping.values import Json, present, reference_in, reference_out
from qbsync_shared.entities import TimeEntry
from qbsync_shared.kinds import Kind

KIND = Kind.TIME_ENTRY
_HOUR = 60


def write(entity: TimeEntry, fields: Collection[str], lines: Mapping[str, str], *, creating: bool) -> Json:
    """The properties of the fields that are to be sent, and who worked.

    Nothing else goes along: BillableStatus said again would let what was billed be billed once more.

    Raises:
        IncompleteError: it names nobody who worked, or is billable and names no customer.
    """
    del lines
    worker = entity.employee or entity.vendor
    if worker is None:
        raise IncompleteError("It does not say who worked. Choose an employee or a vendor in the app.")
    if entity.billable and not (entity.job or entity.customer):
        raise IncompleteError("It is billable and names no customer. Choose one in the app.")
    name = "Employee" if entity.employee else "Vendor"
    minutes = int((entity.hours * _HOUR).quantize(Decimal(1), ROUND_HALF_UP))
    customer = customer_out(entity.customer, entity.job)
    parts: list[tuple[set[str], Json]] = [
        ({"date"}, {"TxnDate": entity.date.isoformat()}),
        ({"hours"}, {"Hours": minutes // _HOUR, "Minutes": minutes % _HOUR}),
        ({"customer", "job"}, {"CustomerRef": customer}),
        ({"item"}, {"ItemRef": reference_out(entity.item)}),
        ({"class"}, {"ClassRef": reference_out(entity.class_)}),
        ({"billable"}, {"BillableStatus": "Billable" if entity.billable else "NotBillable"}),
        ({"notes"}, {"Description": entity.notes or (None if creating else "")}),
    ]
    payload: Json = {"NameOf": name, f"{name}Ref": reference_out(worker)}
    for needs, values in parts:
        if creating or not needs.isdisjoint(fields):
            payload |= values
    return present(payload)


def read(record: Json) -> Json:
    """The entity as QuickBooks holds it. What was already billed counts as billable."""
    minutes = Decimal(record.get("Hours") or 0) * _HOUR + Decimal(record.get("Minutes") or 0)
    hours = (minutes / _HOUR).quantize(Decimal("0.0001")).normalize()
    return {"kind": KIND.value} | present(
        {
            "date": record.get("TxnDate"),
            "hours": format(hours, "f"),
            "employee": reference_in(record.get("EmployeeRef")),
            "vendor": reference_in(record.get("VendorRef")),
            **customer_in(record),
            "item": reference_in(record.get("ItemRef")),
            "class": reference_in(record.get("ClassRef")),
            "billable": record.get("BillableStatus") in ("Billable", "HasBeenBilled"),
            "notes": record.get("Description"),
        }
    )


MAPPER = Mapper(kind=KIND, resource="TimeActivity", write=write, read=read, found_by=None)
