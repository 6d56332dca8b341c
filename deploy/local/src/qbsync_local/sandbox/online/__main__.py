"""`python -m qbsync_local.sandbox.online`: serve on loopback at QBSYNC_SANDBOX_ONLINE_PORT, books under QBSYNC_DATA.

With `--seed` the company of the seed file is opened first, unless the books have one already.
"""

import argparse

import uvicorn

from qbsync_local.sandbox.online.app import build
from qbsync_local.sandbox.online.companies import seed_books
from qbsync_local.sandbox.online.connections import TrackedProtocol
from qbsync_local.sandbox.online.settings import OnlineSettings
from qbsync_shared.logging import configure


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m qbsync_local.sandbox.online", description="A simulated QuickBooks Online."
    )
    parser.add_argument(
        "--seed", action="store_true", help="open the company of the seed file if there is none"
    )
    arguments = parser.parse_args()
    settings = OnlineSettings()
    configure(settings.log_format)
    if arguments.seed:
        seed_books(settings.database)
    uvicorn.run(
        build(settings),
        host="127.0.0.1",
        port=settings.sandbox_online_port,
        http=TrackedProtocol,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
