"""Credit memos. They are never applied by themselves: that is for a person in QuickBooks."""

from qbsync_qbwc_gateway.mapping.sales import sale
from qbsync_shared.entities import CreditMemo
from qbsync_shared.kinds import Kind

CREDIT_MEMO = sale(Kind.CREDIT_MEMO, "CreditMemo", CreditMemo)
