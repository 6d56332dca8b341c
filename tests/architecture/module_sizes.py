"""How long modules and functions are: `python -m tests.architecture.module_sizes` reports, and fails over the limits."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.tree import ROOT, tracked

MODULE_GUIDE, MODULE_LIMIT = 400, 450
FUNCTION_GUIDE, FUNCTION_LIMIT = 45, 60


@dataclass(frozen=True)
class Size:
    """A module or function that is longer than the guide; `lines` of its `limit`."""

    where: str
    what: str
    lines: int
    limit: int

    @property
    def too_long(self) -> bool:
        """Whether it is over the limit, not only over the guide."""
        return self.lines > self.limit


def sources() -> list[Path]:
    """Every tracked module of the project, its tests included."""
    return [path for path in tracked() if path.suffix == ".py"]


def measure(path: Path) -> Iterator[Size]:
    """The module and its functions that are over the guide. Docstrings do not count: they are no burden to read."""
    text = path.read_text(encoding="utf-8")
    where = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
    lines = len(text.splitlines())
    if lines > MODULE_GUIDE:
        yield Size(where, "module", lines, MODULE_LIMIT)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = _length(node)
            if length > FUNCTION_GUIDE:
                yield Size(f"{where}:{node.lineno}", f"function {node.name}", length, FUNCTION_LIMIT)


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert node.end_lineno is not None
    first = node.body[0]
    docstring = 0
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        assert first.end_lineno is not None
        docstring = first.end_lineno - first.lineno + 1
    return node.end_lineno - node.lineno + 1 - docstring


def main() -> int:
    """Print what is over the guide, longest first; return 1 if something is over its limit."""
    sizes = sorted((size for path in sources() for size in measure(path)), key=lambda size: -size.lines)
    for size in sizes:
        mark = "TOO LONG" if size.too_long else "long"
        print(f"{mark:<9}{size.lines:>5}  {size.what:<40} {size.where}")
    too_long = sum(size.too_long for size in sizes)
    print(f"{len(sources())} modules; {len(sizes)} over the guide, {too_long} over the limit.")
    return 1 if too_long else 0


if __name__ == "__main__":
    sys.exit(main())
