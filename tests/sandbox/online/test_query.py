"""The query language."""

import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sandbox.online.office import Office, amount_line, ref

from qbsync_local.sandbox.online.books import Books
from qbsync_local.sandbox.online.companies import NewCompany, open_company
from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.query import Condition, Query, parse, run
from qbsync_local.sandbox.online.store import Store
from qbsync_shared.clock import FrozenClock


def test_a_whole_query() -> None:
    query = parse(
        r"select * from Customer where DisplayName = 'Ann\'s' and Active in (true, false) and Balance >= '10' "
        "orderby DisplayName desc, Id startposition 11 maxresults 20"
    )
    assert isinstance(query, Query)
    assert query.conditions == (
        Condition("DisplayName", "=", ("Ann's",)),
        Condition("Active", "IN", ("true", "false")),
        Condition("Balance", ">=", ("10",)),
    )
    assert (query.order, query.start, query.limit, query.count) == (
        (("DisplayName", True), ("Id", False)),
        11,
        20,
        False,
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "4000"),
        ("select * from", "4000"),
        ("select Id from Customer", "4000"),
        ("select * from Customer where", "4000"),
        ("select * from Customer where DisplayName", "4000"),
        ("select * from Customer where DisplayName = Oak", "4000"),
        ("select * from Customer where DisplayName = 'Oak' or Id = '1'", "4000"),
        ("select * from Customer where DisplayName != 'Oak'", "4000"),
        ("select * from Customer where DisplayName = 'Oak", "4000"),
        ("select * from Customer where Id in ()", "4000"),
        ("select * from Customer group by Id", "4000"),
        ("select * from Customer maxresults x", "4000"),
        ("delete from Customer", "4000"),
        ("select * from Custmoer", "4001"),
        ("select * from Customer where Nickname = 'x'", "4001"),
        ("select * from Customer where Id > '1'", "4001"),
        ("select * from Customer where BillAddr = 'x'", "4001"),
        ("select * from Invoice where Line = 'x'", "4001"),
        ("select * from Invoice where DepartmentRef = '1'", "4001"),
        ("select * from Customer orderby Nickname", "4001"),
        ("select * from Customer startposition 0", "4001"),
        ("select * from Customer startposition 1.5", "4001"),
        ("select * from Customer maxresults 1001", "4001"),
    ],
)
def test_what_is_refused(text: str, code: str) -> None:
    fault = parse(text)
    assert isinstance(fault, Fault)
    assert fault.code == code


def test_operators(office: Office) -> None:
    for name in ("Ash", "Birch", "Cedar's"):
        office.create("Customer", DisplayName=name)
    assert office.names("select * from Customer where DisplayName = 'ash'") == ["Ash"]
    assert office.names(r"select * from Customer where DisplayName = 'Cedar\'s'") == ["Cedar's"]
    assert office.names("select * from Customer where DisplayName > 'Ash' orderby DisplayName") == [
        "Birch",
        "Cedar's",
    ]
    assert office.names("select * from Customer where DisplayName <= 'Birch' orderby DisplayName") == [
        "Ash",
        "Birch",
    ]
    assert office.names("select * from Customer where DisplayName like '%r%' orderby Id desc") == [
        "Cedar's",
        "Birch",
    ]
    assert office.names("select * from Customer where Id in ('1', '3') orderby Id") == ["Ash", "Cedar's"]
    assert office.query("select count(*) from Customer where DisplayName like 'a%'") == {"totalCount": 1}
    assert office.query("select * from Customer where DisplayName = 'none'") == {}


def test_inactive_records_are_hidden_unless_asked_for(office: Office) -> None:
    office.update("Customer", office.create("Customer", DisplayName="Oak"), Active=False)
    assert office.names("select * from Customer") == []
    assert office.names("select * from Customer where Active in (true, false)") == ["Oak (deleted)"]
    assert office.names("select * from Customer where Active = false") == ["Oak (deleted)"]
    assert office.read("Customer", "1")["Active"] is False


def test_amounts_dates_and_references(office: Office) -> None:
    oak, elm = (office.create("Customer", DisplayName=name) for name in ("Oak", "Elm"))
    office.invoice(oak, amount_line("9.50"), DocNumber="1", TxnDate="2026-10-31")
    office.invoice(elm, amount_line("10"), DocNumber="2", TxnDate="2026-11-01")
    assert office.names("select * from Invoice where TotalAmt < '10'") == ["1"]
    assert office.names("select * from Invoice where Balance > 9.5") == ["2"]
    assert office.names("select * from Invoice where TxnDate >= '2026-11-01'") == ["2"]
    assert office.names(f"select * from Invoice where CustomerRef = '{oak['Id']}'") == ["1"]
    assert office.names("select * from Invoice orderby TotalAmt desc") == ["2", "1"]
    assert office.names("select * from Customer where Balance > '9' orderby Balance desc") == ["Elm", "Oak"]
    assert office.names("select * from Invoice where TotalAmt < 'ten'") == []


def test_times_compare_across_offsets(office: Office, clock: FrozenClock) -> None:
    office.create("Customer", DisplayName="Oak")
    clock.advance(timedelta(hours=1))
    office.create("Customer", DisplayName="Elm")
    after = "select * from Customer where MetaData.LastUpdatedTime >= '2026-11-02T{}'"
    assert office.names(after.format("13:00:00Z")) == ["Elm"]
    assert office.names(after.format("05:00:00-08:00")) == ["Elm"]
    assert office.names(after.format("04:00:00")) == [
        "Elm",
        "Oak",
    ]  # the company's own time; the latest first


def test_pages(office: Office) -> None:
    for number in range(7):
        office.create("Customer", DisplayName=f"C{number}")
    pages = [
        office.query(f"select * from Customer orderby Id startposition {start} maxresults 3")
        for start in (1, 4, 7, 10)
    ]
    assert [len(page.get("Customer", [])) for page in pages] == [3, 3, 1, 0]
    assert pages[1]["startPosition"] == 4
    assert pages[1]["maxResults"] == 3


def test_an_unordered_listing_shifts_when_something_changes(office: Office, clock: FrozenClock) -> None:
    first = office.create("Customer", DisplayName="Oak")
    clock.advance(timedelta(seconds=5))
    office.create("Customer", DisplayName="Elm")
    assert office.names("select * from Customer") == ["Elm", "Oak"]
    clock.advance(timedelta(seconds=5))
    office.update("Customer", first, Notes="x")
    assert office.names("select * from Customer") == ["Oak", "Elm"]


TEXT = st.text(string.ascii_letters + string.digits + " '\\%_&.,()=<>", max_size=12)


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@given(TEXT)
def test_any_text_survives_its_quotes(text: str) -> None:
    query = parse(f"select * from Customer where DisplayName = {quoted(text)}")
    assert isinstance(query, Query)
    assert query.conditions[0].values == (text,)


@given(st.text(max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    assert isinstance(parse(text), (Query, Fault))
    assert isinstance(parse(f"select * from Customer where {text}"), (Query, Fault))


@pytest.fixture(scope="module")
def books() -> Books:
    store = Store(None, FrozenClock(datetime(2026, 11, 2, tzinfo=UTC)))
    office = Office(Books(store, open_company(store, NewCompany())))
    for number in range(25):
        office.create(
            "Customer", DisplayName=f"Name {number:02}", Notes=None if number % 3 else f"n{number % 5}"
        )
        office.create(
            "Customer", DisplayName=f"Job {number:02}", ParentRef={"value": "1"}
        ) if number % 4 == 0 else None
    for number in range(20):
        office.invoice({"Id": "1"}, amount_line(f"{number}.5"), TxnDate=f"2026-10-{number + 1:02}")
    yield office.books
    store.close()


SUPPRESSED = [HealthCheck.function_scoped_fixture]


@settings(max_examples=60, deadline=None, suppress_health_check=SUPPRESSED)
@given(
    operator=st.sampled_from(["=", "<", ">", "<=", ">="]),
    number=st.decimals("0", "21", places=1),
    size=st.integers(1, 30),
)
def test_pages_of_any_comparison_hold_what_plain_python_finds(
    books: Books, operator: str, number: object, size: int
) -> None:
    compare = {"=": "__eq__", "<": "__lt__", ">": "__gt__", "<=": "__le__", ">=": "__ge__"}[operator]
    expected = [
        record.id for record in books.all("Invoice") if getattr(record.body["TotalAmt"], compare)(number)
    ]
    found: list[str] = []
    for start in range(1, len(expected) + 2, size):
        page = run(
            books,
            f"select * from Invoice where TotalAmt {operator} '{number}' orderby Id startposition {start} maxresults {size}",
        )
        assert not isinstance(page, Fault)
        found += [record["Id"] for record in page.get("Invoice", [])]
    assert found == expected


@settings(max_examples=40, deadline=None, suppress_health_check=SUPPRESSED)
@given(pattern=st.text("Namejob 0123%", max_size=6), descending=st.booleans())
def test_like_and_order_agree_with_plain_python(books: Books, pattern: str, descending: bool) -> None:
    import fnmatch  # noqa: PLC0415 - the independent judge of this test alone

    wanted = pattern.casefold().replace("%", "*")
    names = [record.body["DisplayName"] for record in books.all("Customer")]
    expected = sorted(
        (n for n in names if fnmatch.fnmatchcase(n.casefold(), wanted)), key=str.casefold, reverse=descending
    )
    text = f"select * from Customer where DisplayName like {quoted(pattern)} orderby DisplayName {'desc' if descending else 'asc'}"
    found = run(books, text)
    assert not isinstance(found, Fault)
    assert [record["DisplayName"] for record in found.get("Customer", [])] == expected


def test_references_are_named_in_listings(books: Books) -> None:
    found = run(books, "select * from Customer where DisplayName = 'Job 00'")
    assert not isinstance(found, Fault)
    assert found["Customer"][0]["ParentRef"] == {"value": "1", "name": "Name 00"}
    assert ref(found["Customer"][0])["value"] == found["Customer"][0]["Id"]
