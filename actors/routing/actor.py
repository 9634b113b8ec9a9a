"""The wiring of routing: it ranks channels, and it learns from what became of the payments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from redis.asyncio import Redis

from actors.routing.holds import SQL, Holds
from actors.routing.learning import OUTCOMES, Learning
from actors.routing.pulses import Pulses
from actors.routing.rules import Board, decide
from actors.routing.sight import Sight
from bus.database import Connection, Pool
from bus.decider import Decider, Decision
from bus.directory import Directory
from bus.duty import Duty
from bus.jobs import now_utc
from bus.topology import Inlet
from schema.days import day_of
from schema.messages.contract import Message
from schema.messages.risk import PaymentCleared

ROUTING = Inlet("routing", hears=(PaymentCleared,))
LEARNING = Inlet("routing.learning", hears=OUTCOMES)
INLETS = (ROUTING, LEARNING)

GIVEN_BACK_WITHIN = timedelta(days=7)
"""A payment that is not settled by then is with people; its amount stays in the cumulative sum."""

FOLDED_PER_ROUND = 5_000


def routing(directory: Directory, redis: Redis) -> Decider[Board]:
    """The decider that ranks channels. It keeps no state of its own: what it counts is keyed by
    payment, so a repeat changes nothing."""
    sight = Sight(directory, Holds(redis), Pulses(redis))

    async def load(connection: Connection, messages: Sequence[Message]) -> Board:
        cleared = [message.terms for message in messages if isinstance(message, PaymentCleared)]
        return await sight.board(connection, cleared, now_utc())

    return Decider(inlet=ROUTING, load=load, decide=decide)


def learning(directory: Directory, redis: Redis) -> Decider[Board]:
    """The decider that hears outcomes. It says nothing, and all that it does may be repeated."""
    learner = Learning(directory, Holds(redis), Pulses(redis))

    async def load(connection: Connection, messages: Sequence[Message]) -> Board:
        await learner.hear(connection, messages, now_utc())
        return Board()

    def nothing(_: Board, __: Message, ___: datetime) -> Decision:
        return Decision()

    return Decider(inlet=LEARNING, load=load, decide=nothing)


def fold_taken(pool: Pool) -> Duty:
    """The duty that adds up what is too old to be given back."""

    async def run_once() -> int:
        before = day_of(now_utc() - GIVEN_BACK_WITHIN)
        return await pool.fetchval(SQL.fold_taken, before, FOLDED_PER_ROUND)

    return Duty("routing.fold_taken", run_once, every_s=600.0, batch=FOLDED_PER_ROUND)
