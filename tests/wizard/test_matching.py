"""First-time matching: how sure a match is, which one is clear on both sides, and links from a confidence on."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbsync_shared.kinds import Kind
from qbsync_shared.web import Role
from qbsync_wizard.domain.duplicates import SURE, confidence, match_keys
from tests.wizard.conftest import Wizard
from tests.wizard.samples import TENANT, customer, seen

OAK = {"kind": "customer", "name": "Oak & Sons", "email": "office@oak.example", "phone": "503 555 0100"}
TEXTS = st.sampled_from(["", "Oak", "oak ", "Fern", "+1 (503) 555-0100", "503.555.0100 x12", "555-0199"])
RECORDS = st.fixed_dictionaries({"name": TEXTS, "email": TEXTS, "phone": TEXTS})


@pytest.mark.parametrize(
    ("other", "sure"),
    [
        ({"name": "OAK and Sons"}, 0),
        ({"name": "oak  &  sons"}, 90),
        ({"name": "Oak & Sons", "email": "OFFICE@oak.example"}, 95),
        ({"name": "Oak & Sons", "email": "office@oak.example", "phone": "+1 (503) 555-0100 x 7"}, SURE),
        ({"name": "Oak & Sons", "email": "other@oak.example"}, 75),
        ({"name": "Oak Yard", "email": "office@oak.example"}, 70),
        ({"name": "Oak Yard", "mobile": "15035550100"}, 60),
    ],
)
def test_how_sure_a_match_is(other: dict[str, Any], sure: int) -> None:
    assert confidence(Kind.CUSTOMER, OAK, other) == sure


def test_of_documents_the_day_and_the_total_count_and_of_jobs_the_customer() -> None:
    mine = {"number": "1042", "date": "2026-11-02", "total": "237.50", "customer": {"app_id": "C-1"}}
    same = {**mine, "total": "237.5", "customer": {"app_id": "C-1", "quickbooks_id": "7", "name": "Oak"}}
    assert confidence(Kind.INVOICE, mine, same) == 90
    assert confidence(Kind.INVOICE, mine, {**same, "total": "9.00"}) == 70
    assert confidence(Kind.INVOICE, mine, {**same, "customer": {"app_id": "C-2"}}) == 45
    job = {"name": "Backyard", "customer": {"app_id": "C-1"}}
    assert confidence(Kind.JOB, job, {"name": "Backyard", "customer": {"quickbooks_id": "7"}}) == 75


@given(RECORDS, RECORDS)
def test_confidence_is_the_same_from_both_sides_and_never_certain(
    left: dict[str, Any], right: dict[str, Any]
) -> None:
    found = confidence(Kind.CUSTOMER, left, right)
    assert found == confidence(Kind.CUSTOMER, right, left)
    assert 0 <= found <= SURE
    shared = set(match_keys(Kind.CUSTOMER, left)) & set(match_keys(Kind.CUSTOMER, right))
    assert bool(found) == bool(shared)


async def both_sides(wizard: Wizard) -> None:
    """Two clear matches, one by phone only, a name that two share, and one that is inactive in QuickBooks."""
    await wizard.make_tenant()
    held = [
        ("80-1", {"name": "Oak & Sons", "email": "office@oak.example", "phone": "555-0100"}),
        ("80-2", {"name": "Fern House", "email": "", "phone": ""}),
        ("80-3", {"name": "Mill Pond", "email": "", "phone": "555-0145"}),
        ("80-4", {"name": "Elm", "email": "", "phone": ""}),
        ("80-5", {"name": "Birch", "email": "", "phone": "", "active": False}),
    ]
    for version, (quickbooks_id, entity) in enumerate(held, 1):
        record = {**customer(**entity), "app_id": None, "revision": None}
        record = {key: value for key, value in record.items() if value not in (None, "")}
        await wizard.hear(seen(version, quickbooks_id, record, for_matching=True))
    apps = [
        ("C-1", {"name": "Oak & Sons", "email": "office@oak.example", "phone": "555-0100"}),
        ("C-2", {"name": "FERN HOUSE", "email": None, "phone": None}),
        ("C-3", {"name": "Millpond Apts", "email": None, "phone": "555-0145"}),
        ("C-4", {"name": "Elm", "email": None, "phone": None}),
        ("C-5", {"name": "ELM", "email": None, "phone": None}),
        ("C-6", {"name": "Birch", "email": None, "phone": None}),
    ]
    for app_id, entity in apps:
        record = {key: value for key, value in customer(app_id, **entity).items() if value is not None}
        await wizard.put(record)


async def listed(wizard: Wizard, **params: Any) -> dict[str, Any]:
    answer = await wizard.call("GET", f"/tenants/{TENANT}/matches", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_matches_are_offered_and_linked_only_from_the_confidence_that_an_admin_picks(
    wizard: Wizard,
) -> None:
    await both_sides(wizard)
    found = await listed(wizard)
    pairs = [(one["app_id"], one["quickbooks_id"], one["confidence"]) for one in found["items"]]
    assert pairs == [("C-1", "80-1", SURE), ("C-2", "80-2", 90), ("C-3", "80-3", 60)]
    assert (found["total"], found["unclear"]) == (3, 2)
    body = {"least": 90, "as_of": found["as_of"]}
    path = f"/tenants/{TENANT}/matches/link"
    assert (await wizard.call("POST", path, role=Role.APPROVER, tenant=TENANT, json=body)).status_code == 403
    assert await wizard.said("sync.approved") == []
    await wizard.put({**customer("C-2", "2", name="Fern House", phone="555-0777")})
    linked = await wizard.call("POST", path, role=Role.ADMIN, tenant=TENANT, json=body)
    assert linked.json() == {"linked": 1, "remaining": 1}  # the row that changed after it was seen stays
    (approved,) = await wizard.said("sync.approved")
    assert (approved["operation"], approved["app_id"], approved["quickbooks_id"]) == ("link", "C-1", "80-1")
    assert [one["app_id"] for one in (await listed(wizard))["items"]] == ["C-2", "C-3"]


async def test_an_inactive_record_is_no_match_and_is_not_linked(wizard: Wizard) -> None:
    await both_sides(wizard)
    (row,) = [one for one in (await wizard.review())["items"] if one["app_id"] == "C-6"]
    assert [one["id"] for one in row["duplicates"]] == ["80-5"]
    checked = [{"id": row["id"], "revision": row["revision"], "choice": "link:80-5"}]
    answer = await wizard.approve({"checked": checked})
    assert "inactive" in answer["blocked"][0]["needs"][0]["message"]


async def test_the_page_links_one_or_all_as_sure(wizard: Wizard) -> None:
    await both_sides(wizard)
    wizard.client.cookies.set("qbsync_session", wizard.token(Role.ADMIN, TENANT))
    path = f"/t/{TENANT}/wizard/matches"
    assert path in (await wizard.client.get(f"/t/{TENANT}/wizard")).text
    page = (await wizard.client.get(path)).text
    options = re.findall(r'<option value="(\d+)"[^>]*>([^<]*)<', page)
    assert options == [("99", "99 % or more: 1"), ("90", "90 % or more: 2"), ("60", "60 % or more: 3")]
    rows = re.findall(r'name="row" value="([^"]*)"', page)
    assert len(rows) == 3
    form = {
        "csrf": re.findall(r'name="csrf" value="([^"]+)"', page)[0],
        "as_of": re.findall(r'name="as_of" value="(\d+)"', page)[0],
    }
    one = await wizard.client.post(path, data={**form, "row": rows[2], "least": "99"})
    assert one.headers["location"].endswith("done=1&left=0")
    many = await wizard.client.post(f"{path}/all", data={**form, "least": "90"})
    assert many.headers["location"].endswith("done=2&left=0")
    assert {one["app_id"] for one in await wizard.said("sync.approved")} == {"C-1", "C-2", "C-3"}
    assert "2 records linked" in (await wizard.client.get(many.headers["location"])).text
