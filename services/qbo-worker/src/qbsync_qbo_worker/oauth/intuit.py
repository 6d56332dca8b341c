"""Intuit's OAuth 2 endpoints (qbo-api, OAuth 2). The protocol itself is Authlib's."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from authlib.deprecate import AuthlibDeprecationWarning
from authlib.integrations.base_client import OAuthError as AuthlibError

with warnings.catch_warnings():
    # Authlib would rather have httpx2, a successor that this project does not use; httpx itself is maintained
    warnings.filterwarnings("ignore", "The httpx module is deprecated", AuthlibDeprecationWarning)
    from authlib.integrations.httpx_client import AsyncOAuth2Client

from qbsync_shared.clock import Clock

SCOPE = "com.intuit.quickbooks.accounting"
REDISCOVER = timedelta(days=1)
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_FINAL = frozenset(
    {
        "invalid_grant",
        "invalid_client",
        "unauthorized_client",
        "invalid_request",
        "invalid_scope",
        "access_denied",
    }
)
"""Refusals that stay; anything else, such as ``temporarily_unavailable``, may be over in a minute."""
_HARD_EXPIRY = {"x-include-refresh-token-hard-expires-in": "true"}


class OAuthError(Exception):
    """Intuit refused; ``code`` is OAuth's word, such as ``invalid_grant`` or ``invalid_client``."""

    def __init__(self, code: str, description: str = "") -> None:
        self.code = code
        super().__init__(description or code)


class IntuitUnavailableError(Exception):
    """No whole or sensible answer came from Intuit's authorisation server; it may be tried again."""


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Where Intuit's authorisation server listens. ``pkce``: whether it takes a code challenge (RFC 7636, S256)."""

    authorize: str
    token: str
    revoke: str
    pkce: bool = True

    @classmethod
    async def discover(cls, url: str, transport: httpx.AsyncBaseTransport | None = None) -> "Endpoints":
        """Read Intuit's discovery document.

        Raises:
            IntuitUnavailableError: it could not be read.
        """
        with _answering():
            async with httpx.AsyncClient(timeout=TIMEOUT, transport=transport) as http:
                response = await http.get(url)
                response.raise_for_status()
                found = response.json()
            return cls(
                authorize=found["authorization_endpoint"],
                token=found["token_endpoint"],
                revoke=found["revocation_endpoint"],
                pkce="S256" in (found.get("code_challenge_methods_supported") or ()),
            )


@dataclass(frozen=True, kw_only=True, repr=False)
class TokenSet:
    """What the token endpoint returned, with moments instead of seconds."""

    access: str
    access_expires_at: datetime
    refresh: str
    refresh_expires_at: datetime
    hard_expires_at: datetime | None = None


class Intuit:
    """Talks to Intuit's authorisation server for one app."""

    def __init__(
        self,
        *,
        endpoints: Endpoints | None,
        discovery_url: str | None,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._given = endpoints
        self._found: Endpoints | None = None
        self._found_at = clock.now()
        self._discovery_url = discovery_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._transport = transport

    async def _where(self) -> Endpoints:
        """The addresses given, else those of the discovery document, read again each day."""
        if self._given is not None:
            return self._given
        assert self._discovery_url is not None
        now = self._clock.now()
        if self._found is None or now - self._found_at >= REDISCOVER:
            try:
                self._found = await Endpoints.discover(self._discovery_url, self._transport)
            except IntuitUnavailableError:
                if self._found is None:
                    raise
            self._found_at = now
        return self._found

    def _client(self) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            client_id=self._client_id,
            client_secret=self._client_secret,
            scope=SCOPE,
            redirect_uri=self._redirect_uri,
            token_endpoint_auth_method="client_secret_basic",  # noqa: S106 - the name of a method
            code_challenge_method="S256",
            timeout=TIMEOUT,
            transport=self._transport,
        )

    async def authorize_url(self, *, state: str, verifier: str) -> str:
        """Where the user's browser goes to connect a company.

        Raises:
            IntuitUnavailableError: Intuit's discovery document could not be read.
        """
        endpoints = await self._where()
        challenge = {"code_verifier": verifier} if endpoints.pkce else {}
        async with self._client() as client:
            url, _ = client.create_authorization_url(endpoints.authorize, state=state, **challenge)
        return str(url)

    async def exchange(self, code: str, *, verifier: str) -> TokenSet:
        """Turn the code of the callback into tokens.

        Raises:
            OAuthError: Intuit refused.
            IntuitUnavailableError: no whole answer came.
        """
        endpoints = await self._where()
        proof = {"code_verifier": verifier} if endpoints.pkce else {}
        with _answering():
            async with self._client() as client:
                found = await client.fetch_token(endpoints.token, code=code, headers=_headers(), **proof)
            return self._tokens(found)

    async def refresh(self, refresh_token: str) -> TokenSet:
        """Get new tokens; the old refresh token may be worth nothing from now on.

        Raises:
            OAuthError: Intuit refused.
            IntuitUnavailableError: no whole answer came; the same refresh token is to be tried again.
        """
        endpoints = await self._where()
        with _answering():
            async with self._client() as client:
                found = await client.refresh_token(
                    endpoints.token, refresh_token=refresh_token, headers=_headers()
                )
            return self._tokens(found)

    async def revoke(self, token: str) -> None:
        """Make a token worth nothing.

        Raises:
            IntuitUnavailableError: no whole answer came, or Intuit refused.
        """
        endpoints = await self._where()
        with _answering():
            async with httpx.AsyncClient(timeout=TIMEOUT, transport=self._transport) as http:
                response = await http.post(
                    endpoints.revoke, json={"token": token}, auth=(self._client_id, self._client_secret)
                )
                response.raise_for_status()

    def _tokens(self, found: Any) -> TokenSet:
        now = self._clock.now()
        hard = found.get("x_refresh_token_hard_expires_in")
        return TokenSet(
            access=found["access_token"],
            access_expires_at=now + timedelta(seconds=int(found["expires_in"])),
            refresh=found["refresh_token"],
            refresh_expires_at=now
            + timedelta(seconds=int(found.get("x_refresh_token_expires_in", 8_726_400))),
            hard_expires_at=now + timedelta(seconds=int(hard)) if hard else None,
        )


@contextmanager
def _answering() -> Iterator[None]:
    """Turn what a call may end with into the two errors of this module; the words of a refusal are OAuth's."""
    try:
        yield
    except AuthlibError as error:
        if error.error not in _FINAL:
            raise IntuitUnavailableError(error.error) from error
        raise OAuthError(error.error, error.description or "") from error
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise IntuitUnavailableError(type(error).__name__) from error


def _headers() -> dict[str, str]:
    return {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8",
        **_HARD_EXPIRY,
    }
