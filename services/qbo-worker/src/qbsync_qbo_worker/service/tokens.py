"""Access tokens that work: refreshed ahead of time, one refresh at a time per realm, durable before use."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from weakref import WeakValueDictionary

import structlog

from qbsync_qbo_worker import metrics
from qbsync_qbo_worker.oauth import Intuit, IntuitUnavailableError, OAuthError, TokenSet
from qbsync_qbo_worker.postgres import connections as store
from qbsync_qbo_worker.postgres.connections import ConnectionRow
from qbsync_qbo_worker.service.announce import connection_changed
from qbsync_shared.clock import Clock
from qbsync_shared.encryption import Keyring
from qbsync_shared.ids import MakeId
from qbsync_shared.messages import ConnectionState
from qbsync_shared.messaging import publish
from qbsync_shared.postgres import Connection, Database

log = structlog.get_logger()

AHEAD = timedelta(minutes=5)
"""How long before its expiry an access token is renewed; never more than a fifth of its life."""


REFRESHES = 4
"""Refreshes at once in one process: each holds a connection to PostgreSQL while Intuit thinks."""

CREDENTIALS = frozenset({"invalid_client", "unauthorized_client", "invalid_request", "invalid_scope"})
"""Refusals of qbsync itself: the operator's to mend, so the tenant stays connected (qbo-api, OAuth 2)."""

_WORKING = (ConnectionState.CONNECTED, ConnectionState.PROBLEM)


class NotConnectedError(Exception):
    """There is no working connection to QuickBooks; the strip says why."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Access:
    """What signs a call. ``troubled`` while the connection is a problem that may be over by now."""

    realm: str
    token: str
    troubled: bool = False


class Tokens:
    """Keeps the tokens of all tenants, encrypted at rest."""

    def __init__(
        self, *, database: Database, intuit: Intuit, keyring: Keyring, clock: Clock, make_id: MakeId
    ) -> None:
        self._database = database
        self._intuit = intuit
        self._keyring = keyring
        self._clock = clock
        self._make_id = make_id
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._refreshing = asyncio.Semaphore(REFRESHES)

    async def access(self, tenant: str, *, refused: Access | None = None) -> Access:
        """A token that should work.

        Args:
            refused: the access that QuickBooks has just refused; another is fetched, unless somebody did already.

        Raises:
            NotConnectedError: the tenant must connect (again).
            IntuitUnavailableError: Intuit's authorisation server did not answer; the old refresh token is kept.
        """
        async with self._database.tenant(tenant) as connection:
            row = await store.get(connection, tenant)
            if row is not None and refused is None and self._fresh(row):
                return self._open(row)
        turn = self._turns.setdefault(tenant, asyncio.Lock())
        async with turn, self._refreshing:
            outcome = await self._refreshed(tenant, refused)
        if outcome is None:
            raise NotConnectedError(tenant)
        return outcome

    async def _refreshed(self, tenant: str, refused: Access | None) -> Access | None:
        """Refresh under the row's lock. What Intuit returned is committed before anybody uses it."""
        async with self._database.tenant(tenant) as connection:
            row = await store.lock(connection, tenant)
            if row is None or row.state not in _WORKING or row.refresh_token is None:
                return None
            current = self._open(row)
            replaced = refused is not None and refused.token != current.token
            if (refused is None or replaced) and self._fresh(row):
                return current
            try:
                fresh = await self._intuit.refresh(self._secret(row.refresh_token, tenant, "refresh"))
            except OAuthError as error:
                await self._refused(connection, row, error)
                return None
            except IntuitUnavailableError:
                metrics.TOKEN_REFRESHES.labels("unavailable").inc()
                raise
            metrics.TOKEN_REFRESHES.labels("renewed").inc()
            kept = await store.keep_tokens(
                connection, tenant, self.seal(tenant, fresh), now=self._clock.now()
            )
            if kept.code in CREDENTIALS:
                kept = await store.set_state(connection, tenant, ConnectionState.CONNECTED)
            await self._tell(connection, kept)
            log.info("token_refreshed", tenant=tenant)
            troubled = kept.state is ConnectionState.PROBLEM
            return Access(realm=current.realm, token=fresh.access, troubled=troubled)

    async def trouble(self, tenant: str, *, code: str, message: str) -> None:
        """QuickBooks refuses the connection itself: say so. It is tried again, and may be well by then."""
        async with self._database.tenant(tenant) as connection:
            row = await store.lock(connection, tenant)
            if row is None or row.state not in _WORKING or row.code == code:
                return
            log.warning("connection_refused", tenant=tenant, code=code)
            changed = await store.set_state(
                connection, tenant, ConnectionState.PROBLEM, code=code, message=message
            )
            await self._tell(connection, changed)

    async def well(self, tenant: str) -> None:
        """QuickBooks answers again."""
        async with self._database.tenant(tenant) as connection:
            row = await store.lock(connection, tenant)
            if row is not None and row.state is ConnectionState.PROBLEM:
                changed = await store.set_state(connection, tenant, ConnectionState.CONNECTED)
                await self._tell(connection, changed)

    async def _refused(self, connection: Connection, row: ConnectionRow, error: OAuthError) -> None:
        """``invalid_grant`` ends the connection; anything else is a fault of the operator's set-up."""
        log.warning("token_refresh_refused", tenant=row.tenant, code=error.code)
        metrics.TOKEN_REFRESHES.labels(error.code).inc()
        if error.code in CREDENTIALS:
            message = f"Intuit refused qbsync's own credentials ({error.code}). The operator must check them."
            changed = await store.set_state(
                connection, row.tenant, ConnectionState.PROBLEM, code=error.code, message=message
            )
        else:
            message = "Intuit no longer accepts the connection. Connect again."
            changed = await store.set_state(
                connection, row.tenant, ConnectionState.EXPIRED, code="QS-NOT-CONNECTED", message=message
            )
        await self._tell(connection, changed)

    async def _tell(self, connection: Connection, row: ConnectionRow) -> None:
        await publish(connection, connection_changed(row, self._make_id(), self._clock.now()))

    def _fresh(self, row: ConnectionRow) -> bool:
        if row.access_expires_at is None or row.refreshed_at is None or row.access_token is None:
            return False
        life = row.access_expires_at - row.refreshed_at
        return self._clock.now() < row.access_expires_at - min(AHEAD, life / 5)

    def _open(self, row: ConnectionRow) -> Access:
        if row.state not in _WORKING or row.realm_id is None or row.access_token is None:
            raise NotConnectedError(row.tenant)
        token = self._secret(row.access_token, row.tenant, "access")
        return Access(realm=row.realm_id, token=token, troubled=row.state is ConnectionState.PROBLEM)

    def _secret(self, sealed: bytes, tenant: str, which: str) -> str:
        return self._keyring.decrypt(sealed, context=f"worker/{which}_token/{tenant}")

    def refresh_token_of(self, row: ConnectionRow) -> str | None:
        """The refresh token in plain, for revoking."""
        return self._secret(row.refresh_token, row.tenant, "refresh") if row.refresh_token else None

    def seal(self, tenant: str, tokens: TokenSet) -> store.SealedTokens:
        """Tokens as they are stored."""
        return store.SealedTokens(
            access=self._keyring.encrypt(tokens.access, context=f"worker/access_token/{tenant}"),
            access_expires_at=tokens.access_expires_at,
            refresh=self._keyring.encrypt(tokens.refresh, context=f"worker/refresh_token/{tenant}"),
            refresh_expires_at=tokens.refresh_expires_at,
            hard_expires_at=tokens.hard_expires_at,
        )
