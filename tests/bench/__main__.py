"""Measure everything, on a PostgreSQL of its own that is as durable as in production."""

import asyncio
import tempfile
from pathlib import Path

from tests.bench import desktop, first_import, online, queue, sessions, startup
from tests.bench.figures import Figure, report
from tests.shared.servers import make_postgres


async def measure(server_url: str) -> list[Figure]:
    """All figures."""
    return [
        *await desktop.measure(server_url),
        *await sessions.measure(server_url),
        *await first_import.measure(server_url),
        *await queue.measure(server_url),
        *await online.measure(server_url),
    ]


def main() -> None:
    """Start a server, measure, report, stop."""
    with tempfile.TemporaryDirectory(prefix="qbsync-bench-") as folder:
        server = make_postgres(Path(folder) / "postgres", careful=True)
        server.start()
        try:
            figures = asyncio.run(measure(server.url))
        finally:
            server.stop()
    figures += startup.measure()
    report(figures, Path(".qbsync") / "bench.json")


if __name__ == "__main__":
    main()
