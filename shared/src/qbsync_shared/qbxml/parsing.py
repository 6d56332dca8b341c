"""Read XML that came from outside: no entities, no DTD, no network, bounded in size, depth and number of elements."""

from lxml import etree

MAX_BYTES = 20_000_000
MAX_DEPTH = 40
MAX_ELEMENTS = 1_000_000


class XmlRefusedError(ValueError):
    """The bytes are not XML that this program reads; the text says why, without quoting the content."""


def parse_xml(
    data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH, max_elements: int = MAX_ELEMENTS
) -> etree._Element:
    """The root element of `data`.

    Raises XmlRefusedError for malformed XML, a document type declaration (so no entity can be declared), more than
    `max_bytes` bytes, nesting deeper than `max_depth`, or more than `max_elements` elements.
    """
    if len(data) > max_bytes:
        raise XmlRefusedError(f"The XML has {len(data)} bytes; at most {max_bytes} are read.")
    parser = etree.XMLPullParser(
        events=("start", "end"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=False,
    )
    try:
        _feed(parser, data, max_depth, max_elements)
        root: etree._Element = parser.close()
    except etree.XMLSyntaxError as error:
        raise XmlRefusedError(f"The XML is not well-formed (line {error.lineno}).") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise XmlRefusedError("The XML declares a document type; that is never read.")
    return root


def _feed(parser: etree.XMLPullParser, data: bytes, max_depth: int, max_elements: int) -> None:
    """Hand the bytes over in pieces, so that a hostile document is refused before it is read whole."""
    depth = elements = 0
    for start in range(0, len(data), 65_536):
        parser.feed(data[start : start + 65_536])
        for event, _ in parser.read_events():
            if event == "end":
                depth -= 1
                continue
            depth += 1
            elements += 1
            if depth > max_depth:
                raise XmlRefusedError(f"The XML is nested deeper than {max_depth} elements.")
            if elements > max_elements:
                raise XmlRefusedError(f"The XML has more than {max_elements} elements.")
