"""QuickBooks' own lists, read for the mappings: accounts, classes, terms, tax codes, payment methods."""

from collections.abc import Callable

from lxml import etree

from qbsync_qbwc_gateway.mapping.base import is_true
from qbsync_qbwc_gateway.qbxml.reader import value
from qbsync_shared.entities import Account, Class, Entity, PaymentMethod, TaxCode, Term
from qbsync_shared.kinds import Kind


def _name(ret: etree._Element) -> str:
    return value(ret, "FullName") or value(ret, "Name") or "?"


def _active(ret: etree._Element) -> bool:
    return is_true(ret, "IsActive", default=True)


def _account(ret: etree._Element) -> Account:
    return Account(
        name=_name(ret),
        active=_active(ret),
        type=value(ret, "AccountType"),
        number=value(ret, "AccountNumber"),
    )


def _term(ret: etree._Element) -> Term:
    days = value(ret, "StdDueDays")
    return Term(name=_name(ret), active=_active(ret), due_days=int(days) if days else None)


def _tax_code(ret: etree._Element) -> TaxCode:
    taxable = value(ret, "IsTaxable")
    return TaxCode(
        name=_name(ret), active=_active(ret), taxable=None if taxable is None else taxable in ("true", "1")
    )


LISTS: dict[str, tuple[Kind, Callable[[etree._Element], Entity]]] = {
    "AccountRet": (Kind.ACCOUNT, _account),
    "ClassRet": (Kind.CLASS, lambda ret: Class(name=_name(ret), active=_active(ret))),
    "StandardTermsRet": (Kind.TERM, _term),
    "DateDrivenTermsRet": (Kind.TERM, lambda ret: Term(name=_name(ret), active=_active(ret))),
    "SalesTaxCodeRet": (Kind.TAX_CODE, _tax_code),
    "PaymentMethodRet": (
        Kind.PAYMENT_METHOD,
        lambda ret: PaymentMethod(name=_name(ret), active=_active(ret)),
    ),
}
