"""Probable duplicates: records of the other side that agree in name, number, e-mail or phone."""

import re

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
        phone = re.sub(r"\D", "", str(entity.get("phone") or ""))
        keys += [f"n:{name}"] if name else []
        keys += [f"e:{email}"] if email else []
        keys += [f"p:{phone}"] if len(phone) >= 7 else []
    elif entity.get("number"):
        keys.append(f"d:{str(entity['number']).strip().casefold()}")
    return tuple(keys)


def candidates(
    kind: Kind, entity: Json, others: list[tuple[str, Json]], *, most: int = MOST
) -> tuple[Candidate, ...]:
    """The unlinked records that share a key with this one, those that agree in most first."""
    mine = set(match_keys(kind, entity))
    found = []
    for other_id, other in others:
        shared = [key for key in match_keys(kind, other) if key in mine]
        if shared:
            same = tuple(_WORDS[key[0]] for key in shared)
            found.append(Candidate(id=other_id, entity=other, same=same))
    found.sort(key=lambda one: (-len(one.same), one.label, one.id))
    return tuple(found[:most])
