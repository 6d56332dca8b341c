"""Invoices."""

from qbsync_qbwc_gateway.mapping.sales import sale
from qbsync_shared.entities import Invoice
from qbsync_shared.kinds import Kind

INVOICE = sale(Kind.INVOICE, "Invoice", Invoice)
