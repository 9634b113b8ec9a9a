"""The scenario `channel_isolation`: what a channel that hangs costs those who pay through another.

Every fifth merchant is paid through another channel than the others. First all is well; then that
channel hangs for half a minute on every call. The figures are ratios of the healthy channel's 99th
percentiles, from the order to its answer and to its webhook. The rate leaves the machine room: on
a full machine everybody waits for everybody, and the ratio says nothing about lanes.

In the end the channel is well again, and all that has waited is to be paid and told, once.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
import typer

from bench.figures import Figure, Section, latency_figures, percentile, ratio
from bench.generator import OpenLoop
from bench.machine import machine
from bench.orders import Order
from bench.payments import agreed, stopped
from bench.phases import Phase, Span, run_phase
from bench.reconcile import Check
from bench.registry import OTHER_ACCOUNT_NO
from bench.result import Result, answers_section
from bench.stage import Cast, Stage, set_up
from bench.traffic import Report
from bench.truths import read_truths
from deploy.local.services import Services
from handlers.simulator.world import FaultOrder

NAME = "channel_isolation"
GOAL = 1.5
HANG_MS = 30_000
AGREE_WITHIN_S = 600.0
"""What has hung is asked for again by the ladder, whose steps are minutes by then."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """How much of it."""

    cast: Cast
    per_s: float
    """Orders a second, through both channels together."""
    span: Span

    @property
    def from_the_start(self) -> Span:
        """The moment at which a channel begins to hang is the worst of it."""
        return Span(warm_up_s=0.5, measure_s=self.span.measure_s)


SMOKE = Trouble(
    cast=Cast(merchants=5, verify_every=1, elsewhere=5, answer_delay_ms=20),
    per_s=10.0,
    span=Span(warm_up_s=1.0, measure_s=4.0),
)


def knobs(
    per_s: Annotated[float, typer.Option(min=1, help="Orders, through both channels.")] = 30.0,
    seconds: Annotated[float, typer.Option(min=3, help="Of each phase.")] = 60.0,
    elsewhere: Annotated[int, typer.Option(min=2, help="Every so manieth order hangs.")] = 5,
    answer_ms: Annotated[int, typer.Option(min=0, help="What a healthy channel takes.")] = 100,
) -> Trouble:
    """Whether a channel that hangs costs the others anything."""
    cast = Cast(merchants=4 * elsewhere, elsewhere=elsewhere, answer_delay_ms=answer_ms)
    return Trouble(cast=cast, per_s=per_s, span=Span(warm_up_s=10.0, measure_s=seconds))


async def smoke(services: Services) -> Result:
    """Little of each, to see that nothing is lost."""
    return await run(services, SMOKE)


async def run(services: Services, knobs: Trouble) -> Result:
    """Both phases, and every comparison."""
    async with set_up(services, knobs.cast) as stage:
        load = OpenLoop(knobs.per_s)
        before = await run_phase(stage, load, knobs.span)
        await _let_hang(stage, is_hanging=True)
        hanging = await run_phase(stage, load, knobs.from_the_start)
        waiting = await _waiting(stage)
        await _let_hang(stage, is_hanging=False)
        report, checks = await agreed(stage, AGREE_WITHIN_S)
        unfinished = before.unfinished + hanging.unfinished
        sections = [
            _section(stage, report, before, hanging, waiting),
            answers_section(stage, report, unfinished),
        ]
        checks += [_has_hung(stage, hanging, report), stopped(stage)]
        return Result(
            scenario=NAME, machine=await machine(services), sections=sections, checks=checks
        )


async def _let_hang(stage: Stage, *, is_hanging: bool) -> None:
    times = None if is_hanging else 0
    wish = FaultOrder(
        account_no=OTHER_ACCOUNT_NO, api="calls", kind="hang", value=HANG_MS, times=times
    )
    url, document = f"{stage.simulator.url}/simulator/faults", msgspec.json.encode(wish)
    async with stage.session.post(url, data=document) as answer:
        answer.raise_for_status()


def _section(stage: Stage, report: Report, before: Phase, hanging: Phase, waiting: int) -> Section:
    well, troubled = _of_the_healthy(stage, report, before), _of_the_healthy(stage, report, hanging)
    figures: list[Figure] = []
    for name, seconds in (("order to answer", _answered_s), ("order to webhook", _told_s)):
        quiet, loud = seconds(well), seconds(troubled)
        figures += [
            *latency_figures(f"{name}, all well", quiet),
            *latency_figures(f"{name}, another channel hangs", loud),
            Figure(
                name=f"{name}, ratio of the p99",
                value=ratio(percentile(loud, 99), percentile(quiet, 99)),
                unit="x",
                at_most=GOAL,
            ),
        ]
    figures += [
        Figure(name="payments compared", value=len(well) + len(troubled), unit=""),
        Figure(name="attempts that waited in the lane, at the end", value=waiting, unit=""),
        *_machine("all well", before),
        *_machine("another channel hangs", hanging),
    ]
    return Section(title="Payments through the channel that is well", figures=figures)


def _of_the_healthy(stage: Stage, report: Report, phase: Phase) -> list[Order]:
    return [each for each in phase.due(report.orders) if each.merchant_no not in stage.elsewhere]


def _answered_s(orders: Sequence[Order]) -> list[float]:
    return [each.answered_at - each.due_at for each in orders if each.status]


def _told_s(orders: Sequence[Order]) -> list[float]:
    return [each.told_at - each.due_at for each in orders if each.told_at is not None]


def _machine(when: str, phase: Phase) -> list[Figure]:
    used = phase.used
    busy = 100 * used.machine_s / used.at_s / (os.cpu_count() or 1)
    return [
        Figure(name=f"machine busy, {when}", value=busy, unit="%"),
        Figure(name=f"kept busy by strangers, {when}", value=used.foreign_cores, unit="cores"),
    ]


async def _waiting(stage: Stage) -> int:
    truths = await read_truths(stage.database_url, stage.session, stage.simulator.url)
    return sum(attempt.state == "waiting" for attempt in truths.attempts)


def _has_hung(stage: Stage, phase: Phase, report: Report) -> Check:
    """The trouble was real: nobody was paid through the channel while it hung."""
    theirs = [each for each in phase.due(report.orders) if each.merchant_no in stage.elsewhere]
    paid = [
        f"{each.order_no}: paid while the channel hung"
        for each in theirs
        if each.told_at is not None and each.told_at < phase.to_at
    ]
    differences = paid or ([] if theirs else ["nobody paid through it"])
    return Check(name="the other channel has hung", compared=len(theirs), differences=differences)
