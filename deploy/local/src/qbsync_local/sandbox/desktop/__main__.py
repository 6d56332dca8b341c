"""`python -m qbsync_local.sandbox.desktop`: the simulated QuickBooks Desktop on a port of the loopback address."""

import os
from pathlib import Path

import uvicorn

from qbsync_local.sandbox.desktop.app import build


def main() -> None:
    """Serve until stopped. QBSYNC_SANDBOX_DESKTOP_PORT (8107), QBSYNC_SANDBOX_DATA or QBSYNC_DATA name port and folder."""
    port = int(os.environ.get("QBSYNC_SANDBOX_DESKTOP_PORT", "8107"))
    own = os.environ.get("QBSYNC_SANDBOX_DATA")
    folder = Path(own) if own else Path(os.environ.get("QBSYNC_DATA", ".qbsync")) / "sandbox" / "desktop"
    uvicorn.run(build(folder), host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()
