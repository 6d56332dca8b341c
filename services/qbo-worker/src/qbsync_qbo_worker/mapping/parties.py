"""Whom a document is about: QuickBooks names a job and its customer in one reference."""

from typing import Any

from qbsync_qbo_worker.mapping.values import Json, reference_in, reference_out
from qbsync_shared.entities import Reference


def customer_out(customer: Reference | None, job: Reference | None) -> Json | None:
    """The job where there is one, which is a sub-customer; else the customer."""
    return reference_out(job or customer)


def customer_in(record: Json) -> dict[str, Any]:
    """The fields ``customer`` and ``job``; the name of a sub-customer has its customer before the colon."""
    found = reference_in(record.get("CustomerRef"))
    if found is not None and ":" in found.get("name", ""):
        return {"customer": {"name": found["name"].rsplit(":", 1)[0]}, "job": found}
    return {"customer": found}
