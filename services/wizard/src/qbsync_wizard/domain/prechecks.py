"""What QuickBooks would refuse, found before approval, each with its reason.

Lengths: Intuit's qbXML schema 16.0 for Desktop, the reference of the Accounting API for Online (``limits.toml``).
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from qbsync_shared.kinds import NAME_KINDS, Edition, Kind, Operation, rules
from qbsync_shared.money import cents, line_amount, plain
from qbsync_wizard.domain.records import REMOVALS, Json

_SALES = frozenset({Kind.INVOICE, Kind.ESTIMATE, Kind.SALES_RECEIPT, Kind.CREDIT_MEMO, Kind.REFUND_RECEIPT})
_WRITABLE_ITEMS = frozenset({"service", "non_inventory", "inventory", "other_charge"})


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why it cannot go: ``title`` in two words, ``text`` in a sentence with the next step."""

    code: str
    field: str
    title: str
    text: str


def check(kind: Kind, operation: Operation, entity: Json, edition: Edition) -> tuple[Problem, ...]:
    """All that stands against sending this to that edition, in the order of the fields."""
    if not rules(kind).allows(edition, operation):
        return (_not_offered(kind, operation, edition),)
    if edition not in rules(kind).carried:
        return (_not_carried(kind, edition),)
    if operation in REMOVALS or operation is Operation.LINK:
        return ()
    found = [*_required(kind, entity, edition), *_lengths(kind, entity, edition)]
    if edition is Edition.DESKTOP:
        found += _characters(entity)
    return (*found, *_amounts(entity))


def _not_offered(kind: Kind, operation: Operation, edition: Edition) -> Problem:
    word = "make inactive" if operation is Operation.DEACTIVATE else operation.value
    name = f"QuickBooks {edition.value.capitalize()}"
    text = f"{name} does not offer to {word} {_article(kind)}. Make the change there by hand, or undo it in the app."
    return Problem(code="QS-NOT-SUPPORTED", field="", title="Not offered", text=text)


def _not_carried(kind: Kind, edition: Edition) -> Problem:
    name = f"QuickBooks {edition.value.capitalize()}"
    text = f"qbsync does not send {_article(kind)} to {name} yet. It waits here; enter it there by hand meanwhile."
    return Problem(code="QS-NOT-SUPPORTED", field="", title="Not sent yet", text=text)


def _article(kind: Kind) -> str:
    return f"{'an' if kind.label[0] in 'aeiou' else 'a'} {kind.label}"


def _invalid(field: str, title: str, text: str) -> Problem:
    return Problem(code="QS-INVALID", field=field, title=title, text=text)


def _required(kind: Kind, entity: Json, edition: Edition) -> Iterator[Problem]:
    if kind in NAME_KINDS and not str(entity.get("name") or "").strip():
        yield _invalid("name", "Name missing", "It has no name. Give it one in the app.")
    if kind in NAME_KINDS and ":" in str(entity.get("name") or ""):
        text = "The name has a colon, which QuickBooks uses to separate levels. Take it out in the app."
        yield _invalid("name", "Colon in name", text)
    if kind is Kind.ITEM:
        yield from _item(entity)
    if kind in _SALES and edition is Edition.ONLINE:
        lines = [line for line in entity.get("lines", []) if not line.get("item") and Decimal(line["amount"])]
        if lines:
            text = f"Line {lines[0]['line_id']} has an amount but no item. Choose an item in the app."
            yield _invalid("lines", "Item missing", text)


def _item(entity: Json) -> Iterator[Problem]:
    kind = str(entity.get("type"))
    if kind not in _WRITABLE_ITEMS:
        text = (
            "qbsync reads items of this type but does not write them. Make the change in QuickBooks by hand."
        )
        yield Problem(code="QS-NOT-SUPPORTED", field="type", title="Not offered", text=text)
    elif not entity.get("income_account") and not entity.get("expense_account"):
        text = "QuickBooks needs an account for an item. Choose an income or expense account in the app."
        yield _invalid("income_account", "Account missing", text)


@cache
def limits() -> dict[str, dict[str, dict[str, int]]]:
    """Edition -> kind or ``any`` -> dotted field -> characters."""
    text = files("qbsync_wizard.domain").joinpath("limits.toml").read_text("utf-8")
    return tomllib.loads(text)


def limit(kind: Kind, field: str, edition: Edition) -> int | None:
    """How many characters the field may have, if that is limited."""
    table = limits()[edition.value]
    return table.get(kind.value, {}).get(field) or table["any"].get(field)


def _lengths(kind: Kind, entity: Json, edition: Edition) -> Iterator[Problem]:
    for path, value in _texts(entity):
        most = limit(kind, path, edition)
        if most is not None and len(value) > most:
            name = f"QuickBooks {edition.value.capitalize()}"
            text = f"{_words(path)} has {len(value)} characters, {name} takes {most}. Shorten it in the app."
            yield _invalid(path, "Too long", text)


def _characters(entity: Json) -> Iterator[Problem]:
    for path, value in _texts(entity):
        bad = next((character for character in value if ord(character) > 255), None)
        if bad is not None:
            text = f"{_words(path)} has the character “{bad}”, which QuickBooks Desktop cannot store. Replace it in the app."
            yield _invalid(path, "Character not stored", text)


def _amounts(entity: Json) -> Iterator[Problem]:
    lines = entity.get("lines") or []
    for line in lines:
        quantity, price, amount = line.get("quantity"), line.get("unit_price"), Decimal(line["amount"])
        if quantity and price and line_amount(Decimal(quantity), Decimal(price)) != cents(amount):
            text = (
                f"Line {line['line_id']}: {quantity} at {price} is "
                f"{plain(line_amount(Decimal(quantity), Decimal(price)))}, but the amount says {plain(amount)}. Correct it in the app."
            )
            yield _invalid("lines", "Amounts differ", text)
            return
    if lines and entity.get("total") is not None:
        total, tax = Decimal(entity["total"]), Decimal(entity.get("tax_total") or 0)
        added = sum((Decimal(line["amount"]) for line in lines), Decimal(0))
        if cents(added + tax) != cents(total):
            with_tax = f" and tax {plain(tax)}" if tax else ""
            text = f"The lines come to {plain(added)}{with_tax}, but the total says {plain(total)}. Correct it in the app."
            yield _invalid("total", "Amounts differ", text)


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text with its path: ``lines.description``, ``billing_address.city``. References are not ours to judge."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in {"kind", "app_id", "revision", "line_id", "quickbooks_id"}:
                continue
            yield from _texts(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, path)
    elif isinstance(value, str):
        yield path, value


def _words(path: str) -> str:
    words = (
        path.replace("email", "e-mail")
        .replace("lines.", "line ")
        .replace("_address.", " ")
        .replace("_", " ")
        .replace(".", " ")
    )
    return words[:1].upper() + words[1:]
