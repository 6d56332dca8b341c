"""Queries: filters, pages, narrowing, counts, and the round trip of what was written."""

from xml.sax.saxutils import escape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sandbox.desktop.books import Books, line

from qbsync_local.sandbox.desktop.queries import Session


def names(response) -> list[str]:
    return [ret.findtext("Name") for ret in response]


def test_an_empty_result_is_status_1(books: Books) -> None:
    response = books.one("<CustomerQueryRq/>")
    assert (response.get("statusCode"), response.get("statusSeverity"), len(response)) == ("1", "Info", 0)


def test_a_named_record_that_is_missing_makes_status_500_beside_what_was_found(books: Books) -> None:
    books.customer("Oak")
    response = books.one(
        "<CustomerQueryRq><FullName>Oak</FullName><FullName>Nobody</FullName></CustomerQueryRq>"
    )
    assert (response.get("statusCode"), response.get("statusSeverity")) == ("500", "Warn")
    assert names(response) == ["Oak"]
    assert '"Nobody"' in response.get("statusMessage")


def test_lists_come_by_name_and_are_cut_by_max_returned(books: Books) -> None:
    for name in ("Cedar", "ash", "Birch"):
        books.customer(name)
    assert names(books.one("<CustomerQueryRq/>")) == ["ash", "Birch", "Cedar"]
    assert names(books.one("<CustomerQueryRq><MaxReturned>2</MaxReturned></CustomerQueryRq>")) == ["ash", "Birch"]  # fmt: skip


def test_from_modified_date_is_inclusive_local_time(books: Books) -> None:
    books.customer("Early")
    books.clock.advance(hours=1)
    books.customer("Late")

    def since(bound: str) -> list[str]:
        return names(
            books.one(f"<CustomerQueryRq><FromModifiedDate>{bound}</FromModifiedDate></CustomerQueryRq>")
        )

    assert since("2026-11-22T11:00:00") == ["Late"]
    assert since("2026-11-22T11:00:00-08:00") == ["Late"]
    assert since("2026-11-22T19:00:00+00:00") == ["Late"]
    assert since("2026-11-22T10:00:00") == ["Early", "Late"]
    assert since("2026-11-22T11:00:01") == []
    before = "<CustomerQueryRq><ToModifiedDate>2026-11-22T10:30:00</ToModifiedDate></CustomerQueryRq>"
    assert names(books.one(before)) == ["Early"]


def test_a_range_that_ends_before_it_begins_is_3030(books: Books) -> None:
    request = "<CustomerQueryRq><FromModifiedDate>2026-11-22</FromModifiedDate><ToModifiedDate>2026-11-21</ToModifiedDate></CustomerQueryRq>"
    assert books.code(request) == "3030"


@pytest.mark.parametrize(
    ("criterion", "text", "found"),
    [("StartsWith", "oa", ["Oak", "Oak_1"]), ("Contains", "%", ["50% off"]), ("EndsWith", "_1", ["Oak_1"])],
)
def test_a_name_filter_takes_its_text_literally(
    books: Books, criterion: str, text: str, found: list[str]
) -> None:
    for name in ("Oak", "Oak_1", "50% off", "Pine"):
        books.customer(name)
    request = f"<CustomerQueryRq><NameFilter><MatchCriterion>{criterion}</MatchCriterion><Name>{text}</Name></NameFilter></CustomerQueryRq>"
    assert names(books.one(request)) == found


def test_an_iterator_gives_page_after_page(books: Books) -> None:
    for number in range(5):
        books.customer(f"C{number}")
    page = books.one('<CustomerQueryRq iterator="Start"><MaxReturned>2</MaxReturned></CustomerQueryRq>')
    assert (names(page), page.get("iteratorRemainingCount")) == (["C0", "C1"], "3")
    seen = names(page)
    while page.get("iteratorRemainingCount") != "0":
        identifier = page.get("iteratorID")
        page = books.one(
            f'<CustomerQueryRq iterator="Continue" iteratorID="{identifier}"><MaxReturned>2</MaxReturned></CustomerQueryRq>'
        )
        seen += names(page)
    assert seen == [f"C{number}" for number in range(5)]


def test_an_iterator_dies_with_its_session(books: Books) -> None:
    for number in range(3):
        books.customer(f"C{number}")
    page = books.one('<CustomerQueryRq iterator="Start"><MaxReturned>1</MaxReturned></CustomerQueryRq>')
    books.session = Session("qbsync")
    request = f'<CustomerQueryRq iterator="Continue" iteratorID="{page.get("iteratorID")}"><MaxReturned>1</MaxReturned></CustomerQueryRq>'
    assert books.code(request) == "3391"


def test_an_iterator_needs_max_returned(books: Books) -> None:
    assert books.code('<CustomerQueryRq iterator="Start"/>') == "3150"


def test_line_items_and_narrowing_come_when_asked_for(books: Books) -> None:
    books.service("Pruning")
    oak = books.customer("Oak").findtext("ListID")
    books.invoice(oak, line("Pruning", "1"))
    assert books.done("<InvoiceQueryRq/>").find("InvoiceLineRet") is None
    full = books.done("<InvoiceQueryRq><IncludeLineItems>true</IncludeLineItems></InvoiceQueryRq>")
    assert full.find("InvoiceLineRet") is not None
    narrow = books.done(
        "<InvoiceQueryRq><IncludeRetElement>TxnID</IncludeRetElement><IncludeRetElement>RefNumber</IncludeRetElement></InvoiceQueryRq>"
    )
    assert [child.tag for child in narrow] == ["TxnID", "RefNumber"]
    count = books.one('<InvoiceQueryRq metaData="MetaDataOnly"/>')
    assert (count.get("retCount"), len(count)) == ("1", 0)


def test_transactions_are_found_by_customer_date_number_and_state(books: Books) -> None:
    books.service("Pruning")
    oak = books.customer("Oak").findtext("ListID")
    pond = books.customer("Pond", parent=oak).findtext("ListID")
    books.invoice(oak, line("Pruning", "1"), more="<TxnDate>2026-10-01</TxnDate><RefNumber>A1</RefNumber>")
    books.invoice(pond, line("Pruning", "1"), more="<TxnDate>2026-11-01</TxnDate><RefNumber>B1</RefNumber>")

    def numbers(body: str) -> list[str]:
        return [ret.findtext("RefNumber") for ret in books.one(f"<InvoiceQueryRq>{body}</InvoiceQueryRq>")]

    assert numbers(f"<EntityFilter><ListID>{oak}</ListID></EntityFilter>") == ["A1"]
    assert numbers(f"<EntityFilter><ListIDWithChildren>{oak}</ListIDWithChildren></EntityFilter>") == ["A1", "B1"]  # fmt: skip
    assert numbers("<TxnDateRangeFilter><FromTxnDate>2026-10-15</FromTxnDate></TxnDateRangeFilter>") == ["B1"]
    assert numbers("<RefNumber>A1</RefNumber><RefNumber>Z9</RefNumber>") == ["A1"]
    assert numbers("<PaidStatus>PaidOnly</PaidStatus>") == []
    modified = "<ModifiedDateRangeFilter><FromModifiedDate>2026-11-22T10:00:00</FromModifiedDate></ModifiedDateRangeFilter>"
    assert numbers(modified) == ["A1", "B1"]


def test_families_answer_with_their_members(books: Books) -> None:
    books.service("Pruning")
    books.customer("Oak")
    assert {ret.tag for ret in books.one("<ItemQueryRq/>")} == {"ItemServiceRet", "ItemSalesTaxRet"}
    assert {ret.tag for ret in books.one("<EntityQueryRq/>")} == {"CustomerRet", "VendorRet"}
    assert {ret.tag for ret in books.one("<TermsQueryRq/>")} == {"StandardTermsRet", "DateDrivenTermsRet"}


def test_host_and_company_say_versions_and_file_id(books: Books) -> None:
    books.company.store.set_meta("newest_qbxml", "13.0")
    host = books.ask("<HostQueryRq/>", version="13.0")[0][0]
    assert [one.text for one in host.iterfind("SupportedQBXMLVersion")][-1] == "13.0"
    assert books.ask("<CompanyQueryRq/>", version="13.0")[0][0].find("DataExtRet") is None


CHARACTERS = st.characters(
    min_codepoint=32, max_codepoint=255, exclude_characters=":", exclude_categories=("Cc",)
)
TEXTS = st.text(CHARACTERS, min_size=1, max_size=41).filter(lambda text: text == text.strip() and text != "")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=TEXTS, street=TEXTS, note=TEXTS)
def test_what_was_written_is_read_back(books: Books, name: str, street: str, note: str) -> None:
    found = books.company.store.by_name("names", name)
    if found is None:
        body = f"<BillAddress><Addr1>{escape(street)}</Addr1></BillAddress><Notes>{escape(note)}</Notes>"
        books.customer(escape(name), body)
        ret = books.done(f"<CustomerQueryRq><FullName>{escape(name)}</FullName></CustomerQueryRq>")
        assert (ret.findtext("Name"), ret.findtext("BillAddress/Addr1"), ret.findtext("Notes")) == (name, street, note)  # fmt: skip
