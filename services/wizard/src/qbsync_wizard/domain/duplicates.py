"""Probable duplicates: records of the other side that agree in name, number, e-mail or phone."""

import re

from qbsync_shared.diff import same
from qbsync_shared.kinds import NAME_KINDS, Kind
from qbsync_wizard.domain.records import Candidate, Json

_WORDS = {"n": "name", "d": "number", "e": "e-mail", "p": "phone"}
MOST = 5
"""More than this is no probability but a common phone number."""


def match_keys(kind: Kind, entity: Json) -> tuple[str, ...]:
    """What a record can be recognised by: ``n:oak & sons``, ``e:office@oak.example``, ``p:5550100``, ``d:1042``."""
    keys: list[str] = []
    if kind in NAME_KINDS:
        name = re.sub(r"[\W_]+", "", str(entity.get("name") or "").casefold())
        email = str(entity.get("email") or "").strip().casefold()
        phones = (_phone(entity.get(field)) for field in ("phone", "mobile"))
        number = str(entity.get("account_number") or entity.get("sku") or "").strip().casefold()
        keys += [f"n:{name}"] if name else []
        keys += [f"d:{number}"] if number else []
        keys += [f"e:{email}"] if email else []
        keys += [f"p:{phone}" for phone in phones if len(phone) >= 7]
    elif entity.get("number"):
        keys.append(f"d:{str(entity['number']).strip().casefold()}")
    return tuple(dict.fromkeys(keys))


def _phone(text: object) -> str:
    """The digits, without an extension and without the country code of North America."""
    digits = re.sub(r"\D", "", re.split(r"(?i)\s*(?:ext\.?|x)\s*\d+\s*$", str(text or ""))[0])
    return digits[1:] if len(digits) == 11 and digits.startswith("1") else digits


_WEIGHTS = {"n": 90, "d": 80, "e": 70, "p": 60}
_MORE = 5
_LESS = 15
SURE = 99
"""No match is certain: somebody looks at it."""


def confidence(kind: Kind, entity: Json, other: Json) -> int:
    """How probable it is that two records are the same, in percent; 0 where nothing agrees.

    The strongest agreement counts (name 90, number 80, e-mail 70, phone 60), each further one adds 5. What both say and
    say differently takes 15 away: another e-mail, phone or customer; of documents another day or total.
    """
    mine, theirs = match_keys(kind, entity), match_keys(kind, other)
    shared = {key[0] for key in mine if key in theirs}
    if not shared:
        return 0
    points = max(_WEIGHTS[one] for one in shared) + _MORE * (len(shared) - 1)
    for one in ("e", "p") if kind in NAME_KINDS else ():
        told = [any(key[0] == one for key in keys) for keys in (mine, theirs)]
        points -= _LESS if all(told) and one not in shared else 0
    for field in () if kind in NAME_KINDS else ("date", "total"):
        left, right = entity.get(field), other.get(field)
        if left and right:
            points += _MORE if same(left, right, field=field) else -_LESS
    points -= _LESS * _other_customer(entity, other)
    return max(1, min(points, SURE))


def _other_customer(entity: Json, other: Json) -> int:
    """How much speaks against it that they belong to a customer: 0 the same or none, 1 unknown, 3 another."""
    left, right = entity.get("customer"), other.get("customer")
    if not left or not right:
        return 0
    for name in ("app_id", "quickbooks_id", "name"):
        if left.get(name) and right.get(name):
            return 0 if left[name] == right[name] else 3
    return 1


def candidates(
    kind: Kind, entity: Json, others: list[tuple[str, Json]], *, most: int = MOST
) -> tuple[Candidate, ...]:
    """The unlinked records that share a key with this one, the most probable first."""
    mine = set(match_keys(kind, entity))
    found = []
    for other_id, other in others:
        shared = [key for key in match_keys(kind, other) if key in mine]
        if shared:
            words = tuple(dict.fromkeys(_WORDS[key[0]] for key in shared))
            sure = confidence(kind, entity, other)
            found.append(Candidate(id=other_id, entity=other, same=words, confidence=sure))
    found.sort(key=lambda one: (-one.confidence, one.label, one.id))
    return tuple(found[:most])
