"""OAuth 2 grants: authorization codes, access tokens, and refresh tokens whose value changes.

One grant is one connection of the app to a company; revoking any token of it ends it.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, Field

from qbsync_local.sandbox.online.jsonio import Json, dumps, loads
from qbsync_local.sandbox.online.store import Store

_DAY = 86_400
_CODE_SECONDS = 600


class TokenPolicy(BaseModel):
    """How long tokens live (seconds), and when a refresh gives a new refresh token: `each` time or `daily`.

    previous_seconds is how long the former one is still good: Intuit ends it 24 hours after it gave a new one.
    auto_approve names the company that every consent goes to without showing the page.
    """

    access_seconds: int = Field(3600, ge=0)
    refresh_seconds: int = Field(8_726_400, ge=0)
    hard_seconds: int = Field(5 * 365 * _DAY, ge=0)
    rotate: Literal["each", "daily"] = "each"
    previous_seconds: int = Field(_DAY, ge=0)
    auto_approve: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A stored token. kind is code, access or refresh; state is live, used or revoked."""

    value: str
    kind: str
    realm: str
    grant: str
    created: int
    expires: int
    hard_expires: int
    state: str = "live"
    details: Json = field(default_factory=dict)


class Tokens:
    """Issues and checks tokens. `new_secret` makes their values."""

    def __init__(
        self, store: Store, new_secret: Callable[[], str] = lambda: secrets.token_urlsafe(32)
    ) -> None:
        self._store = store
        self._new_secret = new_secret

    @property
    def policy(self) -> TokenPolicy:
        return TokenPolicy.model_validate_json(self._store.meta("token_policy", "{}"))

    def set_policy(self, policy: TokenPolicy) -> None:
        self._store.set_meta("token_policy", policy.model_dump_json())

    def authorize(self, realm: str, redirect_uri: str, challenge: str | None) -> str:
        """A code for a user's consent, good once and for ten minutes; `challenge` is PKCE's S256 value."""
        now = self._store.seconds()
        details = {"redirect_uri": redirect_uri, "challenge": challenge}
        code = Token(
            self._new_secret(),
            "code",
            realm,
            self._new_secret(),
            now,
            now + _CODE_SECONDS,
            now,
            details=details,
        )
        self._put(code)
        return code.value

    def exchange(self, code: str, redirect_uri: str, verifier: str | None) -> Json | None:
        """The first tokens of a grant, or None for `invalid_grant`. A code used twice ends its grant."""
        with self._store.transaction():
            token = self._get(code, "code")
            if token is None or not self._code_fits(token, redirect_uri, verifier):
                return None
            if token.state != "live":
                self._end(token.grant)
                return None
            self._set_state(token.value, "used")
            return self._issue(token.realm, token.grant, None)

    def refresh(self, value: str) -> Json | None:
        """New tokens for a refresh token, or None for `invalid_grant`. A rotated value dies after a while."""
        with self._store.transaction():
            token = self._get(value, "refresh")
            now = self._store.seconds()
            if token is None or token.state != "live" or now >= min(token.expires, token.hard_expires):
                return None
            return self._issue(token.realm, token.grant, token)

    def connect(self, realm: str) -> Json:
        """A new grant without a browser, for tests and the control API."""
        with self._store.transaction():
            return self._issue(realm, self._new_secret(), None)

    def owner(self, value: str) -> str | None:
        """The company that any token or code was made for, whatever its state."""
        row = self._store.connection.execute("select realm from tokens where value = ?", (value,)).fetchone()
        return str(row[0]) if row else None

    def realm_of(self, access_token: str) -> str | None:
        """The company an access token opens, None if it is unknown, expired or revoked."""
        token = self._get(access_token, "access")
        live = token is not None and token.state == "live" and self._store.seconds() < token.expires
        return token.realm if token is not None and live else None

    def revoke(self, value: str) -> bool:
        """End the grant of an access or refresh token; whether there was one."""
        token = self._get(value, "refresh") or self._get(value, "access")
        if token is None or token.state == "revoked":
            return False
        self._end(token.grant)
        return True

    def disconnect(self, realm: str) -> int:
        """What a user does in QuickBooks: end every grant of the company. Gives how many tokens died."""
        cursor = self._store.connection.execute(
            "update tokens set state = 'revoked' where realm = ? and state = 'live'", (realm,)
        )
        return cursor.rowcount

    def expire_access(self, realm: str) -> int:
        """Make the company's access tokens expire now; the refresh token stays good."""
        cursor = self._store.connection.execute(
            "update tokens set expires = ? where realm = ? and kind = 'access'",
            (self._store.seconds(), realm),
        )
        return cursor.rowcount

    def _issue(self, realm: str, grant: str, old: Token | None) -> Json:
        now, policy = self._store.seconds(), self.policy
        access = Token(self._new_secret(), "access", realm, grant, now, now + policy.access_seconds, now)
        self._put(access)
        hard = old.hard_expires if old else now + policy.hard_seconds
        keep = old is not None and policy.rotate == "daily" and now - old.created < _DAY
        if old is not None and keep:
            refresh = Token(
                old.value, "refresh", realm, grant, old.created, now + policy.refresh_seconds, hard
            )
        else:
            refresh = Token(
                self._new_secret(), "refresh", realm, grant, now, now + policy.refresh_seconds, hard
            )
            if old is not None:
                self._end_soon(old, now)
        self._put(refresh)
        return {
            "token_type": "bearer",
            "access_token": access.value,
            "expires_in": policy.access_seconds,
            "refresh_token": refresh.value,
            "x_refresh_token_expires_in": min(refresh.expires, hard) - now,
            "x_refresh_token_hard_expires_in": hard - now,
        }

    def _code_fits(self, token: Token, redirect_uri: str, verifier: str | None) -> bool:
        if token.details["redirect_uri"] != redirect_uri or self._store.seconds() >= token.expires:
            return False
        challenge = token.details["challenge"]
        return challenge is None or hmac.compare_digest(challenge, s256(verifier or ""))

    def _get(self, value: str, kind: str) -> Token | None:
        row = self._store.connection.execute(
            "select * from tokens where value = ? and kind = ?", (value, kind)
        ).fetchone()
        return _token(row) if row else None

    def _put(self, token: Token) -> None:
        self._store.connection.execute(
            "insert or replace into tokens values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                token.value, token.kind, token.realm, token.grant, token.created, token.expires, token.hard_expires,
                token.state, dumps(token.details),
            ),
        )  # fmt: skip

    def _end_soon(self, token: Token, now: int) -> None:
        """A newer refresh token was given: who lost that answer may ask once more with this one, for a while."""
        self._store.connection.execute(
            "update tokens set expires = min(expires, ?) where value = ?",
            (now + self.policy.previous_seconds, token.value),
        )

    def _set_state(self, value: str, state: str) -> None:
        self._store.connection.execute("update tokens set state = ? where value = ?", (state, value))

    def _end(self, grant: str) -> None:
        self._store.connection.execute("update tokens set state = 'revoked' where grant_id = ?", (grant,))


def s256(verifier: str) -> str:
    """PKCE's S256 challenge of a verifier (RFC 7636)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _token(row: tuple[Any, ...]) -> Token:
    value, kind, realm, grant, created, expires, hard, state, details = row
    return Token(value, kind, realm, grant, created, expires, hard, state, loads(details))
