"""SQL in files: named statements, each with a line that says what it is for."""

import re
from collections.abc import Iterator, Mapping
from importlib import resources

_NAME = re.compile(r"^-- name: (?P<name>[a-z][a-z0-9_]*)$")


class QueryFileError(ValueError):
    """A file of statements is not in the agreed form; the message says where."""


class Queries(Mapping[str, str]):
    """The statements of one file by name.

    The form is a line ``-- name: claim_work``, a line ``-- what it does``, then one statement.
    """

    def __init__(self, statements: Mapping[str, str], source: str) -> None:
        self._statements = dict(statements)
        self.source = source

    @classmethod
    def load(cls, package: str, name: str = "queries.sql") -> "Queries":
        """Read a file that lies in a package.

        Raises:
            QueryFileError: a statement without a description, a name used twice, or text before the first name.
        """
        text = resources.files(package).joinpath(name).read_text(encoding="utf-8")
        source = f"{package}/{name}"
        return cls(_parse(text, source), source)

    def __getitem__(self, name: str) -> str:
        return self._statements[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)


def _parse(text: str, source: str) -> dict[str, str]:
    blocks: dict[str, list[str]] = {}
    current: list[str] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if named := _NAME.match(line):
            if named["name"] in blocks:
                raise QueryFileError(f"{source}:{number}: {named['name']} is there twice")
            current = blocks[named["name"]] = []
        elif current is not None:
            current.append(line)
        elif line.strip() and not line.startswith("--"):
            raise QueryFileError(f"{source}:{number}: a statement without '-- name: ...' before it")
    for name, lines in blocks.items():
        if not lines or not lines[0].startswith("-- "):
            raise QueryFileError(f"{source}: {name} needs a line '-- what it does' below its name")
    return {name: "\n".join(lines[1:]).strip().removesuffix(";") for name, lines in blocks.items()}
