"""The scenario `isolation`: what merchants notice of one who hangs, and of one with a burst.

Two figures, each a ratio of the same merchants' 99th percentile, from when a fact was due to the
webhook, with and without the troublesome ones:

- 1,000 merchants, of whom a tenth hangs for 30 s each time, with half of all traffic;
- 100,000 facts about one merchant: while they come in, and while they are told to him.

The rates leave the machine room in every phase: on a full machine everybody waits for everybody,
and the ratio says nothing about lanes. What the machine was busy with is printed beside it.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from bench.figures import Figure, Section, latency_figures, percentile, ratio
from bench.hook_stage import HookStage, set_up
from bench.machine import machine
from bench.programs import Program
from bench.reconcile import Check
from bench.result import Result
from bench.usage import Usage, usage
from deploy.local.services import Services

NAME = "isolation"
GOAL = 1.5
HANG_S = 30.0
WINDOW_S = 5.0
DRAIN_WITHIN_S = 60.0
RECOVER_WITHIN_S = 150.0
"""Of those who have hung: the second pause is 30 s, and then all that has waited is told."""


WARM_UPS = 2
"""Facts about everybody that open his lane."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """How much of it."""

    merchants: int
    hanging: int
    per_s: float
    """Facts a second to those who are well; as many again to those who hang."""
    measure_s: float
    burst: int
    burst_per_s: float
    answer_ms: int
    """How long servers that are well take to answer."""
    workers: int = 2


SMOKE = Trouble(
    merchants=10, hanging=2, per_s=20.0, measure_s=3.0, burst=200, burst_per_s=100.0, answer_ms=20
)  # fmt: skip


def knobs(
    merchants: Annotated[int, typer.Option(min=20, help="Of whom a tenth will hang.")] = 1_000,
    per_s: Annotated[float, typer.Option(min=1, help="Facts to those who are well.")] = 30.0,
    seconds: Annotated[float, typer.Option(min=3, help="Of each phase.")] = 60.0,
    burst: Annotated[int, typer.Option(min=0, help="Facts about one merchant.")] = 100_000,
    burst_per_s: Annotated[float, typer.Option(min=1, help="How fast they come in.")] = 300.0,
    answer_ms: Annotated[int, typer.Option(min=0, help="What servers take to answer.")] = 100,
) -> Trouble:
    """Whether merchants who hang, and a burst for one, cost the others anything."""
    return Trouble(
        merchants=merchants, hanging=merchants // 10, per_s=per_s, measure_s=seconds, burst=burst,
        burst_per_s=burst_per_s, answer_ms=answer_ms,
    )  # fmt: skip


async def smoke(services: Services) -> Result:
    """Little of each, to see that nobody is forgotten."""
    return await _run(services, SMOKE)


async def run(services: Services, knobs: Trouble) -> Result:
    """Both measurements."""
    return await _run(services, knobs)


async def _run(services: Services, trouble: Trouble) -> Result:
    async with set_up(
        services, merchants=trouble.merchants + 1, workers=trouble.workers,
        answer_ms=trouble.answer_ms,
    ) as stage:  # fmt: skip
        *merchants, bursting = stage.merchants
        sick, well = merchants[: trouble.hanging], merchants[trouble.hanging :]
        await _warm_up(stage)
        quiet = await _traffic(stage, trouble, well)
        hanging = await _with_hanging(stage, trouble, well, sick)
        calm = await _traffic(stage, trouble, well)
        pour, served = await _with_burst(stage, trouble, well, bursting)
        expected = {id for each in (quiet, hanging, calm, pour, served) for id in each.due_at_s}
        return Result(
            scenario=NAME,
            machine=await machine(services),
            sections=[
                _section("A tenth hangs, with half of all traffic", quiet, hanging),
                _section(f"{trouble.burst:,} to one merchant, while they come in", calm, pour),
                _section(f"{trouble.burst:,} to one merchant, while they are told", calm, served),
                _counted(stage),
            ],
            checks=[
                *stage.checks(expected),
                await _burst_is_kept(stage, bursting, trouble.burst),
                stage.stopped(),
            ],
        )  # fmt: skip


@dataclass(frozen=True)
class Heard:
    """What those who are well have heard in one phase, by webhook-id."""

    due_at_s: dict[str, float]
    waits_s: dict[str, float]
    """From when the fact was due to the webhook."""
    used: Usage
    bench_cores: float
    """What this process used, with the one that says the burst."""
    told_per_s: float
    """Webhooks a second, to whomever."""

    @property
    def typical_p99_s(self) -> float | None:
        """The middle one of the 99th percentiles of all five seconds: one bad moment of the machine
        does not make it, as it makes the percentile of the whole phase."""
        windows: dict[int, list[float]] = {}
        for id, wait_s in self.waits_s.items():
            windows.setdefault(int(self.due_at_s[id] // WINDOW_S), []).append(wait_s)
        return percentile([p for w in windows.values() if (p := percentile(w, 99)) is not None], 50)

    @property
    def busy_percent(self) -> float:
        """Of the whole machine, whoever it was."""
        return 100 * self.used.machine_s / self.used.at_s / (os.cpu_count() or 1)


async def _warm_up(stage: HookStage) -> None:
    ids = [id for _ in range(WARM_UPS) for id in await stage.say(stage.merchants)]
    await stage.all_arrived(ids, within_s=300.0)


async def _traffic(
    stage: HookStage, trouble: Trouble, well: Sequence[str], sick: Sequence[str] = (), *,
    beside: Program | None = None,
) -> Heard:  # fmt: skip
    """Open loop: what is said does not wait for what was said before. It lasts for a phase, and
    until the program `beside` it has ended."""
    told, own_s, children_s = await stage.look(), time.process_time(), _ended_children_s()
    before = usage(stage.roots, time.monotonic())
    end_s = before.at_s + trouble.measure_s

    def lasts() -> bool:
        is_said = beside is None or beside.process.poll() is not None
        return time.monotonic() < end_s or not is_said

    due_at_s = await _say(stage, trouble.per_s, [well, sick] if sick else [well], lasts)
    used = usage(stage.roots, time.monotonic()).since(before)
    own_s = time.process_time() - own_s
    own_s += _ended_children_s() - children_s
    told = await stage.look() - told
    await stage.all_arrived(due_at_s, within_s=DRAIN_WITHIN_S)
    arrivals = stage.first_arrivals()
    waits = {id: arrivals[id] - due_s for id, due_s in due_at_s.items() if id in arrivals}
    return Heard(due_at_s, waits, used, own_s / used.at_s, told / used.at_s)


def _ended_children_s() -> float:
    """CPU of the programs that have ended: that of whoever said the burst."""
    times = os.times()
    return times.children_user + times.children_system


async def _say(
    stage: HookStage, per_s: float, kinds: Sequence[Sequence[str]], lasts: Callable[[], bool]
) -> dict[str, float]:
    """Facts at random times about the first kind, by webhook-id; as many about each other kind, at
    times of their own, which are nobody's measure."""
    ids, *_ = await asyncio.gather(
        *(
            _say_of(stage, per_s, kind, lasts, random.Random(seed))
            for seed, kind in enumerate(kinds)
        )
    )
    return {id: stage.said[id] for id in ids}


async def _say_of(
    stage: HookStage, per_s: float, kind: Sequence[str], lasts: Callable[[], bool],
    rng: random.Random,
) -> list[str]:  # fmt: skip
    due_s, saying = time.monotonic(), list[asyncio.Task[list[str]]]()
    while lasts():
        await asyncio.sleep(max(due_s - time.monotonic(), 0))
        saying.append(asyncio.create_task(stage.say([rng.choice(kind)], due_s=due_s)))
        due_s += rng.expovariate(per_s)
    return [id for said in await asyncio.gather(*saying) for id in said]


async def _with_hanging(
    stage: HookStage, trouble: Trouble, well: Sequence[str], sick: Sequence[str]
) -> Heard:
    """Those who have hung are told all that has waited before anything else is measured."""
    await stage.let_hang(sick, HANG_S)
    heard = await _traffic(stage, trouble, well, sick)
    await stage.let_hang((), 0)
    await stage.all_arrived(stage.said, within_s=RECOVER_WITHIN_S)
    return heard


async def _with_burst(
    stage: HookStage, trouble: Trouble, well: Sequence[str], bursting: str
) -> tuple[Heard, Heard]:
    stage.bursting.add(bursting)
    burst = stage.pour(bursting, trouble.burst, trouble.burst_per_s)
    pour = await _traffic(stage, trouble, well, beside=burst)
    return pour, await _traffic(stage, trouble, well)


async def _burst_is_kept(stage: HookStage, bursting: str, count: int) -> Check:
    """Whoever is not told yet still waits: none is missing, and none was given up."""
    kept = await stage.kept(bursting)
    there = kept.get("waiting", 0) + kept.get("delivered", 0) - WARM_UPS
    lost = [f"{there} of {count}: {kept}"] if there != count else []
    return Check(name="the burst is kept", compared=count, differences=lost)


def _section(title: str, before: Heard, after: Heard) -> Section:
    quiet, troubled = list(before.waits_s.values()), list(after.waits_s.values())
    whole = ratio(percentile(troubled, 99), percentile(quiet, 99))
    typical = ratio(after.typical_p99_s, before.typical_p99_s)
    return Section(
        title=title,
        figures=[
            *latency_figures("healthy merchants, without it", quiet),
            *latency_figures("healthy merchants, with it", troubled),
            Figure(name="ratio of the p99", value=whole, unit="x", at_most=GOAL),
            Figure(name="ratio of the p99 of typical five seconds", value=typical, unit="x"),
            *_machine("without it", before),
            *_machine("with it", after),
            Figure(name="webhooks compared", value=len(quiet) + len(troubled), unit=""),
        ],
    )


def _machine(when: str, heard: Heard) -> list[Figure]:
    used = heard.used
    cores = {name: cpu_s / used.at_s for name, cpu_s in used.by_component.items()}
    strangers = max(used.foreign_cores - heard.bench_cores, 0.0)
    shares = ", ".join(f"{name} {share:.2f}" for name, share in sorted(cores.items()))
    return [
        Figure(name=f"machine busy, {when}", value=heard.busy_percent, unit="%",
               note=f"cores: {shares}, bench {heard.bench_cores:.2f}"),
        Figure(name=f"kept busy by strangers, {when}", value=strangers, unit="cores"),
        Figure(name=f"webhooks per second, {when}", value=heard.told_per_s, unit="1/s"),
    ]  # fmt: skip


def _counted(stage: HookStage) -> Section:
    hung = sum(each.hung for arrivals in stage.arrived for each in arrivals.arrivals)
    figures = [
        Figure(name="webhooks that met a hanging server", value=hung, unit=""),
        Figure(name="tries after the first, of what had hung", value=stage.duplicates(), unit=""),
    ]
    return Section(title="Counted", figures=figures)
