"""Checks against the company's own books, before approval, and again when the books change."""

from datetime import timedelta
from typing import Any

import pytest

from qbsync_shared.kinds import Edition, Kind
from qbsync_shared.messages import CompanyChanged, QuickBooksEntityChanged
from tests.wizard.conftest import Wizard
from tests.wizard.samples import TENANT, customer, invoice, item, linked, seen, stamp

EDITIONS = pytest.mark.parametrize("edition", list(Edition))


def company(version: int, edition: Edition, **facts: Any) -> CompanyChanged:
    return CompanyChanged(
        **{**stamp(), "edition": edition}, version=version, company_id="1", name="Oak", facts=facts
    )


def entry(version: int, kind: Kind, quickbooks_id: str, name: str, **more: Any) -> QuickBooksEntityChanged:
    deleted = more.pop("deleted", False)
    edition = more.pop("edition", Edition.DESKTOP)
    return QuickBooksEntityChanged(
        **{**stamp(), "edition": edition},
        version=version,
        kind=kind,
        quickbooks_id=quickbooks_id,
        entity=None if deleted else {"kind": kind.value, "name": name, "active": True, **more},
        deleted=deleted,
    )


async def recheck(wizard: Wizard) -> None:
    wizard.context.clock.advance(timedelta(seconds=5))  # type: ignore[attr-defined]
    while await wizard.jobs.recheck_once():
        pass


async def problems(wizard: Wizard, app_id: str) -> list[tuple[str, bool]]:
    rows = (await wizard.review())["items"]
    found = next(row for row in rows if row["app_id"] == app_id)
    return [(one["code"], one["blocks"]) for one in found["problems"]]


async def text(wizard: Wizard, app_id: str) -> str:
    rows = (await wizard.review())["items"]
    return str(next(row for row in rows if row["app_id"] == app_id)["problems"][0]["message"])


@EDITIONS
async def test_a_date_in_the_closed_books_holds_back_until_they_are_opened(
    wizard: Wizard, edition: Edition
) -> None:
    await wizard.make_tenant(edition)
    await wizard.put(invoice())
    await wizard.put(
        {
            "kind": "estimate",
            "app_id": "E-1",
            "revision": "1",
            "customer": {"app_id": "C-17"},
            "date": "2026-11-02",
            "lines": [{"line_id": "1", "item": {"app_id": "I-3"}, "amount": "1.00"}],
        }
    )
    assert await problems(wizard, "V-1042") == []
    await wizard.hear(company(1, edition, closing_date="2026-11-02"))
    await recheck(wizard)
    assert await problems(wizard, "V-1042") == [("QS-BOOKS-CLOSED", True)]
    assert "Nov 2, 2026" in await text(wizard, "V-1042")
    assert "QS-BOOKS-CLOSED" not in str(await problems(wizard, "E-1")), "an estimate changes no account"
    await wizard.hear(company(2, edition, closing_date=None))
    await recheck(wizard)
    assert await problems(wizard, "V-1042") == []


async def test_what_lay_in_the_closed_books_cannot_be_moved_or_removed(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.hear(company(1, Edition.DESKTOP, closing_date="2026-11-30"))
    await wizard.put(invoice())
    await wizard.hear(linked(2, invoice(), "T-1"))
    await wizard.put(invoice(revision="2", date="2026-12-03"))
    assert await problems(wizard, "V-1042") == [("QS-BOOKS-CLOSED", True)]
    await wizard.call("DELETE", f"/tenants/{TENANT}/entities/invoice/V-1042", params={"revision": "3"})
    assert await problems(wizard, "V-1042") == [("QS-BOOKS-CLOSED", True)]


@pytest.mark.parametrize(
    ("edition", "facts", "expected"),
    [
        (Edition.ONLINE, {"custom_numbers": True}, [("QS-NUMBER-TAKEN", True)]),
        (Edition.ONLINE, {"custom_numbers": False}, []),
        (Edition.DESKTOP, {}, [("QS-NUMBER-TAKEN", False)]),
    ],
)
async def test_a_number_that_is_taken(
    wizard: Wizard, edition: Edition, facts: dict[str, Any], expected: list[tuple[str, bool]]
) -> None:
    await wizard.make_tenant(edition)
    await wizard.hear(company(1, edition, **facts))
    await wizard.put(invoice())
    assert await problems(wizard, "V-1042") == []
    await wizard.put(invoice("V-7", number="1042"))
    assert await problems(wizard, "V-7") == expected
    assert await problems(wizard, "V-1042") == expected
    await wizard.put(invoice("V-7", revision="2", number="1043"))
    assert await problems(wizard, "V-7") == []


async def test_a_number_of_a_linked_record_in_quickbooks_is_taken(wizard: Wizard) -> None:
    await wizard.make_tenant(Edition.ONLINE)
    await wizard.hear(company(1, Edition.ONLINE, custom_numbers=True))
    await wizard.put(invoice("V-7", number="77"))
    await wizard.hear(linked(2, invoice("V-7", number="77"), "55", edition=Edition.ONLINE))
    await wizard.hear(seen(3, "55", invoice(number="78"), edition=Edition.ONLINE, for_matching=True))
    await wizard.put(invoice("V-8", number="78"))
    assert await problems(wizard, "V-8") == [("QS-NUMBER-TAKEN", True)]


@EDITIONS
async def test_a_missing_match_holds_back_until_it_is_chosen_or_made(
    wizard: Wizard, edition: Edition
) -> None:
    await wizard.make_tenant(edition)
    await wizard.put(customer(terms={"name": "Net 45"}))
    assert await problems(wizard, "C-17") == [], "nobody knows before the lists were read"
    await wizard.hear(entry(1, Kind.TERM, "T1", "Net 30", edition=edition))
    await recheck(wizard)
    assert await problems(wizard, "C-17") == [("QS-NOT-MAPPED", True)]
    assert "“Net 45”" in await text(wizard, "C-17")
    await wizard.hear(entry(2, Kind.TERM, "T2", "NET 45", edition=edition))
    await recheck(wizard)
    assert await problems(wizard, "C-17") == []
    await wizard.hear(entry(3, Kind.TERM, "T2", "Net 45", active=False, edition=edition))
    await recheck(wizard)
    assert "inactive" in await text(wizard, "C-17")
    await wizard.hear(entry(4, Kind.TERM, "T2", "Net 45", deleted=True, edition=edition))
    await recheck(wizard)
    assert await problems(wizard, "C-17") == [("QS-NOT-MAPPED", True)]


async def test_another_currency_is_refused(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.hear(company(1, Edition.DESKTOP, country="US"))
    await wizard.put(customer(currency="USD"))
    await wizard.put(invoice(currency="CAD"))
    assert await problems(wizard, "C-17") == []
    assert await problems(wizard, "V-1042") == [("QS-CURRENCY", True)]
    assert "USD" in await text(wizard, "V-1042")


@pytest.mark.parametrize("by", ["app", "quickbooks"])
async def test_a_paid_invoice_is_not_removed(wizard: Wizard, by: str) -> None:
    await wizard.make_tenant()
    await wizard.put(invoice())
    await wizard.hear(linked(1, invoice(), "T-1042"))
    payment = {
        "kind": "payment",
        "app_id": "P-9",
        "revision": "1",
        "number": "5521",
        "customer": {"app_id": "C-17"},
        "date": "2026-11-03",
        "amount": "100.00",
    }
    if by == "app":
        payment["applied"] = [{"invoice": {"app_id": "V-1042"}, "amount": "100.00"}]
        await wizard.put(payment)
        await wizard.hear(linked(2, payment, "T-9"))
    else:
        payment["applied"] = [{"invoice": {"quickbooks_id": "T-1042"}, "amount": "100.00"}]
        await wizard.hear(seen(2, "T-9", payment))
    await wizard.call("DELETE", f"/tenants/{TENANT}/entities/invoice/V-1042", params={"revision": "2"})
    assert await problems(wizard, "V-1042") == [("QS-SETTLED", True)]
    assert "payment 5521" in await text(wizard, "V-1042")


async def test_an_item_gets_what_an_admin_chose_for_it(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.hear(entry(1, Kind.ACCOUNT, "A1", "Landscaping Services"))
    bare = item()
    del bare["income_account"]
    await wizard.put(bare)
    assert await problems(wizard, "I-3") == [("QS-INVALID", True)]
