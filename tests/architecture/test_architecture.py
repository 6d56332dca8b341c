"""Import contracts and sizes, as a test: the same checks as `make lint`."""

import subprocess
import sys
from pathlib import Path

from tests.architecture.module_sizes import measure, sources
from tests.architecture.tree import ROOT


def test_import_contracts_are_kept():
    program = Path(sys.executable).parent / "lint-imports"
    result = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[result.stdout.find("Contracts:") :]


def test_modules_and_functions_are_short_enough():
    assert [size for path in sources() for size in measure(path) if size.too_long] == []


def test_lengths_are_measured_without_docstrings(tmp_path):
    body = "\n".join(f"    line_{n} = {n}" for n in range(50))
    module = tmp_path / "module.py"
    module.write_text(f'def long():\n    """One.\n\n    Two.\n    """\n{body}\n')
    (size,) = measure(module)
    assert (size.what, size.lines, size.too_long) == ("function long", 51, False)
