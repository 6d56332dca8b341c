"""`qbsync up --sandbox` as `make run` calls it: how long until all is ready, the first time and again, and memory."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.bench.figures import Figure

PORT_BASE = 18_100
"""Away from a system that may run already; ports that are taken are passed over."""

WAIT_SECONDS = 180.0
SERVICES = ("wizard", "qbwc-gateway", "qbo-worker", "log")


def measure() -> list[Figure]:
    """Two starts on the same data, each stopped again; the memory of the services after the second."""
    with tempfile.TemporaryDirectory(prefix="qbsync-bench-") as folder:
        first, _ = _start_and_stop(Path(folder) / "data")
        again, memory = _start_and_stop(Path(folder) / "data")
    return [
        Figure(name="`qbsync up --sandbox` on empty data", value=first, unit="s", promise="at most 30"),
        Figure(name="`qbsync up --sandbox` again", value=again, unit="s", promise="at most 10"),
        *(
            Figure(name=f"Memory of {service}, idle", value=size, unit="MB", promise="at most 100")
            for service, size in memory.items()
        ),
    ]


def _start_and_stop(data: Path) -> tuple[float, dict[str, float]]:
    """Seconds until ready, and megabytes per service. Raises RuntimeError when it does not get ready."""
    qbsync = Path(sys.executable).with_name("qbsync")
    command = [qbsync, "up", "--sandbox", "--data", data, "--port-base", str(PORT_BASE)]
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        try:
            assert running.stdout is not None
            for line in running.stdout:
                if "qbsync is ready" in line:
                    break
                if time.monotonic() - began > WAIT_SECONDS:
                    raise RuntimeError(f"qbsync up was not ready within {WAIT_SECONDS:.0f} s")
            else:
                raise RuntimeError("qbsync up ended before it was ready")
            seconds = time.monotonic() - began
            described = json.loads((data / "run.json").read_text("utf-8"))["services"]
            memory = {name: _idle_megabytes(described[name]["pid"]) for name in SERVICES}
        finally:
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=60)
    return seconds, memory


def _idle_megabytes(pid: int) -> float:
    """The median of some seconds: a password that is checked just then takes memory for a moment."""
    sizes = []
    for _ in range(15):
        sizes.append(_resident_megabytes(pid))
        time.sleep(0.2)
    return median(sizes)


def _resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000
