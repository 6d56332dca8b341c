"""What is kept of each call of a session: names, counts, codes and sizes. Contents of records never get in here."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qbsync_qbwc_gateway.qbxml.reader import Responses

_MARK = ' requestID="'


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One call of the Web Connector, as kept. ``took_ms`` is the gateway's own time.

    ``note`` holds what was exchanged: ``received`` and ``answered`` (characters), ``requests`` (name -> count),
    ``statuses`` ("CustomerAddRs 0" -> count), ``set`` (message set id), ``again``, ``progress``, ``hresult``, ``said``.
    """

    position: int
    at: datetime
    call: str
    took_ms: int
    note: dict[str, Any]


def requests_in(text: str) -> dict[str, int]:
    """How many requests of each name a message set of ours holds; it is not parsed, since sets are long."""
    parts = text.split(_MARK)
    return dict(Counter(part[part.rfind("<") + 1 :] for part in parts[:-1]))


def statuses_in(responses: Responses) -> dict[str, int]:
    """How many answers of each name and status code came; messages stay out, since they name records."""
    return dict(Counter(f"{result.name} {result.code}" for result in responses.in_order))
