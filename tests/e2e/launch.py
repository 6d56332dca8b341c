"""``python -m tests.e2e.launch DATA PORT``: `qbsync up` without the demo app, whose part the test plays itself."""

import sys
from pathlib import Path

from qbsync_local import preparation
from qbsync_local.catalogue import SANDBOX
from qbsync_local.terminal import Terminal
from qbsync_local.up import Plan, bring_up


def main() -> int:
    """Run until stopped."""
    plan = Plan(
        data=Path(sys.argv[1]),
        port_base=int(sys.argv[2]),
        migrate=preparation.migrate,
        provision=preparation.provision,
        sandbox=tuple(spec for spec in SANDBOX if spec.name != "demo_app"),
    )
    return bring_up(plan, Terminal())


if __name__ == "__main__":
    raise SystemExit(main())
