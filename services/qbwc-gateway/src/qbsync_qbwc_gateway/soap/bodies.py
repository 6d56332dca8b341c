"""Read request bodies: each is bounded, and so is what all of them together hold while they are on their way."""

import asyncio

from fastapi import Request

from qbsync_qbwc_gateway.soap.envelope import MAX_BYTES, SoapFaultError

MAX_UNDER_WAY = 64_000_000
"""Bytes of bodies that arrive at the same time: anybody may begin one, before a ticket is looked at."""

SECONDS = 300
"""How long one may take: 10 MB over a slow line."""

_CROWDED = "The service has many requests at the moment. Nothing was lost; the Web Connector tries again at its next run."


class Bodies:
    """What arrives at the endpoint of this process."""

    def __init__(
        self, *, largest: int = MAX_BYTES, under_way: int = MAX_UNDER_WAY, seconds: float = SECONDS
    ) -> None:
        self._largest = largest
        self._left = under_way
        self._seconds = seconds

    async def read(self, request: Request) -> bytes:
        """The body.

        Raises:
            SoapFaultError: it is too long, too slow or compressed, or too much arrives at the same time.
        """
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise SoapFaultError("Client", "Compressed requests are not read.")
        declared = request.headers.get("content-length", "")
        if declared.isdigit():
            self._check(int(declared))
        body = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                async for piece in request.stream():
                    self._check(len(body) + len(piece))
                    self._take(len(piece))
                    body += piece
        except TimeoutError:
            raise SoapFaultError("Client", "The request took too long to arrive.") from None
        finally:
            self._left += len(body)
        return bytes(body)

    def _check(self, size: int) -> None:
        if size > self._largest:
            raise SoapFaultError("Client", f"The request is longer than {self._largest} bytes.")

    def _take(self, size: int) -> None:
        if size > self._left:
            raise SoapFaultError("Server", _CROWDED)
        self._left -= size
