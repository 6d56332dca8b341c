"""A tenant with a simulated QuickBooks Desktop and its Web Connector, in front of the gateway's own parts."""

import asyncio
import itertools
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

from qbsync_local.sandbox.desktop.company import Company
from qbsync_local.sandbox.desktop.extensions import stamp_file_id
from qbsync_local.sandbox.desktop.faults import Faults
from qbsync_local.sandbox.desktop.qwc import read_qwc
from qbsync_local.sandbox.desktop.seeding import open_company, run_requests
from qbsync_local.sandbox.desktop.soap_client import CallFailedError
from qbsync_local.sandbox.desktop.web_connector import RunReport, WebConnector
from qbsync_qbwc_gateway.app import Gateway
from qbsync_qbwc_gateway.soap import host
from qbsync_qbwc_gateway.soap.envelope import NAMESPACE, SOAP, answer, parse_call
from qbsync_qbwc_gateway.soap.operations import OPERATIONS
from qbsync_shared.clock import FrozenClock
from qbsync_shared.connector import tenants
from qbsync_shared.ids import MakeId
from qbsync_shared.kinds import Edition, Kind, Plan
from qbsync_shared.messages import Mapping, SyncApproved, TenantConfigured
from qbsync_shared.postgres import Database

TENANT = "oak"


def envelope(method: str, **arguments: Any) -> bytes:
    """A call as the Web Connector writes it."""
    content = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in arguments.items())
    return (
        f'<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{SOAP}"><soap:Body>'
        f'<{method} xmlns="{NAMESPACE}">{content}</{method}></soap:Body></soap:Envelope>'
    ).encode()


class Endpoint:
    """The gateway's SOAP side without HTTP: bytes in, bytes out. Called from the Web Connector's thread.

    The faults ``lost_{method}`` let a call be done and its answer get lost, ``never_{method}`` let it never arrive.
    """

    def __init__(
        self, gateway: Gateway, loop: asyncio.AbstractEventLoop, faults: Faults | None = None
    ) -> None:
        self.gateway = gateway
        self.loop = loop
        self.faults = faults or Faults()
        self.took: list[tuple[str, float]] = []
        """Each call and the gateway's own seconds for it: from the bytes of the call to the bytes of the answer."""

    def has(self, method: str) -> bool:
        return method in OPERATIONS and method != "getServerVersion"

    def text(self, method: str, **arguments: Any) -> str:
        return self._call(method, arguments).findtext(f"{{{NAMESPACE}}}{method}Result") or ""

    def number(self, method: str, **arguments: Any) -> int:
        return int(self.text(method, **arguments))

    def strings(self, method: str, **arguments: Any) -> list[str]:
        result = self._call(method, arguments)
        return [child.text or "" for child in result.iter(f"{{{NAMESPACE}}}string")]

    def _call(self, method: str, arguments: dict[str, Any]) -> etree._Element:
        if self.faults.take(f"never_{method}"):
            raise CallFailedError(method, "The connection was refused.")
        try:
            body = asyncio.run_coroutine_threadsafe(
                self.exchange(envelope(method, **arguments)), self.loop
            ).result(60)
        except Exception as error:
            raise CallFailedError(method, f"{type(error).__name__}: {error}") from error
        if self.faults.take(f"lost_{method}"):
            raise CallFailedError(method, "The underlying connection was closed.")
        return etree.fromstring(body)[0][0]

    async def exchange(self, body: bytes) -> bytes:
        began = time.perf_counter()
        call = parse_call(body)
        answered = answer(call.operation, await host._dispatch(self.gateway.connector, call, "127.0.0.1"))
        self.took.append((call.operation.name, time.perf_counter() - began))
        return answered


class Mishap(Faults):
    """A named fault that happens once, at the n-th time that its moment comes."""

    point = ""
    at = 0

    def take(self, name: str) -> bool:
        if name != self.point:
            return super().take(name)
        self.at -= 1
        return self.at == 0

    def check_open(self) -> None:
        """``refuse``: QuickBooks throws this request back whole."""
        if self.point != "refuse" or self.take("refuse"):
            super().check_open()


@dataclass
class Desktop:
    """One tenant: its gateway, its company file, its Web Connector."""

    gateway: Gateway
    database: Database
    company: Company
    clock: FrozenClock
    make_id: MakeId
    qwc: str = ""
    password: str = ""
    faults: Mishap = field(default_factory=Mishap)
    seqs: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    tenant: str = TENANT

    async def configure(
        self,
        *,
        plan: Plan = Plan.PLUS,
        mappings: Sequence[Mapping] = (),
        version: int = 1,
        paused: bool = False,
        settings: dict[str, Any] | None = None,
    ) -> None:
        """What the wizard says of the tenant."""
        async with self.database.tenant(self.tenant) as connection:
            await tenants.configured(
                connection,
                TenantConfigured(
                    id=self.make_id(),
                    tenant=self.tenant,
                    occurred_at=self.clock.now(),
                    version=version,
                    name="Oak Hill",
                    plan=plan,
                    edition=Edition.DESKTOP,
                    mappings=tuple(mappings),
                    paused=paused,
                    settings=settings or {},
                ),
            )

    async def connect(self) -> None:
        """Make the connector user and take the .qwc file."""
        access = await self.gateway.connectors.create(self.tenant, by="Dana")
        self.password = access.password
        text = await self.gateway.connectors.qwc(self.tenant)
        assert text is not None
        self.qwc = text

    async def approve(self, entity: dict[str, Any], operation: str = "create", **more: Any) -> str:
        """An approval, as the wizard publishes it; returns the sync id."""
        sync_id = self.make_id()
        approved = SyncApproved(
            id=self.make_id(),
            tenant=self.tenant,
            occurred_at=self.clock.now(),
            edition=Edition.DESKTOP,
            sync_id=sync_id,
            **{
                "direction": "export",
                "kind": Kind(entity["kind"]),
                "app_id": entity.get("app_id"),
                "operation": operation,
                "entity": entity,
                "entity_seq": next(self.seqs),
                "approved_by": "Dana",
                "approved_at": self.clock.now(),
                **more,
            },
        )
        async with self.database.tenant(self.tenant) as connection:
            await self.gateway.queue.accept(connection, approved)
        return sync_id

    def endpoint(self) -> Endpoint:
        """The gateway as this tenant's Web Connector sees it."""
        return Endpoint(self.gateway, asyncio.get_running_loop(), self.faults)

    async def add_file(self) -> None:
        """Take the .qwc file as it is now and add it to the Web Connector, which stamps the open company file."""
        text = await self.gateway.connectors.qwc(self.tenant)
        assert text is not None
        self.qwc = text
        qwc = read_qwc(text)
        stamp_file_id(self.company, qwc.owner_id, qwc.file_id)

    def other_tenant(self, tenant: str, company: Company) -> "Desktop":
        """Another tenant of the same gateway, with a company file and a Web Connector of its own."""
        return replace(
            self,
            tenant=tenant,
            company=company,
            faults=Mishap(),
            seqs=itertools.count(1),
            qwc="",
            password="",
        )

    async def run(self, endpoint: Endpoint | None = None, *, auto: bool = False) -> RunReport:
        """One update of the Web Connector."""
        endpoint = endpoint or self.endpoint()
        connector = WebConnector(
            read_qwc(self.qwc),
            self.password,
            endpoint,
            lambda: self.company,
            self.faults,
            sleep=lambda _: None,
        )
        return await asyncio.to_thread(connector.run, auto=auto)

    def swap_file(self, *, keep: Path | None = None, restore: Path | None = None) -> None:
        """Make a backup of the company file, or open one in its place; an hour goes by."""
        path = self.company.path
        self.company.store.close()
        if keep is not None:
            shutil.copy(path, keep)
        if restore is not None:
            shutil.copy(restore, path)
        self.company = open_company(path, now=self.clock.now)
        self.clock.advance(timedelta(hours=1))

    async def sync(self, sync_id: str) -> dict[str, Any]:
        """One row of the queue."""
        async with self.database.tenant(self.tenant) as connection:
            row = await connection.fetchrow("select * from work_item where sync_id = $1", sync_id)
        assert row is not None
        return dict(row)

    async def states(self) -> dict[str, str]:
        """State by sync id."""
        async with self.database.tenant(self.tenant) as connection:
            rows = await connection.fetch("select sync_id, state from work_item order by seq")
        return {row["sync_id"]: row["state"] for row in rows}

    async def links(self) -> dict[str, str]:
        """QuickBooks' id by app id."""
        async with self.database.tenant(self.tenant) as connection:
            rows = await connection.fetch("select app_id, quickbooks_id from link")
        return {row["app_id"]: row["quickbooks_id"] for row in rows}

    async def said(self, noun: str, verb: str) -> list[dict[str, Any]]:
        """What was published, oldest first."""
        async with self.database.tenant(self.tenant) as connection:
            rows = await connection.fetch(
                "select payload from outbox where subject like $1 order by id", f"%.{noun}.{verb}"
            )
        return [json.loads(row["payload"]) for row in rows]

    def records(self, query: str, tag: str) -> list[etree._Element]:
        """What QuickBooks holds."""
        text = run_requests(self.company, [query])
        return etree.fromstring(text.split("?>", 1)[1]).findall(f".//{tag}")

    def customers(self) -> list[str]:
        """Full names, sorted."""
        return sorted(r.findtext("FullName") or "" for r in self.records("<CustomerQueryRq/>", "CustomerRet"))

    async def customers_count(self) -> int:
        """How many customers QuickBooks holds."""
        return len(self.customers())

    def file_id(self) -> str:
        """The FileID of the .qwc file."""
        return read_qwc(self.qwc).file_id
