"""The scenario `isolation`: what merchants notice of one who hangs, and of one with a burst.

Two figures, each a ratio of the same merchants' 99th percentile, from the word to the webhook,
with and without the troublesome ones:

- 1,000 merchants, of whom a tenth hangs for 30 s each time, with half of all traffic;
- 100,000 messages at once to one merchant: while they come into his lane as fast as they can be
  written, and while they are told to him.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.figures import Figure, Section, latency_figures, percentile, ratio
from bench.hook_stage import HookStage, set_up
from bench.machine import machine
from bench.result import Result
from bench.usage import usage
from deploy.local.services import Services

NAME = "isolation"
GOAL = 1.5
HANG_S = 30.0
WINDOW_S = 5.0
DRAIN_WITHIN_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """How much of it."""

    merchants: int
    hanging: int
    per_s: float
    """Facts a second to those who are well; as many again to those who hang."""
    measure_s: float
    burst: int
    workers: int


FULL = Trouble(merchants=1_000, hanging=100, per_s=60.0, measure_s=60.0, burst=100_000, workers=2)
SMOKE = Trouble(merchants=10, hanging=2, per_s=20.0, measure_s=3.0, burst=200, workers=2)


def knobs() -> Trouble:
    """Whether merchants who hang, and a burst for one, cost the others anything."""
    return FULL


async def smoke(services: Services) -> Result:
    """Little of each, to see that nobody is forgotten."""
    return await _run(services, SMOKE)


async def run(services: Services, knobs: Trouble) -> Result:
    """Both measurements."""
    return await _run(services, knobs)


async def _run(services: Services, trouble: Trouble) -> Result:
    async with set_up(services, merchants=trouble.merchants, workers=trouble.workers) as stage:
        await _warm_up(stage)
        well = stage.merchants[trouble.hanging :]
        quiet = await _traffic(stage, well, (), trouble)
        hanging = await _with_hanging(stage, well, trouble)
        calm = await _traffic(stage, well, (), trouble)
        pouring = asyncio.create_task(stage.pour(stage.merchants[0], trouble.burst))
        pour = await _traffic(stage, well, (), trouble)
        await pouring
        served = await _traffic(stage, well, (), trouble)
        expected = {id for each in (quiet, hanging, calm, pour, served) for id in each.said_at_s}
        checks = stage.checks(expected)
        sections = [
            _section("A tenth of the merchants hangs, with half of all traffic", quiet, hanging),
            _section(f"{trouble.burst:,} to one merchant, while they come in", calm, pour),
            _section(f"{trouble.burst:,} to one merchant, while they are told", calm, served),
            _counted(stage),
        ]
        return Result(
            scenario=NAME,
            machine=await machine(services),
            sections=sections,
            checks=[*checks, stage.stopped()],
        )


@dataclass(frozen=True)
class Heard:
    """What those who are well have heard in one phase, by webhook-id."""

    said_at_s: dict[str, float]
    waits_s: dict[str, float]
    """From the word to the webhook."""
    foreign_cores: float
    """What strangers kept busy meanwhile; above 0.1 or so the percentiles are theirs."""

    @property
    def typical_p99_s(self) -> float | None:
        """The middle one of the 99th percentiles of all five seconds: one bad moment of the machine
        does not make it, as it makes the percentile of the whole phase."""
        windows: dict[int, list[float]] = {}
        for id, wait_s in self.waits_s.items():
            windows.setdefault(int(self.said_at_s[id] // WINDOW_S), []).append(wait_s)
        return percentile([p for w in windows.values() if (p := percentile(w, 99)) is not None], 50)


async def _warm_up(stage: HookStage) -> None:
    ids = [id for _ in range(2) for id in await stage.say(stage.merchants)]
    await stage.all_arrived(ids, within_s=300.0)


async def _traffic(
    stage: HookStage, well: Sequence[str], troubled: Sequence[str], trouble: Trouble
) -> Heard:
    """Open loop: what is said does not wait for what was said before."""
    rng, ids = random.Random(7), list[str]()
    kinds = [well, troubled] if troubled else [well]
    before = usage(stage.roots, time.monotonic())
    due_s, end_s = before.at_s, before.at_s + trouble.measure_s
    while due_s < end_s:
        await asyncio.sleep(max(due_s - time.monotonic(), 0))
        for kind in kinds:
            said = await stage.say([rng.choice(kind)])
            ids += said if kind is well else []
        due_s += rng.expovariate(trouble.per_s)
    foreign = usage(stage.roots, time.monotonic()).since(before).foreign_cores
    await stage.all_arrived(ids, within_s=DRAIN_WITHIN_S)
    arrivals = stage.first_arrivals()
    waits = {id: arrivals[id] - stage.said[id] for id in ids if id in arrivals}
    return Heard({id: stage.said[id] for id in ids}, waits, foreign)


async def _with_hanging(stage: HookStage, well: Sequence[str], trouble: Trouble) -> Heard:
    hanging = stage.merchants[: trouble.hanging]
    await stage.let_hang(hanging, HANG_S)
    waits = await _traffic(stage, well, hanging, trouble)
    await stage.let_hang((), 0)
    return waits


def _section(title: str, before: Heard, after: Heard) -> Section:
    quiet, troubled = list(before.waits_s.values()), list(after.waits_s.values())
    goal = f"the goal is at most {GOAL}"
    whole = ratio(percentile(troubled, 99), percentile(quiet, 99))
    typical = ratio(after.typical_p99_s, before.typical_p99_s)
    return Section(
        title=title,
        figures=[
            *latency_figures("healthy merchants, without it", quiet),
            *latency_figures("healthy merchants, with it", troubled),
            Figure(name="ratio of the p99", value=whole, unit="x", note=goal),
            Figure(name="ratio of the p99 of typical five seconds", value=typical, unit="x"),
            Figure(name="kept busy by strangers, without it", value=before.foreign_cores,
                   unit="cores", note="the bench itself included"),
            Figure(name="kept busy by strangers, with it", value=after.foreign_cores, unit="cores"),
            Figure(name="webhooks compared", value=len(quiet) + len(troubled), unit=""),
        ],
    )  # fmt: skip


def _counted(stage: HookStage) -> Section:
    hung = sum(each.hung for arrivals in stage.arrived for each in arrivals.arrivals)
    figures = [
        Figure(name="webhooks that met a hanging server", value=hung, unit=""),
        Figure(name="tries after the first, of what had hung", value=stage.duplicates(), unit=""),
    ]
    return Section(title="Counted", figures=figures)
