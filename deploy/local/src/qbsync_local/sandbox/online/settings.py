"""Settings of the simulated QuickBooks Online, read once from the environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class OnlineSettings(BaseSettings):
    """Where it listens and keeps its books, and the one app that is registered with it.

    `redirect_uris` are the app's allowed callbacks; empty allows every address on this machine.
    """

    model_config = SettingsConfigDict(env_prefix="QBSYNC_", populate_by_name=True)

    port: int = Field(8106, alias="QBSYNC_SANDBOX_ONLINE_PORT")
    data: Path = Path(".qbsync")
    client_id: str = Field(
        "sandbox-client", validation_alias=AliasChoices("client_id", "QBSYNC_INTUIT_CLIENT_ID")
    )
    client_secret: SecretStr = Field(
        SecretStr("sandbox-secret"),
        validation_alias=AliasChoices("client_secret", "QBSYNC_INTUIT_CLIENT_SECRET"),
    )
    redirect_uris: tuple[str, ...] = ()
    log_format: str = "console"

    @property
    def database(self) -> Path:
        return self.data / "sandbox" / "online.sqlite3"
