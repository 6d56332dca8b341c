"""Sales receipts. Without ``deposit_to`` QuickBooks puts the money into Undeposited Funds."""

from qbsync_qbwc_gateway.mapping.sales import sale
from qbsync_shared.entities import SalesReceipt
from qbsync_shared.kinds import Kind

SALES_RECEIPT = sale(Kind.SALES_RECEIPT, "SalesReceipt", SalesReceipt)
