"""What `qbsync up` shows: its own events, and the merged log lines of the programs with a coloured prefix."""

from rich.console import Console
from rich.text import Text

_COLOURS = (
    "cyan",
    "magenta",
    "green",
    "yellow",
    "blue",
    "bright_red",
    "bright_cyan",
    "bright_magenta",
    "bright_green",
)
_WIDTH = 12


class Terminal:
    """Prints from several threads, one whole line at a time; colours only where the output is a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._colours: dict[str, str] = {}

    def line(self, program: str, text: str) -> None:
        """One log line of a program; its own colour codes are kept."""
        colour = self._colours.setdefault(program, _COLOURS[len(self._colours) % len(_COLOURS)])
        self.console.print(Text.assemble((f"{program:<{_WIDTH}} | ", colour), Text.from_ansi(text)))

    def event(self, text: str) -> None:
        """Something `qbsync up` itself did."""
        self.line("qbsync", text)

    def announce(self, title: str, lines: list[str]) -> None:
        """Where to look, when everything is ready; addresses are never broken over lines."""
        self.console.print(Text(f"\n{title}\n", "bold"))
        for line in lines:
            self.console.print(Text(f"  {line}"))
        self.console.print()
