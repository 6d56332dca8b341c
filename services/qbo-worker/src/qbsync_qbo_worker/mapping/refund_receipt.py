"""Refund receipt: money given back, out of an account that QuickBooks wants to know."""

from qbsync_qbo_worker.mapping.base import IncompleteError
from qbsync_qbo_worker.mapping.sales import sale
from qbsync_shared.entities import RefundReceipt
from qbsync_shared.kinds import Kind


def _account_known(entity: RefundReceipt) -> None:
    if entity.deposit_to is None:
        why = "QuickBooks Online wants to know from which account a refund is paid. Choose the account in the app."
        raise IncompleteError(why)


MAPPER = sale(
    Kind.REFUND_RECEIPT,
    "RefundReceipt",
    ("method", "deposit_to"),
    check=_account_known,
    always=("deposit_to",),
)
