"""Asking through the bus: an answer in time, or a reason why there is none."""

from __future__ import annotations

import asyncio

import pytest

from bus.asking import Asking, ask
from bus.errors import TryLater
from tests.bus.rooms import COUNTER, Add, Counted, counted, counter
from tests.bus.wire import a_wire
from tests.bus.workshop import Workshop, at_last


async def test_who_asks_is_answered(workshop: Workshop) -> None:
    async with workshop.at_work(counter):
        answer = await ask(workshop.site.rabbitmq_url, Add(key="a", amount=3))
    assert answer == Counted(total=3)
    (said,) = await workshop.wire()
    assert said.correlationid is not None


async def test_several_questions_on_one_connection_find_their_own_answers(
    workshop: Workshop,
) -> None:
    asking = Asking(workshop.broker)
    await asking.start()
    async with workshop.at_work(counter):
        answers = await asyncio.gather(
            *(asking.ask(Add(key=k, amount=len(k))) for k in ("a", "bb"))
        )
    await asking.stop()
    assert answers == [Counted(total=1), Counted(total=2)]


async def test_an_answer_that_does_not_come_in_time_may_still_have_its_command_carried_out(
    workshop: Workshop,
) -> None:
    with pytest.raises(TryLater, match=r"no answer to example\.add in 0\.3 s"):
        await ask(workshop.site.rabbitmq_url, Add(key="a"), within_s=0.3)
    async with workshop.at_work(counter):
        await at_last(lambda: counted(workshop.pool))


async def test_a_command_that_nobody_could_fulfil_is_refused(workshop: Workshop) -> None:
    channel = await workshop.broker.channel()
    await channel.queue_delete(COUNTER.queue)
    with pytest.raises(TryLater, match=r"nobody has opened the queue example\.counter"):
        await ask(workshop.site.rabbitmq_url, Add(key="a"))


async def test_a_broker_that_is_away_is_not_waited_for_longer_than_told(
    workshop: Workshop,
) -> None:
    async with a_wire(workshop.site.rabbitmq_url) as wire:
        await wire.tear_down()
        with pytest.raises(TryLater, match=r"RabbitMQ does not answer in 0\.5 s"):
            await ask(wire.url, Add(key="a"), within_s=0.5)
        await wire.lay()


async def test_a_broker_that_goes_away_in_between_is_no_answer(workshop: Workshop) -> None:
    async with a_wire(workshop.site.rabbitmq_url) as wire:
        asked = asyncio.create_task(ask(wire.url, Add(key="a"), within_s=1.0))
        await at_last(lambda: _is_asked(workshop))
        await wire.tear_down()
        with pytest.raises(TryLater, match="it may still be carried out"):
            await asked
        await wire.lay()


async def _is_asked(workshop: Workshop) -> bool:
    return not await workshop.is_empty(COUNTER.queue)
