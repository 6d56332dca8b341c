"""What the worker is told by its environment."""

from typing import Self

from pydantic import Field, SecretStr, model_validator

from qbsync_shared.settings import EncryptionKeys, ServiceSettings, WebUrl


class WorkerSettings(ServiceSettings):
    """The common settings and Intuit's. Where Intuit listens comes from discovery, or is said address by address."""

    encryption_keys: EncryptionKeys
    qbo_api_url: WebUrl
    qbo_minorversion: str = "75"
    qbo_answer_seconds: float = Field(default=125.0, ge=1.0, le=600.0)
    """How long an answer of QuickBooks is waited for. Intuit itself gives up after 120 s."""
    qbo_read_quota: int = Field(default=500_000, ge=0)
    """Metered readings a month that Intuit's plan gives the app, for all companies together; 0 where there is no limit."""
    intuit_discovery_url: WebUrl | None = None
    intuit_authorize_url: WebUrl | None = None
    intuit_token_url: WebUrl | None = None
    intuit_revoke_url: WebUrl | None = None
    intuit_client_id: str
    intuit_client_secret: SecretStr
    read_interval_seconds: float = Field(default=900.0, ge=1.0)
    """How often what changed in QuickBooks is asked for."""

    @model_validator(mode="after")
    def _intuit_can_be_found(self) -> Self:
        addresses = (self.intuit_authorize_url, self.intuit_token_url, self.intuit_revoke_url)
        if self.intuit_discovery_url is None and None in addresses:
            raise ValueError(
                "QBSYNC_INTUIT_DISCOVERY_URL is needed, or all of QBSYNC_INTUIT_AUTHORIZE_URL, _TOKEN_URL, _REVOKE_URL"
            )
        return self
