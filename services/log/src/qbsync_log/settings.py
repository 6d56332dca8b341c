"""The log's settings."""

from pydantic import Field

from qbsync_shared.settings import ServiceSettings, WebUrl


def _own(data: dict[str, str]) -> str:
    return data.get("public_url", "")


class LogSettings(ServiceSettings):
    """What every service needs; addresses of the others default to this one's, since one host can carry all."""

    wizard_url: WebUrl = Field(default_factory=_own)
    gateway_url: WebUrl = Field(default_factory=_own)
    worker_url: WebUrl = Field(default_factory=_own)
    log_url: WebUrl = Field(default_factory=_own)
    app_name: str = Field(default="the app", min_length=1, max_length=60)
    """What users call the operator's product."""
    app_record_url: str | None = None
    """Where a record of the app opens: ``https://app.example/{tenant}/{kind}/{app_id}``."""
    sign_in_url: str | None = None
    """Where a visitor without a session is sent."""
