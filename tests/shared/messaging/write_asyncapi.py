"""Write docs/asyncapi.json anew: ``python -m tests.shared.messaging.write_asyncapi``."""

import json
from pathlib import Path

from qbsync_shared.messaging import asyncapi

FILE = Path(__file__).parents[3] / "docs" / "asyncapi.json"


def current() -> str:
    return json.dumps(asyncapi.document(title="qbsync", version="1"), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(current(), encoding="utf-8")
