"""qbXML: the table of element order, lengths and types, and the hardened reader, for the gateway and the simulator."""

from qbsync_shared.qbxml.elements import (
    MESSAGE_SET_ID_LENGTH,
    REQUEST_ID_LENGTH,
    Problem,
    Request,
    Schema,
    load_elements,
)
from qbsync_shared.qbxml.notation import AGGREGATE, Field, Group, Leaf
from qbsync_shared.qbxml.parsing import XmlRefusedError, parse_xml

__all__ = [
    "AGGREGATE",
    "MESSAGE_SET_ID_LENGTH",
    "REQUEST_ID_LENGTH",
    "Field",
    "Group",
    "Leaf",
    "Problem",
    "Request",
    "Schema",
    "XmlRefusedError",
    "load_elements",
    "parse_xml",
]
