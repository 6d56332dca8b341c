"""Logs: no secret and no content passes, whichever way it is handed in."""

import json
import logging

import asyncpg
import pytest
import structlog
from pydantic import BaseModel, SecretStr, ValidationError

from qbsync_shared.logging import REDACTED, configure, describe_error, redact

SECRET = "s3cr3t-value"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"


@pytest.fixture
def logged(capsys):
    """Reads the JSON lines that were written; the test run's own set-up is put back after."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level, loud = root.handlers[:], root.level, logging.raiseExceptions
    for name in (
        "uvicorn",
        "uvicorn.error",
        "uvicorn.access",
    ):  # servers of other tests set them up for themselves
        logger = logging.getLogger(name)
        logger.handlers[:], logger.propagate = [], True
        logger.setLevel(logging.NOTSET)

    def read():
        return [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    yield read
    root.handlers[:], root.level, logging.raiseExceptions = handlers, level, loud
    structlog.configure(**before)


@pytest.mark.parametrize(
    "name",
    [
        "password", "connector_password", "token", "access_token", "refresh_token", "authorization", "cookie",
        "set-cookie", "jwt", "secret", "client_secret", "ticket", "credentials", "encryption_keys", "verifier",
        "body", "payload", "entity", "snapshot", "fields", "xml", "qbxml", "request", "response", "headers",
    ],
)  # fmt: skip
def test_fields_named_like_secrets_or_contents_are_redacted(name):
    event = redact(
        None,
        "info",
        {"event": "static_name", name: SECRET, "inner": {name: SECRET}, "list": [{name: SECRET}]},
    )
    assert SECRET not in json.dumps(event)
    assert event[name] == REDACTED


@pytest.mark.parametrize(
    "text",
    [
        f"got {JWT} from them",
        f"Authorization: Bearer {SECRET}",
        f"postgresql://user:{SECRET}@host/db",
        f"https://intuit.example/cb?code={SECRET}&state=x",
        f"refresh_token={SECRET}",
        f'<?xml version="1.0"?><QBXML><Name>{SECRET}</Name></QBXML>',
    ],
)
def test_text_that_looks_like_a_secret_is_redacted(text):
    event = redact(None, "info", {"event": "static_name", "said": text, "nested": [text]})
    assert SECRET not in json.dumps(event)
    assert JWT not in json.dumps(event)


def test_secret_types_and_bytes_are_redacted():
    event = redact(
        None, "info", {"event": "x", "value": SecretStr(SECRET), "raw": SECRET.encode(), "at": object()}
    )
    assert SECRET not in json.dumps(event)
    assert event["raw"] == f"[{len(SECRET)} bytes]"


def test_identifiers_and_figures_pass():
    event = {
        "event": "sync_sent",
        "tenant": "acme",
        "sync_id": "0191",
        "attempt": 3,
        "seconds": 1.5,
        "tokens": 4,
        "ok": True,
    }
    assert redact(None, "info", dict(event)) == event


def test_too_deep_and_too_long_is_cut():
    deep = current = {}
    for _ in range(50):
        current["inner"] = {}
        current = current["inner"]
    event = redact(None, "info", {"event": "x", "deep": deep, "long": "a" * 10_000})
    assert len(json.dumps(event)) < 1_000


class Customer(BaseModel):
    name: str
    total: int


def validation_error():
    with pytest.raises(ValidationError) as raised:
        Customer.model_validate({"name": SECRET, "total": SECRET})
    return raised.value


def int_of_secret():
    raise ValueError(f"password={SECRET}") from validation_error()


def test_errors_are_described_without_what_they_met():
    duplicate = asyncpg.UniqueViolationError("duplicate key value violates unique constraint")
    duplicate.detail = f"Key (name)=({SECRET}) already exists."
    assert describe_error(duplicate) == "UniqueViolationError: duplicate key value violates unique constraint"
    assert describe_error(validation_error()) == "ValidationError: total (int_parsing)"
    assert describe_error(KeyError()) == "KeyError"


def test_json_lines_with_context_and_exceptions(logged):
    configure("json", "info")
    with structlog.contextvars.bound_contextvars(tenant="acme", event_id="e-1"):
        try:
            int_of_secret()
        except ValueError:
            structlog.get_logger().exception("sync_failed", password=SECRET)
    [line] = logged()
    assert (line["event"], line["tenant"], line["event_id"], line["level"]) == (
        "sync_failed",
        "acme",
        "e-1",
        "error",
    )
    assert line["exception"][0] == f"ValueError: password={REDACTED}"
    assert SECRET not in json.dumps(line)


def test_libraries_log_through_the_same_processors(logged):
    configure("json", "info")
    logging.getLogger("uvicorn.error").warning("connect to postgresql://u:%s@h/d", SECRET)
    logging.getLogger("uvicorn.access").info("GET /qbwc?ticket=1")
    [line] = logged()
    assert line["event"] == f"connect to postgresql://{REDACTED}@h/d"


def test_the_level_is_kept(logged):
    configure("json", "info")
    structlog.get_logger().debug("not_written")
    assert logged() == []


def test_an_exception_is_told_on_the_console_too(logged, capsys):
    configure("console", "info")
    try:
        raise ValueError("no such page")  # noqa: TRY301 - it is to be logged here
    except ValueError:
        structlog.get_logger().exception("request_failed", path="/t/x")
    told = capsys.readouterr().err
    assert "request_failed" in told
    assert "ValueError: no such page" in told
    assert "test_logging.py" in told
