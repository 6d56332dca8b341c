"""Foreign SOAP stacks drive whole runs over real HTTP: what a client of our own would share as a fault, they show."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from qbsync_local.sandbox.desktop.qwc import read_qwc
from qbsync_local.sandbox.desktop.web_connector import WebConnector
from qbsync_qbwc_gateway.settings import GatewaySettings
from qbsync_qbwc_gateway.soap.operations import OPERATIONS
from tests.browser.server import free_socket, serving
from tests.gateway.desktop import Desktop
from tests.gateway.records import customer, invoice, item
from tests.gateway.soap_clients import (
    DotNet,
    Node,
    NodeMissingError,
    dotnet_envelope,
    install_node_soap,
)
from tests.gateway.test_http import make_app


@pytest.fixture
async def address(desktop: Desktop, settings: GatewaySettings) -> AsyncIterator[str]:
    """The endpoint, served; its WSDL names the address."""
    bound = free_socket()
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    served = settings.model_copy(update={"public_url": url})
    async with serving(make_app(desktop, served), bound):
        yield f"{url}/qbwc"


@pytest.fixture(scope="module")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("node-soap")
    try:
        install_node_soap(folder)
    except NodeMissingError as missing:
        pytest.skip(f"{missing}")
    return folder


async def run(desktop: Desktop, client: Any) -> None:
    """A run with work, and one whose answer gets lost; everything arrives once."""
    names = ["Oak & Sons", 'Zoë <"Elm">', "Ash ]]> & Co"]
    for n, name in enumerate(names):
        await desktop.approve(customer(f"C-{n}", name))
    await desktop.approve(item())
    await desktop.approve(invoice(of="C-1"))

    def update() -> Any:
        qwc = read_qwc(desktop.qwc)
        connector = WebConnector(
            qwc, desktop.password, client, lambda: desktop.company, desktop.faults, sleep=lambda _: None
        )
        return connector.run()

    report = await asyncio.to_thread(update)
    assert report.outcome == "finished", report.message
    assert set((await desktop.states()).values()) == {"succeeded"}
    assert desktop.customers() == sorted(names)
    assert report.progress[-1] == 100
    ended = (await desktop.said("session", "ended"))[-1]
    assert ended["succeeded"] == 5


async def test_a_net_proxy_drives_a_whole_run(desktop: Desktop, address: str) -> None:
    client = await asyncio.to_thread(DotNet, address)
    try:
        await run(desktop, client)
        wrong = {"strUserName": "nobody", "strPassword": ""}
        assert (await asyncio.to_thread(client.strings, "authenticate", **wrong))[1] == "nvu"
        assert set(client.statuses) == {200}
    finally:
        client.close()


async def test_what_a_net_proxy_might_send_wrong_is_told_as_a_fault(desktop: Desktop, address: str) -> None:
    """SOAP 1.2 by its version, and UTF-16 is read; the connection stays usable each time."""
    client = await asyncio.to_thread(DotNet, address)
    try:
        envelope = dotnet_envelope("serverVersion", {}).decode().lstrip("\ufeff")
        newer = envelope.replace(
            "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"
        )
        kind = "application/soap+xml; charset=utf-8"
        status, body = await asyncio.to_thread(client.post, "serverVersion", newer.encode(), kind)
        assert status == 500
        assert etree.fromstring(body).findtext(".//faultcode") == "soap:VersionMismatch"
        wide = envelope.replace('encoding="utf-8"', 'encoding="utf-16"').encode("utf-16")
        status, body = await asyncio.to_thread(client.post, "serverVersion", wide)
        assert (status, b"qbsync" in body) == (200, True)
    finally:
        client.close()


async def test_node_drives_a_whole_run_from_the_description(
    desktop: Desktop, address: str, node_folder: Path
) -> None:
    client = await asyncio.to_thread(Node, address, node_folder)
    try:
        assert sorted(client.operations) == sorted(OPERATIONS)
        await run(desktop, client)
    finally:
        await asyncio.to_thread(client.close)
