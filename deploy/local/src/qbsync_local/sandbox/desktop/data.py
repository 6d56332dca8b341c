"""A record's content as plain data, and its way from a request's XML and into a response's XML.

Content is a dict by element name: a value is text, an aggregate a dict, a repeated element a list. Elements are
written in the table's order, whatever the order of the dict.
"""

from collections.abc import Callable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

from qbsync_shared.qbxml import Field, Schema

Content = dict[str, Any]


def read(schema: Schema, element: etree._Element, ret: str) -> Content:
    """The content of a request's aggregate, named as the Ret aggregate names it (InvoiceLineAdd -> InvoiceLineRet)."""
    known = schema.fields(ret) if schema.has(ret) else {}
    own = schema.fields(str(element.tag))
    content: Content = {}
    for child in element:
        name = ret_name(str(child.tag), known)
        field = known.get(name)
        value: Any = text_of(child)
        source = own.get(str(child.tag))
        if len(child) or (source is not None and source.aggregate):
            value = read(schema, child, name if schema.has(name) else str(child.tag))
        repeats = field.maximum != 1 if field else source is not None and source.maximum != 1
        if repeats:
            content.setdefault(name, []).append(value)
        else:
            content[name] = value
    return content


def ret_name(name: str, known: Mapping[str, Field]) -> str:
    """The name an element of an Add or Mod has in the Ret."""
    if name in known:
        return name
    if name[-3:] in ("Add", "Mod"):
        for candidate in (f"{name[:-3]}Ret", name[:-3]):
            if candidate in known:
                return candidate
    return f"{name}Value" if f"{name}Value" in known else name


def text_of(element: etree._Element) -> str:
    """The value; characters outside Latin-1 came as numeric entities, and QuickBooks stores them as question marks."""
    return "".join(char if ord(char) < 256 else "?" for char in element.text or "")


def write(schema: Schema, aggregate: str, content: Content, full_name: Callable[[str], str | None]) -> str:
    """`<Aggregate>...</Aggregate>`, ASCII with numeric entities; references get the FullName of the record they name."""
    return f"<{aggregate}>{_children(schema, aggregate, content, full_name)}</{aggregate}>"


def _children(
    schema: Schema, aggregate: str, content: Content, full_name: Callable[[str], str | None]
) -> str:
    parts: list[str] = []
    for field in schema.order(aggregate):
        value = content.get(field.name)
        if value is None or value == "":
            continue
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                inner = _children(schema, field.name, _named(field.name, one, full_name), full_name)
            else:
                inner = ascii_text(str(one))
            if inner:
                parts.append(f"<{field.name}>{inner}</{field.name}>")
    return "".join(parts)


def _named(name: str, content: Content, full_name: Callable[[str], str | None]) -> Content:
    """A reference with the name that its record has now; anything else as it is."""
    if not name.endswith("Ref") or "ListID" not in content:
        return content
    identifier = content["ListID"]
    return {"ListID": identifier, "FullName": full_name(identifier) or content.get("FullName", "")}


def ascii_text(value: str) -> str:
    """Escaped text in pure ASCII: `é` becomes `&#233;`, as QuickBooks writes it."""
    return escape(value).encode("ascii", "xmlcharrefreplace").decode("ascii")


def attribute_text(value: str) -> str:
    """An attribute's value, escaped, in pure ASCII."""
    return escape(value, {'"': "&quot;"}).encode("ascii", "xmlcharrefreplace").decode("ascii")
