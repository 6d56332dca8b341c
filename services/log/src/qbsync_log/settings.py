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
