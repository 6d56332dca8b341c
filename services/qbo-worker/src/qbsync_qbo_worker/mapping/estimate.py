"""Estimate."""

from qbsync_qbo_worker.mapping.sales import sale
from qbsync_shared.kinds import Kind

MAPPER = sale(Kind.ESTIMATE, "Estimate", ("due_date", "terms"))
