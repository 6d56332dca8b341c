"""The control API and the pages, as a process on loopback and in memory."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.sandbox.desktop.books import message_set
from tests.sandbox.desktop.soap_service import Script, qwc_text, serving

from qbsync_local.sandbox.desktop.app import build
from qbsync_local.sandbox.desktop.client import ControlRefusedError, DesktopControl
from qbsync_local.sandbox.desktop.seeding import load_plan


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`python -m qbsync_local.sandbox.desktop` as users start it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("desktop")
    own = {"QBSYNC_SANDBOX_DESKTOP_PORT": str(port), "QBSYNC_SANDBOX_DATA": str(folder)}
    process = subprocess.Popen(
        [sys.executable, "-m", "qbsync_local.sandbox.desktop"], env={**os.environ, **own}
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(process, address)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            if httpx.get(f"{address}/health/ready", trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail("the simulated QuickBooks Desktop did not start")


@pytest.fixture
def control(url: str) -> Iterator[DesktopControl]:
    with DesktopControl(url) as control:
        yield control


@pytest.fixture
async def pages(tmp_path: Path):
    app = build(tmp_path)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://desktop", follow_redirects=True
    ) as client:
        app.state.desk.set_up("oak", "Oak Hill Landscaping")
        yield client
    app.state.desk.close()


def test_a_connector_is_registered_run_and_audited(control: DesktopControl) -> None:
    script = Script(sends=[message_set('<CustomerAddRq requestID="1"><CustomerAdd><Name>New</Name></CustomerAdd></CustomerAddRq>', version="13.0")])  # fmt: skip
    with serving(script) as address:
        control.register(
            "oak", qwc_text(address), "secret", company="Oak Hill Landscaping", plan="desktop.json"
        )
        report = control.run("oak")
    assert (report["outcome"], report["statuses"]) == ("finished", {"0": 1})
    assert [one["full_name"] for one in control.records("oak", "customers", "New")] == ["New"]
    assert control.connectors()[0]["last"]["outcome"] == "finished"


def test_the_plan_seeds_what_it_says(control: DesktopControl) -> None:
    control.make_company("seeded", "Oak Hill Landscaping", "desktop.json")
    control.make_company("seeded", plan="desktop.json")
    plan = load_plan()["records"]
    assert len(plan) == 60
    assert control.company("seeded")["counts"]["Invoice"] == sum(one["entity"] == "Invoice" for one in plan)
    invoice = control.records("seeded", "invoices", "2004")[0]
    assert invoice["content"]["CustomerRef"]["FullName"] == "Garnet Winery:Driveway planting"


def test_the_user_edits_by_raw_qbxml(control: DesktopControl) -> None:
    control.make_company("hand")
    answer = control.qbxml("hand", message_set("<CustomerAddRq><CustomerAdd><Name>Ann</Name></CustomerAdd></CustomerAddRq>"))  # fmt: skip
    assert 'statusCode="0"' in answer
    with pytest.raises(ControlRefusedError, match="0x80040400"):
        control.qbxml("hand", message_set("<Wrong/>"))


def test_faults_are_ordered_by_name(control: DesktopControl) -> None:
    control.make_company("faulty")
    assert control.faults("faulty", named={"die_after_write": 1})["named"] == {"die_after_write": 1}
    assert control.faults("faulty", clear=True)["named"] == {}
    with pytest.raises(ControlRefusedError, match="no fault explode"):
        control.faults("faulty", named={"explode": 1})


def test_unknown_tenants_and_lists_are_refused_plainly(control: DesktopControl) -> None:
    with pytest.raises(ControlRefusedError, match="no simulated QuickBooks Desktop"):
        control.company("nobody")
    control.make_company("known")
    with pytest.raises(ControlRefusedError, match="There is no list socks"):
        control.records("known", "socks")


def test_auto_run_runs_by_itself(control: DesktopControl) -> None:
    script = Script(authenticate=["", "none"])
    with serving(script) as address:
        control.register("auto", qwc_text(address), "secret", every_seconds=0.1)
        deadline = time.monotonic() + 20
        while script.names().count("authenticate") < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        control.set_auto_run("auto", None)
    assert script.names().count("authenticate") >= 2


async def test_a_person_adds_renames_and_deletes_on_the_page(pages: httpx.AsyncClient) -> None:
    added = await pages.post(
        "/t/oak/add", data={"show": "customers", "name": "Ann & Co", "detail": "ann@co.example"}
    )
    assert "Ann &amp; Co was added in QuickBooks." in added.text
    record = (await pages.get("/companies/oak/customers")).json()["items"][0]
    assert record["content"]["Email"] == "ann@co.example"
    renamed = await pages.post(
        f"/t/oak/records/{record['id']}/rename", data={"show": "customers", "name": "Ann"}
    )
    assert "It is called Ann now." in renamed.text
    deleted = await pages.post(f"/t/oak/records/{record['id']}/delete", data={"show": "customers"})
    assert "It was deleted in QuickBooks." in deleted.text
    assert (await pages.get("/companies/oak/deleted")).json()["items"][0]["full_name"] == "Ann"


async def test_what_quickbooks_refuses_is_shown(pages: httpx.AsyncClient) -> None:
    for _ in range(2):
        answer = await pages.post("/t/oak/add", data={"show": "items", "name": "Pruning", "detail": "95.00"})
    assert "3100: The name" in answer.text
    wrong = await pages.post("/t/oak/add", data={"show": "items", "name": "Mulch", "detail": "cheap"})
    assert "is not a price" in wrong.text
    run = await pages.post("/t/oak/run", data={"show": "items"})
    assert "no application yet" in run.text


async def test_a_form_of_another_site_is_refused(pages: httpx.AsyncClient) -> None:
    answer = await pages.post("/t/oak/run", headers={"Origin": "http://evil.example"}, data={"show": "items"})
    assert answer.status_code == 403


async def test_every_page_answers(pages: httpx.AsyncClient) -> None:
    assert (await pages.get("/")).status_code == 200
    for show in ("customers", "items", "invoices", "accounts", "terms"):
        assert (await pages.get(f"/t/oak?show={show}")).status_code == 200
    assert (await pages.get("/t/oak?show=socks")).status_code == 404
    assert (await pages.get("/t/nobody")).status_code == 404
