"""Which programs make up qbsync on one machine: module, schema, settings and port of each."""

from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True)
class ServiceSpec:
    """One service. Its port is the port base plus `offset`; `setting` names it in QBSYNC_<setting>_URL."""

    name: str
    module: str
    schema: str
    setting: str
    offset: int
    arguments: tuple[str, ...] = ()
    ready_path: str = "/health/ready"


@dataclass(frozen=True)
class SandboxSpec:
    """One program of the sandbox. Its port is the port base plus `offset`; `title` is what `qbsync up` prints."""

    name: str
    module: str
    offset: int
    title: str
    arguments: tuple[str, ...] = ()
    needs_services: bool = False
    ready_path: str = "/health/live"


SERVICES = (
    ServiceSpec("wizard", "qbsync_wizard", "wizard", "WIZARD", 1),
    ServiceSpec("qbwc-gateway", "qbsync_qbwc_gateway", "gateway", "GATEWAY", 2),
    ServiceSpec("qbo-worker", "qbsync_qbo_worker", "worker", "WORKER", 3),
    ServiceSpec("log", "qbsync_log", "log", "LOG", 4),
)

SANDBOX = (
    SandboxSpec("online", "qbsync_local.sandbox.online", 6, "Simulated QuickBooks Online", ("--seed",)),
    SandboxSpec("desktop", "qbsync_local.sandbox.desktop", 7, "Simulated QuickBooks Desktop"),
    SandboxSpec("demo_app", "qbsync_local.sandbox.demo_app", 5, "Demo app", needs_services=True),
)


def service(name: str) -> ServiceSpec:
    """The service of that name. Raises KeyError."""
    return {spec.name: spec for spec in SERVICES}[name]


def installed_sandbox() -> tuple[SandboxSpec, ...]:
    """The programs of the sandbox that are part of this installation."""
    return tuple(spec for spec in SANDBOX if _is_program(spec.module))


def _is_program(module: str) -> bool:
    try:
        return find_spec(f"{module}.__main__") is not None
    except ModuleNotFoundError:
        return False
