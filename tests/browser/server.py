"""Serves an ASGI app on a free port of this machine while a test runs."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn


class _Server(uvicorn.Server):
    """Without signal handlers: the test runner has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


def free_socket() -> socket.socket:
    """A socket bound to a port that nobody else has."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", 0))
    return bound


@contextlib.asynccontextmanager
async def serving(app: Any, bound: socket.socket) -> AsyncIterator[str]:
    """``async with serving(app, free_socket()) as url``; ends open event streams, then stops."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=5
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not server.started:
            if running.done():
                running.result()
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        app.state.streams.close()
        server.should_exit = True
        await running
