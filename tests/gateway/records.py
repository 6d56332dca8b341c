"""Records of the app, as it hands them over."""

from typing import Any

Json = dict[str, Any]


def customer(app_id: str = "C-17", name: str = "Oak & Sons", **more: Any) -> Json:
    return {
        "kind": "customer",
        "app_id": app_id,
        "revision": "1",
        "name": name,
        "company_name": "Oak & Sons LLC",
        "email": "office@oak.example",
        "phone": "555-0100",
        "billing_address": {"line1": "1 Elm St", "city": "Salem", "state": "OR", "postal_code": "97301"},
        "active": True,
        **more,
    }


def job(app_id: str = "J-1", of: str = "C-17", **more: Any) -> Json:
    return {
        "kind": "job",
        "app_id": app_id,
        "revision": "1",
        "name": "Front yard",
        "customer": {"app_id": of},
        "description": "Prune the oaks",
        "start_date": "2026-11-02",
        "active": True,
        **more,
    }


def vendor(app_id: str = "W-1", **more: Any) -> Json:
    return {
        "kind": "vendor",
        "app_id": app_id,
        "revision": "1",
        "name": "Moss Nursery",
        "active": True,
        **more,
    }


def item(app_id: str = "I-3", name: str = "Hedge Care", **more: Any) -> Json:
    return {
        "kind": "item",
        "app_id": app_id,
        "revision": "1",
        "type": "service",
        "name": name,
        "description": "Hedges, per hour",
        "unit_price": "95.00",
        "income_account": {"name": "Landscaping Services"},
        "active": True,
        **more,
    }


def invoice(app_id: str = "V-1042", of: str = "C-17", lines: list[Json] | None = None, **more: Any) -> Json:
    return {
        "kind": "invoice",
        "app_id": app_id,
        "revision": "2",
        "number": app_id.removeprefix("V-"),
        "customer": {"app_id": of},
        "date": "2026-11-02",
        "due_date": "2026-12-02",
        "customer_message": "Thank you",
        "memo": "North gate",
        "lines": lines or [line("1", "2.5", "95.00", "237.50")],
        **more,
    }


def line(line_id: str, quantity: str, price: str, amount: str, item: str = "I-3", **more: Any) -> Json:
    return {
        "line_id": line_id,
        "item": {"app_id": item},
        "description": f"Line {line_id}",
        "quantity": quantity,
        "unit_price": price,
        "amount": amount,
        **more,
    }


def sale(kind: str, app_id: str, **more: Any) -> Json:
    """An estimate, a sales receipt or a credit memo."""
    return {
        "kind": kind,
        "app_id": app_id,
        "revision": "1",
        "number": app_id,
        "customer": {"app_id": "C-17"},
        "date": "2026-11-02",
        "memo": "North gate",
        "lines": [line("1", "2.5", "95.00", "237.50")],
        **more,
    }


def payment(
    app_id: str = "P-1", amount: str = "237.50", applied: dict[str, str] | None = None, **more: Any
) -> Json:
    return {
        "kind": "payment",
        "app_id": app_id,
        "revision": "1",
        "number": app_id,
        "customer": {"app_id": "C-17"},
        "date": "2026-11-03",
        "amount": amount,
        "method": {"name": "Check"},
        "applied": [{"invoice": {"app_id": of}, "amount": part} for of, part in (applied or {}).items()],
        **more,
    }


def purchase(kind: str, app_id: str, lines: list[Json], **more: Any) -> Json:
    """A purchase order or a bill."""
    return {
        "kind": kind,
        "app_id": app_id,
        "revision": "1",
        "number": app_id,
        "vendor": {"app_id": "W-1"},
        "date": "2026-11-02",
        "lines": lines,
        **more,
    }


def by_account(line_id: str, amount: str, account: str = "Job Materials", **more: Any) -> Json:
    return {
        "line_id": line_id,
        "account": {"name": account},
        "description": f"Line {line_id}",
        "amount": amount,
        **more,
    }


def time_entry(app_id: str = "T-1", hours: str = "2.5", **more: Any) -> Json:
    return {
        "kind": "time_entry",
        "app_id": app_id,
        "revision": "1",
        "date": "2026-11-02",
        "hours": hours,
        "vendor": {"app_id": "W-1"},
        "customer": {"app_id": "C-17"},
        "item": {"app_id": "I-3"},
        "billable": True,
        "notes": "Oaks in front",
        **more,
    }
