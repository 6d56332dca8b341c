"""Faults to order: what a QuickBooks, its PC and its user do wrong, for tests and demonstrations."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lxml import etree

from qbsync_local.sandbox.desktop.statuses import HRESULTS, SetRefusedError, Status


class PcDiedError(Exception):
    """The PC died: QuickBooks kept what it had committed, and nobody hears an answer."""


@dataclass(slots=True)
class PlannedStatus:
    """Answer this status instead of executing, to requests of this name whose text holds `matching`."""

    code: int
    message: str
    severity: str = "Error"
    request: str = ""
    matching: str = ""
    times: int = 1


@dataclass(slots=True)
class Faults:
    """What is ordered at the moment. `times` of a named fault counts down; -1 = until cleared.

    Named faults: `cannot_store` (messageSetStatusCode 9005), and for the Web Connector `die_before_write`,
    `die_after_write`, `die_before_answer`, `die_after_answer`, `answer_twice`, `connection_error`, `wrong_company`.
    """

    statuses: list[PlannedStatus] = field(default_factory=list)
    named: dict[str, int] = field(default_factory=dict)
    hresult: str = ""
    hresult_times: int = 0
    die_after_members: int = 0
    seconds_per_write: float = 0.0
    sleep: Callable[[float], None] = time.sleep

    def take(self, name: str) -> bool:
        """Whether a named fault is due now; counts it down."""
        left = self.named.get(name, 0)
        if left > 0:
            self.named[name] = left - 1
        return left != 0

    def check_open(self) -> None:
        """Raises SetRefusedError while QuickBooks is closed, shows a dialog, or cannot be reached for another reason."""
        if self.hresult_times == 0:
            return
        if self.hresult_times > 0:
            self.hresult_times -= 1
        raise SetRefusedError(self.hresult, HRESULTS.get(self.hresult, "Could not access QuickBooks."))

    def status_for(self, request: etree._Element) -> Status | None:
        """The status ordered for this request, None where it shall be executed."""
        name = str(request.tag).removesuffix("Rq")
        for planned in self.statuses:
            if planned.times == 0 or planned.request not in ("", name):
                continue
            if planned.matching and planned.matching not in etree.tostring(request, encoding="unicode"):
                continue
            if planned.times > 0:
                planned.times -= 1
            return Status(planned.code, planned.severity, planned.message)
        return None

    def wait_for_write(self) -> None:
        """Take the time this QuickBooks needs for a write."""
        if self.seconds_per_write > 0:
            self.sleep(self.seconds_per_write)

    def after_member(self, done: int, set_id: str | None) -> None:
        """Raises PcDiedError after the ordered number of members, in a set with recovery."""
        if set_id is not None and self.die_after_members and done >= self.die_after_members:
            self.die_after_members = 0
            raise PcDiedError

    def clear(self) -> None:
        """Everything works again."""
        self.statuses.clear()
        self.named.clear()
        self.hresult, self.hresult_times = "", 0
        self.die_after_members, self.seconds_per_write = 0, 0.0
