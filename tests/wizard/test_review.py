"""From the app's hand-over to what is approved, on a real database through the API."""

from tests.wizard.conftest import Wizard
from tests.wizard.samples import TENANT, customer, invoice, item


async def test_a_new_record_waits_and_its_approval_is_published(wizard: Wizard) -> None:
    await wizard.make_tenant()
    answer = await wizard.put(customer())
    assert (answer.status_code, answer.json()["outcome"]) == (202, "accepted")

    shown = await wizard.review()
    assert [(one["operation"], one["label"], one["ready"]) for one in shown["items"]] == [
        ("create", "Oak & Sons", True)
    ]
    row = shown["items"][0]
    result = await wizard.approve({"checked": [{"id": row["id"], "revision": row["revision"]}]})
    assert (result["approved"], result["changed"], result["blocked"], result["job"]) == (1, [], [], None)

    (approved,) = await wizard.said("desktop.sync.approved")
    assert approved["operation"] == "create"
    assert approved["entity"]["name"] == "Oak & Sons"
    assert approved["approved_by"] == "Dana R."
    assert (await wizard.review())["items"] == []
    counts = [one["waiting"] for one in await wizard.said("badge.changed")]
    assert counts == [1, 0]


async def test_an_invoice_needs_its_customer_and_item(wizard: Wizard) -> None:
    await wizard.make_tenant()
    for entity in (invoice(), customer(), item()):
        assert (await wizard.put(entity)).status_code == 202
    shown = {one["kind"]: one for one in (await wizard.review())["items"]}
    assert list(shown) == ["customer", "item", "invoice"]
    alone = shown["invoice"]
    result = await wizard.approve({"checked": [{"id": alone["id"], "revision": alone["revision"]}]})
    assert result["approved"] == 0
    assert [need["app_id"] for need in result["blocked"][0]["needs"]] == ["C-17", "I-3"]

    result = await wizard.approve_all()
    assert result["approved"] == 3
    approved = await wizard.said("sync.approved")
    assert [one["kind"] for one in approved] == ["customer", "item", "invoice"]
    assert approved[2]["depends_on"] == [
        {"kind": "customer", "app_id": "C-17"},
        {"kind": "item", "app_id": "I-3"},
    ]


async def test_unknown_tenants_are_told(wizard: Wizard) -> None:
    answer = await wizard.call("GET", f"/tenants/{TENANT}/review")
    assert answer.status_code == 404
