"""Employee: read from QuickBooks only."""

from collections.abc import Collection, Mapping

from qbsync_qbo_worker.mapping.base import IncompleteError, Mapper
from qbsync_qbo_worker.mapping.contacts import contact_in
from qbsync_qbo_worker.mapping.values import Json, address_in, present
from qbsync_shared.entities import Employee
from qbsync_shared.kinds import Kind

KIND = Kind.EMPLOYEE


def write(entity: Employee, fields: Collection[str], lines: Mapping[str, str], *, creating: bool) -> Json:
    """Refuse: employees are kept in QuickBooks (contract, section 2).

    Raises:
        IncompleteError: always.
    """
    del entity, fields, lines, creating
    raise IncompleteError("Employees are read from QuickBooks and never written. Make the change there.")


def read(record: Json) -> Json:
    """The entity as QuickBooks holds it."""
    return {"kind": KIND.value} | present(
        {**contact_in(record), "billing_address": address_in(record.get("PrimaryAddr"))}
    )


MAPPER = Mapper(kind=KIND, resource="Employee", write=write, read=read, found_by="DisplayName")
