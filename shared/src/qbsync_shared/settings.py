"""Settings from the environment: prefix QBSYNC_, read once, every fault listed at once, secrets never shown."""

import base64
import binascii
import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from qbsync_shared.kinds import Plan

PREFIX = "QBSYNC_"
S = TypeVar("S", bound="ServiceSettings")


class SettingsError(Exception):
    """The environment is not complete or not right; ``problems`` has one sentence per fault."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("The settings are not right:\n" + "\n".join(f"  {problem}" for problem in problems))


def _database_url(value: SecretStr) -> SecretStr:
    parts = urlsplit(value.get_secret_value())
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    return value


def _nats_url(value: SecretStr) -> SecretStr:
    servers = value.get_secret_value().split(",")
    if not all(
        urlsplit(server).scheme in {"nats", "tls"} and urlsplit(server).hostname for server in servers
    ):
        raise ValueError("must look like nats://host:4222; several servers are separated by commas")
    return value


def _web_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must look like https://host or https://host/path")
    return value.rstrip("/")


def _encryption_keys(value: SecretStr) -> SecretStr:
    for key in value.get_secret_value().split(","):
        try:
            raw = base64.urlsafe_b64decode(key.strip())
        except (binascii.Error, ValueError) as error:
            raise ValueError("every key must be URL-safe base64") from error
        if len(raw) != 32:
            raise ValueError("every key must be 32 bytes in URL-safe base64")
    return value


def _jwt_key(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value().encode()) < 32:
        raise ValueError("must have at least 32 bytes, as HS256 asks for (RFC 7518, 3.2)")
    return value


DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]
NatsUrl = Annotated[SecretStr, AfterValidator(_nats_url)]
WebUrl = Annotated[str, AfterValidator(_web_url)]
EncryptionKeys = Annotated[SecretStr, AfterValidator(_encryption_keys)]
JwtKey = Annotated[SecretStr, AfterValidator(_jwt_key)]


class SecretFiles(PydanticBaseSettingsSource):
    """Reads ``QBSYNC_X`` from the file that ``QBSYNC_X_FILE`` names; for secrets that a platform mounts as files."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        self.problems: list[str] = []

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """One field's text from its file, or None."""
        name = f"{PREFIX}{field_name.upper()}"
        path = os.environ.get(f"{name}_FILE")
        if path is None:
            return None, field_name, False
        if name in os.environ:
            self.problems.append(f"{name} and {name}_FILE are both set: keep one of them")
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            self.problems.append(f"{name}_FILE names {path}, which cannot be read: {reason}")
            return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """All fields that come from files, and the troubles met under a name that no setting has."""
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        values: dict[str, Any] = {name: value for name, value in found.items() if value is not None}
        if self.problems:
            values["file_problems"] = tuple(self.problems)
        return values


class ServiceSettings(BaseSettings):
    """What every service needs; each derives its own (``class WizardSettings(ServiceSettings)``)."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True, env_ignore_empty=True
    )

    database_url: DatabaseUrl
    database_connections: int = Field(default=10, ge=2, le=200)
    nats_url: NatsUrl
    nats_credentials: SecretStr | None = None
    """The content of a .creds file, or ``user:password``."""
    nats_replicas: Literal[1, 3, 5] = 1
    """Copies of each stream, where a NATS that lost its disk is provisioned again by a service."""
    public_url: WebUrl
    wizard_url: WebUrl | None = None
    gateway_url: WebUrl | None = None
    worker_url: WebUrl | None = None
    log_url: WebUrl | None = None
    jwt_key: JwtKey | None = None
    jwt_jwks_url: WebUrl | None = None
    encryption_keys: EncryptionKeys | None = None
    """One or more 32-byte keys in URL-safe base64, separated by commas: the first encrypts, all decrypt."""
    desktop_plans: Annotated[tuple[Plan, ...], NoDecode] = (Plan.PLUS, Plan.PREMIER)
    """Plans that include QuickBooks Desktop, separated by commas."""
    app_name: str = Field(default="the app", min_length=1, max_length=60)
    """What users call the operator's product."""
    app_record_url: str | None = None
    """Where a record of the app opens: ``https://app.example/{tenant}/{kind}/{app_id}``."""
    sign_in_url: str | None = None
    """Where a visitor without a session is sent."""
    log_format: Literal["console", "json"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    file_problems: tuple[str, ...] = Field(default=(), exclude=True, repr=False)

    @field_validator("desktop_plans", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _tokens_can_be_checked(self) -> Self:
        if self.jwt_key is None and self.jwt_jwks_url is None:
            raise ValueError("QBSYNC_JWT_KEY or QBSYNC_JWT_JWKS_URL is needed, else no token can be checked")
        return self

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


def load(settings: type[S]) -> S:
    """Read the environment once.

    Raises:
        SettingsError: with every fault; values are not shown.
    """
    try:
        loaded = settings()
    except ValidationError as error:
        problems = [_sentence(fault) for fault in error.errors(include_input=False, include_url=False)]
        files = SecretFiles(settings)
        files()
        raise SettingsError([*files.problems, *problems]) from None
    if loaded.file_problems:
        raise SettingsError(list(loaded.file_problems))
    return loaded


def _sentence(fault: Any) -> str:
    message = str(fault["msg"]).removeprefix("Value error, ")
    if not fault["loc"]:
        return message
    name = PREFIX + str(fault["loc"][0]).upper()
    return (
        f"{name} is missing" if fault["type"] == "missing" else f"{name}: {message[0].lower()}{message[1:]}"
    )
