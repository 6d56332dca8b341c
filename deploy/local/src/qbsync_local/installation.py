"""Finds the qbsync that a command is about: the one that runs on the data directory, or the one the environment names."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qbsync_local import local_secrets, run_file
from qbsync_local.catalogue import SERVICES
from qbsync_local.given import given
from qbsync_shared.web.auth import EVERYBODY, Role, issue_token


class NotFoundError(RuntimeError):
    """No running qbsync was found; the message says what was looked for and what to do."""


@dataclass(frozen=True)
class Installation:
    """Addresses by service name, and a token that may do everything for every tenant."""

    services: Mapping[str, str]
    sandbox: Mapping[str, str]
    token: str


def find(data: Path) -> Installation:
    """The services at QBSYNC_<SERVICE>_URL with a token signed by QBSYNC_JWT_KEY, else those of DIR/run.json.

    Raises NotFoundError.
    """
    running = run_file.read(data)
    if running is not None and not running.alive:
        running = None
    services = {name: place.url for name, place in running.services.items()} if running else {}
    for spec in SERVICES:
        if url := given(f"QBSYNC_{spec.setting}_URL"):
            services[spec.name] = url.rstrip("/")
    if not services:
        raise NotFoundError(
            f"No qbsync runs on {data}. Start it with `qbsync up --data {data}`, or name a running one with "
            "QBSYNC_WIZARD_URL, QBSYNC_GATEWAY_URL, QBSYNC_WORKER_URL, QBSYNC_LOG_URL and QBSYNC_JWT_KEY."
        )
    sandbox = {name: place.url for name, place in running.sandbox.items()} if running else {}
    return Installation(services, sandbox, token=token(data, tenant=EVERYBODY, role=Role.OPERATOR))


def token(data: Path, *, tenant: str, role: Role) -> str:
    """A token of one hour. Raises NotFoundError when there is no key to sign it with."""
    key = local_secrets.signing_key(data)
    if key is None:
        raise NotFoundError(
            f"There is no key to sign a token with: {data} has no secrets yet (`qbsync up` makes them) and "
            "QBSYNC_JWT_KEY is not set."
        )
    return issue_token(key, tenant=tenant, role=role, sub="qbsync-cli", name="qbsync command")


def database_url(data: Path) -> str:
    """QBSYNC_DATABASE_URL, else the database of the qbsync that runs on `data`. Raises NotFoundError."""
    return _server("QBSYNC_DATABASE_URL", data, "postgres")


def nats_url(data: Path) -> str:
    """QBSYNC_NATS_URL, else the NATS of the qbsync that runs on `data`. Raises NotFoundError."""
    return _server("QBSYNC_NATS_URL", data, "nats")


def _server(setting: str, data: Path, name: str) -> str:
    if url := given(setting):
        return url
    running = run_file.read(data)
    if running is None or not running.alive:
        raise NotFoundError(f"{setting} is not set, and no qbsync runs on {data}.")
    place = running.postgres if name == "postgres" else running.nats
    return place.url
