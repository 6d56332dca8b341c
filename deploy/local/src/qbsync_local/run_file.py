"""DIR/run.json: where everything that `qbsync up` started is, for people's scripts (contracts.md section 8)."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from qbsync_local.embedded.process import process_exists
from qbsync_local.private_file import write_private

NAME = "run.json"


class Place(BaseModel):
    """The address of one program; `pid` is None where somebody else runs it."""

    model_config = ConfigDict(frozen=True)

    url: str
    pid: int | None = None


class RunFile(BaseModel):
    """The content of run.json. `tokens["admin"]` may do everything for every tenant; it is renewed while it runs."""

    model_config = ConfigDict(frozen=True)

    pid: int
    services: dict[str, Place]
    postgres: Place
    nats: Place
    tokens: dict[str, str]
    sandbox: dict[str, Place] = {}

    @property
    def alive(self) -> bool:
        """Whether the `qbsync up` that wrote it still runs."""
        return process_exists(self.pid)


def write(data: Path, content: RunFile) -> None:
    """Write DIR/run.json, readable for its owner only."""
    write_private(data / NAME, content.model_dump_json(indent=2) + "\n")


def read(data: Path) -> RunFile | None:
    """What the last `qbsync up` wrote there; None if there is no readable file."""
    try:
        return RunFile.model_validate_json((data / NAME).read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None


def remove(data: Path) -> None:
    """Take the file away when everything has stopped."""
    (data / NAME).unlink(missing_ok=True)
