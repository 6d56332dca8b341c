"""Bill: what the company owes a vendor."""

from qbsync_qbo_worker.mapping.purchases import purchase
from qbsync_shared.kinds import Kind

MAPPER = purchase(Kind.BILL, "Bill")
