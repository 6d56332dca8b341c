"""`qbsync up` with stand-ins for the services: `python -m stand_in_up DATA PORT_BASE`."""

import dataclasses
import sys
from pathlib import Path

from rich.console import Console

from qbsync_local.catalogue import SERVICES, SandboxSpec
from qbsync_local.terminal import Terminal
from qbsync_local.up import Plan, bring_up


async def migrate(url):
    print("migrated", url.rpartition("/")[2], flush=True)


async def provision(url):
    print("provisioned", url.split("://")[0], flush=True)


plan = Plan(
    data=Path(sys.argv[1]),
    port_base=int(sys.argv[2]),
    migrate=migrate,
    provision=provision,
    services=tuple(dataclasses.replace(spec, module="stand_in") for spec in SERVICES),
    sandbox=(SandboxSpec("online", "stand_in", 6, "Simulated QuickBooks Online"),),
)
sys.exit(bring_up(plan, Terminal(Console(width=1000))))
