"""What was answered is still there after kill -9, and what was not answered can be asked for again."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

REALM = "9341450000000001"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def process(data: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {"QBSYNC_DATA": str(data), "QBSYNC_SANDBOX_ONLINE_PORT": str(port)}
    command = [sys.executable, "-m", "qbsync_local.sandbox.online", "--seed"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        try:
            wait(port)
            yield running
        finally:
            running.kill()


def wait(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    raise TimeoutError("the simulator did not start")


def test_nothing_that_was_answered_is_lost(tmp_path: Path) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    answered: dict[str, str] = {}
    sent: list[str] = []
    with (
        process(tmp_path, port) as running,
        httpx.Client(base_url=base, trust_env=False, timeout=30) as client,
    ):
        token = client.post(f"/control/companies/{REALM}/tokens").json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        client.post("/control/faults", json={"effect": "throttle", "operation": "query"})
        killer = threading.Timer(0.05, running.send_signal, [signal.SIGKILL])
        for number in range(5000):
            if number == 20:
                killer.start()
            name = f"Customer {number}"
            sent.append(name)
            try:
                answer = client.post(
                    f"/v3/company/{REALM}/customer?requestid=r-{number}",
                    json={"DisplayName": name},
                    headers=headers,
                )
            except httpx.TransportError:
                break
            answered[name] = answer.text
        killer.join()
        running.wait(timeout=10)
    assert len(answered) >= 20
    assert len(sent) == len(answered) + 1

    with process(tmp_path, port), httpx.Client(base_url=base, trust_env=False, timeout=30) as client:
        for number, name in enumerate(sent):
            again = client.post(
                f"/v3/company/{REALM}/customer?requestid=r-{number}",
                json={"DisplayName": name},
                headers=headers,
            )
            assert again.status_code == 200
            assert again.text == answered.get(name, again.text)
        items = client.get(f"/control/companies/{REALM}/customer").json()["items"]
        assert sorted(item["DisplayName"] for item in items if item["DisplayName"] in sent) == sorted(sent)
        assert [trouble["effect"] for trouble in client.get("/control/faults").json()["items"]] == [
            "throttle"
        ]
        assert len(client.get("/control/companies").json()["items"]) == 1
