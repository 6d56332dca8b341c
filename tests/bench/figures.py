"""One measured figure, and the table of them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What was measured, how much, and what is promised (``at most`` or ``at least``)."""

    name: str
    value: float
    unit: str
    promise: str

    @property
    def shown(self) -> str:
        """The value as people read it."""
        return f"{self.value:,.0f}" if self.value >= 100 else f"{self.value:.2f}"


def report(figures: list[Figure], path: Path) -> None:
    """Print the table and write the JSON."""
    table = Table("figure", "measured", "unit", "promised")
    for one in figures:
        table.add_row(one.name, one.shown, one.unit, one.promise)
    Console().print(table)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(one) for one in figures], indent=2) + "\n", "utf-8")
