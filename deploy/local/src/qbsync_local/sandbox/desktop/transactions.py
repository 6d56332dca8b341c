"""Add, change, void and delete transactions: headers, lines with their TxnLineID, totals and open balances."""

from decimal import Decimal

from qbsync_local.sandbox.desktop import payments, sales
from qbsync_local.sandbox.desktop.company import Company
from qbsync_local.sandbox.desktop.data import Content
from qbsync_local.sandbox.desktop.kinds import KINDS, SALES_KINDS, Kind
from qbsync_local.sandbox.desktop.statuses import RequestRefusedError, missing, not_enabled, not_found
from qbsync_local.sandbox.desktop.store import Record

NEW_LINE = "-1"
NUMBERED = ("Invoice", "Estimate", "SalesReceipt", "CreditMemo", "PurchaseOrder")
WITH_ADDRESS = ("Invoice", "Estimate", "SalesReceipt", "CreditMemo")
GROUP_LINES = (*(f"{kind}LineGroupRet" for kind in (*SALES_KINDS, "PurchaseOrder")), "ItemGroupLineRet")


def add_transaction(company: Company, kind: Kind, content: Content) -> Record:
    """Add a transaction. Raises RequestRefusedError 3140, 3150, 3171, 3210, 3230, 3250."""
    company.resolve(content, kind)
    if any(content.get(name) for name in GROUP_LINES):
        raise not_enabled()
    content["TxnDate"] = content.get("TxnDate") or company.clock.today()
    company.check_open_period(content["TxnDate"], 3171)
    record = company.new_record(kind, content)
    for name in kind.lines:
        for line in content.get(name, []):
            _number_line(company, name, line)
    _header_defaults(company, kind, content)
    if kind.name in NUMBERED and "RefNumber" not in content:
        content["RefNumber"] = str(company.store.next_number(f"number_{kind.name}", 1001))
    if kind.name == "ReceivePayment":
        payments.apply(company, record)
    _settle(company, kind, record)
    return record


def change_transaction(company: Company, kind: Kind, content: Content) -> Record:
    """Apply a Mod. Lines, where any is given, are the whole new list: unnamed ones are dropped, `-1` is new.

    Raises RequestRefusedError 3000, 3120, 3171, 3200, 3290 (a line that is not of this transaction) and as above.
    """
    record = company.current(kind, content.pop("TxnID"), content.pop("EditSequence"))
    if any(content.get(name) for name in GROUP_LINES):
        raise not_enabled()
    company.resolve(content, kind)
    company.check_open_period(record.txn_date, 3171)
    company.check_open_period(content.get("TxnDate"), 3171)
    if kind.name == "ReceivePayment":
        payments.unapply(company, record)
    for name in kind.lines:
        block = {"ExpenseLineRet": "ClearExpenseLines", "ItemLineRet": "ClearItemLines"}.get(name, "")
        if content.pop(block, "") in ("true", "1"):
            record.content[name] = []
        if name in content:
            given = content.pop(name)
            record.content[name] = (
                given if kind.name == "ReceivePayment" else _merge_lines(company, name, record, given)
            )
    if "TermsRef" in content and "DueDate" not in content:
        record.content.pop("DueDate", None)
    for name, value in content.items():
        if value in ("", {}):
            record.content.pop(name, None)
        else:
            record.content[name] = value
    if kind.name == "ReceivePayment":
        payments.apply(company, record)
    _settle(company, kind, record)
    return record


def void_transaction(company: Company, kind_name: str, identifier: str) -> Record:
    """Void: the transaction stays, its amounts become zero, payments on it become unapplied. Raises 3000, 3120, 3161."""
    kind = KINDS.get(kind_name)
    if kind is None:
        raise not_found(identifier)
    record = company.current(kind, identifier)
    company.check_open_period(record.txn_date, 3161)
    payments.release(company, record)
    record = company.current(kind, identifier)
    for name in kind.lines:
        for line in record.content.get(name, []):
            line.update({part: "0.00" for part in ("Amount", "Rate", "Cost") if part in line})
            line.pop("RatePercent", None)
            line["Quantity"] = "0"
    memo = record.content.get("Memo", "")
    if not memo.startswith("VOID:"):
        record.content["Memo"] = f"VOID: {memo}".strip()
    record.content["_void"] = "true"
    _settle(company, kind, record)
    return record


def delete_transaction(company: Company, kind_name: str, identifier: str) -> Record:
    """Delete; what was paid by it is open again, what had paid it becomes unapplied. Raises 3000, 3120, 3161."""
    kind = KINDS.get(kind_name)
    if kind is None or kind.is_list:
        raise not_found(identifier)
    record = company.current(kind, identifier)
    company.check_open_period(record.txn_date, 3161)
    if kind.name == "ReceivePayment":
        payments.unapply(company, record)
    payments.release(company, record)
    company.store.delete(record, company.clock.wall())
    return record


def _number_line(company: Company, block: str, line: Content) -> None:
    if block != "AppliedToTxnRet":
        line["TxnLineID"] = f"{company.store.next_number('line_id', 0x1B0):X}-{company.clock.utc_seconds()}"


def _merge_lines(company: Company, block: str, record: Record, given: list[Content]) -> list[Content]:
    old = {line["TxnLineID"]: line for line in record.content.get(block, [])}
    merged = []
    for line in given:
        identifier = line.pop("TxnLineID")
        if identifier == NEW_LINE:
            _number_line(company, block, line)
            merged.append(line)
            continue
        if identifier not in old:
            raise RequestRefusedError(
                3290,
                f'The transaction line "{identifier}" is not a line of this transaction, or stands there twice.',
            )
        merged.append(_merge_line(old.pop(identifier), line))
    return merged


def _merge_line(old: Content, given: Content) -> Content:
    """A changed line. What follows from a changed field is computed anew."""
    kept = dict(old)
    if "ItemRef" in given and given["ItemRef"] != old.get("ItemRef"):
        for name in ("Desc", "Rate", "Cost", "Amount", "SalesTaxCodeRef", "RatePercent"):
            kept.pop(name, None)
    if "Amount" in given:
        kept.pop("Rate", None)
        kept.pop("Cost", None)
    elif {"Quantity", "Rate", "Cost", "RatePercent"} & given.keys():
        kept.pop("Amount", None)
    for name, value in given.items():
        if value in ("", {}):
            kept.pop(name, None)
        else:
            kept[name] = value
    return kept


def _header_defaults(company: Company, kind: Kind, content: Content) -> None:
    party = company.referred(content, kind.party)
    theirs = party.content if party else {}
    fields = {field.name for field in company.schema.order(kind.ret)}
    if "TermsRef" in fields and "TermsRef" not in content and theirs.get("TermsRef"):
        content["TermsRef"] = theirs["TermsRef"]
    for name in ("BillAddress", "ShipAddress") if kind.name in WITH_ADDRESS else ():
        if name not in content and theirs.get(name):
            content[name] = theirs[name]
    accounts = {
        "ARAccountRef": "Accounts Receivable",
        "APAccountRef": "Accounts Payable",
        "DepositToAccountRef": "Undeposited Funds",
    }
    for name, account in accounts.items():
        if name in fields and not content.get(name):
            content[name] = company.reference_to(("Account",), account)
    for name in (
        "IsPending",
        "IsFinanceCharge",
        "IsToBePrinted",
        "IsToBeEmailed",
        "IsManuallyClosed",
        "IsFullyReceived",
    ):
        if name in fields:
            content.setdefault(name, "false")
    if kind.name == "Estimate":
        content.setdefault("IsActive", "true")
    if kind.name in ("Invoice", "SalesReceipt", "CreditMemo"):
        content["ShipDate"] = content.get("ShipDate") or content["TxnDate"]


def _settle(company: Company, kind: Kind, record: Record) -> None:
    """Compute totals and what is open, and save."""
    content = record.content
    for field in company.schema.order(f"{kind.name}Add"):
        if field.minimum and field.aggregate and not content.get(field.name) and field.name.endswith("Ref"):
            raise missing(field.name)
    if "DueDate" not in content and company.schema.field(kind.ret, "DueDate"):
        content["DueDate"] = sales.due_date(company, content)
    if kind.name in SALES_KINDS:
        _settle_sale(company, kind, record)
    elif kind.name == "PurchaseOrder":
        content["TotalAmount"] = sales.amount(
            sales.price_lines(company, content.get("PurchaseOrderLineRet", []), cost=True)
        )
    elif kind.name == "Bill":
        _settle_bill(company, record)
    elif kind.name == "ReceivePayment":
        record.open = _negative(content["UnusedPayment"])
    party = content.get(kind.party)
    record.party = party.get("ListID") if isinstance(party, dict) else None
    record.ref_number = content.get("RefNumber") or None
    record.txn_date = content["TxnDate"]
    company.save(record)


def _settle_sale(company: Company, kind: Kind, record: Record) -> None:
    content = record.content
    lines = content.get(kind.lines[0], [])
    subtotal = sales.price_lines(company, lines)
    tax = sales.set_sales_tax(company, content, lines, company.referred(content, "CustomerRef"))
    total = subtotal + tax
    content["Subtotal"] = sales.amount(subtotal)
    if kind.name == "Invoice":
        payments.set_balance(record, total)
        return
    content["TotalAmount"] = sales.amount(total)
    if kind.name == "CreditMemo":
        content["CreditRemaining"] = sales.amount(total)
        record.open = _negative(content["CreditRemaining"])


def _settle_bill(company: Company, record: Record) -> None:
    content = record.content
    items = sales.price_lines(company, content.get("ItemLineRet", []), cost=True, rate_name="Cost")
    expenses = Decimal(0)
    for line in content.get("ExpenseLineRet", []):
        if not line.get("AccountRef"):
            raise missing("AccountRef")
        line["Amount"] = sales.amount(sales.decimal(line, "Amount") or Decimal(0))
        expenses += Decimal(line["Amount"])
    due = items + expenses
    content["AmountDue"] = content["OpenAmount"] = sales.amount(due)
    content["IsPaid"] = "true" if due == 0 else "false"
    record.open = str(Decimal(content["OpenAmount"])) if due else "0"


def _negative(value: str) -> str:
    return str(-Decimal(value)) if Decimal(value) else "0"
