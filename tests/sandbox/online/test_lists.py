"""Items, accounts, terms and the company's own records."""

from decimal import Decimal

import pytest
from tests.sandbox.online.office import Office


@pytest.mark.parametrize("kind", ["OtherCharge", "Other Charge", "Bundle", "service"])
def test_item_types_of_desktop_do_not_exist(office: Office, kind: str) -> None:
    assert (
        office.refused("Item", Name="Fuel", Type=kind, IncomeAccountRef=office.account("Services")).code
        == "2120"
    )


def test_accounts_an_item_needs(office: Office) -> None:
    assert office.refused("Item", Name="Mowing", Type="Service").element == "IncomeAccountRef"
    supplies = office.account("Supplies")
    office.create("Item", Name="Bags", Type="NonInventory", ExpenseAccountRef=supplies)
    assert office.refused("Item", Name="Rakes", Type="NonInventory").code == "2020"


def test_an_inventory_item_needs_all_its_accounts_a_quantity_and_a_start(office: Office) -> None:
    record = {
        "IncomeAccountRef": office.account("Sales of Product Income"),
        "ExpenseAccountRef": office.account("Cost of Goods Sold"),
        "AssetAccountRef": office.account("Inventory Asset"),
        "InvStartDate": "2026-01-01",
        "QtyOnHand": 0,
    }
    for left_out in record:
        rest = {name: value for name, value in record.items() if name != left_out}
        assert office.refused("Item", Name="Pump", Type="Inventory", **rest).element == left_out
    pump = office.create("Item", Name="Pump", Type="Inventory", **record)
    assert pump["TrackQtyOnHand"] is True
    assert office.refused_change("Item", pump, Type="Service").code == "6000"


@pytest.mark.parametrize("account", ["Accounts Receivable (A/R)", "Checking"])
def test_an_item_refuses_the_wrong_account(office: Office, account: str) -> None:
    assert (
        office.refused("Item", Name="Mowing", Type="Service", IncomeAccountRef=office.account(account)).code
        == "6430"
    )


def test_a_price_keeps_its_digits(office: Office) -> None:
    assert office.service(UnitPrice=Decimal("0.1234567"))["UnitPrice"] == Decimal("0.1234567")


def test_an_account_needs_a_type_and_gets_its_classification(office: Office) -> None:
    assert office.refused("Account", Name="Tips").code == "6010"
    assert office.refused("Account", Name="Tips", AccountType="Gold").code == "2170"
    assert office.refused("Account", Name='Ti"ps', AccountType="Income").code == "2040"
    assert office.create("Account", Name="Tips", AccountType="Income")["Classification"] == "Revenue"


def test_a_term_needs_its_days(office: Office) -> None:
    assert office.refused("Term", Name="Net 7").code == "2020"
    assert office.create("Term", Name="Net 7", DueDays=7)["Type"] == "STANDARD"
    assert office.create("Term", Name="The 5th", DayOfMonthDue=5)["Type"] == "DATE_DRIVEN"


def test_tax_codes_are_read_only(office: Office) -> None:
    assert office.refused("TaxCode", Name="Zero").code == "500"
    assert office.names("select * from TaxCode orderby Id") == ["State and local", "NON", "TAX"]


def test_preferences_change_one_by_one(office: Office) -> None:
    preferences = office.read("Preferences", "1")
    changed = office.update("Preferences", preferences, AccountingInfoPrefs={"BookCloseDate": "2026-09-30"})
    assert changed["AccountingInfoPrefs"]["BookCloseDate"] == "2026-09-30"
    assert changed["AccountingInfoPrefs"]["TrackDepartments"] is True
    reopened = office.update("Preferences", changed, AccountingInfoPrefs={"BookCloseDate": None})
    assert "BookCloseDate" not in reopened["AccountingInfoPrefs"]


def test_a_feature_that_is_off_is_refused(office: Office) -> None:
    preferences = office.read("Preferences", "1")
    office.update("Preferences", preferences, TimeTrackingPrefs={"TimeTrackingEnabled": False})
    assert office.refused("TimeActivity", NameOf="Employee").code == "5020"
