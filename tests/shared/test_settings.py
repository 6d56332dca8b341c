"""Settings: all faults at once, secrets hidden, secrets from files."""

import base64
import os

import pytest

from qbsync_shared.settings import ServiceSettings, SettingsError, load

KEY = base64.urlsafe_b64encode(bytes(32)).decode()
COMPLETE = {
    "QBSYNC_DATABASE_URL": "postgresql://u:geheim@db/qbsync",
    "QBSYNC_NATS_URL": "nats://u:geheim@nats:4222",
    "QBSYNC_PUBLIC_URL": "https://wizard.example/",
    "QBSYNC_JWT_KEY": "geheim" * 6,
    "QBSYNC_ENCRYPTION_KEYS": f"{KEY},{KEY}",
}


@pytest.fixture
def environment(monkeypatch):
    def use(**changes):
        for name in [name for name in os.environ if name.startswith("QBSYNC_")]:
            monkeypatch.delenv(name)
        for name, value in {**COMPLETE, **changes}.items():
            if value is not None:
                monkeypatch.setenv(name, str(value))

    return use


def test_a_complete_environment_is_read(environment):
    environment(QBSYNC_PORT="8123", QBSYNC_LOG_FORMAT="console")
    settings = load(ServiceSettings)
    assert settings.database_url.get_secret_value() == COMPLETE["QBSYNC_DATABASE_URL"]
    assert (settings.public_url, settings.port, settings.log_format) == (
        "https://wizard.example",
        8123,
        "console",
    )
    assert settings.host == "127.0.0.1"


def test_secrets_are_never_shown(environment):
    environment()
    settings = load(ServiceSettings)
    assert "geheim" not in repr(settings) + str(settings.model_dump_json())


def test_all_faults_are_listed_at_once_without_values(environment):
    environment(
        QBSYNC_DATABASE_URL="mysql://geheim",
        QBSYNC_NATS_URL=None,
        QBSYNC_PORT="geheim",
        QBSYNC_LOG_FORMAT="geheim",
        QBSYNC_ENCRYPTION_KEYS="geheim",
        QBSYNC_JWT_KEY="geheim",
        QBSYNC_WIZARD_URL="ftp://geheim",
        QBSYNC_DATABASE_URL_FILE=None,
    )
    with pytest.raises(SettingsError) as raised:
        load(ServiceSettings)
    problems = "\n".join(raised.value.problems)
    for name in (
        "DATABASE_URL",
        "NATS_URL",
        "PORT",
        "LOG_FORMAT",
        "ENCRYPTION_KEYS",
        "JWT_KEY",
        "WIZARD_URL",
    ):
        assert f"QBSYNC_{name}" in problems
    assert "QBSYNC_NATS_URL is missing" in problems
    assert "geheim" not in problems
    assert str(raised.value).startswith("The settings are not right:\n")


def test_a_way_to_check_tokens_is_needed(environment):
    environment(QBSYNC_JWT_KEY=None)
    with pytest.raises(SettingsError, match="QBSYNC_JWT_JWKS_URL is needed"):
        load(ServiceSettings)
    environment(QBSYNC_JWT_KEY=None, QBSYNC_JWT_JWKS_URL="https://sso.example/keys")
    assert load(ServiceSettings).jwt_key is None


def test_secrets_come_from_files(environment, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("k" * 40 + "\n")
    environment(QBSYNC_JWT_KEY=None, QBSYNC_JWT_KEY_FILE=secret)
    assert load(ServiceSettings).jwt_key.get_secret_value() == "k" * 40


def test_troubles_with_files_are_listed_with_the_others(environment, tmp_path):
    environment(
        QBSYNC_JWT_KEY_FILE=tmp_path / "also",
        QBSYNC_NATS_CREDENTIALS_FILE=tmp_path / "nowhere",
        QBSYNC_PORT="x",
    )
    with pytest.raises(SettingsError) as raised:
        load(ServiceSettings)
    problems = "\n".join(raised.value.problems)
    assert "QBSYNC_JWT_KEY and QBSYNC_JWT_KEY_FILE are both set" in problems
    assert "QBSYNC_NATS_CREDENTIALS_FILE names" in problems
    assert "QBSYNC_PORT" in problems


def test_troubles_with_files_alone_are_troubles(environment, tmp_path):
    environment(QBSYNC_NATS_CREDENTIALS_FILE=tmp_path / "nowhere")
    with pytest.raises(SettingsError, match="No such file"):
        load(ServiceSettings)


def test_a_service_adds_its_own(environment):
    class OwnSettings(ServiceSettings):
        intuit_client_id: str

    environment()
    with pytest.raises(SettingsError, match="QBSYNC_INTUIT_CLIENT_ID is missing"):
        load(OwnSettings)
    environment(QBSYNC_INTUIT_CLIENT_ID="app", QBSYNC_UNKNOWN="ignored")
    assert load(OwnSettings).intuit_client_id == "app"
