"""The scenario `notify`: what one webhook costs, over one lane, a hundred, and a thousand."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Sequence

import aiohttp

from bench.figures import Figure, Section, latency_figures, ratio
from bench.hook_stage import BATCH, HookStage, set_up
from bench.machine import machine
from bench.references import BODY, Reference
from bench.result import Result
from bench.usage import Usage, usage
from deploy.local.services import Services

NAME = "notify"
Loads = Sequence[tuple[int, int]]
"""Lanes, and notifications over them."""

LOADS: Loads = ((1, 3_000), (100, 6_000), (1_000, 10_000))
"""Lanes, and notifications over all of them."""

SMOKE_LOAD = (3, 60)
DRAIN_WITHIN_S = 300.0
POSTS_AT_ONCE = 32
POST_S = 4.0


def knobs() -> Loads:
    """What a webhook costs, over few lanes and many."""
    return LOADS


async def smoke(services: Services) -> Result:
    """A few lanes, every comparison, no figures."""
    lanes, count = SMOKE_LOAD
    async with set_up(services, merchants=lanes, workers=1) as stage:
        section, _ = await _load(stage, lanes, count, None)
        return await _result(services, stage, [section], [])


async def run(services: Services, knobs: Loads) -> Result:
    """The bare loop first, then each load on the same receiver."""
    async with set_up(services, merchants=knobs[-1][0], workers=1) as stage:
        bare = await _bare_posts(stage)
        sections: list[Section] = []
        for lanes, count in knobs:
            await _warm_up(stage, lanes)
            section, _done = await _load(stage, lanes, count, bare)
            sections.append(section)
        return await _result(services, stage, sections, [bare])


async def _result(
    services: Services, stage: HookStage, sections: list[Section], loops: list[Reference]
) -> Result:
    checks = stage.checks(stage.said)
    duplicates = Figure(name="webhooks that came again", value=stage.duplicates(), unit="")
    return Result(
        scenario=NAME,
        machine=await machine(services),
        sections=[*sections, Section(title="All loads", figures=[duplicates])],
        references=loops,
        checks=[*checks, stage.stopped()],
    )


async def _warm_up(stage: HookStage, lanes: int) -> None:
    """Opens the lanes, which a merchant's first notification pays once."""
    ids = await stage.say(stage.merchants[:lanes])
    assert await stage.all_arrived(ids, within_s=DRAIN_WITHIN_S), "lanes do not open"


async def _load(
    stage: HookStage, lanes: int, count: int, bare: Reference | None
) -> tuple[Section, bool]:
    """All at once, taking merchants in turn; measured from the first word to the last webhook."""
    turn = itertools.cycle(stage.merchants[:lanes])
    numbers = [next(turn) for _ in range(count)]
    before = usage(stage.roots, time.monotonic())
    ids: list[str] = []
    for first in range(0, count, BATCH):
        ids += await stage.say(numbers[first : first + BATCH])
    done = await stage.all_arrived(ids, within_s=DRAIN_WITHIN_S)
    arrivals = stage.first_arrivals()
    last_at = max((arrivals[id] for id in ids if id in arrivals), default=time.monotonic())
    used = usage(stage.roots, time.monotonic()).since(before)
    elapsed_s = last_at - stage.said[ids[0]]
    title = f"{count:,} webhooks over {lanes:,} lanes, said at once"
    figures = _figures(count, elapsed_s, used, bare)
    waits = [arrivals[id] - stage.said[id] for id in ids if id in arrivals]
    return Section(
        title=title, figures=[*figures, *latency_figures("said to received", waits)]
    ), done


def _figures(count: int, elapsed_s: float, used: Usage, bare: Reference | None) -> list[Figure]:
    per_s = count / elapsed_s
    cost = {name: cpu_s * 1_000 / count for name, cpu_s in used.by_component.items()}
    ours = sum(ms for name, ms in cost.items() if name != "receiver")
    figures = [
        Figure(name="deliveries per second", value=per_s, unit="1/s"),
        Figure(name="CPU per delivery, all but the receiver", value=ours, unit="ms"),
        *(Figure(name=f"  {name}", value=ms, unit="ms") for name, ms in sorted(cost.items())),
        Figure(name="kept busy by strangers", value=used.foreign_cores, unit="cores",
               note="the bench, which says it all, is one of them"),
    ]  # fmt: skip
    if bare is not None:
        figures += [
            Figure(name="of a bare POST loop's rate", value=ratio(per_s, bare.per_s), unit="x"),
            Figure(name="bare POSTs for each delivery, by CPU", value=ratio(ours, bare.cpu_ms),
                   unit="x"),
        ]  # fmt: skip
    return figures


async def _bare_posts(stage: HookStage) -> Reference:
    """aiohttp posting to the same receiver, 32 at once, and nothing else: the client's CPU."""
    url = f"{stage.receiver.url}/bare"
    roots = {"bench": os.getpid()}
    async with aiohttp.ClientSession() as session:
        end_s = time.monotonic() + POST_S
        before = usage(roots, time.monotonic())
        counts = await asyncio.gather(*(_post(session, url, end_s) for _ in range(POSTS_AT_ONCE)))
        used = usage(roots, time.monotonic()).since(before)
    return _reference(counts, used)


async def _post(session: aiohttp.ClientSession, url: str, end_s: float) -> int:
    count = 0
    while time.monotonic() < end_s:
        async with session.post(url, data=BODY) as answer:
            await answer.read()
        count += 1
    return count


def _reference(counts: Sequence[int], used: Usage) -> Reference:
    count = sum(counts)
    cpu_ms = sum(used.by_component.values()) * 1_000 / count
    return Reference(name="bare aiohttp POST, 32 at once", per_s=count / used.at_s, cpu_ms=cpu_ms)
