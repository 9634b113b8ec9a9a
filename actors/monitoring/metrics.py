"""What can be watched of channels from outside: Prometheus metrics."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

from actors.monitoring.measures import BOUNDS_MS
from schema.messages.channels import ChannelCalled
from schema.messages.contract import Message
from schema.messages.ordering import PaymentSucceeded

CALLS = Counter(
    "tomato_channel_calls_total",
    "Calls of channels, counted where they are heard of",
    ["channel", "pay_type", "operation", "outcome"],
)
SECONDS = Histogram(
    "tomato_channel_call_seconds",
    "How long channels take to answer, or are waited for",
    ["channel", "operation"],
    buckets=[bound / 1_000 for bound in BOUNDS_MS],
)
PAID = Counter("tomato_channel_paid_total", "Payments that succeeded", ["channel", "pay_type"])
OPEN_SHARE = Gauge(
    "tomato_channel_open_share",
    "The share of payments that a channel may get: 0 is taken down, 1 is up, between is probing",
    ["channel", "pay_type"],
)
ALARMS = Gauge("tomato_channel_open_alarms", "Alarms that are open", ["channel", "severity"])
RAISED = Counter("tomato_channel_alarms_total", "Alarms raised", ["channel", "rule"])
CHANGES = Counter(
    "tomato_channel_changes_total",
    "Take-downs, probes and restorations by rules and by the clock",
    ["channel", "pay_type", "what"],
)
WATCHED = Gauge("tomato_monitoring_watched_timestamp_seconds", "When channels were last judged")


class Ticks:
    """Counts what was heard; remembers the labelled metrics, which are dear to look up."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, ...], Counter] = {}
        self._seconds: dict[tuple[str, str], Histogram] = {}

    def count(self, messages: Iterable[Message]) -> None:
        """Adds a batch."""
        for message in messages:
            if isinstance(message, ChannelCalled):
                self._count_call(message)
            elif isinstance(message, PaymentSucceeded):
                PAID.labels(message.channel_no, message.payment.pay_type).inc()

    def _count_call(self, call: ChannelCalled) -> None:
        labels = (call.channel_no, call.pay_type, call.operation, call.outcome)
        counter = self._calls.get(labels)
        if counter is None:
            counter = self._calls[labels] = CALLS.labels(*labels)
        counter.inc()
        place = (call.channel_no, call.operation)
        seconds = self._seconds.get(place)
        if seconds is None:
            seconds = self._seconds[place] = SECONDS.labels(*place)
        seconds.observe(call.cost_ms / 1_000)


def show_open(channel_no: str, pay_type: str, part: int, whole: int) -> None:
    """Shows what part of the whole a channel may get: gauges are ratios; what is kept is not."""
    OPEN_SHARE.labels(channel_no, pay_type).set(part / whole)
