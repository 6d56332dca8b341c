"""The system's Chromium. `python -m tests.browser.chromium` installs it where it may, else says in one line what is missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
APT_SECONDS = 600


def find() -> Path | None:
    """The program named by QBSYNC_CHROMIUM, else the first one on the PATH; None if there is none."""
    configured = os.environ.get("QBSYNC_CHROMIUM")
    if configured:
        return Path(configured) if Path(configured).is_file() else None
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else None


def install() -> str | None:
    """Install Debian's package. Return None when it worked, else why not."""
    if os.geteuid() != 0:
        return "not installed, and only root could install it"
    if shutil.which("apt-get") is None:
        return "not installed, and there is no apt-get here"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"],
    ):
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=APT_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return f"{' '.join(command)} did not end"
        if done.returncode != 0:
            said = done.stderr.strip().splitlines() or ["no reason given"]
            return f"{' '.join(command)} failed: {said[-1]}"
    return None


def main() -> int:
    """Make sure of a Chromium; without one the browser tests are skipped, or fail where QBSYNC_REQUIRE_BROWSER=1."""
    if find() is None:
        problem = install()
        if problem is not None:
            print(
                f"Browser tests will be skipped: Chromium is {problem}. To have it: apt-get install chromium"
            )
            return 1 if os.environ.get("QBSYNC_REQUIRE_BROWSER") == "1" else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
