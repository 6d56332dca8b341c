"""Child programs of the supervisor: a process whose output is read line by line, and a way to see that it is ready."""

import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import IO, Protocol

import httpx

from qbsync_local.embedded.process import dies_with_parent

STOP_SECONDS = 30.0  # longer than the 25 s in which a service finishes the requests under way


class Program(Protocol):
    """What the supervisor keeps running. `start` may return before the program is ready."""

    @property
    def name(self) -> str: ...
    @property
    def pid(self) -> int | None: ...
    @property
    def running(self) -> bool: ...
    def start(self) -> None: ...
    def ready(self) -> bool: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def last_words(self) -> str: ...


class ChildProgram:
    """One child process that serves HTTP; `on_line` gets its name and each line it prints."""

    def __init__(
        self,
        name: str,
        command: list[str],
        *,
        environment: Mapping[str, str],
        ready_url: str,
        on_line: Callable[[str, str], None],
    ) -> None:
        self.name = name
        self._command = command
        self._environment = environment
        self._ready_url = ready_url
        self._on_line = on_line
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._last_lines: deque[str] = deque(maxlen=20)

    @property
    def pid(self) -> int | None:
        """The process id of the last start, None before the first."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C at the terminal reaches only the supervisor."""
        self._process = subprocess.Popen(
            [*dies_with_parent(signal.SIGTERM), *self._command],
            env={**self._environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        assert self._process.stdout is not None
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), name=f"log of {self.name}", daemon=True
        )
        self._reader.start()

    def ready(self) -> bool:
        """Whether it answers its health check with success."""
        if not self.running:
            return False
        try:
            return httpx.get(self._ready_url, timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """SIGTERM, and SIGKILL after half a minute. Harmless when it does not run."""
        if self._process is None:
            return
        if self.running:
            self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        if self._reader is not None:
            self._reader.join(STOP_SECONDS)

    def kill(self) -> None:
        """SIGKILL; returns when it has ended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def last_words(self) -> str:
        """How it ended and its last lines, for messages."""
        code = self._process.poll() if self._process else None
        how = "" if code is None else f"exit code {code}\n"
        return how + "\n".join(self._last_lines)

    def _read(self, output: IO[str]) -> None:
        with output:
            for line in output:
                text = line.rstrip("\r\n")
                self._last_lines.append(text)
                self._on_line(self.name, text)
