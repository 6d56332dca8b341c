"""Write qbXML: children in the order of the schema, values in the form of their type, pure ASCII on the wire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from lxml import etree

from qbsync_shared.money import cents, plain
from qbsync_shared.qbxml import MESSAGE_SET_ID_LENGTH, Problem, load_elements

Version = tuple[int, int]
Aggregate = Mapping[str, Any]
"""Element name -> text, bool, Decimal, date, another aggregate, or a list of them; None is left out, ``""`` clears."""

NEWEST: Version = (16, 0)
FLOOR: Version = (13, 0)
"""The usual safe version where the host does not say what it takes (qbxml.md, section 8)."""

_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<?qbxml version="{}.{}"?>\n'


@dataclass(frozen=True)
class Request:
    """One request of a message set: its name (``CustomerAddRq``), content and attributes (``iterator``)."""

    name: str
    content: Aggregate
    attributes: Mapping[str, str] | None = None

    def element(self, request_id: str, version: Version = NEWEST) -> etree._Element:
        """The element, in schema order, without what the version does not know yet."""
        element = _build(self.name, self.content, version)
        element.set("requestID", request_id)
        for name, value in (self.attributes or {}).items():
            element.set(name, value)
        load_elements().sort_children(element)
        return element


def problems(element: etree._Element) -> list[Problem]:
    """Everything for which QuickBooks would refuse the whole set, and characters that it cannot store."""
    found = load_elements().problems(element)
    for leaf in element.iter():
        bad = unstorable(leaf.text or "")
        if bad:
            shown = " ".join(dict.fromkeys(bad[:5]))
            path = _path(leaf, element)
            found.append(
                Problem(path, "value", f"holds characters that QuickBooks Desktop cannot store: {shown}")
            )
    return found


def unstorable(text: str) -> str:
    """The characters of a text that QuickBooks Desktop cannot store: all outside ISO-8859-1, and control characters."""
    return "".join(char for char in text if not _storable(char))


def _storable(char: str) -> bool:
    return " " <= char <= "~" or "\xa0" <= char <= "\xff" or char in "\t\n\r"


def message_set(
    members: Sequence[etree._Element],
    *,
    version: Version,
    new_id: str | None = None,
    old_id: str | None = None,
) -> str:
    """A whole document with one message set; with ``new_id`` QuickBooks keeps its outcome for recovery.

    Members run one by one, and each commits by itself, so ``continueOnError`` always. ``old_id`` clears what
    QuickBooks keeps of that set (qbxml.md, section 2).
    """
    root = etree.Element("QBXML")
    group = etree.SubElement(root, "QBXMLMsgsRq", onError="continueOnError")
    for attribute, value in (("newMessageSetID", new_id), ("oldMessageSetID", old_id)):
        if value is not None:
            if len(value) > MESSAGE_SET_ID_LENGTH:
                raise ValueError(f"a message set id has at most {MESSAGE_SET_ID_LENGTH} characters")
            group.set(attribute, value)
    group.extend(members)
    return _HEAD.format(*version) + etree.tostring(root, encoding="us-ascii").decode("ascii").removeprefix(
        "<?xml version='1.0' encoding='us-ascii'?>\n"
    )


def _build(name: str, content: Aggregate, version: Version) -> etree._Element:
    element = etree.Element(name)
    for child, value in content.items():
        for one in value if isinstance(value, list | tuple) else (value,):
            if one is not None and _known_in(version, child):
                element.append(_child(name, child, one, version))
    return element


def _child(parent: str, name: str, value: Any, version: Version) -> etree._Element:
    if isinstance(value, Mapping):
        return _build(name, value, version)
    element = etree.Element(name)
    element.text = _text(parent, name, value)
    return element


def _text(parent: str, name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return _number(value, _type_of(parent, name))
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _type_of(parent: str, name: str) -> str:
    field = load_elements().field(parent, name)
    return field.type if field else ""


def _number(value: Decimal, type_name: str) -> str:
    """An amount has two digits, or stays as it is where that would round it: then it is refused before it is sent."""
    if type_name == "AMTTYPE":
        return plain(cents(value)) if value == cents(value) else plain(value)
    text = plain(value)
    return text.rstrip("0").rstrip(".") if "." in text and len(text.split(".")[1]) > 5 else text


def _known_in(version: Version, name: str) -> bool:
    since = load_elements().since.get(name)
    if since is None:
        return True
    major, minor = since.split(".")
    return version >= (int(major), int(minor))


def _path(leaf: etree._Element, top: etree._Element) -> str:
    names = [leaf.tag]
    parent = leaf.getparent()
    while parent is not None and leaf is not top:
        names.append(parent.tag)
        if parent is top:
            break
        parent = parent.getparent()
    return "/".join(str(name) for name in reversed(names))
