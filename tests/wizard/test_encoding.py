"""What QuickBooks Desktop cannot store: found, suggested, accepted by somebody, and no difference afterwards."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbsync_shared.kinds import Edition
from qbsync_wizard.domain.encoding import replaced, replacements, suggest, unstorable
from tests.wizard.conftest import Wizard
from tests.wizard.samples import customer, linked, seen, told


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("Zoë", "Zoë"),
        ("Zoë ✓", "Zoë"),
        ("Łódź terrace", "Lódz terrace"),
        ("“Fall” \u2013 oaks…", '"Fall" - oaks...'),
        ("Šárka 🌳 Nováková", "Sárka Nováková"),
        ("5 € ≤ ½", "5 EUR <= ½"),
        ("ﬁr trees", "fir trees"),
        ("line\u2028break", "line break"),
        ("bell\x07", "bell"),
        ("Ivanov Сад", None),
        ("東京 Garden", None),
        ("🌳", None),
    ],
)
def test_suggestions(text: str, suggestion: str | None) -> None:
    assert suggest(text) == suggestion


@given(st.text())
def test_a_suggestion_can_be_stored_and_what_can_be_stored_stays(text: str) -> None:
    found = suggest(text)
    assert found is None or not unstorable(found)
    if found is not None:
        assert suggest(found) == found
    entity = {"kind": "customer", "app_id": text, "name": text, "notes": text, "terms": {"name": text}}
    after = replaced(entity, {one.before: one.after for one in replacements(entity)})
    assert (after["app_id"], after["terms"]) == (text, {"name": text})
    assert bool(replacements(entity)) == bool(unstorable(text) and found is not None)


async def one(wizard: Wizard) -> dict[str, Any]:
    (row,) = (await wizard.review())["items"]
    found: dict[str, Any] = row
    return found


async def approve(wizard: Wizard, row: dict[str, Any], choice: str | None = None) -> dict[str, Any]:
    checked = {"id": row["id"], "revision": row["revision"]}
    return await wizard.approve({"checked": [checked | ({"choice": choice} if choice else {})]})


async def test_a_suggestion_goes_only_when_it_was_accepted_and_is_no_difference_then(wizard: Wizard) -> None:
    await wizard.make_tenant()
    zoe = customer(name="Zoë ✓", billing_address={"line1": "1 Elm \u2013 East"})
    await wizard.put(zoe)
    row = await one(wizard)
    assert (row["ready"], row["problems"]) == (False, [])
    assert [(change["field"], change["after"]) for change in row["replacements"]] == [
        ("name", "Zoë"),
        ("billing_address.line1", "1 Elm - East"),
    ]
    refused = await approve(wizard, row)
    assert (refused["approved"], refused["blocked"][0]["needs"][0]["code"]) == (0, "replacement")

    assert (await approve(wizard, row, "replace"))["approved"] == 1
    (sent,) = await wizard.said("sync.approved")
    assert (sent["entity"]["name"], sent["entity"]["billing_address"]["line1"]) == ("Zoë", "1 Elm - East")
    assert sent["replaced"][0] == {"field": "name", "before": "Zoë ✓", "after": "Zoë"}

    await wizard.hear(linked(2, sent["entity"], "80-1", sync_id=sent["sync_id"]))
    await wizard.hear(told("succeeded", sent, 2))
    assert (await wizard.review())["total"] == 0
    # the app says the same again, and something new: only that is a change, in the texts that were accepted
    await wizard.put({**zoe, "revision": "2", "phone": "555-0199"})
    row = await one(wizard)
    assert (row["ready"], [change["field"] for change in row["changes"]]) == (True, ["phone"])
    # another text is a new question
    await wizard.put({**zoe, "revision": "3", "name": "Zoë ★"})
    row = await one(wizard)
    assert ([one["before"] for one in row["replacements"]], row["ready"]) == (["Zoë ★"], False)


async def test_a_change_in_quickbooks_does_not_bring_the_replaced_text_back(wizard: Wizard) -> None:
    await wizard.make_tenant()
    zoe = customer(name="Zoë ✓")
    await wizard.put(zoe)
    await approve(wizard, await one(wizard), "replace")
    (sent,) = await wizard.said("sync.approved")
    await wizard.hear(linked(2, sent["entity"], "80-1", sync_id=sent["sync_id"]))
    await wizard.hear(told("succeeded", sent, 2))
    await wizard.hear(seen(3, "80-1", {**sent["entity"], "phone": "555-0111"}))
    row = await one(wizard)
    assert (row["direction"], [change["field"] for change in row["changes"]]) == ("import", ["phone"])


async def test_a_duplicate_can_be_made_anyway_with_the_suggestion(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.hear(seen(1, "80-9", customer(name="Zoe"), for_matching=True))
    await wizard.put(customer(name="Zoe ✓"))
    row = await one(wizard)
    assert (await approve(wizard, row, "create"))["blocked"][0]["needs"][0]["code"] == "replacement"
    assert (await approve(wizard, row, "replace"))["blocked"][0]["needs"][0]["code"] == "duplicate"
    assert (await approve(wizard, row, "create+replace"))["approved"] == 1
    (sent,) = await wizard.said("sync.approved")
    assert (sent["operation"], sent["entity"]["name"]) == ("create", "Zoe")


async def test_a_text_without_a_suggestion_holds_the_row_back_on_desktop_only(wizard: Wizard) -> None:
    await wizard.make_tenant(Edition.DESKTOP)
    await wizard.put(customer(name="東京 Gardens"))
    row = await one(wizard)
    assert (row["ready"], row["problems"][0]["code"], row["problems"][0]["field"]) == (
        False,
        "QS-INVALID",
        "name",
    )
    assert "東" in row["problems"][0]["message"]
    assert (await approve(wizard, row, "replace"))["blocked"][0]["needs"][0]["code"] == "QS-INVALID"


async def test_online_stores_every_character(wizard: Wizard) -> None:
    await wizard.make_tenant(Edition.ONLINE)
    await wizard.put(customer(name="東京 Gardens ✓"))
    assert (await one(wizard))["ready"]
