"""Helpers to talk to a simulated company file in tests."""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from lxml import etree

from qbsync_local.sandbox.desktop.company import Company
from qbsync_local.sandbox.desktop.faults import Faults
from qbsync_local.sandbox.desktop.processor import Processor
from qbsync_local.sandbox.desktop.queries import Session
from qbsync_shared.qbxml import load_elements

XSD_DIR = os.environ.get("QBXML_XSD_DIR")


class MovingClock:
    """A clock that stands until told."""

    def __init__(self, at: datetime = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **by: int) -> None:
        self.at += timedelta(**by)


@cache
def official_schema() -> etree.XMLSchema | None:
    return etree.XMLSchema(etree.parse(Path(XSD_DIR) / "qbxmlops160.xsd")) if XSD_DIR else None


def message_set(*requests: str, version: str = "16.0", **attributes: str) -> str:
    """A qbXML document around requests; attributes: onError, newMessageSetID, oldMessageSetID, responseData."""
    given = {"onError": "continueOnError"} | attributes
    head = " ".join(f'{name}="{value}"' for name, value in given.items())
    body = "".join(requests)
    return f'<?xml version="1.0"?><?qbxml version="{version}"?><QBXML><QBXMLMsgsRq {head}>{body}</QBXMLMsgsRq></QBXML>'


@dataclass
class Books:
    """A company with its processor. Every answer is checked against the table, and the official schema where it is."""

    company: Company
    clock: MovingClock
    faults: Faults = field(default_factory=Faults)
    session: Session = field(default_factory=lambda: Session("qbsync"))

    def send(self, text: str) -> etree._Element:
        """Process a document; give QBXMLMsgsRs."""
        answer = Processor(self.company, self.faults).process(text, self.session)
        assert answer.isascii()
        root = etree.fromstring(answer.encode())
        schema = official_schema()
        if schema is not None:
            assert schema.validate(root), schema.error_log.last_error
        for member in root[0]:
            if member.tag in load_elements().responses:
                assert load_elements().problems(member) == []
        return root[0]

    def ask(self, *requests: str, **attributes: str) -> list[etree._Element]:
        """Send requests in one set; give their responses."""
        return list(self.send(message_set(*requests, **attributes)))

    def one(self, request: str) -> etree._Element:
        """Send one request; give its response."""
        return self.ask(request)[0]

    def done(self, request: str) -> etree._Element:
        """Send one request that must succeed; give the first element of its response."""
        response = self.one(request)
        assert response.get("statusCode") == "0", response.get("statusMessage")
        return response[0]

    def code(self, request: str) -> str:
        """Send one request; give its status code."""
        return str(self.one(request).get("statusCode"))

    def customer(self, name: str, more: str = "", parent: str = "") -> etree._Element:
        """Add a customer, or with `parent` a job."""
        above = f"<ParentRef><ListID>{parent}</ListID></ParentRef>" if parent else ""
        return self.done(
            f"<CustomerAddRq><CustomerAdd><Name>{name}</Name>{above}{more}</CustomerAdd></CustomerAddRq>"
        )

    def service(self, name: str, price: str = "95.00", tax: str = "") -> etree._Element:
        """Add a service item."""
        code = f"<SalesTaxCodeRef><FullName>{tax}</FullName></SalesTaxCodeRef>" if tax else ""
        account = "<AccountRef><FullName>Landscaping Services</FullName></AccountRef>"
        sales = (
            f"<SalesOrPurchase><Desc>{name}, per hour</Desc><Price>{price}</Price>{account}</SalesOrPurchase>"
        )
        return self.done(
            f"<ItemServiceAddRq><ItemServiceAdd><Name>{name}</Name>{code}{sales}</ItemServiceAdd></ItemServiceAddRq>"
        )

    def invoice(self, customer: str, *lines: str, more: str = "") -> etree._Element:
        """Add an invoice for a customer's ListID; lines are the inside of InvoiceLineAdd."""
        body = "".join(f"<InvoiceLineAdd>{line}</InvoiceLineAdd>" for line in lines)
        return self.done(
            f"<InvoiceAddRq><InvoiceAdd><CustomerRef><ListID>{customer}</ListID></CustomerRef>{more}{body}</InvoiceAdd></InvoiceAddRq>"
        )


def line(item: str, quantity: str = "", rate: str = "", amount: str = "", tax: str = "") -> str:
    """The inside of a sales line."""
    parts = [f"<ItemRef><FullName>{item}</FullName></ItemRef>"]
    parts += [
        f"<{name}>{value}</{name}>"
        for name, value in (("Quantity", quantity), ("Rate", rate), ("Amount", amount))
        if value
    ]
    if tax:
        parts.append(f"<SalesTaxCodeRef><FullName>{tax}</FullName></SalesTaxCodeRef>")
    return "".join(parts)
