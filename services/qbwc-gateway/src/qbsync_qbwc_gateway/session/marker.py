"""The run marker: a number in the company file that each session with writes raises first.

A file whose marker is lower than the highest that it was seen to hold is a restored backup: it lacks what was written
since. The marker stands beside the FileID, under our OwnerID, and comes back with the company at the start of a session,
so that the check costs no request (decision 0004).
"""

from lxml import etree

from qbsync_qbwc_gateway.qbxml.reader import Responses
from qbsync_qbwc_gateway.qbxml.writer import Request, Version
from qbsync_qbwc_gateway.session.model import Connector, Member

NAME = "RunMarker"
MARK = "marker"
_DEFINE = "marker-define"


def raise_marker(
    connector: Connector, found: int | None, version: Version
) -> list[tuple[Member, etree._Element]]:
    """The requests that go before the first write of a session. ``found`` is what the file holds, None for nothing.

    A definition that is there already is refused, which does no harm.
    """
    value = str(max(connector.marker, found or 0) + 1)
    entry = {
        "OwnerID": connector.owner_id,
        "DataExtName": NAME,
        "OtherDataExtType": "Company",
        "DataExtValue": value,
    }
    mark = Member(request_id=MARK, token=value)
    if found is not None:
        return [(mark, Request("DataExtModRq", {"DataExtMod": entry}).element(MARK, version))]
    return [
        (Member(request_id=_DEFINE), definition(connector.owner_id, NAME).element(_DEFINE, version)),
        (mark, Request("DataExtAddRq", {"DataExtAdd": entry}).element(MARK, version)),
    ]


def definition(owner_id: str, name: str) -> Request:
    """The request that makes a field of the company for private data."""
    field = {
        "OwnerID": owner_id,
        "DataExtName": name,
        "DataExtType": "STR255TYPE",
        "AssignToObject": "Company",
    }
    return Request("DataExtDefAddRq", {"DataExtDefAdd": field})


def raised(members: tuple[Member, ...], responses: Responses) -> int | None:
    """The marker that the file holds now, where QuickBooks says that it was written."""
    for member in members:
        result = responses.results.get(MARK)
        if member.request_id == MARK and member.token and result is not None and result.applied:
            return int(member.token)
    return None
