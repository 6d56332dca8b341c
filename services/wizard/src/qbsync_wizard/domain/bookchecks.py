"""What the company's own books stand against: closed periods, numbers in use, missing matches, another currency, money already applied."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from qbsync_shared.kinds import Edition, Kind, Operation
from qbsync_wizard.domain.company import NOTHING_KNOWN, Company, list_references
from qbsync_wizard.domain.encoding import unstorable
from qbsync_wizard.domain.problems import Problem, article
from qbsync_wizard.domain.records import REMOVALS, Json

_POSTING = frozenset(
    {
        Kind.INVOICE,
        Kind.SALES_RECEIPT,
        Kind.CREDIT_MEMO,
        Kind.REFUND_RECEIPT,
        Kind.PAYMENT,
        Kind.BILL,
    }
)
"""What changes the accounts. Estimates, orders and hours do not, so that a closed period does not concern them."""

_PSEUDO_TAX_CODES = frozenset({"tax", "non"})
"""QuickBooks Online of US companies takes these on lines though no list has them."""


@dataclass(frozen=True, kw_only=True)
class Around:
    """What else is known: ``same_number`` names another record with the number, ``settled_by`` what money was applied to it.

    ``before`` is the record as it was at the last sync.
    """

    company: Company = NOTHING_KNOWN
    same_number: str = ""
    settled_by: tuple[str, ...] = ()
    before: Json | None = None


def check_books(
    kind: Kind, operation: Operation, entity: Json, edition: Edition, around: Around
) -> Iterator[Problem]:
    """All that the books stand against."""
    company = around.company
    if kind in _POSTING:
        yield from _closed(entity, around.before, company)
    if operation in REMOVALS:
        yield from _settled(kind, operation, around.settled_by)
        return
    yield from _currency(entity, company)
    yield from _number(kind, entity, edition, around)
    yield from _lists(entity, edition, company)


def _closed(entity: Json, before: Json | None, company: Company) -> Iterator[Problem]:
    closed = company.closed_until
    if closed is None:
        return
    days = [str(one["date"])[:10] for one in (before or {}, entity) if one.get("date")]
    inside = next((day for day in days if date.fromisoformat(day) <= closed), None)
    if inside is not None:
        text = (
            f"Its date, {_day(inside)}, lies in the closed books: QuickBooks was closed until {_day(closed.isoformat())}. "
            "Choose a later date in the app, or ask your bookkeeper to open the period in QuickBooks."
        )
        yield Problem(code="QS-BOOKS-CLOSED", field="date", title="Books closed", text=text)


def _day(text: str) -> str:
    found = date.fromisoformat(text)
    return f"{found:%b} {found.day}, {found.year}"


def _settled(kind: Kind, operation: Operation, settled_by: tuple[str, ...]) -> Iterator[Problem]:
    if not settled_by:
        return
    some = ", ".join(settled_by[:3]) + (" and others" if len(settled_by) > 3 else "")
    verb = "applied" if kind is Kind.CREDIT_MEMO else "paid"
    word = "voiding" if operation is Operation.VOID else "deleting"
    text = (
        f"It is {verb} by {some}; {word} it would leave that money without {article(kind)}. "
        "Remove the payment first, in the app or in QuickBooks, then approve this."
    )
    yield Problem(code="QS-SETTLED", field="", title="Already paid", text=text)


def _currency(entity: Json, company: Company) -> Iterator[Problem]:
    given, own = entity.get("currency"), company.currency
    if given and own and str(given).upper() != own:
        text = (
            f"It is in {given}, and this QuickBooks company keeps its books in {own}. "
            "qbsync does not send other currencies. Enter it in QuickBooks by hand, or change the currency in the app."
        )
        yield Problem(code="QS-CURRENCY", field="currency", title="Another currency", text=text)


def _number(kind: Kind, entity: Json, edition: Edition, around: Around) -> Iterator[Problem]:
    number = entity.get("number")
    if not number or not around.same_number or kind is Kind.PAYMENT:
        return
    said = f"The number {number} is taken by {around.same_number}."
    if edition is Edition.ONLINE and around.company.facts.get("custom_numbers"):
        text = f"{said} QuickBooks refuses a number twice when it uses your own numbers. Choose another number in the app."
        yield Problem(code="QS-NUMBER-TAKEN", field="number", title="Number taken", text=text)
    elif edition is Edition.DESKTOP:
        text = f"{said} QuickBooks Desktop takes both and only warns. If it is a mistake, change the number in the app first."
        yield Problem(code="QS-NUMBER-TAKEN", field="number", title="Same number", text=text, blocks=False)


def _lists(entity: Json, edition: Edition, company: Company) -> Iterator[Problem]:
    """Every entry of a list must be there; of each missing one once."""
    told: set[tuple[Kind, str]] = set()
    for path, kind, reference in list_references(entity):
        word = str(reference.get("name") or reference.get("app_id") or reference.get("quickbooks_id") or "")
        if (kind, word) in told or _is_fine(kind, word, reference, edition, company):
            continue
        told.add((kind, word))
        found = company.entry(kind, reference)
        name = path.replace("class_", "class")
        if found is not None:
            text = f"The {kind.label} “{found.name}” is inactive in QuickBooks. An admin chooses another one under Mappings, or makes it active in QuickBooks."
            yield Problem(code="QS-NOT-MAPPED", field=name, title=f"{_title(kind)} inactive", text=text)
        else:
            text = f"QuickBooks has no {kind.label} “{word}”. An admin chooses the right one under Mappings, or adds it in QuickBooks."
            yield Problem(code="QS-NOT-MAPPED", field=name, title=f"{_title(kind)} missing", text=text)


def _is_fine(kind: Kind, word: str, reference: Json, edition: Edition, company: Company) -> bool:
    if kind not in company.read:
        # the lists were not read yet, so nobody knows; only a word that Desktop cannot hold is wrong for sure
        mapped = bool(reference.get("quickbooks_id")) or (kind, word) in company.mapped
        return mapped or edition is Edition.ONLINE or not unstorable(word)
    if kind is Kind.TAX_CODE and edition is Edition.ONLINE and word.casefold() in _PSEUDO_TAX_CODES:
        return True
    found = company.entry(kind, reference)
    return found is not None and found.active


def _title(kind: Kind) -> str:
    return {
        Kind.TERM: "Terms",
        Kind.PAYMENT_METHOD: "Payment method",
        Kind.TAX_CODE: "Tax code",
    }.get(kind, kind.label.capitalize())
