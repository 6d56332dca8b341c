"""Employees: read, and linked to the app's. qbsync never writes one, for payroll hangs on them."""

from typing import Any

from lxml import etree

from qbsync_qbwc_gateway.mapping import names
from qbsync_qbwc_gateway.mapping.base import Mapper, NotSupportedError
from qbsync_qbwc_gateway.qbxml.writer import Request
from qbsync_shared.entities import Employee
from qbsync_shared.kinds import Kind


def _refuse(*_: Any) -> Request:
    raise NotSupportedError("Employees are made and changed in QuickBooks, not from the app.")


def _read(ret: etree._Element) -> Employee:
    known = names.read_contact(ret, address="EmployeeAddress")
    return Employee(**{name: known[name] for name in known if name in Employee.model_fields})


EMPLOYEE = Mapper(
    kind=Kind.EMPLOYEE,
    records=frozenset({"EmployeeRet"}),
    create=_refuse,
    update=_refuse,
    by_id=lambda quickbooks_id: names.by_id("EmployeeQueryRq", quickbooks_id),
    by_name=lambda entity: names.by_name("EmployeeQueryRq", entity.name),
    read=_read,
)
