"""The scenario `ledger`: bookings of four entries, through the store and through the real actor."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from bench.figures import Section, show
from bench.ledger import history, proof, real_actor, store, takeover, yardsticks
from bench.ledger.agreement import agreement
from bench.ledger.hands import Hand, a_hand
from bench.ledger.yard import Yard, a_yard
from bench.machine import machine
from bench.reconcile import Check
from bench.result import Result
from deploy.local.services import Services

NAME = "ledger"

Part = tuple[Section, list[Check]]


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """What a run can be asked for."""

    bookings: int
    """In each window through the store, and through the actor."""
    rounds: int
    """Of each comparison whose sides run in turn."""
    seconds: float
    """Of each yardstick and of the load at random."""
    kills: int
    entries: int
    """Of the history that is made and read."""


SMOKE = Knobs(bookings=3_000, rounds=1, seconds=1.0, kills=1, entries=20_000)


def knobs(
    bookings: Annotated[int, typer.Option(min=1_000, help="In each window.")] = 75_000,
    rounds: Annotated[int, typer.Option(min=1, help="Of what is compared in turn.")] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="Of each yardstick.")] = 3.0,
    kills: Annotated[int, typer.Option(min=1, help="Of the holder of the lease.")] = 3,
    entries: Annotated[int, typer.Option(min=20_000, help="Of the history.")] = 10_000_000,
) -> Knobs:
    """What a booking costs; what hot accounts, shards and crashes cost; how fast the proof is."""
    return Knobs(bookings=bookings, rounds=rounds, seconds=seconds, kills=kills, entries=entries)


async def smoke(services: Services) -> Result:
    """A few bookings on every way there is, and every comparison; nothing about speed."""
    async with a_yard(services) as yard:
        async with two_hands(yard) as (one, other):
            await store.warm_up(yard, one)
            await store.hot_account(yard, one, SMOKE.bookings, SMOKE.rounds)
            await store.two_shards(yard, one, other, SMOKE.bookings, SMOKE.rounds)
            rivals = await store.same_shard(yard, one, other, SMOKE.bookings)
        parts = [
            await real_actor.measure(yard, SMOKE.bookings, None),
            await proof.prove(yard),
        ]
        checks = await agreement(yard.pool, yard.register.lots)
    async with a_yard(services) as yard:
        parts.append(await history.measure(yard, SMOKE.entries))
    checks += [check for _, found in parts for check in found]
    return Result(scenario=NAME, machine=await machine(services), sections=[rivals], checks=checks)


async def run(services: Services, knobs: Knobs) -> Result:
    """The whole measurement."""
    async with a_yard(services) as yard:
        async with two_hands(yard) as (one, other):
            parts = [part async for part in _with_hands(yard, one, other, knobs)]
        parts.append(told(*await takeover.measure(yard, knobs.kills)))
        checks = await agreement(yard.pool, yard.register.lots)
    async with a_yard(services) as yard:
        parts.append(told(*await history.measure(yard, knobs.entries)))
    return Result(
        scenario=NAME,
        machine=await machine(services),
        sections=[section for section, _ in parts],
        checks=[*checks, *(check for _, found in parts for check in found)],
    )


async def _with_hands(yard: Yard, one: Hand, other: Hand, knobs: Knobs) -> AsyncGenerator[Part]:
    """What writers can do, on either way to them, beside the yardsticks; and the proof of it."""
    measures = await yardsticks.measure(yard, one, knobs.seconds)
    yield told(measures.section())
    await store.warm_up(yard, one)
    best, section = await store.closed(yard, one, knobs.bookings, measures)
    yield told(section)
    yield told(await store.at_half_load(yard, one, best, 2 * knobs.seconds))
    yield told(await store.same_shard(yard, one, other, knobs.bookings // 5))
    yield told(*await real_actor.measure(yard, knobs.bookings, measures))
    yield told(*await proof.prove(yard))
    half, rounds = knobs.bookings // 2, knobs.rounds
    yield told(await store.hot_account(yard, one, half, rounds))
    yield told(await store.two_shards(yard, one, other, half, rounds))


def told(section: Section, checks: Sequence[Check] = ()) -> Part:
    """A part of the result, shown at once: a run takes minutes, and may yet fail."""
    print(show(section), file=sys.stderr, flush=True)
    return section, list(checks)


@asynccontextmanager
async def two_hands(yard: Yard) -> AsyncGenerator[tuple[Hand, Hand]]:
    """Two worker processes."""
    folder = yard.services.folder
    async with (
        a_hand("worker1", yard.database_url, folder) as one,
        a_hand("worker2", yard.database_url, folder) as other,
    ):
        yield one, other
