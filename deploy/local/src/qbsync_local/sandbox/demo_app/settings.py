"""Settings of the demo app, read once from the environment that `qbsync up` gives it."""

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from qbsync_shared.settings import JwtKey, SecretFiles


class DemoSettings(BaseSettings):
    """Where it listens and keeps its records, where qbsync is, and the key by which its people are signed in there.

    Without `sandbox_desktop_url` or `sandbox_online_url` it is an app without a sandbox: nothing is set up by itself.
    """

    model_config = SettingsConfigDict(
        env_prefix="QBSYNC_", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    sandbox_demo_app_port: int = 8105
    data: Path = Path(".qbsync")
    nats_url: str
    nats_credentials: SecretStr | None = None
    wizard_url: str
    gateway_url: str
    worker_url: str
    log_url: str
    jwt_key: JwtKey
    sandbox_desktop_url: str | None = None
    sandbox_online_url: str | None = None
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
        """Arguments (tests), then the environment, then the files it names."""
        return init_settings, env_settings, SecretFiles(settings_cls)

    @property
    def database(self) -> Path:
        """The app's own database."""
        return self.data / "sandbox" / "demo_app.sqlite3"
