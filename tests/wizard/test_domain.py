"""Pre-checks, duplicates and comparisons, one by one."""

from typing import Any

import pytest

from qbsync_shared.kinds import Edition, Kind, Operation, Plan
from qbsync_wizard.domain.comparing import alike, differing
from qbsync_wizard.domain.duplicates import candidates, match_keys
from qbsync_wizard.domain.prechecks import check
from qbsync_wizard.domain.tenants import Tenant
from tests.wizard.samples import customer, invoice, item

DESKTOP, ONLINE = Edition.DESKTOP, Edition.ONLINE
LINE: dict[str, Any] = {"line_id": "1", "item": {"app_id": "I-3"}, "amount": "10.00"}


@pytest.mark.parametrize(
    ("entity", "edition", "titles"),
    [
        (customer(), DESKTOP, []),
        (customer(name="x" * 41), DESKTOP, []),
        (customer(name="x" * 42), DESKTOP, ["Too long"]),
        (customer(name="x" * 42), ONLINE, []),
        (customer(name="Oak: Sons"), DESKTOP, ["Colon in name"]),
        (customer(name="Café Münster"), DESKTOP, []),
        (customer(name="Łódź"), DESKTOP, ["Character not stored"]),
        (customer(name="Łódź"), ONLINE, []),
        (customer(billing_address={"postal_code": "9" * 14}), DESKTOP, ["Too long"]),
        (item(), DESKTOP, []),
        (item(name="x" * 32), DESKTOP, ["Too long"]),
        (item(income_account=None), ONLINE, ["Account missing"]),
        (item(type="group"), DESKTOP, ["Not offered"]),
        (invoice(), DESKTOP, []),
        (invoice(number="123456789012"), DESKTOP, ["Too long"]),
        (invoice(total="237.51"), DESKTOP, ["Amounts differ"]),
        (invoice(total="257.50", tax_total="20.00"), DESKTOP, []),
        (
            invoice(lines=[{**LINE, "quantity": "2", "unit_price": "4.00"}], total="10.00"),
            DESKTOP,
            ["Amounts differ"],
        ),
        (invoice(lines=[{**LINE, "item": None}], total="10.00"), ONLINE, ["Item missing"]),
    ],
)
def test_prechecks(entity: dict[str, Any], edition: Edition, titles: list[str]) -> None:
    kind = Kind(entity["kind"])
    given = {key: value for key, value in entity.items() if value is not None}
    assert [problem.title for problem in check(kind, Operation.CREATE, given, edition)] == titles


def test_an_edition_that_does_not_offer_it_says_so() -> None:
    (problem,) = check(Kind.REFUND_RECEIPT, Operation.CREATE, {}, DESKTOP)
    assert problem.text.startswith("QuickBooks Desktop does not offer to create a refund receipt.")
    assert check(Kind.CUSTOMER, Operation.DEACTIVATE, {}, DESKTOP) == ()


def test_names_match_whatever_their_spelling() -> None:
    assert match_keys(Kind.CUSTOMER, {"name": "Mill Pond  Apts."}) == match_keys(
        Kind.CUSTOMER, {"name": "MILLPOND apts"}
    )
    assert match_keys(Kind.CUSTOMER, {"name": "Oak", "phone": "12"}) == ("n:oak",)
    assert match_keys(Kind.INVOICE, {"number": "A-17 "}) == ("d:a-17",)


def test_candidates_that_agree_in_most_come_first() -> None:
    others = [
        ("1", {"name": "Somebody else", "phone": "(555) 0100"}),
        ("2", {"name": "oak and sons", "phone": "5550100", "email": "OFFICE@oak.example"}),
        ("3", {"name": "Nobody", "phone": "555-9999"}),
    ]
    found = candidates(Kind.CUSTOMER, customer(), others)
    assert [(one.id, one.same) for one in found] == [("2", ("e-mail", "phone")), ("1", ("phone",))]


def test_references_are_the_same_by_any_common_name() -> None:
    assert alike({"app_id": "C-1"}, {"app_id": "C-1", "quickbooks_id": "80", "name": "Oak"})
    assert alike({"name": "Net 30"}, {"quickbooks_id": "5", "name": "Net 30"})
    assert not alike({"app_id": "C-1"}, {"app_id": "C-2", "name": "Oak"})
    assert not alike({"app_id": "C-1"}, {"quickbooks_id": "80"})


def test_a_missing_default_is_no_difference() -> None:
    assert differing({"name": "Oak"}, {"name": "Oak", "active": True}) == ()
    assert differing({"name": "Oak"}, {"name": "Oak", "active": False}) == ("active",)


@pytest.mark.parametrize(
    ("settings", "seconds"), [({}, 0), ({"hold_seconds": 10}, 10), ({"hold_seconds": "x"}, 0)]
)
def test_settings_of_a_tenant(settings: dict[str, Any], seconds: int) -> None:
    tenant = Tenant(
        id="t",
        version=1,
        name="T",
        plan=Plan.PLUS,
        edition=DESKTOP,
        settings={**settings, "time_zone": "Mars"},
    )
    assert tenant.hold_seconds == seconds
    assert str(tenant.zone) == "UTC"
