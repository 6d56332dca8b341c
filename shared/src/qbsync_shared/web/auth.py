"""Who is calling: a signed token (contracts.md section 7) as a bearer or in the session cookie, and what its role may do."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Any, Protocol

import httpx
import jwt
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from pydantic import SecretStr
from starlette.requests import HTTPConnection, Request

from qbsync_shared.clock import Clock, SystemClock
from qbsync_shared.ids import is_tenant_id
from qbsync_shared.web import problems

AUDIENCE = "qbsync"
COOKIE = "qbsync_session"
EVERYBODY = "*"
LONGEST = timedelta(hours=1)
_LEEWAY = timedelta(seconds=60)
_KEYED = ("HS256",)
_PUBLISHED = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")


class Role(IntEnum):
    """Each may do what those before it may."""

    VIEWER = 1
    APPROVER = 2
    ADMIN = 3
    OPERATOR = 4

    @property
    def label(self) -> str:
        """The word in tokens and on pages."""
        return self.name.lower()


@dataclass(frozen=True)
class Principal:
    """Who is calling. ``tenant`` is ``"*"`` for somebody who may enter every tenant."""

    sub: str
    name: str
    tenant: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether the role suffices. What is for operators concerns all tenants, so it needs a token for all."""
        return self.role >= role and (role < Role.OPERATOR or self.tenant == EVERYBODY)

    def may_enter(self, tenant: str) -> bool:
        """Whether this tenant's data are theirs to see."""
        return self.tenant in {EVERYBODY, tenant}


@dataclass(frozen=True)
class Refusal:
    """Why a token was not taken."""

    expired: bool
    reason: str


class AuthSettings(Protocol):
    """Where the keys of tokens come from."""

    @property
    def jwt_key(self) -> SecretStr | None: ...
    @property
    def jwt_jwks_url(self) -> str | None: ...


def issue_token(
    key: str,
    *,
    tenant: str,
    role: Role,
    sub: str,
    name: str,
    lasts: timedelta = LONGEST,
    clock: Clock | None = None,
) -> str:
    """Sign a token with HS256, for the command line and tests. ``lasts`` is at most one hour (``ValueError``)."""
    if lasts > LONGEST:
        raise ValueError("a token lasts at most one hour")
    now = int((clock or SystemClock()).now().timestamp())
    claims = {
        "sub": sub,
        "name": name,
        "tenant": tenant,
        "role": role.label,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + int(lasts.total_seconds()),
    }
    return jwt.encode(claims, key, algorithm="HS256")


class PublishedKeys:
    """The keys behind ``QBSYNC_JWT_JWKS_URL``, kept for five minutes; an unknown key id asks again, at most every ten seconds."""

    def __init__(
        self,
        url: str,
        client: httpx.AsyncClient | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._client = client
        self._monotonic = monotonic
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._asked: float | None = None

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key with this id. Raises ``httpx.HTTPError`` if there are none yet and the address does not answer."""
        age = float("inf") if self._asked is None else self._monotonic() - self._asked
        if age > 300 or (key_id not in self._keys and age > 10):
            try:
                await self._ask()
            except (httpx.HTTPError, jwt.PyJWTError, ValueError):
                if not self._keys:
                    raise
        return self._keys.get(key_id)

    async def _ask(self) -> None:
        self._asked = self._monotonic()
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=5)
        response = await self._client.get(self._url)
        response.raise_for_status()
        self._keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(response.json()).keys}

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()


class Tokens:
    """Reads tokens. The algorithm must fit the configured source of keys; nothing in the token can choose another."""

    def __init__(
        self, settings: AuthSettings, clock: Clock | None = None, published: PublishedKeys | None = None
    ) -> None:
        self._key = settings.jwt_key.get_secret_value() if settings.jwt_key else None
        url = settings.jwt_jwks_url
        self._published = published or (PublishedKeys(url) if url else None)
        self._clock = clock or SystemClock()

    @property
    def secret(self) -> str | None:
        """The shared key, if there is one; also the key of the tokens against forged requests."""
        return self._key

    async def read(self, token: str) -> Principal | Refusal:
        """Whom the token names, or why it is refused."""
        try:
            header = jwt.get_unverified_header(token)
            if header["alg"] in _KEYED and self._key is not None:
                return self._check(token, self._key, _KEYED)
            if header["alg"] in _PUBLISHED and self._published is not None:
                key = await self._published.find(header.get("kid"))
                if key is None:
                    return Refusal(expired=False, reason="signed with an unknown key")
                return self._check(token, key, _PUBLISHED)
        except (jwt.PyJWTError, ValueError) as error:
            return Refusal(expired=False, reason=type(error).__name__)
        except httpx.HTTPError:
            return Refusal(expired=False, reason="the keys could not be read")
        return Refusal(expired=False, reason="signed with an algorithm that is not accepted here")

    def _check(self, token: str, key: Any, algorithms: tuple[str, ...]) -> Principal | Refusal:
        claims = jwt.decode(
            token,
            key,
            algorithms=algorithms,
            audience=AUDIENCE,
            options={
                "require": ["sub", "exp", "aud"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
        now = self._clock.now().timestamp()
        if not isinstance(claims["exp"], int | float) or isinstance(claims["exp"], bool):
            return Refusal(expired=False, reason="exp is not a number")
        if claims["exp"] <= now:
            return Refusal(expired=True, reason="expired")
        if claims["exp"] > now + (LONGEST + _LEEWAY).total_seconds():
            return Refusal(expired=False, reason="valid for more than one hour")
        if claims.get("nbf", 0) > now + _LEEWAY.total_seconds():
            return Refusal(expired=False, reason="not valid yet")
        return _principal(claims)


def _principal(claims: dict[str, Any]) -> Principal | Refusal:
    tenant, role, name = claims.get("tenant"), claims.get("role"), claims.get("name")
    if not isinstance(tenant, str) or not (tenant == EVERYBODY or is_tenant_id(tenant)):
        return Refusal(expired=False, reason="tenant is missing or malformed")
    if not isinstance(role, str) or role.upper() not in Role.__members__:
        return Refusal(expired=False, reason="role is missing or unknown")
    sub = str(claims["sub"])
    return Principal(sub, name if isinstance(name, str) and name else sub, tenant, Role[role.upper()])


def principal_of(request: HTTPConnection) -> Principal | None:
    """Who is calling, as the middleware found; ``None`` without a valid token."""
    principal = getattr(request.state, "principal", None)
    assert principal is None or isinstance(principal, Principal)
    return principal


def needed_roles(app: FastAPI) -> dict[tuple[str, str], Role | None]:
    """The role that each route asks for, by method and path; ``None`` is open to anybody. For the test of the permission matrix."""
    found: dict[tuple[str, str], Role | None] = {}
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        role = max(_roles(dependant), default=None) if dependant is not None else None
        for method in route.methods or ():
            found[method, route.path or ""] = role
    return found


def _roles(dependant: Dependant) -> Iterator[Role]:
    if isinstance(dependant.call, require):
        yield dependant.call.role
    for inner in dependant.dependencies:
        yield from _roles(inner)


@dataclass(frozen=True)
class require:  # noqa: N801  # reads as a verb where it is used: Depends(require(Role.APPROVER))
    """A dependency for routes: ``principal: Annotated[Principal, Depends(require(Role.APPROVER))]``.

    Without a valid token 401; for another tenant's path (``{tenant}``) 404, exactly like a tenant that does not exist or cannot; with too low a
    role 403.
    """

    role: Role

    def __call__(self, request: Request) -> Principal:
        principal = principal_of(request)
        if principal is None:
            refusal = getattr(request.state, "refusal", None)
            raise problems.unauthenticated(expired=bool(refusal and refusal.expired))
        tenant = request.path_params.get("tenant")
        if tenant is not None and not (is_tenant_id(tenant) and principal.may_enter(tenant)):
            raise problems.unknown_tenant()
        if not principal.may(self.role):
            raise problems.forbidden(self.role.label)
        return principal
