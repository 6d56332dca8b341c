"""Sales receipt: a sale paid at once."""

from qbsync_qbo_worker.mapping.sales import sale
from qbsync_shared.kinds import Kind

MAPPER = sale(
    Kind.SALES_RECEIPT,
    "SalesReceipt",
    ("method", "deposit_to", "reference_number"),
    void_by_update=True,
)
