"""What QuickBooks would refuse, found before approval, each with its reason.

Lengths: Intuit's qbXML schema 16.0 for Desktop, the reference of the Accounting API for Online (``limits.toml``).
"""

import tomllib
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from importlib.resources import files

from qbsync_shared.kinds import NAME_KINDS, Edition, Kind, Operation, rules
from qbsync_shared.money import cents, line_amount, plain
from qbsync_wizard.domain.bookchecks import Around, check_books
from qbsync_wizard.domain.encoding import Replacement, replaced, texts, unstorable
from qbsync_wizard.domain.problems import Problem, article, invalid
from qbsync_wizard.domain.records import REMOVALS, Json

_SALES = frozenset({Kind.INVOICE, Kind.ESTIMATE, Kind.SALES_RECEIPT, Kind.CREDIT_MEMO, Kind.REFUND_RECEIPT})
NOTHING_AROUND = Around()
_WRITABLE_ITEMS = frozenset({"service", "non_inventory", "inventory", "other_charge"})


def check(
    kind: Kind,
    operation: Operation,
    entity: Json,
    edition: Edition,
    *,
    around: Around = NOTHING_AROUND,
    instead: tuple[Replacement, ...] = (),
) -> tuple[Problem, ...]:
    """All that stands against sending this to that edition, in the order of the fields.

    Args:
        around: the company's books and what else is known.
        instead: what is suggested for texts that cannot be stored; those are no problem here but a question.
    """
    if not rules(kind).allows(edition, operation):
        return (_not_offered(kind, operation, edition),)
    if edition not in rules(kind).carried:
        return (_not_carried(kind, edition),)
    if operation is Operation.LINK:
        return ()
    books = check_books(kind, operation, entity, edition, around)
    if operation in REMOVALS:
        return tuple(books)
    as_sent = replaced(entity, {one.before: one.after for one in instead})
    found = [*_required(kind, entity, edition), *_lengths(kind, as_sent, edition)]
    if edition is Edition.DESKTOP:
        found += _characters(as_sent)
    return (*found, *_amounts(entity), *books)


def _not_offered(kind: Kind, operation: Operation, edition: Edition) -> Problem:
    word = "make inactive" if operation is Operation.DEACTIVATE else operation.value
    name = f"QuickBooks {edition.value.capitalize()}"
    text = f"{name} does not offer to {word} {article(kind)}. Make the change there by hand, or undo it in the app."
    return Problem(code="QS-NOT-SUPPORTED", field="", title="Not offered", text=text)


def _not_carried(kind: Kind, edition: Edition) -> Problem:
    name = f"QuickBooks {edition.value.capitalize()}"
    text = f"qbsync does not send {article(kind)} to {name} yet. It waits here; enter it there by hand meanwhile."
    return Problem(code="QS-NOT-SUPPORTED", field="", title="Not sent yet", text=text)


def _required(kind: Kind, entity: Json, edition: Edition) -> Iterator[Problem]:
    if kind in NAME_KINDS and not str(entity.get("name") or "").strip():
        yield invalid("name", "Name missing", "It has no name. Give it one in the app.")
    if kind in NAME_KINDS and ":" in str(entity.get("name") or ""):
        text = "The name has a colon, which QuickBooks uses to separate levels. Take it out in the app."
        yield invalid("name", "Colon in name", text)
    if kind is Kind.ITEM:
        yield from _item(entity)
    if kind in _SALES and edition is Edition.ONLINE:
        lines = [line for line in entity.get("lines", []) if not line.get("item") and Decimal(line["amount"])]
        if lines:
            text = f"Line {lines[0]['line_id']} has an amount but no item. Choose an item in the app."
            yield invalid("lines", "Item missing", text)


def _item(entity: Json) -> Iterator[Problem]:
    kind = str(entity.get("type"))
    if kind not in _WRITABLE_ITEMS:
        text = (
            "qbsync reads items of this type but does not write them. Make the change in QuickBooks by hand."
        )
        yield Problem(code="QS-NOT-SUPPORTED", field="type", title="Not offered", text=text)
    elif not entity.get("income_account") and not entity.get("expense_account"):
        text = (
            "QuickBooks needs an account for an item. Choose one in the app, or for this item under Mappings."
        )
        yield invalid("income_account", "Account missing", text)


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
    for path, value in texts(entity):
        most = limit(kind, path, edition)
        if most is not None and len(value) > most:
            name = f"QuickBooks {edition.value.capitalize()}"
            text = f"{field_words(path)} has {len(value)} characters, {name} takes {most}. Shorten it in the app."
            yield invalid(path, "Too long", text)


def _characters(entity: Json) -> Iterator[Problem]:
    """Texts for which nothing can be suggested without losing letters."""
    for path, value in texts(entity):
        bad = unstorable(value)
        if bad:
            shown = f"the character “{bad}”" if bad.isprintable() else "a control character"
            text = f"{field_words(path)} has {shown}, which QuickBooks Desktop cannot store. Replace it in the app."
            yield invalid(path, "Character not stored", text)


def _amounts(entity: Json) -> Iterator[Problem]:
    lines = entity.get("lines") or []
    for line in lines:
        quantity, price, amount = line.get("quantity"), line.get("unit_price"), Decimal(line["amount"])
        if quantity and price and line_amount(Decimal(quantity), Decimal(price)) != cents(amount):
            text = (
                f"Line {line['line_id']}: {quantity} at {price} is "
                f"{plain(line_amount(Decimal(quantity), Decimal(price)))}, but the amount says {plain(amount)}. Correct it in the app."
            )
            yield invalid("lines", "Amounts differ", text)
            return
    if lines and entity.get("total") is not None:
        total, tax = Decimal(entity["total"]), Decimal(entity.get("tax_total") or 0)
        added = sum((Decimal(line["amount"]) for line in lines), Decimal(0))
        if cents(added + tax) != cents(total):
            with_tax = f" and tax {plain(tax)}" if tax else ""
            text = f"The lines come to {plain(added)}{with_tax}, but the total says {plain(total)}. Correct it in the app."
            yield invalid("total", "Amounts differ", text)


def field_words(path: str) -> str:
    """A field as people read it: ``Billing city``, ``Line description``."""
    words = (
        path.replace("email", "e-mail")
        .replace("lines.", "line ")
        .replace("_address.", " ")
        .replace("_", " ")
        .replace(".", " ")
    )
    return words[:1].upper() + words[1:]
