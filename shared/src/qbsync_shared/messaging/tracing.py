"""Traces go on through messages: the outbox writes W3C ``traceparent``, the consumer continues it.

Spans are made only where the process has set up a tracer provider; their names carry no tenant.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import context, propagate, trace
from opentelemetry.trace import ProxyTracerProvider, SpanKind


def carry(headers: dict[str, str]) -> None:
    """Add the current trace to the headers of a message."""
    propagate.inject(headers)


@contextmanager
def continued(headers: Mapping[str, str] | None, name: str) -> Iterator[None]:
    """Go on with the trace of a message while it is handled; `name` is its type."""
    recording = not isinstance(trace.get_tracer_provider(), ProxyTracerProvider)
    if not recording and "traceparent" not in (headers or {}):
        yield
        return
    token = context.attach(propagate.extract(headers or {}))
    try:
        if recording:
            with trace.get_tracer(__name__).start_as_current_span(f"{name} process", kind=SpanKind.CONSUMER):
                yield
        else:
            yield
    finally:
        context.detach(token)
