"""What the broker can do to lanes: cut them, stall them, lose them. They mend themselves."""

from __future__ import annotations

import asyncio

import pytest
from yarl import URL

from bus import topology
from deploy.local.private import PrivateServers
from deploy.local.services import Services
from tests.bus.serving import Served, Sink, sinking, visits
from tests.bus.wire import a_wire
from tests.bus.workshop import Workshop, at_last
from tests.sites import rabbitmqctl

LANES = [f"m{number}x" for number in range(12)]


async def _attached(served: Served, *lanes: str) -> bool:
    return served.attached() == set(lanes)


def _tags(served: Served) -> dict[str, str]:
    return {name: lane.tag for name, lane in served.lanes._consumers.lanes.items()}


def test_a_lanes_arguments_are_those_that_every_broker_from_3_10_on_takes() -> None:
    dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "example.lanes.dead"}
    classic, quorum = (topology.lane_arguments("example", kind) for kind in topology.QUEUE_KINDS)
    assert classic == {"x-queue-type": "classic"} | dead
    assert quorum == {"x-queue-type": "quorum", "x-delivery-limit": 50} | dead


async def test_a_lane_whose_queue_is_gone_ends_one_channel_and_is_made_again(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.lanes.consumers.LANES_PER_CHANNEL_MAX", 4)
    sink = Sink()
    async with sinking(workshop, sink) as served:
        await served.lanes._lobby.open(LANES)
        await at_last(lambda: _attached(served, *LANES))
        lost = "m5x"
        await served.lanes.pause(lost, until=None, reason="test")
        before = _tags(served)
        await served.lanes._queues.delete_deserted(lost)
        await served.lanes.resume(lost)
        await at_last(lambda: _attached(served, *LANES))
        after = _tags(served)
        await workshop.send(*(visit for lane in LANES for visit in visits(lane, 1)))
        await at_last(lambda: sink.has(*(f"{lane}1" for lane in LANES)))
    changed = {lane for lane in LANES if before[lane] != after[lane]}
    assert lost in changed and len(changed) <= 4, "the others kept their consumers"


async def test_a_queue_that_is_deleted_under_its_consumer_is_made_again(
    workshop: Workshop,
) -> None:
    sink = Sink()
    async with sinking(workshop, sink) as served:
        await workshop.send(*visits("a", 1), *visits("b", 1))
        await at_last(lambda: sink.has("a1", "b1"))
        channel = await workshop.broker.channel()
        await channel.queue_delete("example.lane.a")
        await channel.close()
        await at_last(lambda: _attached(served, "a", "b"))
        await workshop.send(*visits("a", 2), *visits("b", 2))
        await at_last(lambda: sink.has("a2", "b2"))


async def test_a_lane_that_has_lost_its_consumer_unnoticed_gets_another(
    workshop: Workshop,
) -> None:
    sink = Sink()
    async with sinking(workshop, sink) as served:
        await workshop.send(*visits("a", 1))
        await at_last(lambda: sink.has("a1"))
        lane = served.lanes._consumers.lane("a")
        assert lane.channel is not None
        await lane.channel.amqp.basic_cancel(lane.tag)
        await workshop.send(*visits("a", 2))
        await at_last(lambda: sink.has("a2"), within_s=4)


async def test_a_queue_that_crashes_is_read_again(workshop: Workshop, services: Services) -> None:
    if not isinstance(services.keeper, PrivateServers):
        pytest.skip("a broker that is not ours is not ours to crash")
    sink = Sink()
    async with sinking(workshop, sink):
        await workshop.send(*visits("a", 1))
        await at_last(lambda: sink.has("a1"))
        await asyncio.to_thread(_crash, services, workshop, "example.lane.a")
        await workshop.send(*visits("a", 2))
        await at_last(lambda: sink.has("a2"))


def _crash(services: Services, workshop: Workshop, queue: str) -> None:
    host = URL(workshop.site.rabbitmq_url).path.removeprefix("/")
    rabbitmqctl(
        services, "eval",
        f'{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"{host}">>, queue, <<"{queue}">>)), '
        "exit(amqqueue:get_pid(Q), kill).",
    )  # fmt: skip


async def test_connections_that_are_closed_by_force_lose_nothing(
    workshop: Workshop, services: Services
) -> None:
    if not isinstance(services.keeper, PrivateServers):
        pytest.skip("a broker that is not ours is not ours to close")
    sink, host = Sink(takes_s=0.01), URL(workshop.site.rabbitmq_url).path.removeprefix("/")
    async with sinking(workshop, sink), sinking(workshop, sink):
        for round_no in range(3):
            sending = asyncio.create_task(_send_slowly(workshop, round_no))
            await asyncio.to_thread(
                rabbitmqctl, services, "close_all_connections", "--vhost", host, "test"
            )
            await sending
        sent = [f"{lane}{number}" for lane in LANES for number in range(60)]
        await at_last(lambda: sink.has(*sent), within_s=30)
        for queue in ("example.lobby", *(f"example.lane.{lane}" for lane in LANES)):
            await at_last(lambda queue=queue: workshop.is_empty(queue))


async def _send_slowly(workshop: Workshop, round_no: int) -> None:
    for number in range(20 * round_no, 20 * round_no + 20):
        await workshop.send(*(visit for lane in LANES for visit in visits(lane, number)))
        await asyncio.sleep(0.08)


async def test_a_cut_in_the_middle_of_traffic_loses_no_message_of_any_lane(
    workshop: Workshop,
) -> None:
    sink = Sink(takes_s=0.005)
    async with (
        a_wire(workshop.site.rabbitmq_url) as wire,
        sinking(workshop, sink, wire.url),
        sinking(workshop, sink),
    ):
        for round_no in range(3):
            sending = asyncio.create_task(_send_slowly(workshop, round_no))
            await asyncio.sleep(0.5)
            wire.cut()
            await sending
        sent = [f"{lane}{number}" for lane in LANES for number in range(60)]
        await at_last(lambda: sink.has(*sent), within_s=30)


async def test_lanes_of_another_kind_serve_on_after_the_setting_changes(
    workshop: Workshop,
) -> None:
    sink = Sink()
    async with sinking(workshop, sink, queue_type="quorum"):
        await workshop.send(*visits("a", 1))
        await at_last(lambda: sink.has("a1"))
    await workshop.send(*visits("a", 2))
    await workshop.pool.execute("UPDATE bus.lane SET state = 'closing', closing_by = 'ghost'")
    async with sinking(workshop, sink, queue_type="classic"):
        await at_last(lambda: sink.has("a2"))
        await workshop.send(*visits("a", 3), *visits("b", 1))
        await at_last(lambda: sink.has("a3", "b1"))


async def test_a_name_that_is_no_lanes_name_is_put_aside(workshop: Workshop) -> None:
    sink = Sink()
    async with sinking(workshop, sink):
        await workshop.send(*visits("a", 1), *visits("多 words", 1), *visits("m1.e2", 1))
        await at_last(lambda: sink.has("a1", "m1.e21"))
        (letter,) = await at_last(lambda: workshop.dead("example.lanes"))
    assert "can't be a lane" in letter.reason
    assert await workshop.waiting("example.lobby") == []
