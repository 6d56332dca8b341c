"""Name lists: one name space, hierarchies, inactivation."""

import pytest
from tests.sandbox.online.office import Office, item_line, ref


@pytest.mark.parametrize("entity", ["Customer", "Vendor", "Employee"])
def test_a_name_is_taken_for_customers_vendors_and_employees_alike(office: Office, entity: str) -> None:
    owner = office.create("Customer", DisplayName="Oak & Sons")
    fault = office.refused(entity, DisplayName="OAK & sons", GivenName="Oak")
    assert fault.code == "6240"
    assert fault.detail == f"The name supplied already exists. : Id={owner['Id']}"


def test_other_lists_have_their_own_names(office: Office) -> None:
    office.create("Customer", DisplayName="Mowing")
    office.service("Mowing")
    assert office.refused("Class", Name="") is not None
    office.create("Class", Name="Mowing")
    assert office.refused("Class", Name="mowing").code == "6240"


def test_a_renamed_record_frees_its_name_and_keeps_its_own(office: Office) -> None:
    oak = office.create("Customer", DisplayName="Oak")
    renamed = office.update("Customer", oak, DisplayName="Oak & Sons")
    office.update("Customer", renamed, DisplayName="OAK & SONS")
    office.create("Customer", DisplayName="Oak")


def test_a_name_is_made_of_its_parts(office: Office) -> None:
    assert office.create("Customer", GivenName="Ann", FamilyName="Oak")["DisplayName"] == "Ann Oak"
    assert office.refused("Customer", CompanyName="Oak LLC").code == "6080"
    assert office.refused("Employee", DisplayName="Ann").code == "2020"


@pytest.mark.parametrize("name", ["a:b", "a\tb", "a\nb"])
def test_forbidden_signs(office: Office, name: str) -> None:
    assert office.refused("Customer", DisplayName=name).code == "2040"


def test_a_job_has_its_full_name_and_moves_with_its_customer(office: Office) -> None:
    oak = office.create("Customer", DisplayName="Oak")
    job = office.create("Customer", DisplayName="Front yard", ParentRef=ref(oak), Job=True)
    assert (job["FullyQualifiedName"], job["Job"], job["Level"]) == ("Oak:Front yard", True, 1)
    assert job["ParentRef"]["name"] == "Oak"
    office.update("Customer", oak, DisplayName="Elm")
    assert office.read("Customer", job["Id"])["FullyQualifiedName"] == "Elm:Front yard"


def test_jobs_of_two_customers_may_share_a_name(office: Office) -> None:
    oak, elm = (office.create("Customer", DisplayName=name) for name in ("Oak", "Elm"))
    office.create("Customer", DisplayName="Yard", ParentRef=ref(oak), Job=True)
    office.create("Customer", DisplayName="Yard", ParentRef=ref(elm), Job=True)
    assert office.refused("Customer", DisplayName="Yard", ParentRef=ref(elm), Job=True).code == "6240"


def test_a_job_needs_a_parent_that_is_not_itself(office: Office) -> None:
    assert office.refused("Customer", DisplayName="Yard", Job=True).code == "6150"
    oak = office.create("Customer", DisplayName="Oak")
    child = office.create("Customer", DisplayName="Yard", ParentRef=ref(oak))
    assert office.refused_change("Customer", oak, ParentRef=ref(child)).code == "900"
    assert office.refused("Customer", DisplayName="New", ParentRef={"value": "999"}).code == "2500"


def test_five_levels_and_no_more(office: Office) -> None:
    parent = office.create("Customer", DisplayName="0")
    for level in range(1, 5):
        parent = office.create("Customer", DisplayName=str(level), ParentRef=ref(parent))
    assert office.refused("Customer", DisplayName="5", ParentRef=ref(parent)).code == "6180"


def test_inactivation_marks_the_name_and_frees_it(office: Office) -> None:
    oak = office.create("Customer", DisplayName="Oak")
    gone = office.update("Customer", oak, Active=False)
    assert (gone["DisplayName"], gone["FullyQualifiedName"]) == ("Oak (deleted)", "Oak (deleted)")
    again = office.create("Customer", DisplayName="Oak")
    assert office.update("Customer", again, Active=False)["DisplayName"] == "Oak (deleted-1)"
    assert office.update("Customer", gone, Active=True)["DisplayName"] == "Oak"


def test_an_inactive_name_comes_back_only_if_it_is_free(office: Office) -> None:
    oak = office.create("Customer", DisplayName="Oak")
    gone = office.update("Customer", oak, Active=False)
    office.create("Vendor", DisplayName="Oak")
    assert office.refused_change("Customer", gone, Active=True).code == "6240"


def test_a_customer_with_a_balance_cannot_be_inactivated(office: Office) -> None:
    oak = office.create("Customer", DisplayName="Oak")
    office.invoice(oak)
    assert office.refused_change("Customer", oak, Active=False).code == "6220"


def test_a_list_record_cannot_be_deleted_or_voided(office: Office) -> None:
    oak = office.create("Customer", DisplayName="Oak")
    assert office.refused_change("Customer", oak, "delete").code == "500"
    assert office.refused_change("Customer", oak, "void").code == "500"


def test_an_inactive_record_cannot_be_used(office: Office) -> None:
    oak = office.create("Customer", DisplayName="Oak")
    item = office.service()
    office.update("Item", item, Active=False)
    fault = office.refused("Invoice", CustomerRef=ref(oak), Line=[item_line(item, "1", "5", "5")])
    assert (fault.code, fault.message) == ("610", "Object Not Found")


def test_a_change_that_changes_nothing_keeps_the_sync_token(office: Office) -> None:
    oak = office.create("Customer", DisplayName="Oak")
    assert office.update("Customer", oak, DisplayName="Oak")["SyncToken"] == "0"
    assert office.update("Customer", oak, DisplayName="Elm")["SyncToken"] == "1"


def test_a_full_update_empties_what_is_left_out_and_a_sparse_one_does_not(office: Office) -> None:
    oak = office.create("Customer", DisplayName="Oak", Notes="gate code", CompanyName="Oak LLC")
    kept = office.update("Customer", oak, CompanyName=None)
    assert (kept["Notes"], "CompanyName" in kept) == ("gate code", False)
    emptied = office.update("Customer", kept, sparse=False, DisplayName="Oak")
    assert "Notes" not in emptied


def test_sync_tokens(office: Office) -> None:
    oak = office.create("Customer", DisplayName="Oak")
    office.update("Customer", oak, DisplayName="Elm")
    assert office.refused_change("Customer", oak, DisplayName="Ash").code == "5010"
    assert office.refused_change("Customer", oak | {"SyncToken": "7"}, DisplayName="Ash").code == "5010"
    assert office.refused_change("Customer", oak | {"SyncToken": None}, DisplayName="Ash").code == "2020"
    assert office.refused_change("Customer", oak | {"Id": "999"}, DisplayName="Ash").code == "610"
    assert office.refused_change("Customer", oak | {"Id": "1.5"}, DisplayName="Ash").code == "2030"


@pytest.mark.parametrize("address", ["no-at-sign", "a@b", "a b@c.example", "a@c.example, d"])
def test_an_address_must_look_like_one(office: Office, address: str) -> None:
    assert office.refused("Customer", DisplayName="Oak", PrimaryEmailAddr={"Address": address}).code == "2210"
