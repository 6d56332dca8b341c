"""DIR/secrets.json: the keys of a local installation, made once and kept, because stored data depends on them."""

import base64
import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from qbsync_local.given import given
from qbsync_local.private_file import write_private

NAME = "secrets.json"


class LocalSecrets(BaseModel):
    """What signs tokens, encrypts stored tokens, and what the simulated Intuit knows qbsync by."""

    model_config = ConfigDict(frozen=True)

    jwt_key: str
    encryption_keys: str
    intuit_client_id: str
    intuit_client_secret: str
    intuit_webhook_verifier: str


def read(data: Path) -> LocalSecrets | None:
    """The secrets of that data directory; None before the first `qbsync up`.

    Raises pydantic.ValidationError when the file is damaged: making new keys would make stored data unreadable.
    """
    path = data / NAME
    if not path.exists():
        return None
    return LocalSecrets.model_validate_json(path.read_text(encoding="utf-8"))


def read_or_make(data: Path) -> LocalSecrets:
    """The secrets of that data directory, made now if there are none."""
    kept = read(data)
    if kept is not None:
        return kept
    made = LocalSecrets(
        jwt_key=secrets.token_urlsafe(48),
        encryption_keys=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii"),
        intuit_client_id=f"sandbox-{secrets.token_hex(8)}",
        intuit_client_secret=secrets.token_urlsafe(32),
        intuit_webhook_verifier=secrets.token_urlsafe(32),
    )
    write_private(data / NAME, made.model_dump_json(indent=2) + "\n")
    return made


def signing_key(data: Path) -> str | None:
    """What signs tokens here: QBSYNC_JWT_KEY, the file QBSYNC_JWT_KEY_FILE, or the kept secret; None if there is none.

    Raises OSError when the named file cannot be read.
    """
    if key := given("QBSYNC_JWT_KEY"):
        return key
    kept = read(data)
    return None if kept is None else kept.jwt_key
