"""The four services as they are served, built without opening anything."""

from functools import cache
from typing import Any

from fastapi import FastAPI
from pydantic import SecretStr

from qbsync_local import catalogue
from qbsync_local.settings_check import settings_class
from qbsync_log.app import build as build_log
from qbsync_qbo_worker.app import build as build_worker
from qbsync_qbwc_gateway.app import build as build_gateway
from qbsync_wizard.app import build as build_wizard

KEY = "k" * 32
NOBODY = "http://127.0.0.1:9"
KEYS = "A" * 43 + "="
_BUILD: dict[str, Any] = {
    "wizard": build_wizard,
    "qbwc-gateway": build_gateway,
    "qbo-worker": build_worker,
    "log": build_log,
}
_COMMON: dict[str, Any] = {
    "database_url": SecretStr("postgresql://nobody@127.0.0.1/none"),
    "nats_url": SecretStr("nats://127.0.0.1:1"),
    "public_url": "https://sync.example",
    "jwt_key": SecretStr(KEY),
}
_ONLINE: dict[str, Any] = {
    "encryption_keys": SecretStr(KEYS),
    "qbo_api_url": "https://books.example",
    "intuit_discovery_url": "https://books.example/discovery",
    "intuit_client_id": "id",
    "intuit_client_secret": SecretStr("secret"),
}


@cache
def built(name: str) -> FastAPI:
    """A service by its name."""
    return _build(name)


def serve_from(name: str, database_url: str, url: str) -> FastAPI:
    """A service over a database, to be served at an address of this machine."""
    nobody = {"qbo_api_url": NOBODY, "intuit_discovery_url": NOBODY} if name == "qbo-worker" else {}
    return _build(name, database_url=SecretStr(database_url), public_url=url, **nobody)


def _build(name: str, **changes: Any) -> FastAPI:
    settings = settings_class(catalogue.service(name))
    more = _ONLINE if name == "qbo-worker" else {}
    app: FastAPI = _BUILD[name](settings(**{**_COMMON, **more, **changes}))
    return app
