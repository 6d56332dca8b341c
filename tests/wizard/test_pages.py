"""The pages without script: what is shown, and what their plain forms do."""

from datetime import timedelta
from typing import Any

import pytest
from lxml import html

from qbsync_shared.messages import SessionEnded
from qbsync_shared.web import Role
from tests.wizard.conftest import Wizard
from tests.wizard.parsing import select, texts
from tests.wizard.samples import T0, TENANT, customer, invoice, item, linked, seen, stamp, told

BASE = f"/t/{TENANT}/wizard"


class Browser:
    """Reads pages and posts their forms, as a browser without script does."""

    def __init__(self, wizard: Wizard, role: Role = Role.APPROVER) -> None:
        self.wizard = wizard
        self.cookies = {"qbsync_session": wizard.token(role, TENANT)}

    async def get(self, path: str = BASE) -> Any:
        """The page, parsed."""
        headers = {"accept": "text/html", "cookie": f"qbsync_session={self.cookies['qbsync_session']}"}
        answer = await self.wizard.client.get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        return html.fromstring(answer.text)

    async def post(self, form: Any, button: Any = None, **changes: Any) -> Any:
        """Post a form, perhaps with one of its buttons, and follow the redirect."""
        data: dict[str, list[str]] = {}
        for name, value in form.form_values():
            data.setdefault(name, []).append(value)
        # what lies outside the form but belongs to it
        for element in form.getroottree().xpath(f"//*[@form='{form.get('id')}'][@name]"):
            if element.get("checked") is not None and element.tag == "input":
                data.setdefault(element.get("name"), []).append(element.get("value"))
        if button is not None and button.get("name"):
            data[button.get("name")] = [button.get("value")]
        for name, value in changes.items():
            data[name.replace("__", "-")] = value if isinstance(value, list) else [value]
        path = (button.get("formaction") if button is not None else None) or form.get("action")
        headers = {"accept": "text/html", "cookie": f"qbsync_session={self.cookies['qbsync_session']}"}
        answer = await self.wizard.client.post(path, data=data, headers=headers)
        if answer.status_code == 303:
            return await self.get(answer.headers["location"])
        assert answer.status_code == 200, answer.text
        return html.fromstring(answer.text)


@pytest.fixture
async def browser_without_script(wizard: Wizard) -> Browser:
    await wizard.make_tenant()
    return Browser(wizard)


async def test_an_empty_list_says_the_good_news(browser_without_script: Browser) -> None:
    page = await browser_without_script.get()
    assert texts(page, ".empty h2") == ["Nothing waits"]
    assert page.findtext(".//title") == "Sync Wizard · Thistle & Loam · qbsync"


async def test_all_is_checked_and_one_click_sends_it(wizard: Wizard, browser_without_script: Browser) -> None:
    for entity in (customer(), item(), invoice()):
        await wizard.put(entity)
    await wizard.hear(seen(3, "80-9", customer(name="Tamsin Vale", email="", phone="")))
    page = await browser_without_script.get()
    assert texts(page, "section h2") == ["Import from QuickBooks", "Export to QuickBooks"]
    assert page.findtext(".//title").startswith("(4) ")
    boxes = select(page, "tbody .cell-pick input[type=checkbox]")
    assert [box.get("checked") is not None for box in boxes] == [True] * 4
    assert boxes[-1].get("aria-label") == "Approve: create invoice 1042, Oak & Sons"
    assert texts(page, ".action-bar__count") == ["4 of 4 checked"]
    assert "$237.50" in texts(page, ".action-bar__sums")[0]

    page = await browser_without_script.post(page.get_element_by_id("review"))
    assert "4 approved, now Pending." in texts(page, ".banner")[0]
    assert "0 of 4 arrived" in texts(page, "#progress p")[0]
    approved = await wizard.said("sync.approved")
    assert [one["direction"] for one in approved].count("import") == 1
    await wizard.hear(told("succeeded", approved[0], 3))
    await wizard.hear(told("failed", approved[1], 3, code="3100"))
    page = await browser_without_script.get()
    assert "1 of 4 arrived, 1 failed" in texts(page, "#progress p")[0]


async def test_only_one_section(wizard: Wizard, browser_without_script: Browser) -> None:
    await wizard.put(item())
    await wizard.hear(seen(3, "80-9", customer()))
    page = await browser_without_script.get()
    form = page.get_element_by_id("review")
    button = form.xpath(".//button[@name='only'][@value='import']")[0]
    await browser_without_script.post(form, button)
    assert [one["direction"] for one in await wizard.said("sync.approved")] == ["import"]
    assert (await wizard.review())["total"] == 1


async def test_unchecked_rows_are_kept_or_cleared(wizard: Wizard, browser_without_script: Browser) -> None:
    for number in range(3):
        await wizard.put(item(f"I-{number}", name=f"Item {number}"))
    page = await browser_without_script.get()
    boxes = [box.get("value") for box in select(page, "tbody .cell-pick input[type=checkbox]")]
    page = await browser_without_script.post(
        page.get_element_by_id("review"), item=boxes[:1], unchecked="clear"
    )
    assert texts(page, ".empty h2") == ["Nothing waits"]
    page = await browser_without_script.get(f"{BASE}/cleared")
    left = texts(page, "tbody .cell-lead")
    assert len(left) == 2
    button = select(page, "button[name=restore]")[0]
    page = await browser_without_script.post(next(button.iterancestors("form")), button)
    assert texts(page, "tbody .cell-lead") == left[1:]

    page = await browser_without_script.get()
    await browser_without_script.post(page.get_element_by_id("review"), item=[])
    page = await browser_without_script.get(f"{BASE}/kept")
    assert texts(page, "tbody .cell-lead") == left[:1]
    ended = {"session_id": "s1", "started_at": T0, "round_trips": 3, "result": "ok"}
    await wizard.hear(SessionEnded(**stamp(T0 + timedelta(minutes=5)), version=1, **ended))
    assert (await wizard.review())["total"] == 1


async def test_an_update_opens_to_its_diff(wizard: Wizard, browser_without_script: Browser) -> None:
    await wizard.hear(linked(4, invoice(), "T-9"))
    changed = invoice(revision="2", due_date="2026-12-12", total="380.00")
    changed["lines"] = [{**changed["lines"][0], "quantity": "4", "amount": "380.00"}]
    await wizard.put(changed)
    page = await browser_without_script.get()
    (link,) = select(page, ".row-detail a[href*='open=']")
    page = await browser_without_script.get(link.get("href").split("#")[0])
    rows = texts(page, ".diff-table tbody tr")
    assert "Due date Dec 2, 2026 Dec 12, 2026" in rows
    assert "Changed I-3, Front oaks 2.5 4 95.00 237.50 380.00" in rows
    assert "Total, $142.50 more" in " ".join(texts(page, ".diff-lines tfoot"))


async def test_a_side_is_picked_in_place(wizard: Wizard, browser_without_script: Browser) -> None:
    await wizard.hear(linked(4, customer(), "80-1"))
    await wizard.hear(seen(6, "80-1", customer(phone="555-0178")))
    await wizard.put(customer(revision="2", email="board@oak.example"))
    page = await browser_without_script.get()
    (radio, _) = select(page, ".conflict input[type=radio]")
    assert radio.get("value") == "quickbooks"
    rows = texts(page, ".conflict .diff-table tbody tr")
    assert "Phone 555-0100 555-0178 555-0100, not changed" in rows
    await browser_without_script.post(page.get_element_by_id("review"), **{radio.get("name"): "quickbooks"})
    (approved,) = await wizard.said("sync.approved")
    assert approved["direction"] == "import"


async def test_a_duplicate_is_linked_in_place(wizard: Wizard, browser_without_script: Browser) -> None:
    await wizard.hear(seen(3, "80-7", customer(name="Oak and Sons"), for_matching=True))
    await wizard.put(customer())
    page = await browser_without_script.get()
    choices = select(page, ".choices input")
    assert [one.get("value") for one in choices] == ["link:80-7", "create", "skip"]
    await browser_without_script.post(
        page.get_element_by_id("review"), **{choices[0].get("name"): "link:80-7"}
    )
    (approved,) = await wizard.said("sync.approved")
    assert approved["operation"] == "link"


async def test_what_changed_meanwhile_is_not_sent(wizard: Wizard, browser_without_script: Browser) -> None:
    await wizard.put(customer())
    page = await browser_without_script.get()
    await wizard.put(customer(revision="2", phone="555-0111"))
    page = await browser_without_script.post(page.get_element_by_id("review"))
    assert "1 changed since you looked" in texts(page, ".banner")[0]
    assert texts(page, "tbody .badge") == ["Changed since you looked"]
    assert await wizard.said("sync.approved") == []


async def test_unchecking_a_customer_warns_about_its_invoices(
    wizard: Wizard, browser_without_script: Browser
) -> None:
    for entity in (customer(), item(), invoice()):
        await wizard.put(entity)
    page = await browser_without_script.get()
    form = page.get_element_by_id("review")
    boxes = [box.get("value") for box in select(page, "tbody .cell-pick input[type=checkbox]")]
    headers = {"cookie": f"qbsync_session={browser_without_script.cookies['qbsync_session']}"}
    data: dict[str, Any] = {}
    for name, value in form.form_values():
        data.setdefault(name, []).append(value)
    answer = await wizard.client.post(f"{BASE}/warnings", data={**data, "item": boxes[1:]}, headers=headers)
    assert "1 invoice needs this customer" in answer.text

    page = await browser_without_script.post(form, item=boxes[1:], unchecked="keep")
    assert "2 cannot" not in page.text_content()
    assert "1 approved" in texts(page, ".banner")[0]
    assert "1 cannot go yet" in texts(page, ".banner")[0]


async def test_a_viewer_sees_no_boxes(wizard: Wizard, browser_without_script: Browser) -> None:
    await wizard.put(customer())
    page = await Browser(wizard, Role.VIEWER).get()
    assert select(page, "tbody input[type=checkbox]") == []
    assert select(page, ".action-bar") == []
    assert "Approving needs the role of an approver" in page.text_content()


async def test_always_skip_and_ask_again(wizard: Wizard, browser_without_script: Browser) -> None:
    await wizard.put(customer())
    page = await browser_without_script.get()
    (link,) = select(page, ".row-detail a[href*='open=']")
    page = await browser_without_script.get(link.get("href").split("#")[0])
    (button,) = select(page, "button[name=skip]")
    page = await browser_without_script.post(page.get_element_by_id("review"), button)
    assert texts(page, ".cell-lead") == ["Customer Oak & Sons"]
    await wizard.put(customer(revision="2", phone="555-0111"))
    assert (await wizard.review())["total"] == 0
    (form,) = select(page, "form[action$='ask-again']")
    await browser_without_script.post(form, select(form, "button")[0])
    assert (await wizard.review())["total"] == 1


async def test_search_finds_number_name_and_amount(wizard: Wizard, browser_without_script: Browser) -> None:
    for entity in (customer(), item(), invoice()):
        await wizard.put(entity)
    for word, count in (("1042", 1), ("oak", 2), ("237.50", 1), ("100%", 0)):
        page = await browser_without_script.get(f"{BASE}?q={word.replace('%', '%25')}")
        assert len(select(page, "tbody.item")) == count, word


async def test_news_and_events(wizard: Wizard, browser_without_script: Browser) -> None:
    await wizard.put(customer())
    page = await browser_without_script.get()
    (news,) = select(page, "#news")
    await wizard.put(item())
    fragment = await browser_without_script.get(news.get("hx-get"))
    assert "1 new change since you opened this page" in fragment.text_content()
