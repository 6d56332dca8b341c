"""The Web Connector: one update session with a web service, in the call order of the real program.

Source: QBWC Programmer's Guide, chapters 2, 5, 8 and 10.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from qbsync_local.sandbox.desktop.company import Company
from qbsync_local.sandbox.desktop.faults import Faults, PcDiedError
from qbsync_local.sandbox.desktop.processor import Processor
from qbsync_local.sandbox.desktop.queries import Session
from qbsync_local.sandbox.desktop.qwc import Qwc
from qbsync_local.sandbox.desktop.soap_client import CallFailedError
from qbsync_local.sandbox.desktop.statuses import HRESULTS, SetRefusedError
from qbsync_shared.qbxml import XmlRefusedError, parse_xml

CLIENT_VERSION = "34.0.10011.101"
COUNTRY = "US"
NO_OP_SECONDS = 5.0
MAX_NO_OPS = 12
MAX_CONNECTION_RETRIES = 10


class Service(Protocol):
    """The calls that the Web Connector makes."""

    def has(self, method: str) -> bool: ...
    def text(self, method: str, **arguments: Any) -> str: ...
    def number(self, method: str, **arguments: Any) -> int: ...
    def strings(self, method: str, **arguments: Any) -> list[str]: ...


@dataclass(slots=True)
class RunReport:
    """What one update did, and how long QuickBooks and the web service took.

    `outcome`: finished, no_work, bad_user, busy, postponed, refused, no_company, died, stopped, error.
    """

    outcome: str = "finished"
    message: str = ""
    round_trips: int = 0
    requests: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    progress: list[int] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    hresults: list[str] = field(default_factory=list)
    postpone_seconds: int = 0
    minimum_seconds: int = 0
    quickbooks_seconds: float = 0.0
    service_seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(slots=True)
class _Stop(Exception):  # noqa: N818 it ends an update, it is no error
    outcome: str
    message: str


class WebConnector:
    """One application in the Web Connector of one PC. `open_file` gives the company file that is open in QuickBooks."""

    def __init__(
        self,
        qwc: Qwc,
        password: str,
        service: Service,
        open_file: Callable[[], Company],
        faults: Faults,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._qwc = qwc
        self._password = password
        self._service = service
        self._open_file = open_file
        self._faults = faults
        self._sleep = sleep
        self._report = RunReport()
        self._statuses: Counter[str] = Counter()

    def run(self, *, auto: bool = False) -> RunReport:
        """Run one update. `auto`: started by Auto-Run, so that postponing and the minimum interval count."""
        try:
            self._update(auto=auto)
        except _Stop as stop:
            self._report.outcome, self._report.message = stop.outcome, stop.message
        except PcDiedError:
            self._report.outcome, self._report.message = "died", "The PC died; nobody was told."
        except CallFailedError as error:
            self._report.outcome, self._report.message = "error", str(error)
        self._report.statuses = dict(self._statuses)
        return self._report

    def _update(self, *, auto: bool) -> None:
        self._greet()
        answer = self._strings("authenticate", strUserName=self._qwc.user_name, strPassword=self._password)
        ticket, company_path = answer[0], answer[1]
        self._check_answer(ticket, answer, auto=auto)
        company = self._open(ticket, company_path)
        session = Session(self._qwc.app_name)
        processor = Processor(company, self._faults)
        hcp = self._about(ticket, processor, session)
        self._exchange(ticket, hcp, company, processor, session)

    def _greet(self) -> None:
        if self._service.has("serverVersion"):
            self._text("serverVersion")
        said = self._text("clientVersion", strVersion=CLIENT_VERSION)
        if said.startswith(("E:", "O:")):
            raise _Stop("refused", f"QBWC1037: {said[2:].strip()}")

    def _check_answer(self, ticket: str, answer: list[str], *, auto: bool) -> None:
        endings = {
            "none": ("no_work", "No data exchange required."),
            "nvu": ("bad_user", "QBWC1040: The user name or the password is not valid."),
            "busy": ("busy", "Application Busy"),
        }
        ending = endings.get(answer[1].casefold())
        numbers = [int(one) if one.strip().isdigit() else 0 for one in (*answer[2:], "", "")][:2]
        if ending is None and auto:
            self._report.postpone_seconds, self._report.minimum_seconds = numbers
            if numbers[0] > 0:
                ending = ("postponed", "Update postponed by application")
        if ending:
            self._text("closeConnection", ticket=ticket)
            raise _Stop(*ending)

    # QuickBooks

    def _open(self, ticket: str, path: str) -> Company:
        """Open the company file; what fails is told by connectionError, whose answer may name another path to try."""
        for _ in range(MAX_CONNECTION_RETRIES):
            hresult = self._trouble_opening(path)
            if hresult is None:
                return self._open_file()
            self._report.hresults.append(hresult)
            said = self._text("connectionError", ticket=ticket, hresult=hresult, message=HRESULTS[hresult])
            if said.strip().casefold() == "done":
                break
            path = said.strip()
        self._text("closeConnection", ticket=ticket)
        raise _Stop("no_company", HRESULTS[self._report.hresults[-1]])

    def _trouble_opening(self, path: str) -> str | None:
        if self._faults.take("connection_error"):
            return "0x80040401"
        try:
            self._faults.check_open()
        except SetRefusedError as refused:
            return refused.hresult if refused.hresult in HRESULTS else "0x80040401"
        if path and path.casefold() != self._open_file().file_name.casefold():
            return "0x8004040A"
        return None

    def _about(self, ticket: str, processor: Processor, session: Session) -> str:
        """The answers of the Host, Company and Preferences queries, as one document."""
        text = (
            '<?xml version="1.0"?><?qbxml version="6.0"?><QBXML><QBXMLMsgsRq onError="continueOnError"><HostQueryRq requestID="0"/>'
            f'<CompanyQueryRq requestID="1"><OwnerID>{self._qwc.owner_id}</OwnerID></CompanyQueryRq>'
            '<PreferencesQueryRq requestID="2"/></QBXMLMsgsRq></QBXML>'
        )
        try:
            return processor.process(text, session)
        except SetRefusedError as refused:
            self._report.hresults.append(refused.hresult)
            self._text("connectionError", ticket=ticket, hresult=refused.hresult, message=refused.message)
            self._text("closeConnection", ticket=ticket)
            raise _Stop("no_company", f"QBWC1014: {refused.message}") from refused

    # the exchange

    def _exchange(
        self, ticket: str, hcp: str, company: Company, processor: Processor, session: Session
    ) -> None:
        major, minor = company.store.meta("newest_qbxml", "16.0").split(".")
        idle = 0
        while True:
            request = self._text(
                "sendRequestXML", ticket=ticket, strHCPResponse=hcp, strCompanyFileName=company.file_name,
                qbXMLCountry=COUNTRY, qbXMLMajorVers=int(major), qbXMLMinorVers=int(minor),
            )  # fmt: skip
            hcp = ""
            if request == "":
                idle += 1
                self._nothing_to_send(ticket, idle)
                continue
            progress = self._execute(ticket, request, processor, session)
            self._report.progress.append(progress)
            if progress >= 100:
                self._close(ticket, "finished")
            if progress < 0:
                self._close(ticket, "stopped", self._text("getLastError", ticket=ticket))

    def _nothing_to_send(self, ticket: str, idle: int) -> None:
        said = self._text("getLastError", ticket=ticket)
        if said == "NoOp" and idle <= MAX_NO_OPS:
            self._sleep(NO_OP_SECONDS)
            return
        self._close(ticket, "stopped", said)

    def _execute(self, ticket: str, request: str, processor: Processor, session: Session) -> int:
        self._die("die_before_write")
        self._report.round_trips += 1
        response = hresult = message = ""
        try:
            with self._timed("quickbooks_seconds"):
                response = processor.process(request, session)
        except SetRefusedError as refused:
            hresult, message = refused.hresult, refused.message
            self._report.hresults.append(hresult)
        self._count(response)
        self._die("die_after_write")
        self._die("die_before_answer")
        times = 2 if self._faults.take("answer_twice") else 1
        for _ in range(times):
            progress = self._number(
                "receiveResponseXML", ticket=ticket, response=response, hresult=hresult, message=message
            )
        self._die("die_after_answer")
        return progress

    def _die(self, point: str) -> None:
        if self._faults.take(point):
            raise PcDiedError

    def _count(self, response: str) -> None:
        if not response:
            return
        try:
            members = parse_xml(response.encode(), max_bytes=200_000_000)[0]
        except XmlRefusedError:
            return
        self._report.requests += len(members)
        self._statuses.update(str(member.get("statusCode")) for member in members)

    def _close(self, ticket: str, outcome: str, message: str = "") -> None:
        said = self._text("closeConnection", ticket=ticket)
        raise _Stop(outcome, message or said)

    def _text(self, method: str, **arguments: Any) -> str:
        with self._calling(method):
            return self._service.text(method, **arguments)

    def _number(self, method: str, **arguments: Any) -> int:
        with self._calling(method):
            return self._service.number(method, **arguments)

    def _strings(self, method: str, **arguments: Any) -> list[str]:
        with self._calling(method):
            return self._service.strings(method, **arguments)

    @contextmanager
    def _calling(self, method: str) -> Iterator[None]:
        self._report.calls.append(method)
        with self._timed("service_seconds"):
            yield

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            setattr(self._report, name, getattr(self._report, name) + time.perf_counter() - started)
