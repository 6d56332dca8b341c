"""Foreign SOAP stacks as the simulated Web Connector's client: raw envelopes as .NET sends them, and node's `soap`."""

import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from lxml import etree

from qbsync_local.sandbox.desktop.soap_client import CallFailedError
from qbsync_qbwc_gateway.soap.envelope import NAMESPACE, SOAP
from qbsync_qbwc_gateway.soap.operations import OPERATIONS

DRIVER = Path(__file__).with_name("soap_driver.cjs")
PACKAGE = "soap@1"
SECONDS = 120


class DotNet:
    """HTTP and envelopes byte for byte as an ASMX proxy of .NET sends them, which is what the Web Connector is made of.

    A byte order mark, an XML declaration, one line, xsi and xsd on the envelope, a default namespace on the method, a
    quoted SOAPAction, ``Expect: 100-continue`` before the body, and a connection that is kept.
    """

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._socket = socket.create_connection((self._url.hostname, self._url.port or 80), timeout=SECONDS)
        self._reader = self._socket.makefile("rb")
        self.statuses: list[int] = []

    def close(self) -> None:
        self._reader.close()
        self._socket.close()

    def has(self, method: str) -> bool:
        return method in OPERATIONS and method != "getServerVersion"

    def text(self, method: str, **arguments: Any) -> str:
        return self._result(method, arguments).text or ""

    def number(self, method: str, **arguments: Any) -> int:
        return int(self.text(method, **arguments))

    def strings(self, method: str, **arguments: Any) -> list[str]:
        result = self._result(method, arguments)
        assert {child.tag for child in result} == {f"{{{NAMESPACE}}}string"}
        return [child.text or "" for child in result]

    def _result(self, method: str, arguments: dict[str, Any]) -> etree._Element:
        status, body = self.post(method, dotnet_envelope(method, arguments))
        if status != 200:
            raise CallFailedError(method, body.decode())
        root = etree.fromstring(body)
        result = root.find(f"{{{SOAP}}}Body/{{{NAMESPACE}}}{method}Response/{{{NAMESPACE}}}{method}Result")
        assert result is not None, body
        return result

    def post(
        self, action: str, body: bytes, content_type: str = "text/xml; charset=utf-8"
    ) -> tuple[int, bytes]:
        """One request on the kept connection: the headers, the server's leave to go on, the body."""
        head = (
            f"POST {self._url.path} HTTP/1.1\r\n"
            "User-Agent: Mozilla/4.0 (compatible; MSIE 6.0; MS Web Services Client Protocol 4.0.30319.42000)\r\n"
            f'Content-Type: {content_type}\r\nSOAPAction: "{NAMESPACE}{action}"\r\nHost: {self._url.netloc}\r\n'
            f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\nConnection: Keep-Alive\r\n\r\n"
        )
        self._socket.sendall(head.encode("ascii"))
        assert self._answer() == (100, b"")
        self._socket.sendall(body)
        status, answer = self._answer()
        self.statuses.append(status)
        return status, answer

    def _answer(self) -> tuple[int, bytes]:
        status = int(self._reader.readline().split()[1])
        length = 0
        while (line := self._reader.readline().strip().lower()) != b"":
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return status, self._reader.read(length)


def dotnet_envelope(method: str, arguments: dict[str, Any]) -> bytes:
    """An envelope in one line behind a byte order mark; an empty string is an empty element with a blank before its end."""
    parts = "".join(
        f"<{name}>{escape(str(value))}</{name}>" if str(value) else f"<{name} />"
        for name, value in arguments.items()
    )
    call = (
        f'<{method} xmlns="{NAMESPACE}">{parts}</{method}>' if parts else f'<{method} xmlns="{NAMESPACE}" />'
    )
    return (
        f'\ufeff<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{SOAP}"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">'
        f"<soap:Body>{call}</soap:Body></soap:Envelope>"
    ).encode()


class NodeMissingError(Exception):
    """Node or its package cannot be had here; the text says which."""


def install_node_soap(folder: Path) -> None:
    """The package in a folder of its own, by npm.

    Raises:
        NodeMissingError: there is no node here, or no registry.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise NodeMissingError("node and npm are not installed")
    quiet = [
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--no-package-lock",
        "--prefer-offline",
        "--fetch-retries=0",
    ]
    command = [npm, "install", *quiet, "--loglevel=error", "--prefix", str(folder), PACKAGE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NodeMissingError("npm did not come back in time") from None
    if done.returncode:
        raise NodeMissingError("npm could not install soap: is there a registry?")


class Node:
    """Node's `soap`, driven line by line: one call in, one answer out."""

    def __init__(self, url: str, folder: Path) -> None:
        shutil.copy(DRIVER, folder / DRIVER.name)
        self._process = subprocess.Popen(
            ["node", DRIVER.name, f"{url}?wsdl"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.operations: list[str] = self._read()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(SECONDS)
        self._process.stdout.close()

    def has(self, method: str) -> bool:
        return method in self.operations

    def text(self, method: str, **arguments: Any) -> str:
        return str(self._call(method, arguments) or "")

    def number(self, method: str, **arguments: Any) -> int:
        value = self._call(method, arguments)
        assert isinstance(value, int)
        return value

    def strings(self, method: str, **arguments: Any) -> list[str]:
        return [one or "" for one in self._call(method, arguments)["string"]]

    def _call(self, method: str, arguments: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        print(json.dumps([method, arguments]), file=self._process.stdin, flush=True)
        answer = self._read()
        if "error" in answer:
            raise CallFailedError(method, answer["error"])
        return answer["result"]

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "node ended"
        return json.loads(line)
