"""Pauses after crashes, ports, and which settings win."""

import dataclasses
import socket

import pytest

from qbsync_local import environment
from qbsync_local.catalogue import SANDBOX, SERVICES, service
from qbsync_local.embedded.process import free_port
from qbsync_local.environment import Surroundings
from qbsync_local.local_secrets import read_or_make
from qbsync_local.supervisor import LONGEST_DELAY, STABLE_SECONDS, Watched


@pytest.fixture
def where(tmp_path):
    ports = {spec.name: 8100 + spec.offset for spec in (*SERVICES, *SANDBOX)}
    return Surroundings(
        tmp_path, ports, "postgresql://u:p@127.0.0.1/d", "nats://u:p@127.0.0.1", read_or_make(tmp_path)
    )


def test_pauses_grow_and_end_after_a_stable_time():
    watched = Watched(None, started_at=0.0)
    pauses = [watched.delay_after_crash(1.0) for _ in range(8)]
    assert pauses[:3] == [0.2, 0.4, 0.8]
    assert max(pauses) == LONGEST_DELAY
    assert watched.delay_after_crash(STABLE_SECONDS + 1) == 0.2


def test_a_taken_port_is_replaced_by_a_free_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        base = taken.getsockname()[1] - 1
        specs = (dataclasses.replace(service("wizard"), offset=1),)
        assert environment.choose_ports(specs, base)["wizard"] != base + 1
    port = free_port()
    assert environment.choose_ports((dataclasses.replace(service("wizard"), offset=0),), port) == {
        "wizard": port
    }


def test_services_learn_of_each_other_and_of_the_sandbox(where, monkeypatch):
    monkeypatch.delenv("QBSYNC_WIZARD_URL", raising=False)
    shared = environment.common(SERVICES, SANDBOX, where)
    assert shared["QBSYNC_GATEWAY_URL"] == "http://127.0.0.1:8102"
    assert shared["QBSYNC_QBO_API_URL"] == "http://127.0.0.1:8106"
    assert shared["QBSYNC_SANDBOX_DEMO_APP_URL"] == "http://127.0.0.1:8105"
    own = environment.for_service(service("log"), shared, where)
    assert (own["QBSYNC_PORT"], own["QBSYNC_PUBLIC_URL"]) == ("8104", "http://127.0.0.1:8104")


def test_without_the_sandbox_nothing_of_intuit_is_made_up(where):
    assert not any("INTUIT" in name or "QBO" in name for name in environment.common(SERVICES, (), where))


def test_what_the_user_has_set_wins(where, monkeypatch, tmp_path):
    key_file = tmp_path / "key"
    key_file.write_text("k" * 40)
    monkeypatch.setenv("QBSYNC_JWT_KEY_FILE", str(key_file))
    monkeypatch.setenv("QBSYNC_LOG_URL", "https://log.example")
    monkeypatch.setenv("QBSYNC_DATA", "/elsewhere")
    shared = environment.common(SERVICES, SANDBOX, where)
    assert "QBSYNC_JWT_KEY" not in shared
    assert (
        environment.for_service(service("log"), shared, where)["QBSYNC_PUBLIC_URL"] == "https://log.example"
    )
    assert environment.for_sandbox(SANDBOX[0], shared, where)["QBSYNC_DATA"] == str(where.data)
