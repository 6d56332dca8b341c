"""Estimates. Their lines have no service date in QuickBooks Desktop."""

from qbsync_qbwc_gateway.mapping.sales import sale
from qbsync_shared.entities import Estimate
from qbsync_shared.kinds import Kind

ESTIMATE = sale(Kind.ESTIMATE, "Estimate", Estimate, dated=False)
