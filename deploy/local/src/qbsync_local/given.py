"""What the user has set in the environment: QBSYNC_X itself, or the file that QBSYNC_X_FILE names."""

import os
from pathlib import Path


def given(name: str) -> str | None:
    """The setting's text; None where it is not set or empty. Raises OSError when the named file cannot be read."""
    if value := os.environ.get(name):
        return value
    if file := os.environ.get(f"{name}_FILE"):
        return Path(file).read_text(encoding="utf-8").strip() or None
    return None
