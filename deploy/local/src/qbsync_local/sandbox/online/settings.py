"""Settings of the simulated QuickBooks Online, read once from the environment."""

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from qbsync_shared.settings import SecretFiles


class OnlineSettings(BaseSettings):
    """Where it listens and keeps its books, and the one app that is registered with it.

    `sandbox_online_redirect_uris` are the app's allowed callbacks; empty allows every address on this machine.
    """

    model_config = SettingsConfigDict(env_prefix="QBSYNC_")

    sandbox_online_port: int = 8106
    sandbox_online_redirect_uris: tuple[str, ...] = ()
    data: Path = Path(".qbsync")
    intuit_client_id: str = "sandbox-client"
    intuit_client_secret: SecretStr = SecretStr("sandbox-secret")
    log_format: str = "console"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the environment is the only place
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, and files for what is secret (`QBSYNC_X_FILE`), as in the services."""
        return init_settings, env_settings, SecretFiles(settings_cls)

    @property
    def database(self) -> Path:
        return self.data / "sandbox" / "online.sqlite3"
