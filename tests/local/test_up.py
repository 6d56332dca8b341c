"""`qbsync up` with stand-ins for the services: start, run.json, crashes, the end."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from qbsync_local.embedded.process import free_port, process_exists, wait_until

HERE = Path(__file__).parent


class Up:
    """A `qbsync up` under test, with everything it printed."""

    def __init__(self, data, port_base, **variables):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("QBSYNC_")}
        self.data = data
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stand_in_up", str(data), str(port_base)],
            env={**inherited, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with self.process.stdout as output:
            self.lines.extend(output)

    def said(self, text):
        return any(text in line for line in list(self.lines))

    def wait_for(self, text, seconds=40):
        assert wait_until(lambda: self.said(text) or self.process.poll() is not None, seconds), self.text
        assert self.said(text), self.text

    @property
    def text(self):
        return "".join(self.lines)

    @property
    def run_file(self):
        return json.loads((self.data / "run.json").read_text())

    def end(self, number=signal.SIGINT):
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(30)
        self._reader.join(10)
        return code


@pytest.fixture
def start(tmp_path):
    started = []

    def make(data=tmp_path / "data", **variables):
        started.append(Up(data, free_port(), **variables))
        return started[-1]

    yield make
    for up in started:
        up.end()


def pids_of(content):
    places = [
        *content["services"].values(),
        *content["sandbox"].values(),
        content["postgres"],
        content["nats"],
    ]
    return [content["pid"], *(place["pid"] for place in places)]


def test_everything_is_ready_described_and_stopped(start):
    up = start()
    up.wait_for("qbsync is ready")
    content = up.run_file
    assert set(content) == {"pid", "services", "postgres", "nats", "tokens", "sandbox"}
    assert set(content["services"]) == {"wizard", "qbwc-gateway", "qbo-worker", "log"}
    assert set(content["sandbox"]) == {"online"}
    assert all(process_exists(pid) for pid in pids_of(content))
    for place in content["services"].values():
        assert httpx.get(place["url"] + "/health/ready", trust_env=False).status_code == 200
    assert up.said("migrated qbsync")
    assert up.said("/session?token=")
    assert (up.data / "run.json").stat().st_mode & 0o077 == 0
    assert (up.data / "secrets.json").stat().st_mode & 0o077 == 0
    assert up.end() == 0
    assert not any(process_exists(pid) for pid in pids_of(content))
    assert not (up.data / "run.json").exists()
    assert "Traceback" not in up.text


def test_a_second_one_on_the_same_data_says_so_and_changes_nothing(start):
    up = start()
    up.wait_for("qbsync is ready")
    before = up.run_file
    second = start()
    assert second.process.wait(30) == 1
    second.wait_for("qbsync already runs on")
    assert before["services"]["wizard"]["url"] in second.text
    assert up.run_file == before


def test_a_killed_program_is_started_again_at_the_same_address(start):
    up = start()
    up.wait_for("qbsync is ready")

    def place(name):
        content = up.run_file
        return {**content["services"], **content["sandbox"], **content}[name]

    for victim in ("log", "online", "postgres", "nats"):
        before = place(victim)
        os.kill(before["pid"], signal.SIGKILL)
        up.wait_for(f"{victim} has been started again", 15)
        after = place(victim)
        assert after["pid"] != before["pid"]
        assert after["url"] == before["url"]
        assert process_exists(after["pid"])
    assert wait_until(lambda: sum("provisioned" in line for line in list(up.lines)) == 2, 10)
    assert up.end(signal.SIGTERM) == 0


def test_secrets_outlive_a_crash_of_everything(start):
    up = start()
    up.wait_for("qbsync is ready")
    secrets = (up.data / "secrets.json").read_text()
    content = up.run_file
    up.process.kill()
    up.process.wait()
    again = start()
    again.wait_for("qbsync is ready")
    assert (again.data / "secrets.json").read_text() == secrets
    assert not any(process_exists(pid) for pid in pids_of(content))
    assert again.end() == 0


def test_a_service_that_cannot_start_stops_all_and_shows_its_last_words(start, tmp_path):
    port_base = free_port()
    data = tmp_path / "failing"
    up = Up(data, port_base, STAND_IN_FAILS=str(port_base + 4))
    assert up.process.wait(40) == 1
    up.end()
    assert up.said("log ended before it was ready")
    assert up.said("STAND_IN_FAILS tells this one to fail")
    assert not (data / "run.json").exists()


def test_stopping_while_it_starts_is_clean(start):
    up = start()
    up.wait_for("postgres is ready")
    assert up.end(signal.SIGTERM) == 0
    assert "Traceback" not in up.text


def test_servers_of_the_user_are_used(start):
    first = start()
    first.wait_for("qbsync is ready")
    content = first.run_file
    second = start(
        first.data.parent / "other",
        QBSYNC_DATABASE_URL=content["postgres"]["url"],
        QBSYNC_NATS_URL=content["nats"]["url"],
    )
    second.wait_for("qbsync is ready")
    assert second.run_file["postgres"] == {"url": content["postgres"]["url"], "pid": None}
    assert second.run_file["nats"]["pid"] is None
    assert not (second.data / "postgres").exists()
