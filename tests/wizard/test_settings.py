"""What an admin sets: mappings, item choices, defaults and rules, by API and by page, and what comes of them."""

from datetime import timedelta
from typing import Any

import pytest

from qbsync_shared.kinds import Edition, Kind
from qbsync_shared.web import Role
from tests.wizard.conftest import Wizard
from tests.wizard.samples import TENANT, customer, invoice, item, linked, seen, told
from tests.wizard.test_books import company, entry, problems, recheck

BASE = f"/tenants/{TENANT}"


async def put(wizard: Wizard, path: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
    answer = await wizard.call("PUT", f"{BASE}/{path}", json=body)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def mappings(wizard: Wizard, **params: str) -> list[tuple[str, str, str | None]]:
    answer = await wizard.call("GET", f"{BASE}/mappings", params=params)
    return [(one["word"], one["state"], one["quickbooks_name"]) for one in answer.json()["items"]]


async def page(wizard: Wizard, method: str, path: str, role: Role = Role.ADMIN, **more: Any) -> Any:
    headers = {"authorization": f"Bearer {wizard.token(role, TENANT)}"}
    return await wizard.client.request(
        method, f"/t/{TENANT}/wizard{path and f'/{path}'}", headers=headers, **more
    )


@pytest.mark.parametrize("edition", list(Edition))
async def test_a_word_is_matched_and_told_to_all_services(wizard: Wizard, edition: Edition) -> None:
    await wizard.make_tenant(edition)
    await wizard.put(customer(terms={"name": "Net 45"}))
    await wizard.put(customer("C-18", name="Elm", terms={"name": "Net 30"}))
    await wizard.hear(entry(1, Kind.TERM, "T1", "Net 30", edition=edition))
    await wizard.hear(entry(1, Kind.TERM, "T9", "45 days", edition=edition))
    assert await mappings(wizard) == [("Net 45", "missing", None), ("Net 30", "same_name", "Net 30")]
    await put(wizard, "mappings/term", {"mappings": [{"word": "Net 45", "quickbooks_id": "T404"}]}, 422)
    await put(wizard, "mappings/term", {"mappings": [{"word": "Net 45", "quickbooks_id": "T9"}]})
    assert (await mappings(wizard, kind="term", q="45"))[0] == ("Net 45", "chosen", "45 days")
    await recheck(wizard)
    assert await problems(wizard, "C-17") == []
    told_all = (await wizard.said("tenant.configured"))[-1]
    assert told_all["mappings"] == [
        {"kind": "term", "app_name": "Net 45", "quickbooks_id": "T9", "quickbooks_name": "45 days"}
    ]
    assert (await wizard.said("audit.recorded"))[-1]["action"] == "mappings-changed"
    await wizard.hear(entry(2, Kind.TERM, "T9", "45 days", active=False, edition=edition))
    await recheck(wizard)
    assert (await mappings(wizard))[0] == ("Net 45", "inactive", "45 days")
    assert await problems(wizard, "C-17") == [("QS-NOT-MAPPED", True)]
    await put(wizard, "mappings/term", {"mappings": [{"word": "Net 45", "quickbooks_id": None}]})
    assert (await mappings(wizard))[0] == ("Net 45", "missing", None)


async def test_an_item_goes_with_the_account_that_was_chosen_for_it(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.hear(entry(1, Kind.ACCOUNT, "A1", "Landscaping Services"))
    bare = item()
    del bare["income_account"]
    await wizard.put(bare)
    await put(wizard, "item-choices/I-3", {"income_account": "A2"}, 422)
    await put(wizard, "item-choices/I-3", {"income_account": "A1"})
    await recheck(wizard)
    assert (await wizard.approve_all())["approved"] == 1
    (sent,) = await wizard.said("sync.approved")
    assert sent["entity"]["income_account"] == {"quickbooks_id": "A1", "name": "Landscaping Services"}
    await wizard.hear(linked(2, sent["entity"], "80-3", sync_id=sent["sync_id"]))
    await wizard.hear(told("succeeded", sent, 2))
    assert (await wizard.review())["total"] == 0
    await wizard.put({**bare, "revision": "2", "unit_price": "99.00"})
    (row,) = (await wizard.review())["items"]
    assert [one["field"] for one in row["changes"]] == ["unit_price"]


async def test_one_for_all_fills_what_the_app_does_not_say(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.hear(company(1, Edition.DESKTOP, uses_sales_tax=True))
    await wizard.hear(entry(1, Kind.CLASS, "K1", "Residential"))
    await wizard.hear(entry(1, Kind.TAX_CODE, "X1", "Tax"))
    await put(wizard, "defaults", {"class": "K1", "tax_code": "X1"})
    for record in (customer(), item(), invoice()):
        await wizard.put(record)
    await wizard.approve_all()
    sent = next(one for one in await wizard.said("sync.approved") if one["kind"] == "invoice")
    assert sent["entity"]["class"]["name"] == "Residential"
    assert sent["entity"]["lines"][0]["tax_code"]["quickbooks_id"] == "X1"
    await wizard.hear(linked(2, sent["entity"], "T-1", sync_id=sent["sync_id"]))
    await wizard.hear(told("succeeded", sent, 2))
    await put(wizard, "defaults", {"class": None})
    await wizard.put(invoice(revision="2", memo="Gate code 12"))
    row = next(one for one in (await wizard.review())["items"] if one["kind"] == "invoice")
    assert "memo" in [one["field"] for one in row["changes"]]
    assert "lines" not in [one["field"] for one in row["changes"]]


async def test_the_mappings_page_saves_and_says_what_does_not_fit(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.put(customer(terms={"name": "Net 45"}))
    await wizard.hear(entry(1, Kind.TERM, "T9", "45 days"))
    assert (await page(wizard, "GET", "mappings", Role.APPROVER)).status_code == 403
    shown = await page(wizard, "GET", "mappings")
    assert "Not matched yet" in shown.text
    assert "1 word is not matched yet" in shown.text
    form = {"part": "term", "key": "Net 45", "was": "", "entry": "46 days"}
    wrong = await page(wizard, "POST", "mappings", data=form)
    assert (wrong.status_code, "Choose one from the list" in wrong.text) == (422, True)
    saved = await page(wizard, "POST", "mappings", data={**form, "entry": "45 DAYS"})
    assert saved.status_code == 303
    assert (await mappings(wizard))[0] == ("Net 45", "chosen", "45 days")
    for part in ("item-income", "item-tax", "account", "defaults", "nonsense"):
        assert (await page(wizard, "GET", f"mappings?part={part}")).status_code == 200


async def follow(wizard: Wizard, *, everything: bool = False) -> list[str]:
    await wizard.jobs.follow_rules_once(everything=everything)
    return [f"{one['direction']} {one['kind']}" for one in await wizard.said("sync.approved")]


async def test_a_rule_approves_what_needs_no_look_and_nothing_else(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.put(customer())
    assert await follow(wizard, everything=True) == [], "off by default"
    pairs = [{"kind": kind, "direction": "export"} for kind in ("customer", "invoice")]
    await put(wizard, "rules", {"auto_approve": pairs, "hold_seconds": 10})
    await wizard.put(customer("C-2", name="東京"))  # a problem
    await wizard.put(customer("C-3", name="Zoe ✓"))  # a question
    await wizard.hear(
        seen(5, "80-9", customer(name="Thorn", email="x@thorn.example", phone="555-0177"), for_matching=True)
    )
    await wizard.put(customer("C-4", name="Thorn", email="t@thorn.example", phone="555-0177"))  # a duplicate
    await wizard.put(item())  # no rule
    await wizard.put(invoice())  # needs the item
    assert await follow(wizard) == ["export customer"]
    (sent,) = await wizard.said("sync.approved")
    assert (sent["approved_by"], sent["app_id"], sent["not_before"] is not None) == ("a rule", "C-17", True)
    rows = [one for one in (await wizard.review())["items"] if one["kind"] == "item"]
    await wizard.approve({"checked": [{"id": one["id"], "revision": one["revision"]} for one in rows]})
    assert await follow(wizard, everything=True) == ["export customer", "export item", "export invoice"]
    await wizard.hear(linked(6, customer(), "80-1"))
    await wizard.call("DELETE", f"{BASE}/entities/customer/C-17", params={"revision": "2"})
    assert len(await follow(wizard, everything=True)) == 3, "a removal is never approved by rule"


async def test_rules_are_checked_kept_and_shown(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await put(wizard, "rules", {"auto_approve": [{"kind": "invoice", "direction": "import"}]}, 422)
    wrong = await page(wizard, "POST", "rules", data={"import_since": "yesterday"})
    assert (wrong.status_code, "This is not a date" in wrong.text) == (422, True)
    form = {
        "auto": "item:export",
        "approve_role": "admin",
        "import_since": "2026-01-31",
        "hold_seconds": "20",
    }
    assert (await page(wizard, "POST", "rules", data=form)).status_code == 303
    rules = (await wizard.call("GET", f"{BASE}/rules")).json()
    assert rules == {
        "auto_approve": [{"kind": "item", "direction": "export"}],
        "approve_role": "admin",
        "import_since": "2026-01-31",
        "hold_seconds": 20,
    }
    assert (await wizard.said("tenant.configured"))[-1]["settings"]["import_since"] == "2026-01-31"
    shown = await page(wizard, "GET", "rules")
    assert 'value="item:export" checked' in shown.text


async def test_approving_can_be_left_to_admins(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.put(customer())
    await put(wizard, "rules", {"approve_role": "admin"})
    (row,) = (await wizard.review())["items"]
    body = {"checked": [{"id": row["id"], "revision": row["revision"]}]}
    refused = await wizard.call(
        "POST", f"{BASE}/review/approve", role=Role.APPROVER, tenant=TENANT, json=body
    )
    assert refused.status_code == 403
    assert "Only admins approve here" in refused.text
    shown = await page(wizard, "GET", "", Role.APPROVER)
    assert "needs the role of an admin" in shown.text
    assert "Approve Checked" not in shown.text
    assert (await wizard.approve(body))["approved"] == 1


async def test_what_is_held_can_be_undone_until_it_went(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await put(wizard, "rules", {"hold_seconds": 10})
    await wizard.put(customer())
    await wizard.put(item())
    rows = (await wizard.review())["items"]
    scope = {"filter": {}, "as_of": (await wizard.review())["as_of"]}
    result = await wizard.approve(
        {
            "checked": [{"id": rows[0]["id"], "revision": rows[0]["revision"]}],
            "scope": scope,
            "unchecked": "keep",
        }
    )
    (sent,) = await wizard.said("sync.approved")
    assert sent["not_before"] == result["held_until"]
    assert "1 held: sending in 10 s" in (await page(wizard, "GET", "progress")).text
    undone = await page(wizard, "POST", "undo", Role.APPROVER, data={"approval": result["approval_id"]})
    assert undone.headers["location"].endswith("done=undone")
    (command,) = await wizard.said("command.cancel")
    assert (command["sync_id"], command["by"]) == (sent["sync_id"], "Dana R.")
    assert (await wizard.review())["total"] == 1, "what was kept by that click is back"
    await wizard.hear(told("cancelled", sent, 2, code="QS-CANCELLED"))
    assert (await wizard.review())["total"] == 2
    # and too late
    again = await wizard.approve_all()
    wizard.context.clock.advance(timedelta(seconds=11))  # type: ignore[attr-defined]
    answer = await wizard.call("POST", f"{BASE}/approvals/{again['approval_id']}/undo")
    assert (answer.status_code, "too late" in answer.text) == (409, True)
    late = await page(wizard, "POST", "undo", Role.APPROVER, data={"approval": again["approval_id"]})
    assert late.headers["location"].endswith("done=late")
