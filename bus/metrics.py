"""Prometheus metrics of the pipes; each room's own metrics live with the room."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

EVENTS_IN = Counter("tomato_events_in_total", "Events taken from queues", ["queue"])
EVENTS_OUT = Counter("tomato_events_out_total", "Events published and confirmed")
DELIVERIES_IN = Counter("tomato_deliveries_in_total", "AMQP deliveries taken", ["queue"])
DELIVERIES_OUT = Counter("tomato_deliveries_out_total", "AMQP deliveries confirmed")
BATCHES = Counter("tomato_batches_total", "Batches settled", ["queue"])
REPEATS = Counter("tomato_repeats_total", "Events that had been settled before", ["queue"])
DEAD_LETTERS = Counter("tomato_dead_letters_total", "Events sent to a dead queue", ["queue"])
TIMERS_FIRED = Counter("tomato_timers_fired_total", "Timers whose message was published")
IN_HAND = Gauge("tomato_events_in_hand", "Events taken and not yet settled", ["queue"])
OLDEST_SECONDS = Gauge("tomato_oldest_seconds", "Age of the oldest event in hand", ["queue"])
BATCH_SECONDS = Histogram(
    "tomato_batch_seconds",
    "Time from taking a batch to its commit",
    ["queue"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5),
)
