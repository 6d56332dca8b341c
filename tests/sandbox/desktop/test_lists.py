"""List elements: names, parents, references, versions, deletion."""

import re

import pytest
from tests.sandbox.desktop.books import Books, line, message_set

from qbsync_local.sandbox.desktop.statuses import SetRefusedError


def mod(kind: str, ret, changes: str, sequence: str = "") -> str:
    body = f"<ListID>{ret.findtext('ListID')}</ListID><EditSequence>{sequence or ret.findtext('EditSequence')}</EditSequence>{changes}"
    return f"<{kind}ModRq><{kind}Mod>{body}</{kind}Mod></{kind}ModRq>"


def delete(kind: str, identifier: str) -> str:
    return f"<ListDelRq><ListDelType>{kind}</ListDelType><ListID>{identifier}</ListID></ListDelRq>"


def test_ids_versions_and_times_have_quickbooks_shape(books: Books) -> None:
    oak = books.customer("Oak", "<ExternalGUID>{01234567-89ab-cdef-0123-456789abcdef}</ExternalGUID>")
    assert re.fullmatch(r"8[0-9A-F]{7}-[0-9]{10}", oak.findtext("ListID"))
    assert len(oak.findtext("EditSequence")) <= 16
    assert oak.findtext("TimeModified") == "2026-11-22T10:00:00-08:00"
    assert oak.findtext("ExternalGUID") == "{01234567-89ab-cdef-0123-456789abcdef}"


def test_the_offset_does_not_follow_daylight_saving(books: Books) -> None:
    books.clock.advance(days=-140)
    assert books.customer("Oak").findtext("TimeModified") == "2026-07-05T11:00:00-08:00"


def test_every_change_grows_the_edit_sequence(books: Books) -> None:
    oak = books.customer("Oak")
    changed = books.done(mod("Customer", oak, "<Phone>555-0100</Phone>"))
    assert int(changed.findtext("EditSequence")) > int(oak.findtext("EditSequence"))
    assert changed.findtext("Phone") == "555-0100"


def test_a_stale_edit_sequence_is_3200_and_changes_nothing(books: Books) -> None:
    oak = books.customer("Oak")
    books.done(mod("Customer", oak, "<Phone>555-0100</Phone>"))
    assert books.code(mod("Customer", oak, "<Phone>555-9999</Phone>")) == "3200"
    assert books.company.store.get(oak.findtext("ListID")).content["Phone"] == "555-0100"


@pytest.mark.parametrize("other", ["Vendor", "Employee", "OtherName"])
def test_customers_vendors_employees_and_other_names_share_their_names(books: Books, other: str) -> None:
    books.customer("Oak")
    assert books.code(f"<{other}AddRq><{other}Add><Name>OAK</Name></{other}Add></{other}AddRq>") == "3100"


def test_item_names_are_unique_across_item_types(books: Books) -> None:
    books.service("Mulch")
    account = "<AccountRef><FullName>Materials Income</FullName></AccountRef>"
    request = f"<ItemNonInventoryAddRq><ItemNonInventoryAdd><Name>mulch</Name><SalesOrPurchase>{account}</SalesOrPurchase></ItemNonInventoryAdd></ItemNonInventoryAddRq>"
    assert books.code(request) == "3100"


def test_a_rename_to_a_taken_name_is_3100(books: Books) -> None:
    books.customer("Oak")
    ash = books.customer("Ash")
    assert books.code(mod("Customer", ash, "<Name>Oak</Name>")) == "3100"


def test_jobs_stand_below_their_customer(books: Books) -> None:
    oak = books.customer("Oak")
    job = books.customer("Pond", parent=oak.findtext("ListID"))
    assert job.findtext("FullName") == "Oak:Pond"
    assert job.findtext("Sublevel") == "1"
    assert books.customer("Pond").findtext("FullName") == "Pond"
    renamed = books.done(mod("Customer", oak, "<Name>Oak Hill</Name>"))
    assert renamed.findtext("FullName") == "Oak Hill"
    below = books.done("<CustomerQueryRq><FullName>Oak Hill:Pond</FullName></CustomerQueryRq>")
    assert below.findtext("ParentRef/FullName") == "Oak Hill"
    assert below.findtext("EditSequence") == job.findtext("EditSequence")


def test_a_missing_parent_is_3130(books: Books) -> None:
    request = "<CustomerAddRq><CustomerAdd><Name>A</Name><ParentRef><FullName>Nobody</FullName></ParentRef></CustomerAdd></CustomerAddRq>"
    assert books.code(request) == "3130"


def test_a_reference_to_nothing_is_3140_and_names_it(books: Books) -> None:
    response = books.one(
        "<CustomerAddRq><CustomerAdd><Name>A</Name><TermsRef><FullName>Net 99</FullName></TermsRef></CustomerAdd></CustomerAddRq>"
    )
    assert response.get("statusCode") == "3140"
    assert '"Net 99" in the Customer' in response.get("statusMessage")


def test_an_unknown_id_is_3120_and_a_malformed_one_3000(books: Books) -> None:
    for identifier, code in (("8000FFFF-1234567890", "3120"), ("not an id", "3000")):
        request = f"<CustomerModRq><CustomerMod><ListID>{identifier}</ListID><EditSequence>1</EditSequence></CustomerMod></CustomerModRq>"
        assert books.code(request) == code


def test_an_empty_name_is_3150(books: Books) -> None:
    assert books.code("<CustomerAddRq><CustomerAdd><Name> </Name></CustomerAdd></CustomerAddRq>") == "3150"


def test_a_colon_in_a_name_is_3090(books: Books) -> None:
    assert books.code("<CustomerAddRq><CustomerAdd><Name>A:B</Name></CustomerAdd></CustomerAddRq>") == "3090"


def test_a_full_name_beyond_209_characters_is_3070(books: Books) -> None:
    parent = ""
    for level in range(4):
        parent = books.customer(f"{level}" * 41, parent=parent).findtext("ListID")
    request = f"<CustomerAddRq><CustomerAdd><Name>{'x' * 41}</Name><ParentRef><ListID>{parent}</ListID></ParentRef></CustomerAdd></CustomerAddRq>"
    assert books.code(request) == "0"
    parent = books.done(f"<CustomerQueryRq><NameFilter><MatchCriterion>StartsWith</MatchCriterion><Name>xxx</Name></NameFilter></CustomerQueryRq>").findtext("ListID")  # fmt: skip # noqa: F541
    request = f"<CustomerAddRq><CustomerAdd><Name>y</Name><ParentRef><ListID>{parent}</ListID></ParentRef></CustomerAdd></CustomerAddRq>"
    assert books.code(request) == "3070"


def test_a_name_beyond_41_characters_refuses_the_whole_set(books: Books) -> None:
    too_long = f"<CustomerAddRq><CustomerAdd><Name>{'x' * 42}</Name></CustomerAdd></CustomerAddRq>"
    good = "<CustomerAddRq><CustomerAdd><Name>Good</Name></CustomerAdd></CustomerAddRq>"
    with pytest.raises(SetRefusedError) as refused:
        books.send(message_set(good, too_long))
    assert refused.value.hresult == "0x80040400"
    assert books.company.store.by_name("names", "Good") is None


def test_a_mod_clears_with_an_empty_element_and_keeps_the_rest(books: Books) -> None:
    oak = books.customer("Oak", "<Phone>555-0100</Phone><Email>a@oak.example</Email>")
    changed = books.done(mod("Customer", oak, "<Phone></Phone>"))
    assert changed.findtext("Phone") is None
    assert changed.findtext("Email") == "a@oak.example"


def test_a_price_change_of_an_item_keeps_its_account(books: Books) -> None:
    item = books.service("Pruning")
    changed = books.done(
        mod("ItemService", item, "<SalesOrPurchaseMod><Price>99.00</Price></SalesOrPurchaseMod>")
    )
    assert changed.findtext("SalesOrPurchase/Price") == "99.00"
    assert changed.findtext("SalesOrPurchase/AccountRef/FullName") == "Landscaping Services"


def test_a_used_record_cannot_be_deleted_but_made_inactive(books: Books) -> None:
    oak = books.customer("Oak")
    books.service("Pruning")
    books.invoice(oak.findtext("ListID"), line("Pruning", "1"))
    assert books.code(delete("Customer", oak.findtext("ListID"))) == "3160"
    oak = books.done("<CustomerQueryRq><FullName>Oak</FullName></CustomerQueryRq>")
    assert books.done(mod("Customer", oak, "<IsActive>false</IsActive>")).findtext("IsActive") == "false"
    assert books.code("<CustomerQueryRq/>") == "1"
    everyone = "<CustomerQueryRq><ActiveStatus>All</ActiveStatus></CustomerQueryRq>"
    assert books.done(everyone).findtext("Name") == "Oak"


def test_a_deleted_record_is_gone_and_logged(books: Books) -> None:
    oak = books.customer("Oak")
    books.one(delete("Customer", oak.findtext("ListID")))
    assert books.code(delete("Customer", oak.findtext("ListID"))) == "3120"
    log = books.done("<ListDeletedQueryRq><ListDelType>Customer</ListDelType></ListDeletedQueryRq>")
    assert log.findtext("FullName") == "Oak"
    assert log.findtext("ListID") == oak.findtext("ListID")
    late = "<DeletedDateRangeFilter><FromDeletedDate>2026-11-23</FromDeletedDate></DeletedDateRangeFilter>"
    assert (
        books.code(f"<ListDeletedQueryRq><ListDelType>Customer</ListDelType>{late}</ListDeletedQueryRq>")
        == "1"
    )
    assert books.customer("Oak").findtext("ListID") != oak.findtext("ListID")


def test_latin_1_is_kept_and_other_characters_become_question_marks_or_errors(books: Books) -> None:
    assert books.customer("Café Müller").findtext("Name") == "Café Müller"
    assert books.customer("&#8364; and &#20013;").findtext("Name") == "? and ?"
    with pytest.raises(SetRefusedError, match="found an error when parsing"):
        books.customer("中")


def test_lists_that_quickbooks_cannot_change_have_no_mod(books: Books) -> None:
    with pytest.raises(SetRefusedError):
        books.send(message_set("<StandardTermsModRq/>"))


def test_a_feature_that_is_off_is_3250(books: Books) -> None:
    request = "<CustomerAddRq><CustomerAdd><Name>A</Name><CurrencyRef><FullName>Euro</FullName></CurrencyRef></CustomerAdd></CustomerAddRq>"
    assert books.code(request) == "3250"
