"""Finds elements of a parsed page by the few selectors that the tests use: ``tag.class#id[name=value] descendant``."""

import re
from typing import Any

_STEP = re.compile(r"^(?P<tag>[a-z0-9]*)(?P<rest>.*)$")
_PART = re.compile(
    r"\.(?P<cls>[\w-]+)|#(?P<id>[\w-]+)|\[(?P<attr>[\w-]+)(?:(?P<op>[*$]?=)'?(?P<value>[^'\]]*)'?)?\]"
)


def select(page: Any, selector: str) -> list[Any]:
    """The elements, in the order of the page."""
    path = "."
    for step in selector.split():
        found = _STEP.match(step)
        assert found is not None
        path += f"//{found['tag'] or '*'}" + "".join(map(_condition, _PART.finditer(found["rest"])))
    elements: list[Any] = page.xpath(path)
    return elements


def _condition(part: re.Match[str]) -> str:
    if part["cls"]:
        return f"[contains(concat(' ', normalize-space(@class), ' '), ' {part['cls']} ')]"
    if part["id"]:
        return f"[@id='{part['id']}']"
    name, value = part["attr"], part["value"]
    if part["op"] == "*=":
        return f"[contains(@{name}, '{value}')]"
    if part["op"] == "$=":
        return f"[substring(@{name}, string-length(@{name}) - {len(value) - 1}) = '{value}']"
    return f"[@{name}='{value}']" if part["op"] else f"[@{name}]"


def texts(page: Any, selector: str) -> list[str]:
    """What the elements say, white space joined."""
    return [" ".join(" ".join(one.itertext()).split()) for one in select(page, selector)]
