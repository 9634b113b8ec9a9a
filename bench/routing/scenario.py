"""The scenario `routing`: what a decision costs, its share of a payment, and how good it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from actors.routing.actor import routing
from actors.routing.record import again
from actors.routing.rules import decide, route
from bench.backing import own_room
from bench.figures import Figure, Section, percentile
from bench.generator import ClosedLoop
from bench.machine import machine
from bench.phases import Span, cpu_figures, run_phase
from bench.reconcile import Check
from bench.result import Result
from bench.routing.contestants import CONTESTANTS
from bench.routing.scenes import MERCHANT_NO, PAY_TYPE, SCENES, put_into_directory
from bench.routing.simulation import SCENARIOS, average
from bench.stage import Cast, set_up
from bus import database
from bus.database import Pool
from bus.directory import Directory
from bus.jobs import now_utc
from deploy.local.services import Services
from schema.ids import payment_id
from schema.messages.risk import PaymentCleared
from schema.payments import PaymentTerms, RiskDecision

NAME = "routing"
BATCH = 64
"""What a busy router gets at once."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much of everything."""

    decisions: int
    batches: int
    seeds: Sequence[int]
    measure_s: float


FULL = Effort(decisions=20_000, batches=200, seeds=range(1, 9), measure_s=20.0)
SMOKE = Effort(decisions=200, batches=3, seeds=(), measure_s=0.0)


def knobs() -> Effort:
    """Decisions a second, routing's share of a payment's CPU, and the strategies in incidents."""
    return FULL


async def smoke(services: Services) -> Result:
    """A few decisions of each kind; each record leads to itself."""
    return await _run(services, SMOKE)


async def run(services: Services, knobs: Effort) -> Result:
    """The whole measurement."""
    return await _run(services, knobs)


async def _run(services: Services, effort: Effort) -> Result:
    sections = [_in_process(effort)]
    async with (
        own_room(services) as url,
        await database.connect(url, size_max=4, name="bench") as pool,
        Redis.from_url(services.redis_url) as redis,
    ):
        sections.append(await _whole_batches(pool, redis, effort))
    if effort.measure_s:
        sections.append(await _share(services, effort))
    if effort.seeds:
        sections += _simulated(effort.seeds)
    return Result(
        scenario=NAME, machine=await machine(services), sections=sections, checks=[_checked(effort)]
    )


def _payments(count: int) -> Iterator[PaymentCleared]:
    now = datetime.now(UTC)
    for number in range(count):
        terms = PaymentTerms(
            payment_id=payment_id(MERCHANT_NO, str(number), now),
            merchant_no=MERCHANT_NO,
            amount_fen=100 + number % 50_000,
            currency="CNY",
            pay_type=PAY_TYPE,
            subject="bench",
            expires_at=now + timedelta(minutes=5),
            payer_id=f"payer-{number % 997}",
        )
        yield PaymentCleared(terms=terms, risk=RiskDecision(verdict="pass"))


def _in_process(effort: Effort) -> Section:
    """Deciding alone: profiles are at hand, nothing is sent."""
    figures: list[Figure] = []
    for name, scene in SCENES.items():
        board = scene.board()
        figures += _decisions(name, lambda cleared, b=board: decide(b, cleared, now_utc()), effort)
    return Section(title="Decisions in process", figures=figures)


def _decisions(name: str, once: Callable[[PaymentCleared], object], effort: Effort) -> list[Figure]:
    took: list[float] = []
    for cleared in _payments(effort.decisions):
        began = time.perf_counter()
        once(cleared)
        took.append(time.perf_counter() - began)
    p99 = percentile(took, 99) or 0.0
    return [
        Figure(name=name, value=len(took) / sum(took), unit="1/s"),
        Figure(name=f"  {name}, p99", value=p99 * 1e6, unit="us"),
    ]


async def _whole_batches(pool: Pool, redis: Redis, effort: Effort) -> Section:
    """With all that is looked up and reserved in Redis and PostgreSQL, 64 payments at a time."""
    figures: list[Figure] = []
    for name, scene in SCENES.items():
        await put_into_directory(pool, scene)
        await redis.flushdb()
        decider = routing(Directory(pool, redis), redis)
        payments, took = list(_payments(BATCH * effort.batches)), list[float]()
        for first in range(0, len(payments), BATCH):
            batch = payments[first : first + BATCH]
            began = time.perf_counter()
            async with pool.acquire() as connection:
                board = await decider.load(connection, batch)
            for cleared in batch:
                decide(board, cleared, now_utc())
            took.append(time.perf_counter() - began)
        figures.append(Figure(name=name, value=len(payments) / sum(took), unit="1/s"))
        p99 = percentile(took, 99) or 0.0
        figures.append(Figure(name="  p99 of a batch", value=p99 * 1e3, unit="ms"))
    return Section(title=f"Batches of {BATCH}, with lookups and reservations", figures=figures)


async def _share(services: Services, effort: Effort) -> Section:
    """Real processes under load: what of a payment's CPU is routing's, deciding and learning."""
    async with set_up(services, Cast()) as stage:
        phase = await run_phase(
            stage, ClosedLoop(100), Span(warm_up_s=5.0, measure_s=effort.measure_s)
        )
        report = await stage.traffic.report()
        figures = cpu_figures(phase, report.orders, stage)
        stage.crew.stop()
    whole, mine = figures[0].value, next(f.value for f in figures if f.name.strip() == NAME)
    share = None if not whole or mine is None else 100 * mine / whole
    figures.insert(1, Figure(name="routing's share of it", value=share, unit="%"))
    return Section(title="CPU per payment, closed loop with 100 in flight", figures=figures)


def _simulated(seeds: Sequence[int]) -> list[Section]:
    """Loss against an oracle, in points of a hundred, and what the sick channel got."""
    sections: list[Section] = []
    for scenario in SCENARIOS:
        figures: list[Figure] = []
        for name, make in CONTESTANTS.items():
            outcome = average(scenario, make, seeds)
            figures.append(Figure(name=f"{name}, loss", value=outcome.loss_pp, unit="pp"))
            if outcome.to_sick_percent is not None:
                figures += [
                    Figure(name="  to the sick one", value=outcome.to_sick_percent, unit="%"),
                    Figure(name="  back on it after", value=outcome.back_percent, unit="%"),
                ]
        sections.append(Section(title=f"Simulated: {scenario.name}", figures=figures))
    return sections


def _checked(effort: Effort) -> Check:
    """Every record, made again, is the same record."""
    differing = [
        f"{name}: {cleared.terms.payment_id}"
        for name, scene in SCENES.items()
        for board in [scene.board()]
        for cleared in _payments(min(effort.decisions, 500))
        for record in [route(cleared.terms, board, now_utc())]
        if again(record) != record
    ]
    compared = len(SCENES) * min(effort.decisions, 500)
    return Check(name="records lead to themselves", compared=compared, differences=differing)
