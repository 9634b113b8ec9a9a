"""One load, watched: what was done in its steady window, and what everybody spent on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from msgspec import Struct

from bench.counters import refresh_statistics
from bench.figures import Figure, latency_figures
from bench.generator import ClosedLoop, Load
from bench.orders import Order
from bench.stage import Stage
from bench.usage import Usage, usage

PAYMENTS_PER_S = "payments per second"
PLATFORM_CPU = "CPU of the platform per payment"


class Span(Struct, frozen=True, kw_only=True):
    """How long a load warms up, and how long it is then measured."""

    warm_up_s: float
    measure_s: float


class Phase(Struct, frozen=True, kw_only=True):
    """A load that was run, with its times on the monotonic clock."""

    load: Load
    began_at: float
    from_at: float
    to_at: float
    rested_at: float
    used: Usage
    unfinished: int

    def whole(self, orders: Sequence[Order]) -> list[Order]:
        """Every order of this load, its warm-up and its end included."""
        return [order for order in orders if self.began_at <= order.due_at <= self.rested_at]

    def due(self, orders: Sequence[Order]) -> list[Order]:
        """Orders that were due within the window."""
        return [order for order in orders if self.from_at <= order.due_at < self.to_at]

    def done(self, orders: Sequence[Order]) -> list[Order]:
        """Orders whose webhook came within the window."""
        return [
            order
            for order in orders
            if order.told_at is not None and self.from_at <= order.told_at < self.to_at
        ]


async def run_phase(stage: Stage, load: Load, span: Span) -> Phase:
    """Warms up, measures, and waits until nothing is on its way.

    The statistics of a database this young are those of empty tables, until autovacuum's first
    round a minute later. Plans made from them read whole tables, which no real installation does.
    """
    began_at = time.monotonic()
    await stage.traffic.begin(load)
    await asyncio.sleep(span.warm_up_s)
    await refresh_statistics(stage.database_url)
    before = usage(stage.roots, time.monotonic())
    await asyncio.sleep(span.measure_s)
    after = usage(stage.roots, time.monotonic())
    unfinished = await stage.traffic.rest()
    for program in stage.programs:
        program.check_runs()
    return Phase(
        load=load,
        began_at=began_at,
        from_at=before.at_s,
        to_at=after.at_s,
        rested_at=time.monotonic(),
        used=after.since(before),
        unfinished=unfinished,
    )


def closed_figures(phase: Phase, orders: Sequence[Order]) -> list[Figure]:
    """What a platform that is always busy gets done, and how long each payment takes then."""
    done = phase.done(orders)
    rate = len(done) / phase.used.at_s
    return [Figure(name=PAYMENTS_PER_S, value=rate, unit="1/s"), *_told(done)]


def open_figures(phase: Phase, orders: Sequence[Order], answer_delay_ms: int) -> list[Figure]:
    """Latencies of orders that came at random, counted from when they were due."""
    due = phase.due(orders)
    answered = [
        order.answered_at - order.due_at - answer_delay_ms / 1000 for order in due if order.status
    ]
    without = (
        f"client latency less the channel's {answer_delay_ms} ms"
        if answer_delay_ms
        else "client latency; the channel answers at once"
    )
    return [
        Figure(name="orders", value=len(due) / phase.used.at_s, unit="1/s"),
        *latency_figures("POST /v1/payments, our overhead", answered, without),
        Figure(
            name="  of them answered `processing`",
            value=sum(order.status == 202 for order in due),
            unit="",
        ),
        *_told(due),
    ]


def cpu_figures(phase: Phase, orders: Sequence[Order], stage: Stage) -> list[Figure]:
    """CPU per payment, by component; merchants and channel, who are not ours, apart."""
    payments = len(phase.done(orders))

    def per_payment(name: str, cpu_s: float) -> Figure:
        return Figure(name=name, value=cpu_s * 1000 / payments if payments else None, unit="ms")

    ours = {name: phase.used.by_component[name] for name in stage.platform_roots}
    outside = {name: phase.used.by_component[name] for name in stage.street_roots}
    return [
        per_payment(PLATFORM_CPU, sum(ours.values())),
        *(per_payment(f"  {name}", cpu_s) for name, cpu_s in ours.items()),
        *(per_payment(f"CPU outside per payment, {name}", cpu) for name, cpu in outside.items()),
        Figure(name="kept busy by strangers", value=phase.used.foreign_cores, unit="cores"),
        Figure(name="length of the window", value=phase.used.at_s, unit="s"),
    ]


def title(phase: Phase) -> str:
    """The load in words."""
    if isinstance(phase.load, ClosedLoop):
        return f"Closed loop, {phase.load.in_flight} in flight"
    return f"Open loop, {phase.load.rate_per_s:g} orders a second"


def _told(orders: Sequence[Order]) -> list[Figure]:
    seconds = [order.told_at - order.due_at for order in orders if order.told_at is not None]
    return latency_figures("order to webhook", seconds)
