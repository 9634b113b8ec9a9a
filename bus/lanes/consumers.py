"""The consumers of the lanes that this worker serves, at most a hundred on a channel.

A lane's prefetch is its concurrency, so that nothing is taken that can't be begun. Whatever ends a
consumer without our asking (the broker, a channel, the connection) leaves its lane unattached, and
whoever compares what is with what should be is woken.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from math import inf
from typing import Any

from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import AMQPError

from bus import topology
from bus.broker import CANCEL_TIMEOUT_S, Arrived, Reader
from bus.lanes.bell import Bell
from bus.lanes.line import Line
from bus.lanes.pace import CONCURRENCY_DEFAULT, CONCURRENCY_MAX, LANES_PER_CHANNEL_MAX
from bus.limit import Limit
from bus.tasks import Tasks

FOLLOW_S = 0.05
"""How far a prefetch may lag behind its lane's concurrency."""

GONE = (*CONNECTION_EXCEPTIONS, AMQPError, RuntimeError, OSError)
"""What a channel says that is no more: what was on it comes again, nothing else is to be done."""


class Lane:
    """One lane in this worker's hands."""

    def __init__(self, name: str, queue: str) -> None:
        self.name = name
        self.queue = queue
        self.concurrency = CONCURRENCY_DEFAULT
        self.gate = Limit(CONCURRENCY_DEFAULT)
        """What has begun, where a former consumer's messages are still in hand, too."""
        self.channel: _Channel | None = None
        self.tag = ""
        self.prefetch = 0
        self.in_hand: dict[int, Arrived] = {}
        self.active_at = self.looked_at = _now()
        self.changing = asyncio.Lock()
        self.is_following = False
        """Its prefetch is about to become its concurrency."""
        self.held_at = -inf
        """When a hold was last stored from here, or inf while one is being stored: who knows less
        is not to attach it."""
        self.is_closing = False
        """Its end has begun here: it is not attached again until that is decided."""

    @property
    def is_attached(self) -> bool:
        """Whether it has a consumer here, as far as we know."""
        return self.channel is not None and bool(self.tag)

    @property
    def is_full(self) -> bool:
        """Whether the broker has a reason not to deliver."""
        return len(self.in_hand) >= max(self.prefetch, 1)

    def idle_s(self) -> float:
        """How long nothing has come, and nothing was in hand."""
        return 0.0 if self.in_hand else _now() - self.active_at


class _Channel:
    """A channel with the consumers of up to a hundred lanes."""

    def __init__(self, amqp: AbstractChannel) -> None:
        self.amqp = amqp
        self.lanes: set[Lane] = set()
        self.prefetch = 0
        self.consuming = asyncio.Lock()
        """A prefetch is for the consumers that come after it, so each pair is sent together."""


class Consumers:
    """Attaches lanes, reads from them and lets go of them."""

    def __init__(self, line: Line, actor: str, read: Reader, bell: Bell) -> None:
        self.lanes: dict[str, Lane] = {}
        self._line = line
        self._actor = actor
        self._read = read
        self._bell = bell
        self._channels: list[_Channel] = []
        self._opening = asyncio.Lock()
        self._reading = Tasks(f"{actor}.lanes")
        self._following = Tasks(f"{actor}.lanes.limits")

    def lane(self, name: str) -> Lane:
        """A lane, whether it is attached or not."""
        lane = self.lanes.get(name)
        if lane is None:
            lane = self.lanes[name] = Lane(name, topology.lane_queue(self._actor, name))
        return lane

    def forget(self, name: str) -> None:
        """Forgets a lane that is not attached, and what its concurrency was."""
        lane = self.lanes.get(name)
        if lane is not None and lane.channel is None and not lane.in_hand:
            del self.lanes[name]

    def limit(self, name: str, concurrency: int) -> None:
        """What may begin at once, from now on; the prefetch soon follows."""
        assert 1 <= concurrency <= CONCURRENCY_MAX
        lane = self.lane(name)
        if lane.concurrency == concurrency:
            return
        lane.concurrency = concurrency
        lane.gate.change(concurrency)
        if lane.is_attached and not lane.is_following:
            lane.is_following = True
            self._following.spawn(self._follow(lane))

    async def attach(self, lane: Lane, *, known_at: float) -> None:
        """Consumes from a lane that was to be served when that was looked up, at `known_at`.

        Raises ChannelNotFoundEntity where it has no queue.
        """
        async with lane.changing:
            if not lane.is_attached and known_at > lane.held_at:
                await self._consume(lane)

    @asynccontextmanager
    async def holding(self, lane: Lane) -> AsyncGenerator[None]:
        """Takes nothing more of a lane, whatever others know of it, while its hold is stored."""
        lane.held_at = inf
        try:
            await self.detach(lane)
            yield
        finally:
            lane.held_at = _now()

    async def detach(self, lane: Lane) -> None:
        """Takes nothing more of a lane; what is in hand is finished."""
        async with lane.changing:
            await self._cancel(lane)

    async def _follow(self, lane: Lane) -> None:
        """Not for every step: a concurrency that grows changes many times a second."""
        await asyncio.sleep(FOLLOW_S)
        lane.is_following = False
        if lane.prefetch != lane.concurrency:
            with suppress(*GONE):  # whoever lost the channel is woken, and attaches anew
                await self.renew(lane)

    async def renew(self, lane: Lane) -> None:
        """A new consumer in place of the old one: with another prefetch, or because it is deaf."""
        async with lane.changing:
            if lane.channel is not None:
                await self._cancel(lane)
                await self._consume(lane)

    async def detach_all(self) -> None:
        """Takes nothing more of any lane."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CANCEL_TIMEOUT_S):
                await self._following.finish()
                lanes = (self.detach(lane) for lane in self.lanes.values())
                await asyncio.gather(*lanes, return_exceptions=True)

    async def finish(self) -> None:
        """Waits for what is in hand."""
        await self._reading.finish()

    async def stop(self) -> None:
        """Leaves what is in hand: it comes again."""
        await self._reading.cancel()

    async def _consume(self, lane: Lane) -> None:
        channel = await self._with_room()
        channel.lanes.add(lane)
        lane.channel = channel
        try:
            async with channel.consuming:
                if channel.prefetch != lane.concurrency:
                    await channel.amqp.basic_qos(prefetch_count=lane.concurrency)
                    channel.prefetch = lane.concurrency
                lane.prefetch = lane.concurrency
                take = partial(self._take, lane, channel.amqp)
                lane.tag = (await channel.amqp.basic_consume(lane.queue, take)).consumer_tag or ""
                lane.active_at = lane.looked_at = _now()
        except BaseException:
            self._drop(lane)
            raise
        if channel.amqp.is_closed:
            self._drop(lane)

    async def _cancel(self, lane: Lane) -> None:
        channel, tag = lane.channel, lane.tag
        self._drop(lane)
        if channel is not None and tag:
            with suppress(*GONE):
                await channel.amqp.basic_cancel(tag)

    def _drop(self, lane: Lane) -> None:
        if lane.channel is not None:
            lane.channel.lanes.discard(lane)
        lane.channel, lane.tag = None, ""

    async def _with_room(self) -> _Channel:
        async with self._opening:
            for channel in self._channels:
                if len(channel.lanes) < LANES_PER_CHANNEL_MAX and not channel.amqp.is_closed:
                    return channel
            return await self._open()

    async def _open(self) -> _Channel:
        channel = _Channel(await self._line.channel())
        channel.amqp.on_consumer_cancel_callbacks.add(partial(self._cancelled, channel))
        channel.amqp.closing.add_done_callback(lambda _: self._closed(channel))
        self._channels.append(channel)
        return channel

    def _closed(self, channel: _Channel) -> None:
        """What was attached here is not any more; what was in hand comes again."""
        if channel in self._channels:
            self._channels.remove(channel)
        self._bell.ring_for(lane.name for lane in channel.lanes)
        for lane in tuple(channel.lanes):
            self._drop(lane)

    def _cancelled(self, channel: _Channel, frame: Any) -> None:
        """The broker has ended a consumer: its queue is gone, or has moved."""
        for lane in tuple(channel.lanes):
            if lane.tag == frame.consumer_tag:
                self._drop(lane)
                self._bell.ring_for([lane.name])

    async def _take(self, lane: Lane, channel: AbstractChannel, message: DeliveredMessage) -> None:
        lane.active_at = _now()
        self._reading.spawn(self._settle(lane, channel, message))

    async def _settle(
        self, lane: Lane, channel: AbstractChannel, message: DeliveredMessage
    ) -> None:
        arrived = Arrived.of_delivered(message, lane.queue)
        lane.in_hand[id(message)] = arrived
        try:
            had_to_wait = lane.gate.is_full
            async with lane.gate:
                if had_to_wait and lane.channel is None:
                    await self._answer(channel.basic_nack, message)
                    return
                await self._read(arrived)
            await self._answer(channel.basic_ack, message)
        finally:
            del lane.in_hand[id(message)]
            lane.active_at = _now()

    async def _answer(self, answer: Callable[..., Awaitable[None]], message: Any) -> None:
        with suppress(*GONE):
            await answer(message.delivery_tag, wait=False)


def _now() -> float:
    return asyncio.get_running_loop().time()
