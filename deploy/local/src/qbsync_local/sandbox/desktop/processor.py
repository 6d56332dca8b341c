"""The request processor: one qbXML message set in, one answer out, member by member, with message set recovery.

Sources: Intuit's SDK samples (InvoiceAdd.cs) and Programmer's Guide, error recovery: a set under a newMessageSetID that
was seen before is not executed, its stored statuses come back.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lxml import etree

from qbsync_local.sandbox.desktop import data
from qbsync_local.sandbox.desktop.company import Company
from qbsync_local.sandbox.desktop.faults import Faults
from qbsync_local.sandbox.desktop.handlers import handle, is_write
from qbsync_local.sandbox.desktop.queries import Answer, Session
from qbsync_local.sandbox.desktop.statuses import (
    HRESULTS,
    NOT_PROCESSED,
    PARSE_ERROR,
    RequestRefusedError,
    SetRefusedError,
    Status,
)
from qbsync_local.sandbox.desktop.store import StoredSet
from qbsync_shared.qbxml import MESSAGE_SET_ID_LENGTH, REQUEST_ID_LENGTH, XmlRefusedError, parse_xml

VERSIONS = (
    "1.0", "1.1", "2.0", "2.1", "3.0", "4.0", "4.1", "5.0", "6.0", "7.0", "8.0", "9.0", "10.0", "11.0", "12.0", "13.0", "14.0",
    "15.0", "16.0",
)  # fmt: skip
_DECLARED = re.compile(r"^\s*<\?xml[^>]*\?>")
_VERSION = re.compile(r"""version\s*=\s*["']([0-9.]+)["']""")


@dataclass(slots=True)
class Member:
    """The outcome of one request, as recovery keeps it."""

    name: str
    request_id: str | None
    answer: Answer
    recovery: dict[str, str]

    def stored(self) -> dict[str, Any]:
        """Statuses and ids: what comes back when the set is sent again."""
        status = self.answer.status
        return {
            "name": self.name, "id": self.request_id, "code": status.code, "severity": status.severity,
            "message": status.message, "recovery": self.recovery,
        }  # fmt: skip


class Processor:
    """QuickBooks' request processor over one company file."""

    def __init__(self, company: Company, faults: Faults) -> None:
        self.company = company
        self.faults = faults

    def process(self, text: str, session: Session) -> str:
        """Execute a message set and give the response set.

        Raises SetRefusedError (0x80040400 for any fault of parsing, order, length or enumeration; 0x80040423 for a
        version; 0x80040413 for rollbackOnError): nothing was applied.
        """
        self.faults.check_open()
        document = self._parse(text)
        message_set = document[0]
        new, old = message_set.get("newMessageSetID", ""), message_set.get("oldMessageSetID", "")
        if new == "" and old == "":
            return self._respond(self._run(message_set, session, None))
        if max(len(new), len(old)) > MESSAGE_SET_ID_LENGTH:
            return self._respond([], new, "9004")
        return self._with_recovery(message_set, session, new, old)

    # reading

    def _parse(self, text: str) -> etree._Element:
        try:
            text.encode("latin-1")
            document = parse_xml(_DECLARED.sub("", text).encode())
        except (UnicodeEncodeError, XmlRefusedError) as error:
            raise SetRefusedError("0x80040400", PARSE_ERROR) from error
        self._check_version(document)
        if document.tag == "QBXML" and len(document) and document[0].get("onError") == "rollbackOnError":
            raise SetRefusedError("0x80040413", HRESULTS["0x80040413"])
        problems = self.company.schema.set_problems(document)
        if problems:
            raise SetRefusedError("0x80040400", PARSE_ERROR)
        return document

    def _check_version(self, document: etree._Element) -> None:
        instruction = document.getprevious()
        found = (
            _VERSION.search(str(instruction.text)) if instruction is not None and instruction.text else None
        )
        if found is None:
            raise SetRefusedError("0x80040400", PARSE_ERROR)
        newest = self.company.store.meta("newest_qbxml", "16.0")
        if found[1] not in VERSIONS or VERSIONS.index(found[1]) > VERSIONS.index(newest):
            raise SetRefusedError("0x80040423", HRESULTS["0x80040423"])
        for element in document.iter():
            since = self.company.schema.since.get(str(element.tag))
            if since and VERSIONS.index(since) > VERSIONS.index(found[1]):
                raise SetRefusedError("0x80040400", PARSE_ERROR)

    # recovery

    def _with_recovery(self, message_set: etree._Element, session: Session, new: str, old: str) -> str:
        store, application = self.company.store, session.application
        if old == "ClearAllMessageSets":
            store.clear_message_set(application, None)
            return self._respond([], new, "0")
        if not new:
            stored = store.message_set(application, old)
            store.clear_message_set(application, old)
            return self._replay(stored, "", "600")
        if old == new:
            stored = store.message_set(application, new)
            return self._replay(stored, new, "9002" if stored else "600")
        if old:
            store.clear_message_set(application, old)
        return self._once(message_set, session, new)

    def _once(self, message_set: etree._Element, session: Session, new: str) -> str:
        """Execute a set that was not seen before; repeat the answer of one that was."""
        store, application = self.company.store, session.application
        stored, checksum = store.message_set(application, new), _checksum(message_set)
        if stored is not None and stored.checksum != checksum:
            return self._respond([], new, "9001")
        if stored is not None:
            return self._replay(stored, new, "9002")
        if self.faults.take("cannot_store"):
            return self._respond(self._run(message_set, session, None), new, "9005")
        store.keep_message_set(application, new, StoredSet(checksum, finished=False, answers=[]))
        members = self._run(message_set, session, new)
        store.keep_message_set(
            application, new, StoredSet(checksum, finished=True, answers=[m.stored() for m in members])
        )
        return self._respond(members, new, "0")

    def _replay(self, stored: StoredSet | None, new: str, otherwise: str) -> str:
        """The stored statuses and ids; `otherwise` is the messageSetStatusCode where no whole answer was stored."""
        if stored is None or not stored.finished:
            return self._respond([], new, otherwise)
        members = []
        for one in stored.answers:
            recovery = one["recovery"]
            body = (
                data.write(self.company.schema, "ErrorRecovery", recovery, lambda _: None) if recovery else ""
            )
            status = Status(one["code"], one["severity"], one["message"])
            members.append(Member(one["name"], one["id"], Answer(status, body), recovery))
        return self._respond(members, new, "0")

    # executing

    def _run(self, message_set: etree._Element, session: Session, set_id: str | None) -> list[Member]:
        stop = message_set.get("onError") == "stopOnError"
        bare = message_set.get("responseData") == "includeNone"
        members: list[Member] = []
        failed = False
        requests = [child for child in message_set if isinstance(child.tag, str)]
        for position, request in enumerate(requests):
            if failed and stop:
                member = Member(_rs(request), request.get("requestID"), Answer(NOT_PROCESSED), {})
            else:
                member = self._member(request, session)
                failed = failed or member.answer.status.severity == "Error"
            if bare and is_write(str(request.tag)):
                member.answer = Answer(member.answer.status, "", member.answer.attributes)
            members.append(member)
            self.faults.after_member(position + 1, set_id)
        return members

    def _member(self, request: etree._Element, session: Session) -> Member:
        name, request_id = _rs(request), request.get("requestID")
        if request_id is not None and len(request_id) > REQUEST_ID_LENGTH:
            return Member(
                name,
                request_id,
                Answer(Status(1060, "Error", "The request ID is invalid: it is too long.")),
                {},
            )
        writes = is_write(str(request.tag))
        planned = self.faults.status_for(request)
        if planned is not None:
            return Member(name, request_id, Answer(planned), {})
        if writes:
            self.faults.wait_for_write()
        try:
            with self.company.store.transaction():
                answer, recovery = handle(self.company, session, request)
        except RequestRefusedError as refused:
            return Member(name, request_id, Answer(refused.status), {})
        return Member(name, request_id, answer, recovery)

    # writing

    def _respond(self, members: list[Member], new: str = "", code: str = "") -> str:
        head = "".join(
            f' {name}="{data.attribute_text(value)}"'
            for name, value in (("newMessageSetID", new), ("messageSetStatusCode", code))
            if value
        )
        body = "\n".join(_write_member(member) for member in members)
        return f'<?xml version="1.0" ?>\n<QBXML>\n<QBXMLMsgsRs{head}>\n{body}\n</QBXMLMsgsRs>\n</QBXML>\n'


def _write_member(member: Member) -> str:
    status = member.answer.status
    values: dict[str, str | None] = {
        "requestID": member.request_id, "statusCode": str(status.code), "statusSeverity": status.severity,
        "statusMessage": status.message, **member.answer.attributes,
    }  # fmt: skip
    head = "".join(
        f' {name}="{data.attribute_text(value)}"' for name, value in values.items() if value is not None
    )
    return (
        f"<{member.name}{head}>{member.answer.body}</{member.name}>"
        if member.answer.body
        else f"<{member.name}{head} />"
    )


def _rs(request: etree._Element) -> str:
    return f"{str(request.tag).removesuffix('Rq')}Rs"


def _checksum(message_set: etree._Element) -> str:
    members = b"".join(etree.tostring(member, method="c14n") for member in message_set)
    return hashlib.sha256(members).hexdigest()


Process = Callable[[str, Session], str]
