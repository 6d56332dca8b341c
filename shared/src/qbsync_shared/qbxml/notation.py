"""The notation of elements.toml: `Name[41]?, (Rate | RatePercent)?, Line+` and what it reads into."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z][A-Za-z0-9]*)(?:\[(?P<length>\d+)])?(?::(?P<type>\{[^}]*}|[a-z]+(?:\[\d+])?(?:<\d*\.\.\d*>)?)"
    r"(?P<macro>@useMacro)?)?|(?P<mark>[(),|]))(?P<often>[?*+]|\{\d+,\d*})?"
)
_LEAF = re.compile(
    r"(?P<base>[a-z]+)(?:\[(?P<length>\d+)])?(?:<(?P<low>\d*)\.\.(?P<high>\d*)>)?(?P<macro>@useMacro)?"
)
_OFTEN = {"": (1, 1), "?": (0, 1), "*": (0, None), "+": (1, None)}

AGGREGATE = "AGGREGATE"
ENUM = "ENUMTYPE"
TYPE_NAMES = {
    "str": "STRTYPE",
    "id": "IDTYPE",
    "bool": "BOOLTYPE",
    "date": "DATETYPE",
    "datetime": "DATETIMETYPE",
    "interval": "TIMEINTERVALTYPE",
    "amt": "AMTTYPE",
    "price": "PRICETYPE",
    "quan": "QUANTYPE",
    "percent": "PERCENTTYPE",
    "int": "INTTYPE",
    "float": "FLOATTYPE",
    "guid": "GUIDTYPE",
    "uuid": "UUIDTYPE",
    "macro": "MACROTYPE",
}


@dataclass(frozen=True, slots=True)
class Leaf:
    """A simple type: Intuit's name, the most characters, the range of a number, the values of an enumeration."""

    type: str
    max_length: int | None = None
    low: int | None = None
    high: int | None = None
    values: tuple[str, ...] = ()
    macro: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One element at one place of an aggregate: `maximum` None = any number, `leaf` None = an aggregate."""

    name: str
    minimum: int
    maximum: int | None
    leaf: Leaf | None

    @property
    def type(self) -> str:
        """Intuit's type name, or AGGREGATE."""
        return self.leaf.type if self.leaf else AGGREGATE

    @property
    def aggregate(self) -> str | None:
        """The aggregate that stands here (it has the name of the element), None for a value."""
        return None if self.leaf else self.name

    @property
    def max_length(self) -> int | None:
        """The most characters of the value, None where the schema sets no limit."""
        return self.leaf.max_length if self.leaf else None

    @property
    def values(self) -> tuple[str, ...]:
        """The values of an enumeration, else empty."""
        return self.leaf.values if self.leaf else ()


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Particles one after the other, or (`choice`) one of them, so many times. Equal to itself only."""

    choice: bool
    minimum: int
    maximum: int | None
    members: tuple["Particle", ...]


Particle = Field | Group


def fields(particle: Particle) -> Iterator[Field]:
    """Every field of a particle as written, each with how often it may occur all in all."""
    if isinstance(particle, Field):
        yield particle
        return
    optional = particle.minimum == 0 or particle.choice
    for member in particle.members:
        for field in fields(member):
            low = 0 if optional else field.minimum * particle.minimum
            high = (
                None
                if field.maximum is None or particle.maximum is None
                else field.maximum * particle.maximum
            )
            yield replace(field, minimum=low, maximum=high)


def read_leaf(text: str) -> Leaf:
    """The leaf written as `str[41]`, `int<1..12>`, `{Cash Check}` or `id@useMacro`."""
    if text.startswith("{"):
        return Leaf(ENUM, values=tuple(text.strip("{}").split()))
    match = _LEAF.fullmatch(text)
    if match is None or match["base"] not in TYPE_NAMES:
        raise ValueError(f"not a type: {text!r}")
    length = int(match["length"]) if match["length"] else None
    if match["base"] == "id":
        length = 36
    return Leaf(
        TYPE_NAMES[match["base"]],
        length,
        int(match["low"]) if match["low"] else None,
        int(match["high"]) if match["high"] else None,
        macro=match["macro"] is not None,
    )


def read_content(text: str, leaves: Mapping[str, Leaf]) -> Group:
    """The content of an aggregate. `leaves` holds the types of elements whose type is the same everywhere."""
    reader = _Reader(text, leaves)
    members = reader.sequence()
    reader.end()
    return Group(choice=False, minimum=1, maximum=1, members=members)


class _Reader:
    """A descent through one line of the notation."""

    def __init__(self, text: str, leaves: Mapping[str, Leaf]) -> None:
        self._text = text
        self._leaves = leaves
        self._at = 0

    def _next(self, *, peek: bool = False) -> re.Match[str] | None:
        if self._at == len(self._text):
            return None
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            raise ValueError(f"cannot read {self._text[self._at : self._at + 40]!r}")
        if not peek:
            self._at = match.end()
        return match

    def _mark(self) -> str:
        token = self._next(peek=True)
        return (token["mark"] or "") if token else ""

    def end(self) -> None:
        if self._at != len(self._text):
            raise ValueError(f"left over: {self._text[self._at :]!r}")

    def sequence(self) -> tuple[Particle, ...]:
        members: list[Particle] = []
        while self._at < len(self._text):
            members.append(self._particle())
            if self._mark() != ",":
                break
            self._next()
        return tuple(members)

    def _particle(self) -> Particle:
        token = self._next()
        if token is None:
            raise ValueError("the line ends too early")
        if token["name"]:
            return self._field(token)
        branches = [self.sequence()]
        while self._mark() == "|":
            self._next()
            branches.append(self.sequence())
        close = self._next()
        if close is None or close["mark"] != ")":
            raise ValueError("a bracket is not closed")
        low, high = _often(close["often"])
        if len(branches) == 1:
            return Group(choice=False, minimum=low, maximum=high, members=branches[0])
        members = tuple(b[0] if len(b) == 1 else Group(False, 1, 1, b) for b in branches)
        return Group(choice=True, minimum=low, maximum=high, members=members)

    def _field(self, token: re.Match[str]) -> Field:
        name = token["name"]
        low, high = _often(token["often"])
        if token["type"]:
            leaf: Leaf | None = read_leaf(token["type"] + (token["macro"] or ""))
        elif token["length"]:
            leaf = Leaf("STRTYPE", int(token["length"]))
        else:
            leaf = self._leaves.get(name)
        return Field(name, low, high, leaf)


def _often(text: str | None) -> tuple[int, int | None]:
    if text is None or text in _OFTEN:
        return _OFTEN[text or ""]
    low, high = text.strip("{}").split(",")
    return int(low), int(high) if high else None
