"""Connecting a tenant to its company, and ending it."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

import structlog

from qbsync_qbo_worker.oauth import Intuit, IntuitUnavailableError, OAuthError
from qbsync_qbo_worker.postgres import connections as store
from qbsync_qbo_worker.postgres.connections import Authorisation, ConnectionRow
from qbsync_qbo_worker.service.announce import connection_changed
from qbsync_qbo_worker.service.tokens import Tokens
from qbsync_shared.clock import Clock
from qbsync_shared.connector import tenants
from qbsync_shared.encryption import Keyring
from qbsync_shared.ids import MakeId
from qbsync_shared.kinds import Edition, Kind
from qbsync_shared.messages import AuditRecorded, Channel, ConnectionState
from qbsync_shared.messages.base import stamp
from qbsync_shared.messaging import publish
from qbsync_shared.postgres import Connection, Database

log = structlog.get_logger()

PAUSABLE = (ConnectionState.CONNECTED, ConnectionState.PAUSED, ConnectionState.PROBLEM)

PATIENCE = timedelta(minutes=15)
"""How long a person may take on Intuit's page."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Begun:
    """Where the browser goes, and the cookie it must bring back."""

    url: str
    cookie: str


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Why a connection did not come about, and what to do next."""

    title: str
    advice: str
    tenant: str | None = None


class _AnotherCompanyError(Exception):
    """The tenant has another company, or the company another tenant."""


class Connecting:
    """The way in and out of a company."""

    def __init__(
        self,
        *,
        database: Database,
        intuit: Intuit,
        tokens: Tokens,
        keyring: Keyring,
        clock: Clock,
        make_id: MakeId,
    ) -> None:
        self._database = database
        self._intuit = intuit
        self._tokens = tokens
        self._keyring = keyring
        self._clock = clock
        self._make_id = make_id

    async def begin(self, tenant: str, *, by: str, next_path: str) -> Begun | Refused:
        """Start an authorisation for a tenant of the Online edition."""
        async with self._database.tenant(tenant) as connection:
            known = await tenants.get(connection, tenant)
        if known is None:
            return Refused(
                title="This tenant is not known here yet",
                advice="It was made a moment ago. Try again in a few seconds.",
                tenant=tenant,
            )
        if known.edition is not Edition.ONLINE:
            return Refused(
                title="This tenant has QuickBooks Desktop",
                advice="Connect it on the Connections page of QuickBooks Desktop.",
                tenant=tenant,
            )
        state, cookie, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        try:
            url = await self._intuit.authorize_url(state=state, verifier=verifier)
        except IntuitUnavailableError:
            return Refused(
                title="Intuit could not be reached", advice="Try again in a minute.", tenant=tenant
            )
        found = Authorisation(
            tenant=tenant,
            cookie_hash=_hash(cookie),
            verifier=self._keyring.encrypt(verifier, context=f"worker/verifier/{_hash(state)}"),
            by=by,
            next=next_path,
        )
        async with self._database.tenant(tenant) as connection:
            await store.purge_authorisations(connection, before=self._clock.now() - PATIENCE)
            await store.add_authorisation(connection, _hash(state), found, now=self._clock.now())
        return Begun(url=url, cookie=cookie)

    async def complete(self, *, state: str, cookie: str, code: str, realm: str) -> tuple[str, str] | Refused:
        """The browser came back: (tenant, where it wanted to go), or why not.

        ``state`` and the cookie must belong together: a link that somebody else sent is worth nothing. Both are worth
        nothing after their first use, whatever comes of it.
        """
        found = await self._take(state, cookie)
        if isinstance(found, Refused):
            return found
        if not code or not realm:
            return Refused(
                title="QuickBooks was not connected",
                advice="Intuit's page was left without connecting. Nothing was changed; begin again when you like.",
                tenant=found.tenant,
            )
        verifier = self._keyring.decrypt(found.verifier, context=f"worker/verifier/{_hash(state)}")
        try:
            tokens = await self._intuit.exchange(code, verifier=verifier)
        except (OAuthError, IntuitUnavailableError) as error:
            log.warning("code_exchange_failed", tenant=found.tenant, error=str(error))
            return Refused(
                title="Intuit did not confirm the connection",
                advice="Nothing was changed. Begin again; if it fails again, tell support the time.",
                tenant=found.tenant,
            )
        try:
            async with self._database.tenant(found.tenant) as connection:
                await self._connect(connection, found, realm, self._tokens.seal(found.tenant, tokens))
        except _AnotherCompanyError:
            log.warning("company_refused", tenant=found.tenant)
            return Refused(
                title="This is another company",
                advice="The tenant is bound to a different QuickBooks company, or the company belongs to another tenant. "
                "Nothing was changed. Choose the right company, or ask the operator to rebind.",
                tenant=found.tenant,
            )
        log.info("company_connected", tenant=found.tenant)
        return found.tenant, found.next

    async def _take(self, state: str, cookie: str) -> Authorisation | Refused:
        async with self._database.everyone() as connection:
            not_before = self._clock.now() - PATIENCE
            found = await store.take_authorisation(connection, _hash(state), not_before=not_before)
        if found is None or not secrets.compare_digest(found.cookie_hash, _hash(cookie)):
            return Refused(
                title="This connection attempt is not valid any more",
                advice="It was used already, took longer than 15 minutes, or began in another browser. Begin again.",
            )
        return found

    async def _connect(
        self, connection: Connection, found: Authorisation, realm: str, sealed: store.SealedTokens
    ) -> None:
        """Bind and keep the tokens, or neither."""
        if not await tenants.bind(connection, found.tenant, realm):
            raise _AnotherCompanyError
        now = self._clock.now()
        row = await store.connect(connection, found.tenant, realm, sealed, by=found.by, now=now)
        if row is None:
            raise _AnotherCompanyError
        await self._tell(connection, row)
        await self._audit(connection, found.tenant, found.by, "connect")

    async def disconnect(self, tenant: str, *, by: str) -> bool:
        """Revoke and forget the tokens; False where there is nothing to end. Approved work stays Pending."""
        async with self._database.tenant(tenant) as connection:
            row = await store.lock(connection, tenant)
            if row is None or row.state is ConnectionState.NONE:
                return False
            token = self._tokens.refresh_token_of(row)
            if token is not None:
                try:
                    await self._intuit.revoke(token)
                except IntuitUnavailableError as error:
                    log.warning("revoke_failed", tenant=tenant, error=type(error).__name__)
            ended = await store.drop_tokens(
                connection,
                tenant,
                ConnectionState.REVOKED,
                code="QS-NOT-CONNECTED",
                message="Somebody disconnected QuickBooks. Approved changes wait until it is connected again.",
            )
            await self._tell(connection, ended)
            await self._audit(connection, tenant, by, "disconnect")
        return True

    async def set_paused(self, tenant: str, *, paused: bool, by: str) -> bool:
        """Send nothing more, or send again; False where the connection is neither on nor paused."""
        wanted = ConnectionState.PAUSED if paused else ConnectionState.CONNECTED
        async with self._database.tenant(tenant) as connection:
            row = await store.lock(connection, tenant)
            if row is None or row.state not in PAUSABLE:
                return False
            changed = await store.set_state(
                connection,
                tenant,
                wanted,
                code="QS-PAUSED" if paused else None,
                message=f"Paused by {by}." if paused else None,
            )
            if not paused:
                await store.resume_kind(connection, tenant, "*")
            await self._tell(connection, changed)
            await self._audit(connection, tenant, by, "pause" if paused else "resume")
        return True

    async def set_kind_paused(self, tenant: str, kind: Kind, *, paused: bool, by: str) -> None:
        """Send nothing more of one kind, or send it again."""
        async with self._database.tenant(tenant) as connection:
            if paused:
                await store.pause_kind(connection, tenant, kind.value, by=by)
            else:
                await store.resume_kind(connection, tenant, kind.value)
            await self._audit(connection, tenant, by, f"{'pause' if paused else 'resume'} {kind.value}")

    async def _tell(self, connection: Connection, row: ConnectionRow) -> None:
        await publish(connection, connection_changed(row, self._make_id(), self._clock.now()))

    async def _audit(self, connection: Connection, tenant: str, by: str, action: str) -> None:
        await publish(
            connection,
            AuditRecorded(
                **stamp(self._make_id(), tenant, self._clock.now()),
                speaker=Channel.ONLINE,
                by=by,
                action=action,
            ),
        )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
