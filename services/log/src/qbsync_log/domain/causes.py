"""Causes in words: one sentence for all entities that the same deed solves."""

from qbsync_shared.kinds import Kind

_NAMES = ("QuickBooks", "qbsync")
_IRREGULAR = {"time entry": "time entries", "class": "classes"}


def things(count: int, kind: Kind) -> str:
    """``7 invoices``, ``1 customer``."""
    word = kind.label
    return f"{count:,} {word if count == 1 else _IRREGULAR.get(word, f'{word}s')}"


def subject(count: int, kind: Kind, label: str) -> str:
    """The one entity by its name, several by their number."""
    return f"{kind.label.capitalize()} {label}" if count == 1 else things(count, kind)


def waits_title(count: int, kind: Kind, label: str, *, waits_for: str) -> str:
    """``7 invoices wait for customer Oak & Sons``."""
    verb = "waits" if count == 1 else "wait"
    return f"{subject(count, kind, label)} {verb} for {waits_for}"


def title(count: int, kind: Kind, label: str, *, what: str) -> str:
    """``Customer Oak & Sons: the name is already in use``."""
    return f"{subject(count, kind, label)}: {_inside(what)}"


def _inside(sentence: str) -> str:
    """A title as it stands inside a sentence."""
    return sentence if sentence.startswith(_NAMES) else sentence[:1].lower() + sentence[1:]


def entity_words(key: str, label: str | None) -> str:
    """An entity key in words: ``customer Oak & Sons``, or its id where the log never heard its name."""
    kind, _, rest = key.partition("/")
    return f"{Kind(kind).label} {label or rest.partition('/')[2]}"
