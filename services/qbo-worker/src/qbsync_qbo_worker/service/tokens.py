"""Access tokens that work: refreshed ahead of time, one refresh at a time per realm, durable before use."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

import structlog

from qbsync_qbo_worker import metrics
from qbsync_qbo_worker.oauth import Intuit, IntuitUnavailableError, OAuthError, TokenSet
from qbsync_qbo_worker.postgres import connections as store
from qbsync_qbo_worker.postgres.connections import ConnectionRow
from qbsync_qbo_worker.service.announce import connection_changed
from qbsync_shared.clock import Clock
from qbsync_shared.encryption import DecryptionError, Keyring
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
_KEPT = (*_WORKING, ConnectionState.PAUSED)

KEY_MISSING = "QS-KEY-MISSING"
RECONNECT_SOON = "QS-RECONNECT-SOON"

LAST_MOMENT = timedelta(seconds=30)
"""A token that is good for less is not used while Intuit cannot renew it."""

IDLE = timedelta(days=1)
"""A connection that nobody used for so long is renewed, or its refresh token would run out after 100 days."""

AHEAD_OF_END = timedelta(days=30)
"""From when on people are told that Intuit will end the connection (qbo-api, OAuth 2: five years)."""

VERIFY_EVERY = timedelta(minutes=1)


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
            NotConnectedError: the tenant must connect (again), or the operator bring back a key.
            IntuitUnavailableError: Intuit's authorisation server did not answer; the old refresh token is kept.
        """
        try:
            async with self._database.tenant(tenant) as connection:
                row = await store.get(connection, tenant)
                if row is not None and refused is None and self._fresh(row) and not self._stale(row):
                    return self._open(row)
            turn = self._turns.setdefault(tenant, asyncio.Lock())
            async with turn, self._refreshing:
                outcome = await self._refreshed(tenant, refused)
        except DecryptionError as error:
            await self.trouble(tenant, code=KEY_MISSING, message="The stored access cannot be read.")
            raise NotConnectedError(tenant) from error
        if outcome is None:
            raise NotConnectedError(tenant)
        return outcome

    async def _refreshed(self, tenant: str, refused: Access | None) -> Access | None:
        """Refresh under the row's lock. What Intuit returned is committed before anybody uses it.

        Where Intuit does not answer, a token that is good for a moment longer is used meanwhile.
        """
        async with self._database.tenant(tenant) as connection:
            row = await store.lock(connection, tenant)
            if row is None or row.state not in _WORKING or row.refresh_token is None:
                return None
            current = self._open(row)
            wanted = refused is None or refused.token != current.token
            if wanted and self._fresh(row):
                await self._reseal(connection, row)
                return current
            try:
                kept = await self._renew(connection, row)
            except IntuitUnavailableError:
                if wanted and self._good_for(row, LAST_MOMENT):
                    return current
                raise
            return self._open(kept) if kept is not None else None

    async def _renew(self, connection: Connection, row: ConnectionRow) -> ConnectionRow | None:
        """New tokens for a locked row; None where Intuit refuses. A lost answer is asked for again by the same token:
        Intuit takes the former one for a day after it gave a newer one."""
        assert row.refresh_token is not None
        try:
            fresh = await self._intuit.refresh(self._secret(row.refresh_token, row.tenant, "refresh"))
        except OAuthError as error:
            await self._refused(connection, row, error)
            return None
        except IntuitUnavailableError:
            metrics.TOKEN_REFRESHES.labels("unavailable").inc()
            raise
        metrics.TOKEN_REFRESHES.labels("renewed").inc()
        sealed = self.seal(row.tenant, fresh)
        kept = await store.keep_tokens(connection, row.tenant, sealed, now=self._clock.now())
        if kept.state is ConnectionState.PROBLEM and kept.code in (*CREDENTIALS, KEY_MISSING):
            kept = await store.set_state(connection, row.tenant, ConnectionState.CONNECTED)
        await self._tell(connection, kept)
        log.info("token_refreshed", tenant=row.tenant)
        return kept

    async def keep(self, tenant: str) -> None:
        """Renew what nobody used for a day, also while paused; encrypt with the present key; warn of the hard end.

        Raises:
            IntuitUnavailableError: Intuit's authorisation server did not answer; nothing changed.
            DecryptionError: no key opens the tokens.
        """
        turn = self._turns.setdefault(tenant, asyncio.Lock())
        async with turn, self._refreshing, self._database.tenant(tenant) as connection:
            row = await store.lock(connection, tenant)
            if row is None or row.state not in _KEPT or row.refresh_token is None:
                return
            now = self._clock.now()
            if row.refreshed_at is None or now - row.refreshed_at >= IDLE:
                kept = await self._renew(connection, row)
                if kept is None:
                    return
                row = kept
            else:
                await self._reseal(connection, row)
            await self._warn(connection, row)

    async def verify(self, tenant: str) -> bool:
        """Ask Intuit whether the connection still stands, at most once a minute; False where it has ended."""
        turn = self._turns.setdefault(tenant, asyncio.Lock())
        async with turn, self._refreshing, self._database.tenant(tenant) as connection:
            row = await store.lock(connection, tenant)
            if row is None or row.state not in _KEPT or row.refresh_token is None:
                return False
            if row.refreshed_at is not None and self._clock.now() - row.refreshed_at < VERIFY_EVERY:
                return True
            try:
                return await self._renew(connection, row) is not None
            except IntuitUnavailableError:
                return True

    async def _warn(self, connection: Connection, row: ConnectionRow) -> None:
        """Say once that the connection will end whatever anybody does but connect again."""
        soon = row.hard_expires_at is not None and row.hard_expires_at - self._clock.now() <= AHEAD_OF_END
        if not soon or row.state is not ConnectionState.CONNECTED or row.code is not None:
            return
        log.warning("connection_ends_soon", tenant=row.tenant)
        message = (
            f"Intuit ends this connection on {row.hard_expires_at:%Y-%m-%d} (UTC). Connect again before."
        )
        warned = await store.set_state(
            connection, row.tenant, ConnectionState.CONNECTED, code=RECONNECT_SOON, message=message
        )
        await self._tell(connection, warned)

    async def _reseal(self, connection: Connection, row: ConnectionRow) -> None:
        """Encrypt with the first key what an older one encrypted."""
        if not self._stale(row) or row.access_token is None or row.refresh_token is None:
            return
        opened = {
            which: self._secret(sealed, row.tenant, which)
            for which, sealed in (("access", row.access_token), ("refresh", row.refresh_token))
        }
        sealed = {
            which: self._keyring.encrypt(secret, context=_context(which, row.tenant))
            for which, secret in opened.items()
        }
        await store.reseal(connection, row.tenant, access=sealed["access"], refresh=sealed["refresh"])

    def _stale(self, row: ConnectionRow) -> bool:
        sealed = (row.access_token, row.refresh_token)
        return any(one is not None and self._keyring.is_stale(one) for one in sealed)

    async def trouble(self, tenant: str, *, code: str, message: str, intuit_tid: str | None = None) -> None:
        """QuickBooks refuses the connection itself: say so. It is tried again, and may be well by then."""
        async with self._database.tenant(tenant) as connection:
            row = await store.lock(connection, tenant)
            if row is None or row.state not in _WORKING or row.code == code:
                return
            log.warning("connection_refused", tenant=tenant, code=code, intuit_tid=intuit_tid)
            changed = await store.set_state(
                connection,
                tenant,
                ConnectionState.PROBLEM,
                code=code,
                message=message,
                intuit_tid=intuit_tid,
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
            changed = await store.set_state(
                connection,
                row.tenant,
                ConnectionState.EXPIRED,
                code="QS-NOT-CONNECTED",
                message=_why_it_ended(row, self._clock.now()),
            )
        await self._tell(connection, changed)

    async def _tell(self, connection: Connection, row: ConnectionRow) -> None:
        await publish(connection, connection_changed(row, self._make_id(), self._clock.now()))

    def _fresh(self, row: ConnectionRow) -> bool:
        if row.access_expires_at is None or row.refreshed_at is None or row.access_token is None:
            return False
        life = row.access_expires_at - row.refreshed_at
        return self._good_for(row, min(AHEAD, life / 5))

    def _good_for(self, row: ConnectionRow, longer: timedelta) -> bool:
        return row.access_expires_at is not None and self._clock.now() < row.access_expires_at - longer

    def _open(self, row: ConnectionRow) -> Access:
        if row.state not in _WORKING or row.realm_id is None or row.access_token is None:
            raise NotConnectedError(row.tenant)
        token = self._secret(row.access_token, row.tenant, "access")
        return Access(realm=row.realm_id, token=token, troubled=row.state is ConnectionState.PROBLEM)

    def _secret(self, sealed: bytes, tenant: str, which: str) -> str:
        return self._keyring.decrypt(sealed, context=_context(which, tenant))

    def refresh_token_of(self, row: ConnectionRow) -> str | None:
        """The refresh token in plain, for revoking; None where there is none that can be read."""
        try:
            return self._secret(row.refresh_token, row.tenant, "refresh") if row.refresh_token else None
        except DecryptionError:
            log.warning("token_unreadable", tenant=row.tenant)
            return None

    def seal(self, tenant: str, tokens: TokenSet) -> store.SealedTokens:
        """Tokens as they are stored."""
        return store.SealedTokens(
            access=self._keyring.encrypt(tokens.access, context=_context("access", tenant)),
            access_expires_at=tokens.access_expires_at,
            refresh=self._keyring.encrypt(tokens.refresh, context=_context("refresh", tenant)),
            refresh_expires_at=tokens.refresh_expires_at,
            hard_expires_at=tokens.hard_expires_at,
        )


def _context(which: str, tenant: str) -> str:
    return f"worker/{which}_token/{tenant}"


def _why_it_ended(row: ConnectionRow, now: datetime) -> str:
    """Intuit only says ``invalid_grant``; the dates tell more."""
    if row.hard_expires_at is not None and row.hard_expires_at <= now:
        return "Intuit ends every connection after five years, and this one is over. Connect again."
    if row.refresh_expires_at is not None and row.refresh_expires_at <= now:
        return "The access was not renewed in time and ran out. Connect again."
    return (
        "Intuit ended the access before its time: somebody disconnected qbsync inside QuickBooks, or took back the"
        " permission at Intuit. Connect again."
    )
