"""Match a row of element names against a content model. qbXML's models are deterministic, so looking one ahead is enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from qbsync_shared.qbxml.notation import Field, Group, Particle


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Where matching stopped: the name that stood there (None = the end), what had to stand there instead."""

    found: str | None
    wanted: tuple[str, ...]
    repeated: bool = False


def match(content: Group, names: Sequence[str]) -> Mismatch | None:
    """None when the names fit the content, else the first place where they do not."""
    end = _take(content, names, 0)
    if isinstance(end, Mismatch):
        return end
    if end == len(names):
        return None
    return Mismatch(names[end], (), repeated=names[end] in names[:end])


def _take(particle: Particle, names: Sequence[str], at: int) -> int | Mismatch:
    if isinstance(particle, Field):
        return _take_field(particle, names, at)
    count = 0
    while particle.maximum is None or count < particle.maximum:
        if count >= particle.minimum and not (at < len(names) and names[at] in _starts(particle)):
            break
        end = _take_choice(particle, names, at) if particle.choice else _take_sequence(particle, names, at)
        if isinstance(end, Mismatch):
            return end
        count += 1
        if end == at:
            break
        at = end
    return at


def _take_field(field: Field, names: Sequence[str], at: int) -> int | Mismatch:
    end = at
    while (
        end < len(names) and names[end] == field.name and (field.maximum is None or end - at < field.maximum)
    ):
        end += 1
    if end - at < field.minimum:
        return Mismatch(names[end] if end < len(names) else None, (field.name,))
    return end


def _take_sequence(group: Group, names: Sequence[str], at: int) -> int | Mismatch:
    for member in group.members:
        end = _take(member, names, at)
        if isinstance(end, Mismatch):
            return end
        at = end
    return at


def _take_choice(group: Group, names: Sequence[str], at: int) -> int | Mismatch:
    name = names[at] if at < len(names) else None
    for member in group.members:
        if name in _starts(member):
            return _take(member, names, at)
    if any(_may_be_empty(member) for member in group.members):
        return at
    return Mismatch(name, tuple(sorted(_starts(group))))


@cache
def _starts(particle: Particle) -> frozenset[str]:
    if isinstance(particle, Field):
        return frozenset({particle.name})
    if particle.choice:
        return frozenset().union(*(_starts(member) for member in particle.members))
    first: set[str] = set()
    for member in particle.members:
        first |= _starts(member)
        if not _may_be_empty(member):
            break
    return frozenset(first)


@cache
def _may_be_empty(particle: Particle) -> bool:
    if particle.minimum == 0:
        return True
    if isinstance(particle, Field):
        return False
    judge = any if particle.choice else all
    return judge(_may_be_empty(member) for member in particle.members)
