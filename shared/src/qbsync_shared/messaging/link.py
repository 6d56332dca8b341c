"""The service's own connection to NATS, for relay and guard. It is never given up."""

import asyncio
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import nats
import nats.errors
import structlog
from faststream.nats.security import NatsCredentials, NatsUserPassword
from faststream.security import BaseSecurity
from nats.aio.client import Client, RawCredentials
from nats.js import JetStreamContext

from qbsync_shared import metrics

RECONNECT_SECONDS = 2.0
PING_SECONDS = 20
CONNECT_SECONDS = 5
PROBE_SECONDS = 1.0
DEFAULT_PORT = 4222

log = structlog.get_logger()


def security_of(credentials: str | None) -> BaseSecurity | None:
    """What FastStream needs to log in: credentials are the content of a .creds file, or ``user:password``."""
    if credentials is None:
        return None
    if "-----BEGIN" in credentials:
        return NatsCredentials(RawCredentials(credentials))
    user, _, password = credentials.partition(":")
    return NatsUserPassword(user, password)


def login_of(credentials: str | None) -> dict[str, Any]:
    """The same for nats-py."""
    if credentials is None:
        return {}
    if "-----BEGIN" in credentials:
        return {"user_credentials": RawCredentials(credentials)}
    user, _, password = credentials.partition(":")
    return {"user": user, "password": password}


async def log_nats_error(error: Exception) -> None:
    """Permission violations and slow consumers are told only here; elsewhere they look like time-outs."""
    log.warning("nats_error", error=type(error).__name__, said=str(error))


async def wait_reachable(url: str) -> None:
    """Return once some server of the comma-separated URL accepts a TCP connection."""
    while True:
        for server in url.split(","):
            parts = urlsplit(server)
            with suppress(OSError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    _, writer = await asyncio.open_connection(parts.hostname, parts.port or DEFAULT_PORT)
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
                return
        await asyncio.sleep(PROBE_SECONDS)


class NatsLink:
    """One connection that reconnects for ever and tells when it did."""

    def __init__(self, url: str, *, name: str, credentials: str | None = None) -> None:
        self._url = url
        self._name = name
        self._login = login_of(credentials)
        self._client: Client | None = None
        self._ready = asyncio.Event()
        self.reconnects = 0
        """Grows with each connection made again: what was known about streams may no longer hold."""

    @property
    def connected(self) -> bool:
        """Whether the connection stands now."""
        return self._client is not None and self._client.is_connected

    async def run(self) -> None:
        """Connect, however long it takes."""
        if self._client is not None:
            return
        await wait_reachable(self._url)
        self._client = await nats.connect(
            self._url.split(","),
            name=self._name,
            connect_timeout=CONNECT_SECONDS,
            reconnect_time_wait=RECONNECT_SECONDS,
            max_reconnect_attempts=-1,
            ping_interval=PING_SECONDS,
            error_cb=log_nats_error,
            disconnected_cb=self._disconnected,
            reconnected_cb=self._reconnected,
            **self._login,
        )
        metrics.NATS_CONNECTED.set(1)
        self._ready.set()

    async def jetstream(self) -> JetStreamContext:
        """The JetStream context, as soon as there has been a connection."""
        await self._ready.wait()
        assert self._client is not None
        return self._client.jetstream(timeout=5)

    async def close(self) -> None:
        """Close; quietly when NATS is not there."""
        client, self._client = self._client, None
        self._ready.clear()
        if client is not None:
            with suppress(nats.errors.Error, OSError):
                await client.close()

    async def _disconnected(self) -> None:
        metrics.NATS_CONNECTED.set(0)
        if self._client is not None:  # else we closed it
            log.warning("nats_disconnected")

    async def _reconnected(self) -> None:
        self.reconnects += 1
        metrics.NATS_CONNECTED.set(1)
        metrics.NATS_RECONNECTS.inc()
        log.info("nats_reconnected")
