"""A service dies, and comes back, while payments are in flight."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from tests.faults.orders import WITH_CASHIER, Flow
from tests.faults.settling import all_ends_well
from tests.faults.town import Town
from tests.sites import rabbitmqctl
from tests.waiting import at_last

pytestmark = pytest.mark.faults

IN_FLIGHT = 200


@pytest.mark.parametrize("service", ["rabbitmq", "postgres", "redis"])
async def test_no_payment_is_lost_or_doubled_when_a_service_is_killed(
    town: Town, service: str
) -> None:
    flow = Flow(town.street, IN_FLIGHT, WITH_CASHIER)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(flow.run())
        await flow.is_running()
        await asyncio.to_thread(town.services.kill, service)
        await asyncio.to_thread(town.services.restart, service)
        await town.are_ready()
    await all_ends_well(town, flow)


async def test_an_empty_cache_costs_nobody_a_fen(town: Town, flow: Flow) -> None:
    async with asyncio.TaskGroup() as tasks, Redis.from_url(town.site.redis_url) as redis:
        tasks.create_task(flow.run())
        await flow.is_running()
        await redis.flushall()
    await all_ends_well(town, flow)


async def test_after_all_that_no_queue_holds_a_message_and_nobody_owes_an_acknowledgement(
    town: Town,
) -> None:
    async def is_empty() -> bool:
        held = await asyncio.to_thread(messages_by_queue, town)
        assert len(held) > len(town.programs)
        return set(held.values()) == {(0, 0)}

    # The broker counts what is unacknowledged every five seconds only.
    await at_last(is_empty, within_s=20)


def messages_by_queue(town: Town) -> dict[str, tuple[int, int]]:
    """How many messages wait, and how many are in somebody's hands."""
    host = town.site.rabbitmq_url.rpartition("/")[2]
    columns = ("name", "messages_ready", "messages_unacknowledged")
    said = rabbitmqctl(
        town.services, "list_queues", "-q", "--no-table-headers", "-p", host, *columns
    )
    rows = map(str.split, said.splitlines())
    return {name: (int(ready), int(unacked)) for name, ready, unacked in rows}
