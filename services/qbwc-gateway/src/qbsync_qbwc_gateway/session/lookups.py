"""Look-ups: what QuickBooks holds under a name or number, asked for in a set of queries of its own."""

import structlog
from lxml import etree

from qbsync_qbwc_gateway.postgres import repository as store
from qbsync_qbwc_gateway.qbxml.reader import Responses, Result, value
from qbsync_qbwc_gateway.qbxml.writer import Request, Version, message_set
from qbsync_qbwc_gateway.session.model import Json, Session
from qbsync_qbwc_gateway.session.reading import TRANSACTIONS, read_record, seen_of
from qbsync_shared.connector import AskedFor, LinkKeeper, LookUps, Seen, lookups, tenants
from qbsync_shared.kinds import Kind
from qbsync_shared.messages import LookUp
from qbsync_shared.postgres import Connection

log = structlog.get_logger(__name__)

AT_ONCE = 50
UNANSWERED = "QuickBooks did not answer the question, so this is what was read before."
_ELEMENTS = dict(TRANSACTIONS)


class Finding:
    """The step of a session that looks for names and numbers."""

    def __init__(self, look_ups: LookUps, keeper: LinkKeeper) -> None:
        self._look_ups = look_ups
        self._keeper = keeper

    async def ask(self, connection: Connection, command: LookUp) -> None:
        """Take a look-up in: answered from what was read, and by QuickBooks in the next session."""
        connector = await store.get_connector(connection, command.tenant)
        as_of = connector.last_read_at if connector else None
        await self._look_ups.ask(connection, command, as_of=as_of)

    async def is_due(self, connection: Connection, session: Session) -> bool:
        """Whether this session has still to ask."""
        if session.plan.get("looked"):
            return False
        return bool(await lookups.waiting(connection, session.tenant, limit=1))

    async def request(self, connection: Connection, session: Session, version: Version) -> str | None:
        """The queries for what waits; None where nothing does, or this session asked already."""
        if session.plan.get("looked"):
            return None
        session.plan["looked"] = True
        wanted = await lookups.waiting(connection, session.tenant, limit=AT_ONCE)
        if not wanted:
            return None
        members = [
            request.element(f"{place}-{one.command_id}", version)
            for one in wanted
            for place, request in enumerate(_queries(one))
        ]
        return message_set(members, version=version)

    async def take(self, connection: Connection, session: Session, responses: Responses) -> None:
        """Tell what was found; of what QuickBooks refused to look for, what was read has to do."""
        for one in await lookups.waiting(connection, session.tenant, limit=AT_ONCE):
            results = [
                result
                for place in (0, 1)
                if (result := responses.results.get(f"{place}-{one.command_id}")) is not None
            ]
            if not results:
                continue
            if not any(result.applied for result in results):
                log.warning("look_up.refused", tenant=session.tenant, code=results[0].code)
                await self._look_ups.give_up(connection, one, UNANSWERED)
                continue
            await self._answer(connection, session, one, results)

    async def give_up(self, connection: Connection, session: Session) -> None:
        """QuickBooks could not read the questions."""
        for one in await lookups.waiting(connection, session.tenant, limit=AT_ONCE):
            await self._look_ups.give_up(connection, one, UNANSWERED)

    async def _answer(
        self, connection: Connection, session: Session, wanted: AskedFor, results: list[Result]
    ) -> None:
        found: dict[str, Seen] = {}
        others: dict[str, Json] = {}
        for ret in (ret for result in results for ret in result.records):
            record = read_record(ret)
            if record is not None:
                found[record.quickbooks_id] = seen_of(record)
            elif (other := _other(ret)) is not None:
                others[other["quickbooks_id"]] = other
        connector = await store.get_connector(connection, session.tenant)
        known = await tenants.get(connection, session.tenant)
        await self._keeper.observe_many(
            connection,
            session.tenant,
            list(found.values()),
            import_since=tenants.import_since(known, connector.bound_at if connector else None),
        )
        await self._look_ups.answer(connection, wanted, list(found.values()), others=list(others.values()))


def _queries(wanted: AskedFor) -> list[Request]:
    """By name or number, and by the id if one is known. All people and companies share one list of names."""
    text, known = wanted.text, wanted.quickbooks_id
    if wanted.kind in _ELEMENTS:
        query = f"{_ELEMENTS[wanted.kind]}QueryRq"
        found = [Request(query, {"RefNumber": text, "IncludeLineItems": True})]
        return [*found, Request(query, {"TxnID": known, "IncludeLineItems": True})] if known else found
    if wanted.kind is Kind.JOB:  # its full name has its customer in it, who may be called otherwise by now
        query = "CustomerQueryRq"
        found = [Request(query, {"NameFilter": {"MatchCriterion": "EndsWith", "Name": text}})]
    else:
        query = "ItemQueryRq" if wanted.kind is Kind.ITEM else "EntityQueryRq"
        found = [Request(query, {"FullName": text})]
    return [*found, Request(query, {"ListID": known})] if known else found


def _other(ret: etree._Element) -> Json | None:
    """A record of a kind that qbsync does not sync, such as an "other name"."""
    name, found = value(ret, "Name"), value(ret, "ListID")
    if not name or not found:
        return None
    words = "other name" if ret.tag == "OtherNameRet" else str(ret.tag).removesuffix("Ret").lower()
    return {"quickbooks_id": found, "kind": words, "entity": {"name": name}}
