"""Write docs/events/asyncapi.json anew: ``python -m tests.contract.write_asyncapi``. A break is refused."""

import json
import sys
from pathlib import Path

from qbsync_shared import asyncapi
from tests.contract.asyncapi_rules import breaks

FILE = Path(__file__).parents[2] / "docs" / "events" / "asyncapi.json"


def main() -> None:
    """Write the document, unless a program written for the committed one would trip over it."""
    new = asyncapi.whole()
    broken = breaks(json.loads(FILE.read_text("utf-8")), new) if FILE.exists() else []
    if broken:
        sys.exit("v1 may only grow. Undo, or begin v2:\n  " + "\n  ".join(broken))
    FILE.write_text(json.dumps(new, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
