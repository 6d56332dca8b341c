"""The tracked files of this checkout."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {"node_modules", "dist", "__pycache__"}


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that git tracks and that still exists; without git (an unpacked archive) every file there is."""
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False
    )
    if listed.returncode == 0 and listed.stdout:
        names = listed.stdout.decode().rstrip("\0").split("\0")
        return tuple(path for path in (ROOT / name for name in names) if path.is_file())
    found = (path for path in ROOT.rglob("*") if path.is_file())
    return tuple(path for path in found if not any(map(_skipped, path.relative_to(ROOT).parts[:-1])))


def _skipped(folder: str) -> bool:
    return folder in SKIPPED or (folder.startswith(".") and folder != ".ci")


def text_of(path: Path) -> str | None:
    """The file's text; None if it is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
