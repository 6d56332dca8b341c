"""What happens to one delivered message: decoded, handled once, and its fate decided in one place."""

import random
import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import structlog
from faststream import BaseMiddleware, ContextRepo
from faststream.exceptions import NackMessage, RejectMessage
from faststream.nats import NatsMessage
from pydantic import ValidationError

from qbsync_shared import metrics
from qbsync_shared.logging import describe_error
from qbsync_shared.messages import CONTRACT_VERSION, Message
from qbsync_shared.messaging import tracing
from qbsync_shared.messaging.dead_letters import (
    REPLAY_HEADER,
    DeadLetter,
    Reason,
    plain_headers,
    record,
    tenant_of,
)
from qbsync_shared.messaging.subscriptions import Subscription, TransientError
from qbsync_shared.postgres import Database, is_transient, is_unavailable

UNAVAILABLE_SECONDS = 30.0
_VERSIONED = re.compile(r"^qbsync\.(?P<version>v\d+)\.")
_DELIVERED: ContextVar[NatsMessage] = ContextVar("qbsync_delivered")

log = structlog.get_logger()


class RefusedMessageError(Exception):
    """A message that no try can handle."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(detail)


def decode(delivered: NatsMessage, expected: type[Message]) -> Message:
    """Read a message and check that it is what its headers and its subject say.

    Raises:
        RefusedMessageError: another version of the contract, another type, a body that is not such a message, or a
            body of another tenant than the subject's.
    """
    said = delivered.headers.get("ce-type", expected.ce_type())
    if said != expected.ce_type():
        versioned = _VERSIONED.match(said)
        unknown = versioned is None or versioned["version"] != CONTRACT_VERSION
        reason = Reason.UNKNOWN_VERSION if unknown else Reason.UNDECODABLE
        raise RefusedMessageError(reason, f"ce-type is {said[:100]}, expected {expected.ce_type()}")
    try:
        message = expected.decode(delivered.body)
    except (ValidationError, ValueError) as error:
        raise RefusedMessageError(Reason.UNDECODABLE, describe_error(error)) from error
    if message.tenant != tenant_of(delivered.raw_message.subject):
        raise RefusedMessageError(
            Reason.WRONG_TENANT, "the tenant of the body is not the tenant of the subject"
        )
    return message


def is_replay() -> bool:
    """Whether the message that is being delivered is a dead letter sent again."""
    return REPLAY_HEADER in _DELIVERED.get().headers


class Fate:
    """Middleware: acknowledged, asked for again later, or kept as a dead letter. Nothing is ever dropped.

    A passing trouble is retried with growing, jittered delays. What cannot be handled is written down before the
    message is given up; while that is impossible, the message is asked for again.
    """

    def __init__(
        self,
        service: str,
        database: Database,
        subscriptions: dict[str, Subscription[Any]],
        jitter: Callable[[], float] = lambda: random.uniform(0.8, 1.2),  # noqa: S311 - spreads load, guards nothing
    ) -> None:
        self.service = service
        self.database = database
        self.subscriptions = subscriptions
        self.jitter = jitter

    def __call__(self, msg: Any, /, *, context: ContextRepo) -> "_FateOfOne":
        return _FateOfOne(self, msg, context=context)


class _FateOfOne(BaseMiddleware):
    def __init__(self, fate: Fate, msg: Any, /, *, context: ContextRepo) -> None:
        super().__init__(msg, context=context)
        self._fate = fate

    async def consume_scope(self, call_next: Any, msg: Any) -> Any:
        delivered: NatsMessage = msg
        subscription = self._fate.subscriptions[delivered.raw_message.metadata.consumer]
        tenant = tenant_of(delivered.raw_message.subject)
        token = _DELIVERED.set(delivered)
        names = structlog.contextvars.bind_contextvars(
            consumer=subscription.durable,
            tenant=tenant,
            event_id=_event_id(delivered),
            causation_id=delivered.headers.get("ce-causationid"),
        )
        try:
            with tracing.continued(delivered.headers, subscription.message.ce_type()):
                return await call_next(delivered)
        except (NackMessage, RejectMessage):
            raise
        except Exception as error:  # noqa: BLE001 - every failure gets its fate here
            await self._decide(delivered, subscription, error)
        finally:
            structlog.contextvars.reset_contextvars(**names)
            _DELIVERED.reset(token)

    async def _decide(
        self, delivered: NatsMessage, subscription: Subscription[Any], error: Exception
    ) -> None:
        attempt = delivered.raw_message.metadata.num_delivered
        away = is_unavailable(error)
        if away or (
            (isinstance(error, TransientError) or is_transient(error)) and attempt <= len(subscription.delays)
        ):
            delay = subscription.delays[min(attempt, len(subscription.delays)) - 1]
            if (
                away
            ):  # no fault of the message, however long it lasts: it comes again until the storage is back
                delay = min(delay, UNAVAILABLE_SECONDS)
            delay *= self._fate.jitter()
            log.info(
                "message_retried", attempt=attempt, delay_seconds=round(delay, 1), error=describe_error(error)
            )
            raise NackMessage(delay=delay) from error
        letter = self._letter(delivered, subscription, error, attempt)
        try:
            async with self._fate.database.everyone() as connection:
                await record(connection, letter)
        except Exception as trouble:
            log.warning("dead_letter_not_written", error=describe_error(trouble))
            raise NackMessage(delay=UNAVAILABLE_SECONDS * self._fate.jitter()) from trouble
        metrics.DEAD_LETTERS.labels(
            stream=letter.stream, consumer=letter.consumer, reason=letter.reason.value
        ).inc()
        log.error("message_dead_lettered", reason=letter.reason.value, attempt=attempt, exc_info=error)
        raise RejectMessage from error

    def _letter(
        self, delivered: NatsMessage, subscription: Subscription[Any], error: Exception, attempt: int
    ) -> DeadLetter:
        if isinstance(error, RefusedMessageError):
            reason, detail = error.reason, error.detail
        elif isinstance(error, TransientError) or is_transient(error):
            reason, detail = Reason.RETRIES_EXHAUSTED, describe_error(error)
        else:
            reason, detail = Reason.ERROR, describe_error(error)
        metadata = delivered.raw_message.metadata
        return DeadLetter(
            service=self._fate.service,
            consumer=subscription.durable,
            tenant=tenant_of(delivered.raw_message.subject),
            event_id=_event_id(delivered),
            stream=metadata.stream,
            stream_seq=metadata.sequence.stream,
            subject=delivered.raw_message.subject,
            headers=plain_headers(delivered.raw_message.headers),
            payload=delivered.body,
            reason=reason,
            detail=detail,
            deliveries=attempt,
        )


def _event_id(delivered: NatsMessage) -> str:
    """The event's id by its header; where an app sent none, its place in the stream."""
    metadata = delivered.raw_message.metadata
    return str(delivered.headers.get("ce-id") or f"{metadata.stream}-{metadata.sequence.stream}")[:200]
