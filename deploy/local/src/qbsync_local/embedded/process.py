"""What both embedded servers share: a child process with a log file, a free port and a careful end."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

STOP_SECONDS = 30.0


class EmbeddedServerError(RuntimeError):
    """A server could not be started or stopped; the message says why and what to do."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    """Whether this port of 127.0.0.1 can be bound now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def dies_with_parent(stop_signal: signal.Signals) -> list[str]:
    """A command prefix that makes the kernel send `stop_signal` to the child when its parent ends, however it ends.

    Linux ties that to the parent's *thread*, so it is asked for from the main thread only. Elsewhere, and where
    setpriv is missing, the prefix is empty: a server left over is then stopped by the next start on its data.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None or not sys.platform.startswith("linux"):
        return []
    if threading.current_thread() is not threading.main_thread():
        return []
    return [setpriv, "--pdeathsig", stop_signal.name.removeprefix("SIG"), "--"]


def process_exists(pid: int) -> bool:
    """Whether a process with this id runs; a child of ours that ended but was not waited for does not count."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process_state(pid) != "Z"


def process_state(pid: int) -> str:
    """The one-letter state from /proc (`Z` is a zombie), or an empty string where there is no /proc."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return status.rpartition(")")[2].split()[0]


def command_line(pid: int) -> list[str] | None:
    """The arguments a process was started with; None where the system does not tell."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return None
    return [part.decode(errors="replace") for part in raw.split(b"\0") if part]


def end_process(pid: int, stop_signal: signal.Signals, seconds: float = STOP_SECONDS) -> None:
    """Ask a process that is not our child to end, and insist after `seconds`."""
    for attempt in (stop_signal, signal.SIGKILL):
        try:
            os.kill(pid, attempt)
        except ProcessLookupError:
            return
        if wait_until(lambda: not process_exists(pid), seconds):
            return
    raise EmbeddedServerError(f"Process {pid} does not end. End it by hand, then start again.")


def wait_until(condition: Callable[[], bool], seconds: float, interval: float = 0.02) -> bool:
    """Poll `condition` until it holds (True) or `seconds` have passed (False)."""
    deadline = time.monotonic() + seconds
    while True:
        if condition():
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval)


class ServerProcess:
    """One child process that writes to a log file."""

    def __init__(self, name: str, log: Path, stop_signal: signal.Signals) -> None:
        self.name = name
        self.log = log
        self._stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the last start, None before the first."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def launch(
        self,
        command: list[str],
        *,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        user: int | None = None,
        group: int | None = None,
    ) -> None:
        """Start the command in a session of its own, so that a Ctrl-C at the terminal reaches only us."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env=dict(environment) if environment is not None else None,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=group,
                extra_groups=None if user is None else [],
            )

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End the process cleanly; insist with SIGKILL after `seconds`. Harmless when it does not run."""
        if self._process is None:
            return
        if self.running:
            self._process.send_signal(self._stop_signal)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, as a crash would end it; returns when it has ended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def log_tail(self, lines: int = 12) -> str:
        """The last lines of the log, for messages."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def failure(self, what: str) -> EmbeddedServerError:
        """The error that says what failed, with the end of the log."""
        return EmbeddedServerError(
            f"{self.name} {what}. Its log is {self.log}; it ends with:\n{self.log_tail()}"
        )
