"""QuickBooks' own lists, read for mappings: accounts, classes, terms, tax codes, payment methods, departments."""

from dataclasses import dataclass

from qbsync_qbo_worker.mapping.values import Json, present
from qbsync_shared.kinds import Kind


@dataclass(frozen=True)
class ListKind:
    """One list: its resource and how a record of it reads."""

    kind: Kind
    resource: str

    def read(self, record: Json) -> Json:
        """The entry as the contract has it."""
        extra = {
            "type": record.get("AccountType") if self.kind is Kind.ACCOUNT else None,
            "number": record.get("AcctNum") if self.kind is Kind.ACCOUNT else None,
            "due_days": record.get("DueDays") if self.kind is Kind.TERM else None,
            "taxable": record.get("Taxable") if self.kind is Kind.TAX_CODE else None,
        }
        name = record.get("FullyQualifiedName") or record.get("Name")
        return {"kind": self.kind.value} | present(
            {"name": name, "active": record.get("Active", True), **extra}
        )


LISTS = (
    ListKind(Kind.ACCOUNT, "Account"),
    ListKind(Kind.CLASS, "Class"),
    ListKind(Kind.TERM, "Term"),
    ListKind(Kind.TAX_CODE, "TaxCode"),
    ListKind(Kind.PAYMENT_METHOD, "PaymentMethod"),
    ListKind(Kind.DEPARTMENT, "Department"),
)
