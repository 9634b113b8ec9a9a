"""Workers that are killed between the two places where a payment's end is noted: rows and Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pytest
from redis.asyncio import Redis

from actors.routing.holds import Holds
from actors.routing.learning import Learning
from actors.routing.limits import Taken
from actors.routing.pulses import Pulses
from bus.database import Connection, Pool
from bus.directory import Directory
from bus.jobs import now_utc
from schema.messages.channels import AttemptClosed
from schema.messages.contract import Message
from schema.routing import ChannelLimits
from tests.actors.test_routing import House, cleared, failure, firsts, open_shop, success

pytestmark = pytest.mark.usefixtures("one_day")

Step = Literal["rows", "redis"]


class Killed(Exception):
    """The worker dies here."""


class Mortal(Holds):
    """Dies when it is about to take a step."""

    def __init__(self, redis: Redis, step: Step) -> None:
        super().__init__(redis)
        self._step = step

    async def keep(self, connection: Connection, taken: Sequence[Taken]) -> None:
        if self._step == "rows":
            raise Killed
        await super().keep(connection, taken)

    async def _tell(self, connection: Connection, operations: Sequence[list[Any]]) -> None:
        if self._step == "redis" and operations:
            raise Killed
        await super()._tell(connection, operations)


@pytest.fixture
def house(pool: Pool, directory: Directory, redis: Redis) -> House:
    return House(pool, directory, redis)


async def hear_and_die(house: House, directory: Directory, step: Step, message: Message) -> None:
    """A message arrives at a worker that is killed with a part of what it changes."""
    learner = Learning(directory, Mortal(house.redis, step), Pulses(house.redis))
    async with house.pool.acquire() as connection:
        with pytest.raises(Killed):
            await learner.hear(connection, [message], now_utc())


@pytest.mark.parametrize("was_asked", [True, False])
async def test_room_is_given_back_though_the_worker_was_killed(
    pool: Pool, house: House, directory: Directory, was_asked: bool
) -> None:
    merchant, (limited,) = await open_shop(pool, ChannelLimits(daily_count_max=1))
    one, two, three = (cleared(merchant, n) for n in range(3))
    await house.route(one)
    channel_no = limited.channel_no if was_asked else None
    closed = AttemptClosed(payment_id=one.terms.payment_id, channel_no=channel_no)
    await hear_and_die(house, directory, "redis", closed)
    for _ in range(2):
        await house.hear(closed)
    assert firsts(await house.route(two)) == [limited.channel_no]
    assert firsts(await house.route(three)) == [None], "it was given back once"


@pytest.mark.parametrize("step", ["rows", "redis"])
async def test_late_money_counts_once_though_the_worker_was_killed(
    pool: Pool, house: House, directory: Directory, step: Step
) -> None:
    merchant, (limited,) = await open_shop(pool, ChannelLimits(daily_count_max=2))
    one, two, three = (cleared(merchant, n) for n in range(3))
    await house.route(one)
    await house.hear(failure(one, limited.channel_no))
    late = success(one, limited.channel_no)
    await hear_and_die(house, directory, step, late)
    for _ in range(2):
        await house.hear(late)
    assert firsts(await house.route(two, three)) == [limited.channel_no, None]
