"""The REST API of QuickBooks Online: calls, answers, faults."""

from qbsync_qbo_worker.quickbooks.answers import Answer, Fault, read_answer
from qbsync_qbo_worker.quickbooks.client import Call, QuickBooksClient

__all__ = ["Answer", "Call", "Fault", "QuickBooksClient", "read_answer"]
