"""Files that only their owner may read: secrets, and run.json with its credentials."""

import os
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write the file with mode 0600, whole or not at all: readers never see half of it."""
    draft = path.with_name(f".{path.name}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
