"""The words by which a sync is found from one box: number, name, amount, ids and code."""

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal

from qbsync_log.domain.records import SyncRecord

_WORD = re.compile(r"\w+")
_MOST = 24
_LONGEST = 60


def words_of(record: SyncRecord) -> list[str]:
    """What is kept for finding this sync: folded words, each once."""
    texts = [record.label, record.known_app_id, record.quickbooks_id, record.standing.code]
    approval = record.approval
    if approval is not None and approval.party_name:
        texts.append(approval.party_name)
    found = [word for text in texts if text for word in _split(text)]
    if approval is not None and approval.amount is not None:
        found += _amount(approval.amount)
    return sorted(dict.fromkeys(found))[:_MOST]


def words_of_query(text: str) -> list[str]:
    """What was typed, as words that must all begin a word of the sync. An amount is found with or without ``$`` and ``,``."""
    words: list[str] = []
    for part in text.split()[:6]:
        plain = part.strip("$").replace(",", "")
        if re.fullmatch(r"\d+\.\d{1,2}", plain):
            words.append(plain)
        else:
            words += list(_split(part))
    return list(dict.fromkeys(words))[:6]


def _amount(amount: Decimal) -> list[str]:
    return [f"{abs(amount):.2f}"]


def _split(text: str) -> Iterator[str]:
    folded = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    for match in _WORD.finditer(plain):
        yield match.group()[:_LONGEST]
