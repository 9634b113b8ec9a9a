"""OpenTelemetry spans, one per message: from the moment it was said until it was settled.

A span's id is the tail of its event's id and its parent is the tail of its cause's, so a trace
needs no randomness, a repeat is the same span, and processes have nothing to remember. When no
endpoint is set, nothing of this is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from schema.events import Event

Settled = Callable[[str, Event, datetime], None]


def _nowhere(queue: str, event: Event, at: datetime) -> None:
    """Tracing is off."""


_settled: Settled = _nowhere


def settled(queue: str, event: Event, at: datetime) -> None:
    """Tells the trace, if there is one to tell, that this queue's actor has settled an event."""
    _settled(queue, event, at)


def configure(endpoint: str, *, service: str) -> None:
    """Sends spans to an OTLP/HTTP endpoint (`http://host:4318/v1/traces`) in the background."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    export_to(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)), service=service)


def export_to(processor: Any, *, service: str) -> None:
    """Sends spans to a span processor of the OpenTelemetry SDK."""
    from opentelemetry.sdk.resources import Resource

    global _settled
    resource = Resource.create({"service.name": service})

    def tell(queue: str, event: Event, at: datetime) -> None:
        if event.traceparent is not None:
            processor.on_end(_span(queue, event, at, resource))

    _settled = tell


def _span(queue: str, event: Event, at: datetime, resource: Any) -> Any:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanKind

    assert event.traceparent is not None
    _, trace, origin, flags = event.traceparent.split("-")
    parent = _tail(event.causationid) if event.causationid else origin
    return ReadableSpan(
        name=f"{queue} {event.type}",
        context=_context(trace, _tail(event.id), flags),
        parent=_context(trace, parent, flags),
        resource=resource,
        attributes={
            "messaging.system": "rabbitmq",
            "messaging.destination.name": queue,
            "messaging.message.id": event.id,
            "tomato.subject": event.subject or "",
        },
        kind=SpanKind.CONSUMER,
        start_time=_nanoseconds(event.time),
        end_time=_nanoseconds(at),
    )


def _context(trace: str, span: str, flags: str) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(int(trace, 16), int(span, 16), is_remote=True,
                       trace_flags=TraceFlags(int(flags, 16)))  # fmt: skip


def _tail(event_id: str) -> str:
    return event_id.replace("-", "")[16:]


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000
