"""Connecting a tenant to its company, and ending it."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

import httpx
import structlog

from qbsync_qbo_worker.oauth import Intuit, IntuitUnavailableError, OAuthError, TokenSet
from qbsync_qbo_worker.postgres import calls
from qbsync_qbo_worker.postgres import connections as store
from qbsync_qbo_worker.postgres.connections import Authorisation, ConnectionRow
from qbsync_qbo_worker.quickbooks import QuickBooksClient
from qbsync_qbo_worker.quickbooks.client import query_call
from qbsync_qbo_worker.quickbooks.outcomes import retry_class
from qbsync_qbo_worker.service.announce import connection_changed
from qbsync_qbo_worker.service.quota import month_of
from qbsync_qbo_worker.service.rebinding import NotNowError, Rebinding
from qbsync_qbo_worker.service.tokens import Tokens
from qbsync_shared.catalogue import RetryClass
from qbsync_shared.clock import Clock
from qbsync_shared.connector import tenants
from qbsync_shared.encryption import Keyring
from qbsync_shared.ids import MakeId
from qbsync_shared.kinds import Edition
from qbsync_shared.messages import AuditRecorded, Channel, ConnectionState
from qbsync_shared.messages.base import stamp
from qbsync_shared.messaging import publish
from qbsync_shared.postgres import Connection, Database

log = structlog.get_logger()

NOT_NOW = "Another company cannot be connected now"
SANDBOX = (
    "qbsync works with Intuit's test companies (sandbox) here, and this looks like a real one. Choose a test company. For"
    " real companies the operator sets QBSYNC_QBO_API_URL to Intuit's production address and uses production keys."
)
PRODUCTION = (
    "qbsync works with real companies here, and this looks like a test company (sandbox) or one whose subscription has"
    " lapsed. Choose a real company, or renew its subscription. For test companies the operator sets QBSYNC_QBO_API_URL to"
    " Intuit's sandbox address and uses development keys."
)

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
        rebinding: Rebinding,
        client: QuickBooksClient,
        keyring: Keyring,
        clock: Clock,
        make_id: MakeId,
    ) -> None:
        self._database = database
        self.rebinding = rebinding
        self._client = client
        self._intuit = intuit
        self._tokens = tokens
        self._keyring = keyring
        self._clock = clock
        self._make_id = make_id

    async def begin(
        self, tenant: str, *, by: str, next_path: str, ends_links: int | None = None
    ) -> Begun | Refused:
        """Start an authorisation for a tenant of the Online edition.

        Args:
            ends_links: set where another company may be chosen: so many links a person was told will end.
        """
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
            ends_links=ends_links,
        )
        async with self._database.tenant(tenant) as connection:
            await store.purge_authorisations(connection, before=self._clock.now() - PATIENCE)
            await store.add_authorisation(connection, _hash(state), found, now=self._clock.now())
        return Begun(url=url, cookie=cookie)

    async def begin_elsewhere(self, tenant: str, *, links: int, by: str, next_path: str) -> Begun | Refused:
        """Disconnect, and start an authorisation that may lead to another company.

        Until it comes back nothing has ended: the same company may be connected again, with all links.
        """
        try:
            async with self._database.tenant(tenant) as connection:
                await self.rebinding.check(connection, tenant, links=links)
        except NotNowError as reason:
            return Refused(title=NOT_NOW, advice=str(reason), tenant=tenant)
        await self.disconnect(tenant, by=by)
        return await self.begin(tenant, by=by, next_path=next_path, ends_links=links)

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
        refused = await self._not_served(found.tenant, realm, tokens) or await self._keep(
            found, realm, tokens
        )
        if refused is not None:
            await self._give_up(realm, tokens)
            return refused
        log.info("company_connected", tenant=found.tenant)
        return found.tenant, found.next

    async def _not_served(self, tenant: str, realm: str, tokens: TokenSet) -> Refused | None:
        """Ask QuickBooks once with the new token: is the company served where qbsync asks, and is the token for it?

        ``realmId`` came through the browser, and a test company is not known in production, nor a real one in the sandbox.
        """
        try:
            answer = await self._client.send(realm, tokens.access, query_call("SELECT * FROM CompanyInfo"))
        except httpx.HTTPError as error:
            log.warning("company_not_checked", tenant=tenant, error=type(error).__name__)
            return None
        fault = answer.fault
        if fault is None or retry_class(fault) not in (RetryClass.CONNECTION, RetryClass.REAUTHORISE):
            return None
        log.warning("company_not_served", tenant=tenant, code=fault.code, intuit_tid=answer.intuit_tid)
        words = SANDBOX if self._client.is_sandbox else PRODUCTION
        return Refused(
            title="QuickBooks does not serve this company here",
            advice=f"{words} Nothing was changed. QuickBooks said: {fault.text} (code {fault.code}).",
            tenant=tenant,
        )

    async def _keep(self, found: Authorisation, realm: str, tokens: TokenSet) -> Refused | None:
        """Bind and keep the tokens, or say why not."""
        try:
            async with self._database.tenant(found.tenant) as connection:
                await self._connect(connection, found, realm, self._tokens.seal(found.tenant, tokens))
        except _AnotherCompanyError:
            log.warning("company_refused", tenant=found.tenant)
            return Refused(
                title="This is another company",
                advice="The tenant is bound to a different QuickBooks company, or the company belongs to another tenant. "
                "Nothing was changed. Choose the right company; if the books were replaced on purpose, use “Another"
                " company…” on the connection page.",
                tenant=found.tenant,
            )
        except NotNowError as reason:
            return Refused(title=NOT_NOW, advice=str(reason), tenant=found.tenant)
        return None

    async def _give_up(self, realm: str, tokens: TokenSet) -> None:
        """Take back the permission of a company that is nobody's. Another tenant's would lose its connection by it."""
        async with self._database.everyone() as connection:
            if await store.bound_to(connection, realm) is not None:
                return
        try:
            await self._intuit.revoke(tokens.refresh)
        except IntuitUnavailableError as error:
            log.warning("revoke_failed", error=type(error).__name__)

    async def left_at_intuit(self, realm: str) -> None:
        """Somebody came to the page for who disconnected inside QuickBooks. Anybody may come: Intuit is asked."""
        async with self._database.everyone() as connection:
            tenant = await store.connected_to(connection, realm)
        if tenant is not None:
            await self._tokens.verify(tenant)

    async def tenant_of(self, realm: str) -> str | None:
        """Whose company it is."""
        async with self._database.everyone() as connection:
            return await store.bound_to(connection, realm)

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
        former = await tenants.company_of(connection, found.tenant)
        if former not in (None, realm) and found.ends_links is not None:
            assert former is not None
            await self.rebinding.leave(connection, found.tenant, former, links=found.ends_links, by=found.by)
            await self._audit(connection, found.tenant, found.by, "rebind", former_company=former)
            if not await tenants.rebind(connection, found.tenant, realm):
                raise _AnotherCompanyError
        if not await tenants.bind(connection, found.tenant, realm):
            raise _AnotherCompanyError
        now = self._clock.now()
        row = await store.connect(connection, found.tenant, realm, sealed, by=found.by, now=now)
        if row is None:
            raise _AnotherCompanyError
        await calls.count_reading(connection, found.tenant, month=month_of(now), calls=1)
        pause = (await store.pauses(connection, found.tenant)).get("*")
        if pause is not None:
            row = await store.set_state(
                connection,
                found.tenant,
                ConnectionState.PAUSED,
                code="QS-PAUSED",
                message=f"Paused by {pause.by}.",
            )
        await self._tell(connection, row)
        await self._audit(connection, found.tenant, found.by, "connect")

    async def disconnect(self, tenant: str, *, by: str) -> bool:
        """Revoke and forget the tokens; False where there is nothing to end. Approved work stays Pending."""
        async with self._database.tenant(tenant) as connection:
            row = await store.lock(connection, tenant)
            if row is None or row.state is ConnectionState.NONE:
                return False
            await self.give_back(connection, tenant)
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

    async def give_back(self, connection: Connection, tenant: str) -> None:
        """Make a tenant's tokens worth nothing at Intuit, as far as it answers."""
        row = await store.lock(connection, tenant)
        token = self._tokens.refresh_token_of(row) if row is not None else None
        if token is None:
            return
        try:
            await self._intuit.revoke(token)
        except IntuitUnavailableError as error:
            log.warning("revoke_failed", tenant=tenant, error=type(error).__name__)

    async def _tell(self, connection: Connection, row: ConnectionRow) -> None:
        await publish(connection, connection_changed(row, self._make_id(), self._clock.now()))

    async def _audit(self, connection: Connection, tenant: str, by: str, action: str, **details: str) -> None:
        await publish(
            connection,
            AuditRecorded(
                **stamp(self._make_id(), tenant, self._clock.now()),
                speaker=Channel.ONLINE,
                by=by,
                action=action,
                details=details,
            ),
        )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
