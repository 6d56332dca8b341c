"""A believable morning in the review: both sections, with every state that a row can be in. All invented."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from qbsync_shared.kinds import Edition
from qbsync_shared.messages import ConnectionChanged, ConnectionState
from tests.wizard.samples import TENANT, customer, invoice, item, linked, seen, stamp, told


async def lay_out(wizard: Any, now: datetime) -> None:
    """Fill the tenant."""
    await wizard.make_tenant(Edition.DESKTOP, time_zone="America/Los_Angeles")
    earlier = now - timedelta(hours=2)
    await wizard.hear(
        ConnectionChanged(
            **stamp(now),
            version=1,
            state=ConnectionState.CONNECTED,
            company="Thistle and Loam.qbw",
            last_seen_at=now - timedelta(minutes=4),
            next_expected_at=now + timedelta(minutes=26),
        )
    )
    await _imports(wizard, earlier)
    await _exports(wizard, earlier)
    # what was approved a moment ago and is on its way
    await wizard.put(item("I-90", name="Aeration"))
    await wizard.put(item("I-91", name="Edging"))
    rows = [one for one in (await wizard.review(kind="item"))["items"] if one["app_id"] in ("I-90", "I-91")]
    await wizard.approve({"checked": [{"id": one["id"], "revision": one["revision"]} for one in rows]})
    approved = await wizard.said("sync.approved")
    await wizard.hear(told("succeeded", approved[0], 2, at=now))


async def _imports(wizard: Any, at: datetime) -> None:
    rowan = customer("C-212", name="Rowan Court Condos", phone="555-0132", email="office@rowan.example")
    await wizard.put(rowan)
    await wizard.hear(linked(5, rowan, "80-212", at=at))
    theirs = {
        **rowan,
        "phone": "555-0178",
        "billing_address": {**rowan["billing_address"], "line1": "14 Rowan Court"},
    }
    await wizard.hear(seen(9, "80-212", theirs, at=at, changed_at=at))
    await wizard.put({**rowan, "revision": "2", "email": "board@rowan.example"})
    tamsin = customer("C-87", name="Tamsin Vale", phone="555-0187", email="tamsin@vale.example")
    await wizard.put(tamsin)
    await wizard.hear(linked(6, tamsin, "80-87", at=at))
    await wizard.hear(seen(10, "80-87", {**tamsin, "phone": "555-0199"}, at=at, changed_at=at))
    bramble = {"kind": "vendor", "name": "Bramble Hill Rentals", "phone": "555-0161", "active": True}
    await wizard.hear(seen(11, "80-31", bramble, at=at, changed_at=at))
    payment = {
        "kind": "payment",
        "number": "5521",
        "customer": {"quickbooks_id": "80-87", "name": "Tamsin Vale"},
    }
    await wizard.hear(
        seen(12, "T-5521", {**payment, "date": "2026-11-01", "amount": "760.00"}, at=at, changed_at=at)
    )


async def _exports(wizard: Any, at: datetime) -> None:
    pruning, mulch = item(), item("I-14", name="Mulch, hardwood", unit_price="45.00")
    for number, entity in enumerate((pruning, mulch)):
        await wizard.put(entity)
        await wizard.hear(linked(20 + number, entity, f"80-I{number}", at=at))
    hazel = customer("C-9", name="Hazel Court HOA", phone="555-0109", email="hoa@hazel.example")
    await wizard.put(hazel)
    await wizard.hear(linked(30, hazel, "80-9", at=at))
    await wizard.hear(
        seen(
            31,
            "80-77",
            customer(name="Millpond Apts", phone="555-0145", email="office@millpond.example"),
            for_matching=True,
        )
    )
    await wizard.put(
        customer("C-230", name="Mill Pond Apartments", phone="555-0145", email="office@millpond.example")
    )
    await wizard.put(customer("C-17"))
    await wizard.put(
        invoice("V-1042", total="1240.00", lines=_lines(("I-3", "2", "95.00"), ("I-14", "10", "105.00")))
    )
    await wizard.put(invoice("V-1043"))
    await wizard.put(invoice("V-1044", customer={"app_id": "C-9"}))
    await wizard.put(invoice("V-1049", customer={"app_id": "C-9"}, memo="Łódź terrace"))
    before = invoice("V-1038", customer={"app_id": "C-9"}, memo="Fall work", total="475.00")
    before["lines"] = _lines(("I-3", "2.5", "95.00"), ("I-3", "2.5", "95.00"))
    await wizard.put(before)
    await wizard.hear(linked(40, before, "T-1038", at=at))
    after = {
        **before,
        "revision": "2",
        "memo": "Fall work, with two extra oaks",
        "due_date": "2026-12-12",
        "total": "887.50",
    }
    after["lines"] = [
        *_lines(("I-3", "4", "95.00")),
        *_lines(("I-14", "6", "45.00"), start=3),
        before["lines"][1],
    ]
    await wizard.put(after)


def _lines(*parts: tuple[str, str, str], start: int = 1) -> list[dict[str, Any]]:
    return [
        {
            "line_id": str(start + number),
            "item": {"app_id": item_id},
            "quantity": quantity,
            "unit_price": price,
            "amount": f"{Decimal(quantity) * Decimal(price):.2f}",
        }
        for number, (item_id, quantity, price) in enumerate(parts)
    ]


BASE = f"/t/{TENANT}/wizard"
