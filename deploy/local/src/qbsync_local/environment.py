"""The settings that `qbsync up` hands to the programs it starts. What the user has set himself wins."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qbsync_local.catalogue import SandboxSpec, ServiceSpec
from qbsync_local.embedded.process import free_port, port_is_free
from qbsync_local.given import given
from qbsync_local.local_secrets import LocalSecrets

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Surroundings:
    """Where everything is: ports by program name, and the servers' addresses."""

    data: Path
    ports: Mapping[str, int]
    database_url: str
    nats_url: str
    secrets: LocalSecrets

    def address(self, name: str) -> str:
        """The base URL of a program on this machine."""
        return f"http://{HOST}:{self.ports[name]}"


def choose_ports(specs: tuple[ServiceSpec | SandboxSpec, ...], port_base: int) -> dict[str, int]:
    """Port base plus offset for each program, or any free port where that one is taken."""
    wanted = {spec.name: port_base + spec.offset for spec in specs}
    return {name: port if port_is_free(port) else free_port() for name, port in wanted.items()}


def public_url(spec: ServiceSpec, where: Surroundings) -> str:
    """The service's outside address: QBSYNC_<setting>_URL if the user set it, else its address here."""
    return given(f"QBSYNC_{spec.setting}_URL") or where.address(spec.name)


def common(
    services: tuple[ServiceSpec, ...], sandbox: tuple[SandboxSpec, ...], where: Surroundings
) -> dict[str, str]:
    """The settings that all programs share."""
    secrets = where.secrets
    settings = {
        "QBSYNC_DATABASE_URL": where.database_url,
        "QBSYNC_NATS_URL": where.nats_url,
        "QBSYNC_JWT_KEY": secrets.jwt_key,
        "QBSYNC_ENCRYPTION_KEYS": secrets.encryption_keys,
        "QBSYNC_LOG_FORMAT": "console",
        **{f"QBSYNC_{spec.setting}_URL": where.address(spec.name) for spec in services},
    }
    for spec in sandbox:
        settings[f"QBSYNC_SANDBOX_{spec.name.upper()}_URL"] = where.address(spec.name)
    if any(spec.name == "demo_app" for spec in sandbox):
        # the demo app is the host application: people come in through it, and see soon what they did in QuickBooks
        settings |= {
            "QBSYNC_SIGN_IN_URL": f"{where.address('demo_app')}/sign-in",
            "QBSYNC_APP_NAME": "Field service demo",
            "QBSYNC_READ_EVERY_SECONDS": "0",
            "QBSYNC_READ_INTERVAL_SECONDS": "5",
        }
    if any(spec.name == "online" for spec in sandbox):
        online = where.address("online")
        settings |= {
            "QBSYNC_QBO_API_URL": online,
            # the simulator answers at once: what a killed worker had sent need not wait for Intuit's two minutes
            "QBSYNC_QBO_ANSWER_SECONDS": "20",
            "QBSYNC_INTUIT_DISCOVERY_URL": f"{online}/.well-known/openid_configuration",
            "QBSYNC_INTUIT_CLIENT_ID": secrets.intuit_client_id,
            "QBSYNC_INTUIT_CLIENT_SECRET": secrets.intuit_client_secret,
            "QBSYNC_INTUIT_WEBHOOK_VERIFIER": secrets.intuit_webhook_verifier,
        }
    return {name: value for name, value in settings.items() if given(name) is None}


def for_service(spec: ServiceSpec, shared: Mapping[str, str], where: Surroundings) -> dict[str, str]:
    """The environment of one service."""
    own = {
        "QBSYNC_HOST": HOST,
        "QBSYNC_PORT": str(where.ports[spec.name]),
        "QBSYNC_PUBLIC_URL": public_url(spec, where),
    }
    return {**os.environ, **shared, **own}


def for_sandbox(spec: SandboxSpec, shared: Mapping[str, str], where: Surroundings) -> dict[str, str]:
    """The environment of one program of the sandbox; it keeps its books below QBSYNC_DATA/sandbox."""
    own = {
        "QBSYNC_DATA": str(where.data),
        f"QBSYNC_SANDBOX_{spec.name.upper()}_PORT": str(where.ports[spec.name]),
    }
    return {**os.environ, **shared, **own}
