"""Approved exports, end to end against the simulated QuickBooks."""

from tests.gateway.desktop import Desktop

CUSTOMER = {
    "kind": "customer",
    "app_id": "C-17",
    "revision": "1",
    "name": "Oak & Sons",
    "company_name": "Oak & Sons LLC",
    "given_name": "Ann",
    "family_name": "Oak",
    "email": "office@oak.example",
    "phone": "555-0100",
    "billing_address": {"line1": "1 Elm St", "city": "Salem", "state": "OR", "postal_code": "97301"},
    "active": True,
}


async def test_an_approved_customer_arrives_in_quickbooks(desktop: Desktop) -> None:
    sync_id = await desktop.approve(CUSTOMER)

    report = await desktop.run()

    assert report.outcome == "finished", report.message
    assert desktop.customers() == ["Oak & Sons"]
    row = await desktop.sync(sync_id)
    assert row["state"] == "succeeded", row
    assert list(await desktop.links()) == ["C-17"]
    assert (await desktop.said("session", "ended"))[-1]["succeeded"] == 1
