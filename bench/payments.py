"""The scenario `payments`: orders at the merchant API, paid at once, webhooks at the merchants."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from bench import footprint, phases, references
from bench.counters import count_messages
from bench.figures import Section
from bench.footprint import Counts
from bench.generator import ClosedLoop, OpenLoop
from bench.machine import machine
from bench.orders import Order
from bench.phases import Phase, Span, run_phase
from bench.reconcile import Check, Terms, reconcile
from bench.registry import CHANNEL_NO, OTHER_CHANNEL_NO, RATE_PPM
from bench.result import Result, answers_section, references_section
from bench.stage import Cast, Stage, set_up
from bench.traffic import Report
from bench.truths import read_truths
from deploy.local.services import Services

NAME = "payments"
STANDSTILL_S = 45.0
"""Rooms may still be writing when the last webhook arrives, and after an overload the channel's
retries come 15, 15 and 30 seconds apart. They disagree once nothing has moved for so long."""

AGREE_WITHIN_S = 300.0
SMOKE_AGREE_WITHIN_S = 15.0


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """What a run can be asked for."""

    cast: Cast
    in_flight: int
    """Payments of the closed loop that are always on their way."""
    closed: Span
    rates_per_s: Sequence[float]
    """Orders a second of each open loop."""
    opened: Span


InFlight = Annotated[int, typer.Option(min=1, max=5_000, help="Payments on their way at once.")]
Seconds = Annotated[float, typer.Option(min=1, max=3_600, help="Length of each window.")]
Rates = Annotated[list[float] | None, typer.Option("--rate", help="Orders a second, open loop.")]
Merchants = Annotated[int, typer.Option(min=1, max=1_000)]
Generators = Annotated[int, typer.Option(min=1, max=32, help="Traffic processes.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="One of the platform's, such as linger_ms=30.")
]
Delay = Annotated[int, typer.Option(min=0, max=10_000, help="The channel's own time, in ms.")]


def knobs(
    in_flight: InFlight = 200,
    seconds: Seconds = 20.0,
    rate: Rates = None,
    merchants: Merchants = 20,
    generators: Generators = 1,
    answer_delay_ms: Delay = 0,
    setting: Settings = None,
) -> Knobs:
    """What a payment costs and how long it takes, from a merchant's order to the webhook."""
    cast = Cast(
        merchants=merchants,
        generators=generators,
        answer_delay_ms=answer_delay_ms,
        settings=_variables(setting or []),
    )
    return Knobs(
        cast=cast,
        in_flight=in_flight,
        closed=Span(warm_up_s=5.0, measure_s=seconds),
        rates_per_s=rate or (10.0, 100.0),
        opened=Span(warm_up_s=2.0, measure_s=seconds),
    )


def _variables(settings: list[str]) -> dict[str, str]:
    pairs = [setting.partition("=") for setting in settings]
    if any(not equals for _, equals, _ in pairs):
        raise typer.BadParameter("--set takes name=value")
    return {f"TOMATO_{name.upper()}": value for name, _, value in pairs}


SMOKE = Cast(merchants=3, verify_every=1)
SMOKE_PAYMENTS, SMOKE_IN_FLIGHT = 60, 20


async def smoke(services: Services) -> Result:
    """A few payments and every comparison; nothing about speed."""
    async with set_up(services, SMOKE) as stage:
        await stage.traffic.begin(ClosedLoop(SMOKE_IN_FLIGHT, SMOKE_PAYMENTS))
        unfinished = await stage.traffic.finished()
        report, checks = await agreed(stage, SMOKE_AGREE_WITHIN_S)
        section = answers_section(stage, report, unfinished)
        ended = stopped(stage)
        return Result(
            scenario=NAME,
            machine=await machine(services),
            sections=[section],
            checks=[*checks, ended],
        )


async def run(services: Services, knobs: Knobs) -> Result:
    """The whole measurement: references, loads, footprint, and every comparison."""
    loops = await references.measure(services)
    async with set_up(services, knobs.cast) as stage:
        rest = await footprint.rest_section(stage)
        closed, counted = await _closed_loop(stage, knobs)
        loaded = footprint.memory_section("Memory, after the closed loop", stage)
        opened = [
            await run_phase(stage, OpenLoop(rate), knobs.opened) for rate in knobs.rates_per_s
        ]
        report, checks = await agreed(stage, AGREE_WITHIN_S)
        unfinished = sum(phase.unfinished for phase in (closed, *opened))
        answers = answers_section(stage, report, unfinished)
        checks.append(stopped(stage))
        together = await footprint.everything_in_one(stage)
        closed_section = _closed_section(closed, report.orders, stage)
        return Result(
            scenario=NAME,
            machine=await machine(services),
            settings=dict(knobs.cast.settings),
            references=loops,
            sections=[
                references_section(loops, closed_section),
                closed_section,
                counted.section(len(closed.whole(report.orders))),
                *(_open_section(phase, report.orders, stage) for phase in opened),
                *(rest, loaded, together, answers),
            ],
            busiest_statements=counted.database.busiest(),
            bytes_by_table=counted.bytes_by_table,
            checks=checks,
        )


async def _closed_loop(stage: Stage, knobs: Knobs) -> tuple[Phase, Counts]:
    """The closed loop, with everything counted between the rest before it and the rest after."""
    before = await footprint.counts_before(stage)
    closed = await run_phase(stage, ClosedLoop(knobs.in_flight), knobs.closed)
    return closed, (await footprint.counts_after(stage)).since(before)


def _closed_section(phase: Phase, orders: Sequence[Order], stage: Stage) -> Section:
    figures = phases.closed_figures(phase, orders) + phases.cpu_figures(phase, orders, stage)
    return Section(title=phases.title(phase), figures=figures)


def _open_section(phase: Phase, orders: Sequence[Order], stage: Stage) -> Section:
    latencies = phases.open_figures(phase, orders, stage.cast.answer_delay_ms)
    figures = latencies + phases.cpu_figures(phase, orders, stage)
    return Section(title=phases.title(phase), figures=figures)


async def agreed(stage: Stage, within_s: float) -> tuple[Report, list[Check]]:
    """The comparisons, repeated until all agree or nothing moves any more."""
    give_up_at = time.monotonic() + within_s
    fewest, moved_at = math.inf, time.monotonic()
    while True:
        report, checks = await _compared(stage)
        open_ends, now = sum(len(check.differences) for check in checks), time.monotonic()
        if open_ends < fewest:
            fewest, moved_at = open_ends, now
        if open_ends == 0 or now > min(give_up_at, moved_at + STANDSTILL_S):
            return report, [*checks, await _nothing_buried(stage)]
        await asyncio.sleep(1.0)


async def _compared(stage: Stage) -> tuple[Report, list[Check]]:
    report = await stage.traffic.report()
    truths = await read_truths(stage.database_url, stage.session, stage.simulator.url)
    elsewhere = dict.fromkeys(stage.elsewhere, OTHER_CHANNEL_NO)
    terms = Terms(rate_ppm=RATE_PPM, channel_no=CHANNEL_NO, elsewhere=elsewhere)
    return report, reconcile(report, truths, terms)


async def _nothing_buried(stage: Stage) -> Check:
    """No message ended in a dead-letter queue."""
    counts = await count_messages(stage.session, [each.url for each in stage.platform])
    buried = counts.get("tomato_dead_letters_total", 0)
    return Check(
        name="no message was given up",
        compared=counts.get("tomato_events_in_total", 0),
        differences=[f"{buried} messages lie in dead-letter queues"] if buried else [],
    )


def stopped(stage: Stage) -> Check:
    """All programs have run to the end, and ended well when they were asked to."""
    programs = len(stage.programs)
    differences = stage.crew.stop()
    return Check(name="programs ended well", compared=programs, differences=differences)
