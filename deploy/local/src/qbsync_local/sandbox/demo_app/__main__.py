"""`python -m qbsync_local.sandbox.demo_app`: the demo app on a port of the loopback address."""

import uvicorn

from qbsync_local.sandbox.demo_app.app import build
from qbsync_local.sandbox.demo_app.settings import DemoSettings
from qbsync_shared.logging import configure


def main() -> None:
    """Serve until stopped."""
    settings = DemoSettings()
    configure(settings.log_format)
    uvicorn.run(
        build(settings),
        host="127.0.0.1",
        port=settings.sandbox_demo_app_port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
