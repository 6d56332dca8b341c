"""Purchase order."""

from qbsync_qbo_worker.mapping.purchases import purchase
from qbsync_shared.kinds import Kind

MAPPER = purchase(Kind.PURCHASE_ORDER, "PurchaseOrder", is_order=True)
