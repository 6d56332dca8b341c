"""Lets a handler cut the client's connection, which no web framework offers: for answers that get lost."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

_open: dict[tuple[str, int], asyncio.Transport] = {}


class TrackedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol that remembers the transport of each client address."""

    _address: tuple[str, int] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        peer: Any = transport.get_extra_info("peername")
        if peer:
            self._address = (str(peer[0]), int(peer[1]))
            _open[self._address] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._address is not None:
            _open.pop(self._address, None)
        super().connection_lost(exc)


def cut(client: tuple[str, int] | None) -> None:
    """Close this client's connection now, without an answer. Does nothing if it is gone already."""
    transport = _open.get(client) if client else None
    if transport is not None:
        transport.abort()
