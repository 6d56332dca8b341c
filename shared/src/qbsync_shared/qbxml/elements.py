"""The table of qbXML elements: the order a request must have, and what is wrong with one that does not.

Order, occurrence, lengths and types follow qbXML 16.0. QuickBooks refuses a whole message set (0x80040400) when one
member breaks them, so everything is checked here before it is sent.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from lxml import etree

from qbsync_shared.qbxml.matching import Mismatch, match
from qbsync_shared.qbxml.notation import Field, Group, Leaf, fields, read_content, read_leaf
from qbsync_shared.qbxml.values import format_problem

REQUEST_ID_LENGTH = 50  # QuickBooks' status 1060; the schema sets no limit
MESSAGE_SET_ID_LENGTH = 23  # more is messageSetStatusCode 9004
ON_ERROR = (
    "stopOnError",
    "continueOnError",
)  # rollbackOnError passes the schema, QuickBooks refuses it (0x80040413)

ProblemKind = Literal[
    "unknown", "order", "missing", "too_many", "choice", "length", "format", "value", "attribute", "text"
]


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of an element: where (`CustomerAdd/BillAddress/Addr1`), which sort, and what, in words."""

    path: str
    kind: ProblemKind
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


@dataclass(frozen=True, slots=True)
class Request:
    """A request: its content and the attributes that it takes besides requestID."""

    name: str
    content: Group
    iterator: bool
    meta_data: bool


class Schema:
    """The loaded table. Aggregates, requests (`CustomerAddRq`) and responses (`CustomerAddRs`) share one name space."""

    def __init__(self, data: dict[str, dict[str, str]]) -> None:
        leaves = {name: read_leaf(text) for name, text in data["leaves"].items()}
        contents = data["aggregates"] | data["responses"]
        self.leaves: dict[str, Leaf] = leaves
        self.since: dict[str, str] = data["since"]
        self.requests = {name: _request(name, text, leaves) for name, text in data["requests"].items()}
        self._contents = {name: read_content(text, leaves) for name, text in contents.items()}
        self._contents |= {name: request.content for name, request in self.requests.items()}
        self.responses = frozenset(data["responses"])
        self._order = {name: tuple(fields(content)) for name, content in self._contents.items()}
        self._fields = {name: {f.name: f for f in order} for name, order in self._order.items()}
        self._ranks = {name: _ranks(content) for name, content in self._contents.items()}

    def names(self) -> frozenset[str]:
        """Every aggregate, request and response."""
        return frozenset(self._contents)

    def has(self, name: str) -> bool:
        """Whether the table has this aggregate, request or response."""
        return name in self._contents

    def content(self, aggregate: str) -> Group:
        """The content model. Raises KeyError for an aggregate that the table does not have."""
        return self._contents[aggregate]

    def order(self, aggregate: str) -> tuple[Field, ...]:
        """The fields in the order QuickBooks demands, members of a choice one after the other (KeyError: unknown).

        Occurrence is that within the aggregate: a member of a choice has a minimum of 0, one of a repeated group any number.
        """
        return self._order[aggregate]

    def field(self, aggregate: str, name: str) -> Field | None:
        """The field `name` of an aggregate, or None."""
        return self._fields[aggregate].get(name)

    def fields(self, aggregate: str) -> Mapping[str, Field]:
        """The fields of an aggregate by name (KeyError: unknown)."""
        return self._fields[aggregate]

    def sort_children(self, element: etree._Element) -> None:
        """Put the children in schema order, all the way down; elements the table does not know go last."""
        ranks = self._ranks.get(_local(element))
        if ranks is None:
            return
        children = list(element)
        for child in children:
            self.sort_children(child)
        ordered = sorted(children, key=lambda child: ranks.get(_local(child), len(ranks)))
        if ordered != children:
            element[:] = ordered

    def problems(self, element: etree._Element) -> list[Problem]:
        """Everything wrong with an aggregate, request or response and what it holds; empty when QuickBooks takes it."""
        name = _local(element)
        if name not in self._contents:
            return [Problem(name, "unknown", f"qbXML has no {name} that qbsync knows")]
        found = self._attribute_problems(element, name)
        self._collect(element, name, name, found)
        return found

    def set_problems(self, document: etree._Element) -> list[Problem]:
        """Everything wrong with a whole QBXML document that carries one message set."""
        if _local(document) != "QBXML" or [_local(child) for child in document] != ["QBXMLMsgsRq"]:
            return [Problem("QBXML", "unknown", "the document is not QBXML with one QBXMLMsgsRq")]
        message_set = document[0]
        found = _message_set_problems(message_set)
        for member in message_set:
            if _local(member) in self.requests:
                found += self.problems(member)
            else:
                found.append(Problem(_local(member), "unknown", f"{_local(member)} is not a request"))
        return found

    def _attribute_problems(self, element: etree._Element, name: str) -> list[Problem]:
        request = self.requests.get(name)
        if request is None:
            return []
        allowed = {"requestID"} | ({"metaData"} if request.meta_data else set())
        if request.iterator:
            allowed |= {"iterator", "iteratorID"}
        found = _strange_attributes(element, allowed)
        for attribute, values in (
            ("iterator", ("Start", "Continue", "Stop")),
            ("metaData", ("NoMetaData", "MetaDataOnly", "MetaDataAndResponseData")),
        ):
            value = element.get(attribute)
            if value is not None and value not in values:
                found.append(
                    Problem(name, "attribute", f"{attribute}={value!r} is not one of {', '.join(values)}")
                )
        return found

    def _collect(self, element: etree._Element, aggregate: str, path: str, found: list[Problem]) -> None:
        if (element.text or "").strip() or any((child.tail or "").strip() for child in element):
            found.append(Problem(path, "text", "holds text between its elements"))
        known = self._fields[aggregate]
        children = [child for child in element if isinstance(child.tag, str)]
        names = []
        for child in children:
            name = _local(child)
            field = known.get(name)
            if field is None:
                found.append(Problem(f"{path}/{name}", "unknown", f"{aggregate} has no element {name}"))
                continue
            names.append(name)
            if field.leaf is not None:
                _value_problems(child, field.leaf, f"{path}/{name}", found)
            else:
                self._collect(child, name, f"{path}/{name}", found)
        found += self._order_problems(aggregate, path, names)

    def _order_problems(self, aggregate: str, path: str, names: list[str]) -> list[Problem]:
        content = self._contents[aggregate]
        mismatch = match(content, names)
        if mismatch is None:
            return []
        ranks = self._ranks[aggregate]
        in_order = sorted(names, key=ranks.__getitem__)
        found = []
        if in_order != names:
            late = next(n for n, wanted in zip(names, in_order, strict=True) if n != wanted)
            before = in_order[names.index(late)]
            found.append(
                Problem(f"{path}/{late}", "order", f"{late} stands before {before}; {before} comes first")
            )
            mismatch = match(content, in_order)
        if mismatch is not None:
            found.append(_mismatch_problem(path, mismatch))
        return found


def _mismatch_problem(path: str, mismatch: Mismatch) -> Problem:
    if mismatch.found is None or mismatch.wanted:
        wanted = " or ".join(mismatch.wanted)
        if len(mismatch.wanted) == 1 or mismatch.found is None:
            return Problem(f"{path}/{mismatch.wanted[0]}", "missing", f"{wanted} is missing")
        return Problem(path, "choice", f"needs one of {wanted}, not {mismatch.found}")
    if mismatch.repeated:
        return Problem(f"{path}/{mismatch.found}", "too_many", f"{mismatch.found} stands there too often")
    return Problem(
        f"{path}/{mismatch.found}", "choice", f"{mismatch.found} cannot stand beside what is before it"
    )


def _value_problems(element: etree._Element, leaf: Leaf, path: str, found: list[Problem]) -> None:
    if len(element):
        found.append(Problem(path, "unknown", "holds elements where a value belongs"))
        return
    if leaf.macro and element.get("useMacro"):
        return
    value = element.text or ""
    if leaf.max_length is not None and len(value) > leaf.max_length:
        found.append(
            Problem(path, "length", f"has {len(value)} characters; QuickBooks takes {leaf.max_length}")
        )
    trouble = format_problem(leaf, value)
    if trouble:
        kind: ProblemKind = "value" if leaf.type == "ENUMTYPE" else "format"
        found.append(Problem(path, kind, f"{value[:60]!r} {trouble}"))


def _strange_attributes(element: etree._Element, allowed: set[str]) -> list[Problem]:
    strange = [str(name) for name in element.attrib if name not in allowed]
    return [Problem(_local(element), "attribute", f"takes no attribute {name}") for name in strange]


def _message_set_problems(message_set: etree._Element) -> list[Problem]:
    found = _strange_attributes(
        message_set, {"onError", "newMessageSetID", "oldMessageSetID", "responseData"}
    )
    if message_set.get("onError") not in ON_ERROR:
        found.append(Problem("QBXMLMsgsRq", "attribute", "onError must be stopOnError or continueOnError"))
    if message_set.get("responseData", "includeAll") not in {"includeAll", "includeNone"}:
        found.append(Problem("QBXMLMsgsRq", "attribute", "responseData must be includeAll or includeNone"))
    return found


def _request(name: str, text: str, leaves: dict[str, Leaf]) -> Request:
    words = text.split(" ")
    flags = {word for word in words if word.startswith("@")}
    content = read_content(" ".join(word for word in words if word not in flags), leaves)
    return Request(name, content, iterator="@iterator" in flags, meta_data="@metaData" in flags)


def _ranks(content: Group) -> dict[str, int]:
    """Place of each name; members of a choice that repeats share one, so that sorting keeps their order."""
    ranks: dict[str, int] = {}
    for member in content.members:
        repeats = isinstance(member, Group) and member.maximum is None
        base = len(ranks)
        for step, field in enumerate(fields(member)):
            ranks.setdefault(field.name, base if repeats else base + step)
    return _dense(ranks)


def _dense(ranks: dict[str, int]) -> dict[str, int]:
    places = {rank: place for place, rank in enumerate(sorted(set(ranks.values())))}
    return {name: places[rank] for name, rank in ranks.items()}


def _local(element: etree._Element) -> str:
    return element.tag if isinstance(element.tag, str) else ""


@cache
def load_elements() -> Schema:
    """The table of this package, read once."""
    text = resources.files("qbsync_shared.qbxml").joinpath("elements.toml").read_text("utf-8")
    return Schema(tomllib.loads(text))
