"""Both directions over their whole life, as the connector services tell it."""

from datetime import timedelta

import pytest

from qbsync_shared.kinds import Edition, Kind
from qbsync_shared.messages import EntityImported, Resync, SessionEnded
from tests.wizard.conftest import Wizard
from tests.wizard.samples import T0, TENANT, customer, invoice, item, linked, seen, stamp, told, unlinked


async def operations(wizard: Wizard) -> list[tuple[str, str, str]]:
    return [(one["direction"], one["operation"], one["label"]) for one in (await wizard.review())["items"]]


@pytest.fixture
async def sent(wizard: Wizard) -> Wizard:
    """Oak & Sons is in QuickBooks as 80-1."""
    await wizard.make_tenant()
    await wizard.put(customer())
    await wizard.approve_all()
    approved = (await wizard.said("sync.approved"))[-1]
    await wizard.hear(told("started", approved, 1))
    await wizard.hear(
        linked(5, customer(), "80-1", sync_id=approved["sync_id"], at=T0 + timedelta(minutes=1))
    )
    await wizard.hear(told("succeeded", approved, 2))
    return wizard


async def test_an_approved_change_does_not_come_back(sent: Wizard) -> None:
    assert await operations(sent) == []
    await sent.put(customer(revision="2"))
    assert await operations(sent) == [], "the same content under a new revision is no change"


async def test_an_update_carries_only_what_differs(sent: Wizard) -> None:
    await sent.put(customer(revision="2", phone="555-0199"))
    assert await operations(sent) == [("export", "update", "Oak & Sons")]
    await sent.approve_all()
    approved = (await sent.said("sync.approved"))[-1]
    assert (approved["operation"], approved["fields"], approved["base_version"]) == ("update", ["phone"], 5)


async def test_back_to_the_last_sync_is_nothing_to_review(sent: Wizard) -> None:
    await sent.put(customer(revision="2", phone="555-0199"))
    await sent.put(customer(revision="3"))
    assert await operations(sent) == []


async def test_revisions_follow_the_contract(sent: Wizard) -> None:
    outcomes = [
        (await sent.put(customer(revision="3", phone="555-0103"))).json()["outcome"],
        (await sent.put(customer(revision="3", phone="555-0103"))).json()["outcome"],
        (await sent.put(customer(revision="2", phone="555-0102"))).json()["outcome"],
    ]
    assert outcomes == ["accepted", "unchanged", "ignored"]
    assert (await sent.put(customer(revision="3", phone="555-0104"))).status_code == 409


async def test_a_deletion_inactivates_a_customer_and_voids_an_invoice(sent: Wizard) -> None:
    await sent.call("DELETE", f"/tenants/{TENANT}/entities/customer/C-17", params={"revision": "2"})
    assert await operations(sent) == [("export", "deactivate", "Oak & Sons")]
    await sent.hear(linked(9, invoice(), "T-1"))
    await sent.put(invoice())
    await sent.call("DELETE", f"/tenants/{TENANT}/entities/invoice/V-1042", params={"revision": "2"})
    assert ("export", "void", "1042") in await operations(sent)


async def test_what_was_never_sent_is_withdrawn(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.put(customer())
    await wizard.call("DELETE", f"/tenants/{TENANT}/entities/customer/C-17", params={"revision": "2"})
    assert await operations(wizard) == []


async def test_a_deletion_of_what_is_on_its_way_waits_for_review(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.put(customer())
    await wizard.approve_all()
    await wizard.call("DELETE", f"/tenants/{TENANT}/entities/customer/C-17", params={"revision": "2"})
    assert await operations(wizard) == [("export", "deactivate", "Oak & Sons")]
    await wizard.approve_all()
    first, second = await wizard.said("sync.approved")
    for approved in (first, second):
        await wizard.hear(told("cancelled", approved, 1, code="QS-WITHDRAWN"))
    assert await operations(wizard) == []


async def test_an_import_goes_to_the_app_and_does_not_echo(wizard: Wizard) -> None:
    await wizard.make_tenant()
    theirs = customer(phone="555-0177", account_number="A-9")
    await wizard.hear(seen(3, "80-2", theirs))
    assert await operations(wizard) == [("import", "create", "Oak & Sons")]
    await wizard.approve_all()
    approved = (await wizard.said("sync.approved"))[-1]
    assert (approved["direction"], approved["quickbooks_id"]) == ("import", "80-2")

    await wizard.hear(
        EntityImported(
            **stamp(),
            sync_id=approved["sync_id"],
            kind=Kind.CUSTOMER,
            quickbooks_id="80-2",
            entity=approved["entity"],
            changed=tuple(approved["fields"]),
        )
    )
    (waiting,) = (await wizard.call("GET", f"/tenants/{TENANT}/imports")).json()["items"]
    assert waiting["sync_id"] == approved["sync_id"]
    body = {"applied": {"app_id": "C-90", "revision": "1"}}
    path = f"/tenants/{TENANT}/imports/{approved['sync_id']}"
    for _ in range(2):
        assert (await wizard.call("POST", path, json=body)).status_code == 202
    other = {"rejected": {"reason": "no"}}
    assert (await wizard.call("POST", path, json=other)).status_code == 409
    assert len(await wizard.said("entity.applied")) == 1

    ours = customer("C-90", phone="555-0177")  # the app does not keep the account number
    await wizard.put(ours, import_sync_id=approved["sync_id"])
    assert await operations(wizard) == []
    returned = {key: value for key, value in theirs.items() if key not in {"app_id", "revision"}}
    await wizard.hear(told("succeeded", approved, 2, app_id="C-90"))
    await wizard.hear(
        linked(
            7,
            customer("C-90", **{k: v for k, v in returned.items() if k != "kind"}),
            "80-2",
            sync_id=approved["sync_id"],
            returned=returned,
        )
    )
    assert await operations(wizard) == []
    await wizard.put(customer("C-90", revision="2", phone="555-0188"))
    await wizard.approve_all()
    assert (await wizard.said("sync.approved"))[-1]["fields"] == ["phone"]


async def test_a_deletion_in_quickbooks_is_reviewed(sent: Wizard) -> None:
    await sent.hear(seen(8, "80-1", None))
    assert await operations(sent) == [("import", "delete", "Oak & Sons")]


async def test_both_sides_changed_and_the_app_is_right(sent: Wizard) -> None:
    await sent.hear(seen(8, "80-1", customer(phone="555-0178"), at=T0 + timedelta(minutes=5)))
    await sent.put(customer(revision="2", email="board@oak.example"))
    (row,) = (await sent.review())["items"]
    assert (row["conflict"], row["ready"]) == (True, False)
    checked = {"id": row["id"], "revision": row["revision"]}
    refused = await sent.approve({"checked": [checked]})
    assert (refused["approved"], refused["blocked"][0]["needs"][0]["code"]) == (0, "conflict")

    await sent.approve({"checked": [{**checked, "choice": "app"}]})
    approved = (await sent.said("sync.approved"))[-1]
    assert (approved["direction"], approved["fields"]) == ("export", ["email", "phone"])
    assert await operations(sent) == [], "the other side's change was decided with it"


async def test_both_sides_changed_and_quickbooks_is_right(sent: Wizard) -> None:
    await sent.put(customer(revision="2", email="board@oak.example"))
    await sent.hear(seen(8, "80-1", customer(phone="555-0178"), at=T0 + timedelta(minutes=5)))
    (row,) = (await sent.review())["items"]
    await sent.approve({"checked": [{"id": row["id"], "revision": row["revision"], "choice": "quickbooks"}]})
    approved = (await sent.said("sync.approved"))[-1]
    assert (approved["direction"], approved["fields"]) == ("import", ["email", "phone"])
    await sent.hear(told("cancelled", approved, 1, code="QS-CHANGED-IN-QUICKBOOKS"))
    assert len(await operations(sent)) == 1, "back for review"


async def test_a_probable_duplicate_needs_a_choice(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.hear(seen(3, "80-7", customer(name="Oak and Sons"), for_matching=True))
    await wizard.put(customer())
    (row,) = (await wizard.review())["items"]
    assert row["duplicates"] == [
        {"id": "80-7", "label": "Oak and Sons", "same": ["e-mail", "phone"], "confidence": 75}
    ]
    checked = {"id": row["id"], "revision": row["revision"]}
    assert (await wizard.approve({"checked": [checked]}))["approved"] == 0
    assert (await wizard.approve({"checked": [{**checked, "choice": "link:80-7"}]}))["approved"] == 1
    approved = (await wizard.said("sync.approved"))[-1]
    assert (approved["operation"], approved["quickbooks_id"]) == ("link", "80-7")


async def test_a_duplicate_that_appears_later_is_shown(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.put(customer())
    (before,) = (await wizard.review())["items"]
    await wizard.hear(seen(3, "80-7", customer(), for_matching=True))
    (after,) = (await wizard.review())["items"]
    assert len(after["duplicates"]) == 1
    stale = await wizard.approve({"checked": [{"id": before["id"], "revision": before["revision"]}]})
    assert (stale["approved"], stale["changed"], stale["blocked"]) == (0, [before["id"]], [])


async def test_a_failed_sync_stays_in_unsynced_until_resync_or_a_change(sent: Wizard) -> None:
    await sent.put(customer(revision="2", phone="555-0199"))
    await sent.approve_all()
    failed = (await sent.said("sync.approved"))[-1]
    await sent.hear(told("failed", failed, 4, code="3180"))
    assert await operations(sent) == []
    command = Resync(**stamp(), by="Dana R.", sync_id=failed["sync_id"], kind=Kind.CUSTOMER, app_id="C-17")
    await sent.hear(command)
    await sent.hear(command)
    approvals = await sent.said("sync.approved")
    assert [one.get("resync_of") for one in approvals] == [None, None, failed["sync_id"]]


async def test_a_change_after_a_failure_counts_as_its_resync(sent: Wizard) -> None:
    await sent.put(customer(revision="2", phone="555-0199"))
    await sent.approve_all()
    failed = (await sent.said("sync.approved"))[-1]
    await sent.hear(told("failed", failed, 4, code="3180"))
    await sent.put(customer(revision="3", phone="555-0198"))
    await sent.approve_all()
    assert (await sent.said("sync.approved"))[-1]["resync_of"] == failed["sync_id"]


async def test_resync_waits_for_its_clear_id(sent: Wizard) -> None:
    await sent.put(customer(revision="2", phone="555-0199"))
    await sent.approve_all()
    failed = (await sent.said("sync.approved"))[-1]
    await sent.hear(told("failed", failed, 4, code="3120"))
    await sent.hear(
        Resync(
            **stamp(),
            by="Dana R.",
            sync_id=failed["sync_id"],
            kind=Kind.CUSTOMER,
            app_id="C-17",
            after_clear_id=True,
        )
    )
    assert len(await sent.said("sync.approved")) == 2
    await sent.hear(unlinked(9, customer(), "80-1", at=T0 + timedelta(minutes=9)))
    approved = (await sent.said("sync.approved"))[-1]
    assert (approved["operation"], approved["resync_of"]) == ("create", failed["sync_id"])
    assert await operations(sent) == []


async def test_resync_is_refused_while_in_doubt(sent: Wizard) -> None:
    await sent.put(customer(revision="2", phone="555-0199"))
    await sent.approve_all()
    approved = (await sent.said("sync.approved"))[-1]
    await sent.hear(told("started", approved, 3, in_doubt_since=T0))
    await sent.hear(
        Resync(**stamp(), by="Dana R.", sync_id=approved["sync_id"], kind=Kind.CUSTOMER, app_id="C-17")
    )
    (refused,) = await sent.said("command.refused")
    assert refused["code"] == "QS-IN-DOUBT"


async def test_resync_of_an_import_goes_back_for_review_and_says_so(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.hear(seen(3, "80-2", customer(phone="555-0177")))
    await wizard.approve_all()
    failed = (await wizard.said("sync.approved"))[-1]
    await wizard.hear(told("failed", failed, 4, code="QS-APP-SILENT"))
    assert await operations(wizard) == []
    command = Resync(
        **stamp(), by="Dana R.", sync_id=failed["sync_id"], kind=Kind.CUSTOMER, quickbooks_id="80-2"
    )
    await wizard.hear(command)
    assert await operations(wizard) == [("import", "create", "Oak & Sons")]
    (answer,) = await wizard.said("command.refused")
    assert (answer["code"], answer["command_id"]) == ("QS-REVIEW-AGAIN", command.id)
    assert len(await wizard.said("sync.approved")) == 1


async def test_resync_of_an_import_that_quickbooks_lost_says_that_nothing_is_left(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.hear(seen(3, "80-2", customer()))
    await wizard.approve_all()
    failed = (await wizard.said("sync.approved"))[-1]
    await wizard.hear(told("failed", failed, 4, code="QS-APP-SILENT"))
    await wizard.hear(seen(5, "80-2", None))
    await wizard.hear(
        Resync(**stamp(), by="Dana R.", sync_id=failed["sync_id"], kind=Kind.CUSTOMER, quickbooks_id="80-2")
    )
    assert await operations(wizard) == []
    assert [one["code"] for one in await wizard.said("command.refused")] == ["QS-NOTHING-DIFFERS"]


async def test_kept_rows_come_back_after_the_session(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.put(customer())
    await wizard.put(item())
    shown = await wizard.review()
    first = shown["items"][0]
    await wizard.approve(
        {
            "checked": [{"id": first["id"], "revision": first["revision"]}],
            "scope": {"filter": {}, "as_of": shown["as_of"]},
            "unchecked": "keep",
        }
    )
    assert (await wizard.call("GET", f"/tenants/{TENANT}/badge")).json()["waiting"] == 0
    ended = {"session_id": "s1", "started_at": T0, "round_trips": 3, "result": "ok"}
    await wizard.hear(SessionEnded(**stamp(T0 + timedelta(minutes=5)), version=1, **ended))
    assert await operations(wizard) == [("export", "create", "Pruning")]


async def test_kept_rows_come_back_online_when_the_syncs_are_settled(wizard: Wizard) -> None:
    await wizard.make_tenant(Edition.ONLINE)
    await wizard.put(customer())
    await wizard.put(item())
    shown = await wizard.review()
    first = shown["items"][0]
    await wizard.approve(
        {
            "checked": [{"id": first["id"], "revision": first["revision"]}],
            "scope": {"filter": {}, "as_of": shown["as_of"]},
            "unchecked": "keep",
        }
    )
    assert await operations(wizard) == []
    (approved,) = await wizard.said("online.sync.approved")
    await wizard.hear(told("succeeded", approved, 2))
    assert await operations(wizard) == [("export", "create", "Pruning")]


async def test_cleared_rows_come_back_only_when_they_change(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.put(customer())
    shown = await wizard.review()
    scope = {"filter": {"direction": "export"}, "as_of": shown["as_of"]}
    await wizard.put(item())  # arrived after the page was opened: never touched
    await wizard.approve({"checked": [], "scope": scope, "unchecked": "clear"})
    assert await operations(wizard) == [("export", "create", "Pruning")]
    await wizard.put(customer(revision="2"))
    assert len(await operations(wizard)) == 1, "the same content"
    await wizard.put(customer(revision="3", phone="555-0111"))
    assert len(await operations(wizard)) == 2


async def test_clear_without_scope_is_refused(wizard: Wizard) -> None:
    await wizard.make_tenant()
    answer = await wizard.approve({"checked": [], "unchecked": "clear"}, status=422)
    assert answer["type"].endswith("clear-without-scope")


async def test_all_matching_except_some(wizard: Wizard) -> None:
    await wizard.make_tenant()
    for number in range(4):
        await wizard.put(item(f"I-{number}", name=f"Item {number}"))
    await wizard.put(customer())
    shown = await wizard.review(kind="item")
    left = shown["items"][1]["id"]
    result = await wizard.approve(
        {
            "all_matching": {"filter": {"kind": "item"}, "as_of": shown["as_of"]},
            "except": [left],
            "unchecked": "clear",
        }
    )
    assert result["approved"] == 3
    assert await operations(wizard) == [("export", "create", "Oak & Sons")]


async def test_prechecks_hold_a_row_back(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.put(customer(name="東京 Gardens"))
    (row,) = (await wizard.review())["items"]
    assert (row["ready"], row["problems"][0]["code"]) == (False, "QS-INVALID")
    result = await wizard.approve({"checked": [{"id": row["id"], "revision": row["revision"]}]})
    assert (result["approved"], result["blocked"][0]["needs"][0]["code"]) == (0, "QS-INVALID")


async def test_a_record_may_refer_to_one_that_failed_and_waits_for_it(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.put(customer())
    await wizard.put(item())
    await wizard.approve_all()
    oak = next(one for one in await wizard.said("sync.approved") if one["kind"] == "customer")
    await wizard.hear(told("failed", oak, 2, code="3100"))
    await wizard.put(invoice())
    assert (await wizard.approve_all())["approved"] == 1


async def test_a_renamed_customer_is_shown_at_its_invoices(wizard: Wizard) -> None:
    await wizard.make_tenant()
    await wizard.put(invoice())
    assert [one["party"] for one in (await wizard.review())["items"]] == ["C-17"]
    await wizard.put(customer())
    await wizard.put(customer(revision="2", name="Oak, Sons & Daughters"))
    found = (await wizard.review(kind="invoice"))["items"]
    assert [(one["party"], one["revision"]) for one in found] == [("Oak, Sons & Daughters", 3)]
