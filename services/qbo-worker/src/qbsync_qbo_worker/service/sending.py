"""One call to a company: signed, counted, and repeated once where an access token was refused.

Who calls learns one of three things: an answer came, nothing went out, or it is unknown (``httpx.HTTPError``).
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from time import monotonic
from weakref import WeakValueDictionary

import httpx
import structlog

from qbsync_qbo_worker import metrics
from qbsync_qbo_worker.oauth import IntuitUnavailableError
from qbsync_qbo_worker.postgres import calls as store
from qbsync_qbo_worker.quickbooks import Answer, Call, Fault, QuickBooksClient
from qbsync_qbo_worker.quickbooks.outcomes import THROTTLE_PAUSE, retry_class
from qbsync_qbo_worker.service.rates import Rates, RealmRestsError
from qbsync_qbo_worker.service.tokens import Access, Tokens
from qbsync_shared.catalogue import RetryClass
from qbsync_shared.clock import Clock
from qbsync_shared.postgres import Database

log = structlog.get_logger()

NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol)

TROUBLE_PAUSE = timedelta(minutes=5)
"""How long a realm rests after QuickBooks refused the connection itself; then it is tried again."""

UNREACHABLE_PAUSE = timedelta(seconds=10)
"""How long a realm rests after nothing could be sent: what waits is not tried record by record meanwhile."""

AT_ONCE = 10
"""Calls of one company under way at once, whoever makes them (qbo-api, limits)."""

_SHUT = (RetryClass.THROTTLED, RetryClass.CONNECTION, RetryClass.REAUTHORISE)
"""What a fault says of the whole connection."""

Before = Callable[[], Awaitable[None]]


class NotSentError(Exception):
    """Nothing went out, or what did was refused unread."""


class RestsError(NotSentError):
    """Nothing went out, for the realm rests: it says nothing about what was to be sent."""


class Sender:
    """Sends calls of every tenant."""

    def __init__(
        self, *, database: Database, client: QuickBooksClient, tokens: Tokens, rates: Rates, clock: Clock
    ) -> None:
        self._database = database
        self._client = client
        self._tokens = tokens
        self._rates = rates
        self._clock = clock
        self._rooms: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def send(self, tenant: str, call: Call, *, before: Before | None = None) -> Answer:
        """Make a call when its turn comes; with a refused access token once more, which is safe because the first try was
        not read.

        Args:
            before: what must be durable before each sending, done when its turn has come; what it raises ends the call.

        Raises:
            NotConnectedError: the tenant must connect (again); nothing went out.
            NotSentError: nothing went out; RestsError while the realm rests.
            httpx.HTTPError: no whole answer came; whether QuickBooks applied the call is unknown.
        """
        room = self._rooms.setdefault(tenant, asyncio.Semaphore(AT_ONCE))
        async with room:
            access, answer = await self._once(tenant, call, before)
            if _class(answer) is RetryClass.REAUTHORISE:
                access, answer = await self._once(tenant, call, before, refused=access)
        await self._take_note(tenant, access, answer)
        return answer

    async def _access(self, tenant: str, refused: Access | None = None) -> Access:
        try:
            return await self._tokens.access(tenant, refused=refused)
        except IntuitUnavailableError as error:
            log.warning("intuit_unavailable", tenant=tenant, error=str(error))
            await self._rest(tenant, UNREACHABLE_PAUSE)
            raise NotSentError("Intuit's authorisation server did not answer; nothing was sent.") from error

    async def _once(
        self, tenant: str, call: Call, before: Before | None, *, refused: Access | None = None
    ) -> tuple[Access, Answer]:
        """The token is asked for when the turn has come: one that is nearly over would not outlive the wait."""
        try:
            await self._rates.admit(tenant, call)
        except RealmRestsError as error:
            raise RestsError("The company rests; nothing was sent.") from error
        access = await self._access(tenant, refused)
        if before is not None:
            await before()
        started = monotonic()
        status = "lost"
        try:
            answer = await self._client.send(access.realm, access.token, call)
            status = str(answer.status)
        except httpx.PoolTimeout as error:
            status = "unreachable"
            raise RestsError("Too many calls are under way; nothing was sent.") from error
        except NEVER_SENT as error:
            status = "unreachable"
            await self._rest(tenant, UNREACHABLE_PAUSE)
            raise NotSentError("QuickBooks could not be reached; nothing was sent.") from error
        finally:
            metrics.REQUESTS.labels(call.operation, status).inc()
            metrics.REQUEST_DURATION.labels(call.operation).observe(monotonic() - started)
        return access, answer

    async def _take_note(self, tenant: str, access: Access, answer: Answer) -> None:
        """What an answer tells of the connection as a whole: throttled, refused, or well again."""
        fault = _said_of_all(answer)
        kind = retry_class(fault) if fault else None
        if kind is RetryClass.THROTTLED:
            metrics.THROTTLED.labels("remote").inc()
            pause = timedelta(seconds=answer.retry_after) if answer.retry_after else THROTTLE_PAUSE
            await self._rates.throttled(tenant, pause)
        elif fault is not None:
            await self._tokens.trouble(
                tenant, code=fault.code, message=fault.text, intuit_tid=answer.intuit_tid
            )
            await self._rest(tenant, TROUBLE_PAUSE)
        elif access.troubled and answer.status < 500:
            await self._tokens.well(tenant)

    async def _rest(self, tenant: str, pause: timedelta) -> None:
        async with self._database.tenant(tenant) as connection:
            await store.rest_realm(connection, tenant, until=self._clock.now() + pause)


def _said_of_all(answer: Answer) -> Fault | None:
    """A fault that shuts the whole company, also where only a member of a batch got it."""
    told = [answer, *answer.members().values()]
    return next((one.fault for one in told if one.fault and retry_class(one.fault) in _SHUT), None)


def _class(answer: Answer) -> RetryClass | None:
    return retry_class(answer.fault) if answer.fault is not None else None
