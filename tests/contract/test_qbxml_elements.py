"""The table of qbXML elements: what it says of right and wrong, and, where QBXML_XSD_DIR names the folder of Intuit's
official schema, that both say the same."""

import os
import random
from dataclasses import dataclass
from pathlib import Path

import pytest
from lxml import etree

from qbsync_shared.qbxml import Field, Group, Leaf, XmlRefusedError, load_elements, parse_xml
from qbsync_shared.qbxml.values import format_problem

XSD_DIR = os.environ.get("QBXML_XSD_DIR")
FILES = ("qbxmltypes160.xsd", "qbxml160.xsd", "qbxmlso160.xsd", "qbxmlops160.xsd")
X = "{http://www.w3.org/2001/XMLSchema}"

needs_schema = pytest.mark.skipif(
    not XSD_DIR, reason="QBXML_XSD_DIR names no folder with Intuit's qbXML schema"
)
schema = load_elements()


@dataclass(frozen=True)
class Official:
    """The named parts of the official schema."""

    elements: dict[str, etree._Element]
    groups: dict[str, etree._Element]
    types: dict[str, etree._Element]

    def content(self, name: str) -> list[etree._Element]:
        """The particles of an aggregate, request or response."""
        holder = self.types.get(f"{name}Type")
        if holder is None:
            holder = self.elements[name].find(f"{X}complexType")
        return [part for part in holder if part.tag in (f"{X}sequence", f"{X}choice", f"{X}group")]

    def leaf(self, element: etree._Element) -> Leaf | None:
        """The simple type of an element declaration, None for an aggregate."""
        if element.get("type"):
            return _leaf(element.get("type"))
        inline = element.find(f"{X}simpleType/{X}restriction")
        if inline is not None:
            length, low, high = (
                _number(inline, part) for part in ("maxLength", "minInclusive", "maxInclusive")
            )
            values = tuple(value.get("value") for value in inline.findall(f"{X}enumeration"))
            return _leaf(inline.get("base"), length, low, high, values)
        extension = element.find(f"{X}complexType/{X}simpleContent/{X}extension")
        return None if extension is None else _leaf(extension.get("base"), macro=True)


def _number(restriction: etree._Element, part: str) -> int | None:
    found = restriction.find(f"{X}{part}")
    return None if found is None else int(found.get("value"))


def _leaf(base, length=None, low=None, high=None, values=(), *, macro=False) -> Leaf:
    if base == "IDTYPE" and length is None:
        length = 36
    return Leaf(base, length, low, high, values, macro=macro)


def _often(particle: etree._Element) -> tuple[int, int | None]:
    most = particle.get("maxOccurs", "1")
    return int(particle.get("minOccurs", "1")), None if most == "unbounded" else int(most)


@pytest.fixture(scope="module")
def official() -> Official:
    parts: dict[str, dict[str, etree._Element]] = {"element": {}, "group": {}, "complexType": {}}
    for file in FILES:
        for part in etree.parse(Path(XSD_DIR) / file).getroot():
            kind = part.tag.removeprefix(X) if isinstance(part.tag, str) else ""
            if kind in parts:
                parts[kind][part.get("name")] = part
    return Official(parts["element"], parts["group"], parts["complexType"])


@pytest.fixture(scope="module")
def compiled() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(Path(XSD_DIR) / "qbxmlops160.xsd"))


def _shape(official: Official, particle: etree._Element) -> tuple:
    """A particle as nested tuples; sequences that occur once dissolve into what holds them."""
    kind = particle.tag.removeprefix(X)
    if kind == "element":
        declared = official.elements[particle.get("ref")] if particle.get("ref") else particle
        leaf = official.leaf(declared)
        return ("field", declared.get("name"), *_often(particle), leaf)
    if kind == "group":
        inner = [part for part in official.groups[particle.get("ref")] if isinstance(part.tag, str)]
        return _group(False, *_often(particle), [_shape(official, part) for part in inner])
    members = [_shape(official, part) for part in particle if isinstance(part.tag, str)]
    return _group(kind == "choice", *_often(particle), members)


def _group(choice: bool, low: int, high: int | None, members: list[tuple]) -> tuple:
    if choice:
        return ("group", True, low, high, tuple(members))
    flat: list[tuple] = []
    for member in members:
        flat += member[4] if member[:4] == ("group", False, 1, 1) else [member]
    if len(flat) == 1 and flat[0][0] == "group" and (low, high) == (1, 1):
        return flat[0]
    if len(flat) == 1 and flat[0][0] == "group" and flat[0][2:4] == (1, 1):
        return ("group", flat[0][1], low, high, flat[0][4])
    return ("group", False, low, high, tuple(flat))


def _ours(particle: Field | Group) -> tuple:
    if isinstance(particle, Field):
        return ("field", particle.name, particle.minimum, particle.maximum, particle.leaf)
    return _group(particle.choice, particle.minimum, particle.maximum, [_ours(m) for m in particle.members])


@needs_schema
def test_every_aggregate_has_the_schemas_order_occurrence_types_and_lengths(official: Official) -> None:
    for name in sorted(schema.names()):
        theirs = _group(False, 1, 1, [_shape(official, part) for part in official.content(name)])
        assert _ours(schema.content(name)) == theirs, name


@needs_schema
def test_requests_take_the_attributes_that_the_schema_gives_them(official: Official) -> None:
    for name, request in schema.requests.items():
        attributes = {a.get("name") for a in official.types[f"{name}Type"].iter(f"{X}attribute")}
        assert request.iterator == ("iterator" in attributes), name
        assert request.meta_data == ("metaData" in attributes), name


def test_every_aggregate_that_is_named_is_in_the_table() -> None:
    missing = {
        field.name
        for name in schema.names()
        for field in schema.order(name)
        if field.aggregate and field.name not in schema.names()
    }
    assert not missing


VALUES = {
    "STRTYPE": "x", "IDTYPE": "1-1", "BOOLTYPE": "true", "DATETYPE": "2026-11-02", "DATETIMETYPE": "2026-11-02T09:30:00",
    "TIMEINTERVALTYPE": "PT1H", "AMTTYPE": "1.50", "PRICETYPE": "1.5", "QUANTYPE": "2", "PERCENTTYPE": "5",
    "INTTYPE": "1", "FLOATTYPE": "1.5", "GUIDTYPE": "{01234567-89ab-cdef-0123-456789abcdef}", "UUIDTYPE": "1", "MACROTYPE": "x",
}  # fmt: skip


def _write(element: etree._Element, particle: Field | Group, chance: random.Random, depth: int) -> None:
    high = particle.maximum if particle.maximum is not None else particle.minimum + 2
    for _ in range(chance.randint(particle.minimum, max(particle.minimum, min(high, particle.minimum + 2)))):
        if isinstance(particle, Group):
            members = (chance.choice(particle.members),) if particle.choice else particle.members
            for member in members:
                if depth < 3 or isinstance(member, Group) or member.minimum or member.leaf:
                    _write(element, member, chance, depth)
            continue
        child = etree.SubElement(element, particle.name)
        if particle.leaf:
            child.text = particle.leaf.values[0] if particle.leaf.values else VALUES[particle.leaf.type]
        else:
            _write(child, schema.content(particle.name), chance, depth + 1)


def _document(request: str, chance: random.Random) -> etree._Element:
    root = etree.Element("QBXML")
    members = etree.SubElement(root, "QBXMLMsgsRq", onError="continueOnError")
    _write(etree.SubElement(members, request, requestID="1"), schema.requests[request].content, chance, 0)
    return root


@needs_schema
def test_what_the_table_calls_right_or_wrong_is_so_for_the_schema(compiled: etree.XMLSchema) -> None:
    """Random documents made from the table, then with two neighbours swapped or one child dropped: the same verdict."""
    for request_name in sorted(schema.requests):
        chance = random.Random(request_name)
        for _ in range(12):
            document = _document(request_name, chance)
            assert compiled.validate(document), compiled.error_log.last_error
            assert schema.set_problems(document) == []
            if _damage(document, chance):
                verdict = schema.set_problems(document) == []
                assert verdict == compiled.validate(document), etree.tostring(document)


def _damage(document: etree._Element, chance: random.Random) -> bool:
    places = [element for element in document[0].iter() if len(element) > 1 and element.tag != "QBXMLMsgsRq"]
    if not places:
        return False
    place = chance.choice(places)
    at = chance.randrange(len(place) - 1)
    if chance.random() < 0.5:
        place.insert(at, place[at + 1])
    else:
        del place[at]
    return True


# without the official schema


def problems(text: str) -> list[tuple[str, str]]:
    return [(problem.path, problem.kind) for problem in schema.problems(etree.fromstring(text))]


@pytest.mark.parametrize(
    ("text", "path", "kind"),
    [
        ("<CustomerAdd><CompanyName>a</CompanyName><Name>x</Name></CustomerAdd>", "CustomerAdd/CompanyName", "order"),
        ("<CustomerAdd><Phone>1</Phone></CustomerAdd>", "CustomerAdd/Name", "missing"),
        ("<CustomerAdd><Name>x</Name><Colour>red</Colour></CustomerAdd>", "CustomerAdd/Colour", "unknown"),
        ("<CustomerAdd><Name>x</Name><Name>y</Name></CustomerAdd>", "CustomerAdd/Name", "too_many"),
        (f"<CustomerAdd><Name>{'x' * 42}</Name></CustomerAdd>", "CustomerAdd/Name", "length"),
        ("<CustomerAdd><Name>x</Name>text</CustomerAdd>", "CustomerAdd", "text"),
        ("<CustomerAdd><Name><b/></Name></CustomerAdd>", "CustomerAdd/Name", "unknown"),
        ("<CustomerAdd><Name>x</Name><BillAddress><Addr1>%s</Addr1></BillAddress></CustomerAdd>" % ("y" * 42), "CustomerAdd/BillAddress/Addr1", "length"),
        ("<InvoiceLineAdd><Rate>1</Rate><RatePercent>2</RatePercent></InvoiceLineAdd>", "InvoiceLineAdd/RatePercent", "choice"),
        ("<ReceivePaymentAdd><CustomerRef/></ReceivePaymentAdd>", "ReceivePaymentAdd/AppliedToTxnAdd", "missing"),
        ('<CustomerQueryRq colour="red"/>', "CustomerQueryRq", "attribute"),
        ('<AccountQueryRq iterator="Start"/>', "AccountQueryRq", "attribute"),
        ("<CustomerQueryRq><ActiveStatus>Some</ActiveStatus></CustomerQueryRq>", "CustomerQueryRq/ActiveStatus", "value"),
        ("<CustomerQueryRq><MaxReturned>0</MaxReturned></CustomerQueryRq>", "CustomerQueryRq/MaxReturned", "format"),
        ("<Nonsense/>", "Nonsense", "unknown"),
    ],
)  # fmt: skip
def test_a_problem_says_where_and_of_which_sort(text: str, path: str, kind: str) -> None:
    assert problems(text) == [(path, kind)]


@pytest.mark.parametrize(
    ("type_name", "good", "bad"),
    [
        ("AMTTYPE", ["1", "-1.50", "", "1234567890123.00"], ["1.5", "1,000.00", "12345678901234", "1.505", " 1"]),
        ("PRICETYPE", ["1", "0.12345", "-3.5"], ["0.123456", "12345678901"]),
        ("QUANTYPE", ["2.5"], ["two"]),
        ("DATETYPE", ["2026-11-02", ""], ["2026-13-01", "2026-1-1", "11/02/2026"]),
        ("DATETIMETYPE", ["2026-11-02", "2026-1-2T9", "2026-11-02T09:30:00-08:00"], ["today", "2026-11-02 09:30"]),
        ("TIMEINTERVALTYPE", ["PT2H30M0S", "PT45M", ""], ["2:30", "P1D", "PT"]),
        ("BOOLTYPE", ["true", "0", ""], ["yes", "TRUE"]),
        ("GUIDTYPE", ["0", "{01234567-89ab-CDEF-0123-456789abcdef}"], ["01234567-89ab-cdef-0123-456789abcdef", ""]),
        ("FLOATTYPE", ["1.5", "-.5", ""], ["1e3", "x"]),
    ],
)  # fmt: skip
def test_values_have_the_form_of_their_type(type_name: str, good: list[str], bad: list[str]) -> None:
    assert [value for value in good if format_problem(Leaf(type_name), value)] == []
    assert [value for value in bad if format_problem(Leaf(type_name), value) is None] == []


def test_children_are_sorted_all_the_way_down_and_lines_keep_their_order() -> None:
    element = etree.fromstring(
        "<InvoiceAdd><InvoiceLineAdd><Quantity>1</Quantity><ItemRef/></InvoiceLineAdd><InvoiceLineGroupAdd><ItemGroupRef/>"
        "</InvoiceLineGroupAdd><InvoiceLineAdd/><Memo>m</Memo><CustomerRef><FullName>b</FullName><ListID>1</ListID></CustomerRef></InvoiceAdd>"
    )
    schema.sort_children(element)
    assert [child.tag for child in element] == ["CustomerRef", "Memo", "InvoiceLineAdd", "InvoiceLineGroupAdd", "InvoiceLineAdd"]  # fmt: skip
    assert [child.tag for child in element[0]] == ["ListID", "FullName"]
    assert [child.tag for child in element[2]] == ["ItemRef", "Quantity"]
    assert schema.problems(element) == []


def test_order_says_how_often_a_field_may_occur_all_in_all() -> None:
    fields = schema.fields("EstimateAdd")
    assert (fields["EstimateLineAdd"].minimum, fields["EstimateLineAdd"].maximum) == (0, None)
    assert (fields["CustomerRef"].minimum, fields["CustomerRef"].maximum) == (1, 1)
    assert fields["RefNumber"].max_length == 11
    assert fields["CustomerRef"].aggregate == "CustomerRef"
    assert schema.field("CustomerAdd", "Colour") is None


def test_a_message_set_needs_on_error_and_only_requests() -> None:
    for text, count in (
        ('<QBXML><QBXMLMsgsRq onError="stopOnError"><HostQueryRq/></QBXMLMsgsRq></QBXML>', 0),
        ("<QBXML><QBXMLMsgsRq><HostQueryRq/></QBXMLMsgsRq></QBXML>", 1),
        ('<QBXML><QBXMLMsgsRq onError="rollbackOnError"/></QBXML>', 1),
        ('<QBXML><QBXMLMsgsRq onError="stopOnError"><CustomerAdd/></QBXMLMsgsRq></QBXML>', 1),
        ("<QBXML/>", 1),
    ):
        assert len(schema.set_problems(etree.fromstring(text))) == count, text


BOMB = "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))


@pytest.mark.parametrize(
    "data",
    [
        f'<!DOCTYPE l [<!ENTITY a "lol">{BOMB}]><l>&j;</l>'.encode(),
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd"><a/>',
        b"<a>" * 41 + b"</a>" * 41,
        b"<a><b></a>",
        b"",
        b"<a>\xff</a>",
        b"<a/><!-- " + b"x" * 2_000 + b"-->",
    ],
)
def test_hostile_or_broken_xml_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(XmlRefusedError, match="XML"):
        parse_xml(data, max_bytes=2_000)


def test_good_xml_is_read_with_its_instructions_and_without_comments() -> None:
    root = parse_xml(b'<?xml version="1.0"?><?qbxml version="13.0"?><QBXML><!-- x --><a>&#233;</a></QBXML>')
    assert [child.tag for child in root] == ["a"]
    assert root[0].text == "\u00e9"
    assert root.getprevious().text == 'version="13.0"'
