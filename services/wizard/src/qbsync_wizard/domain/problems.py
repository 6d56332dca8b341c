"""What stands against a row, or is to be known before it goes."""

from dataclasses import dataclass

from qbsync_shared.kinds import Kind


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why it cannot go, or (``blocks`` false) what to know before it does: ``title`` in two words, ``text`` in sentences with the next step."""

    code: str
    field: str
    title: str
    text: str
    blocks: bool = True


def invalid(field: str, title: str, text: str) -> Problem:
    """A value that QuickBooks would refuse."""
    return Problem(code="QS-INVALID", field=field, title=title, text=text)


def article(kind: Kind) -> str:
    """``an invoice``."""
    return f"{'an' if kind.label[0] in 'aeiou' else 'a'} {kind.label}"
