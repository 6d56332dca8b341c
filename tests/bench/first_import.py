"""The first import of a large company file, in one session: round trips, time and memory."""

import asyncio
import resource
from pathlib import Path

from qbsync_local.sandbox.desktop.company import Company
from qbsync_local.sandbox.desktop.seeding import run_requests
from tests.bench.desktop import stage
from tests.bench.figures import Figure
from tests.gateway.desktop import Desktop

CUSTOMERS = 5_000
ITEMS = 2_000
INVOICES = 16_000
PAYMENTS = 4_000
RECORDS = CUSTOMERS + ITEMS + INVOICES + PAYMENTS
_AT_ONCE = 500


async def measure(server_url: str) -> list[Figure]:
    """Fill a company, connect it, and let the first run read it all."""
    async with stage(server_url) as desktop:
        await asyncio.to_thread(_fill, desktop.company)
        endpoint = desktop.endpoint()
        before = _resident()
        memory = [before]
        watch = asyncio.create_task(_watch(memory))
        report = await desktop.run(endpoint)
        watch.cancel()
        assert report.outcome == "finished", report.message
        await _all_reported(desktop)
    return [
        Figure(
            name=f"First import of {RECORDS:,} records in one session",
            value=report.round_trips,
            unit="round trips",
            promise="one session",
        ),
        Figure(
            name="Gateway's own time for 1,000 records of a first import",
            value=sum(seconds for _, seconds in endpoint.took) * 1_000 / RECORDS,
            unit="s",
            promise="none",
        ),
        Figure(
            name="Memory added by a first import, simulated QuickBooks included",
            value=(max(memory) - before) / 2**20,
            unit="MB",
            promise="at most 100",
        ),
    ]


async def _watch(memory: list[int]) -> None:
    while True:
        await asyncio.sleep(0.05)
        memory.append(_resident())


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


async def _all_reported(desktop: Desktop) -> None:
    async with desktop.database.tenant(desktop.tenant) as connection:
        seen = await connection.fetchval(
            "select count(*) from seen_entity where kind in ('customer', 'item', 'invoice', 'payment')"
        )
    assert seen >= RECORDS, seen


def _fill(company: Company) -> None:
    _add(company, [_customer(n) for n in range(CUSTOMERS)])
    _add(company, [_item(n) for n in range(ITEMS)])
    _add(company, [_invoice(n) for n in range(INVOICES)])
    _add(company, [_payment(n) for n in range(PAYMENTS)])


def _add(company: Company, requests: list[str]) -> None:
    for start in range(0, len(requests), _AT_ONCE):
        with company.store.transaction():
            answer = run_requests(company, requests[start : start + _AT_ONCE])
        assert 'statusSeverity="Error"' not in answer, answer[:500]


def _customer(n: int) -> str:
    address = f"<BillAddress><Addr1>{n} Elm St</Addr1><City>Salem</City><State>OR</State></BillAddress>"
    return f"<CustomerAddRq><CustomerAdd><Name>Customer {n:05}</Name>{address}</CustomerAdd></CustomerAddRq>"


def _item(n: int) -> str:
    account = "<AccountRef><FullName>Landscaping Services</FullName></AccountRef>"
    price = f"<SalesOrPurchase><Desc>Work {n}</Desc><Price>95.00</Price>{account}</SalesOrPurchase>"
    return f"<ItemServiceAddRq><ItemServiceAdd><Name>Work {n:04}</Name>{price}</ItemServiceAdd></ItemServiceAddRq>"


def _invoice(n: int) -> str:
    customer = f"<CustomerRef><FullName>Customer {n % CUSTOMERS:05}</FullName></CustomerRef>"
    item = f"<ItemRef><FullName>Work {n % ITEMS:04}</FullName></ItemRef>"
    line = (
        f"<InvoiceLineAdd>{item}<Desc>Visit</Desc><Quantity>1</Quantity><Rate>95.00</Rate></InvoiceLineAdd>"
    )
    return f"<InvoiceAddRq><InvoiceAdd>{customer}<RefNumber>{n}</RefNumber>{line * 2}</InvoiceAdd></InvoiceAddRq>"


def _payment(n: int) -> str:
    customer = f"<CustomerRef><FullName>Customer {n % CUSTOMERS:05}</FullName></CustomerRef>"
    return (
        f"<ReceivePaymentAddRq><ReceivePaymentAdd>{customer}<TotalAmount>10.00</TotalAmount>"
        "<IsAutoApply>false</IsAutoApply></ReceivePaymentAdd></ReceivePaymentAddRq>"
    )
