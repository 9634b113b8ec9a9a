"""The scenario `recovery`: how long nobody is paid after a worker, the broker or the database died.

Orders come at a steady rate. What is measured is the time from the death to the first webhook of an
order that was placed after it; what is broken is started again at once, as a supervisor would.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from msgspec import Struct

from bench.figures import Figure, Section
from bench.generator import OpenLoop
from bench.machine import machine
from bench.orders import Order
from bench.payments import AGREE_WITHIN_S, agreed, stopped
from bench.reconcile import Check
from bench.result import Result
from bench.stage import SERVICES, Cast, Stage, set_up
from deploy.local.services import Services

NAME = "recovery"
WARM_UP_S = 5.0
FLOWS_WITHIN_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """What a run can be asked for."""

    rate_per_s: float
    victims: Sequence[str]


VICTIMS = ("ordering", "channels", "accounting", "edge", *SERVICES)


def knobs(
    rate: Annotated[float, typer.Option(min=1, max=500, help="Orders a second.")] = 20.0,
) -> Knobs:
    """Seconds from a death until payments flow again."""
    return Knobs(rate_per_s=rate, victims=VICTIMS)


class Death(Struct, frozen=True, kw_only=True):
    """What died, when, and when it ran again; times are of the monotonic clock."""

    victim: str
    died_at: float
    runs_at: float


async def smoke(services: Services) -> Result:
    """One worker and one service; nothing about speed."""
    return await run(services, Knobs(rate_per_s=5.0, victims=("channels", "redis")))


async def run(services: Services, knobs: Knobs) -> Result:
    """One death after the other under one load, and every comparison at the end."""
    async with set_up(services, Cast(verify_every=1)) as stage:
        await stage.traffic.begin(OpenLoop(knobs.rate_per_s))
        deaths = [await _killed(stage, victim) for victim in knobs.victims]
        await stage.traffic.rest()
        report, checks = await agreed(stage, AGREE_WITHIN_S)
        figures = [each for death in deaths for each in _figures(death, report.orders)]
        checks.append(_all_recovered(deaths, report.orders))
        checks.append(stopped(stage))
        title = f"Open loop, {knobs.rate_per_s:g} orders a second"
        return Result(
            scenario=NAME,
            machine=await machine(services),
            sections=[Section(title=title, figures=figures)],
            checks=checks,
        )


async def _killed(stage: Stage, victim: str) -> Death:
    """Dies in the middle of the load, starts at once, and has time until everything flows."""
    await asyncio.sleep(WARM_UP_S)
    died_at = time.monotonic()
    if victim in SERVICES:
        await asyncio.to_thread(stage.services.kill, victim)
        await asyncio.to_thread(stage.services.restart, victim)
    else:
        await stage.start_anew(victim).wait_until_ready()
    runs_at = time.monotonic()
    await asyncio.gather(*(program.wait_until_ready() for program in stage.programs))
    await asyncio.sleep(WARM_UP_S)
    return Death(victim=victim, died_at=died_at, runs_at=runs_at)


def _flows_at(death: Death, orders: Sequence[Order]) -> float | None:
    """When the first order that was placed after it was told to be paid."""
    told = (order.told_at for order in orders if order.due_at > death.died_at)
    return min((at for at in told if at is not None), default=None)


def _figures(death: Death, orders: Sequence[Order]) -> list[Figure]:
    flows_at = _flows_at(death, orders)
    flows_s = None if flows_at is None else flows_at - death.died_at
    return [
        Figure(name=f"{death.victim}: until payments flow", value=flows_s, unit="s"),
        Figure(name="  of that until it ran again", value=death.runs_at - death.died_at, unit="s"),
    ]


def _all_recovered(deaths: Sequence[Death], orders: Sequence[Order]) -> Check:
    late = [
        f"{death.victim}: nobody was paid within {FLOWS_WITHIN_S:.0f} s"
        for death in deaths
        for flows_at in [_flows_at(death, orders)]
        if flows_at is None or flows_at - death.died_at > FLOWS_WITHIN_S
    ]
    return Check(name="payments flow again", compared=len(deaths), differences=late)
