"""What no tracked file may hold: where packages came from, and where this checkout lies."""

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.architecture.tree import ROOT, text_of, tracked

CI = ROOT / ".ci" / "run"
# In pieces, so that this file passes its own test.
REGISTRIES = {
    ".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs", "org"))
}
NEIGHBOURS = re.compile(r"\.\./" + "shared/(design|reference|conformance)")
COMMON_FOLDERS = {Path(name) for name in ("/", "/home", "/opt", "/root", "/srv", "/tmp", "/var/tmp")}


def texts():
    """Every tracked text file with its content."""
    for path in tracked():
        text = text_of(path)
        if text is not None:
            yield path, text


def files_with(pattern, *, besides=frozenset()):
    return [
        str(path.relative_to(ROOT))
        for path, text in texts()
        if path not in besides and re.search(pattern, text)
    ]


def configured_registries():
    """The hosts from which pip and uv on this machine install."""
    lines = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    values = [value for name, value in os.environ.items() if re.match(r"(PIP|UV)_.*(INDEX|LINKS)", name)]
    addresses = re.findall(r"https?://[^\s'\"]+", " ".join([lines, *values]))
    return {host for host in (urlsplit(address).hostname for address in addresses) if host}


def test_locked_requirements_name_no_address():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert "--hash=sha256:" in lock


@pytest.mark.parametrize("name", ["uv.lock", "pylock.toml", "package-lock.json"])
def test_lock_files_that_name_registries_are_not_tracked(name):
    assert not [path for path in tracked() if path.name == name]


def test_no_file_names_a_registry():
    hosts = REGISTRIES | configured_registries() - {"localhost", "127.0.0.1"}
    assert files_with("|".join(re.escape(host) for host in hosts)) == []


def test_no_file_knows_where_the_checkout_lies():
    places = {str(ROOT)}
    if ROOT.parent not in COMMON_FOLDERS and ROOT.parent.parent not in COMMON_FOLDERS - {Path("/")}:
        places.add(f"{ROOT.parent}/")
    start_of_a_path = r"(?<![\w./-])"
    assert files_with(start_of_a_path + "(" + "|".join(re.escape(place) for place in places) + ")") == []


def test_only_ci_looks_beside_the_checkout():
    assert files_with(NEIGHBOURS, besides={CI}) == []


def test_ci_can_be_run():
    assert os.access(CI, os.X_OK)
