"""Every read prints a table for people, or JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

UNFOLDED = 5_000
"""Characters of a line that nobody looks at in a terminal."""


def _console() -> Console:
    """As wide as the terminal; into a file or a pipe nothing is folded, so that every value can be found by its line."""
    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=UNFOLDED)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def say(text: str) -> None:
    """One line for people, never wrapped, so that addresses can be copied."""
    Console(highlight=False, soft_wrap=True, markup=False).print(text)


def print_rows(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, empty: str
) -> None:
    """A table of these columns; as JSON the rows whole. `empty` is said when there are none."""
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        say(empty)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(cell(row.get(column)) for column in columns))
    _console().print(table)


def print_item(item: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing: its fields below each other."""
    if as_json:
        print_json(dict(item))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in item.items():
        table.add_row(name.replace("_", " "), cell(value))
    _console().print(table)


def cell(value: Any) -> str:
    """A value as it stands in a table."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
