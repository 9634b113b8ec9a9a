"""The lanes' queues: made, looked at, unbound and deleted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from aiormq.abc import AbstractChannel
from aiormq.exceptions import (
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
)

from bus import topology
from bus.lanes.line import Line
from bus.logs import log

CHANNELS = 4
"""A channel does one thing at a time; four keep the broker busy without crowding it."""


@dataclass(frozen=True, slots=True)
class Depth:
    """What a queue holds that is in nobody's hands, and how many consumers it has."""

    messages: int
    consumers: int


class Queues:
    """The queues of one actor's lanes, of one kind: classic, or quorum in a cluster."""

    def __init__(self, line: Line, actor: str, kind: str) -> None:
        assert kind in topology.QUEUE_KINDS, kind
        self._line = line
        self._actor = actor
        self._kind = kind
        self._slots: asyncio.Queue[AbstractChannel | None] = asyncio.Queue()
        for _ in range(CHANNELS):
            self._slots.put_nowait(None)

    async def make(self, lane: str) -> None:
        """Makes the lane's queue and binds it; one that is there stays as it is."""
        queue = topology.lane_queue(self._actor, lane)
        arguments = topology.lane_arguments(self._actor, self._kind)
        try:
            async with self._channel() as channel:
                await channel.queue_declare(queue, durable=True, arguments=arguments)
        except ChannelPreconditionFailed:
            # Of another kind, from before a setting changed. It serves until it is idle and goes.
            log.info("lane_of_another_kind", actor=self._actor, lane=lane)
        async with self._channel() as channel:
            key = topology.lane_key(self._actor, lane)
            await channel.queue_bind(queue, topology.LANES, routing_key=key)

    async def unbind(self, lane: str) -> None:
        """From now on what is published for the lane falls into the lobby."""
        queue, key = topology.lane_queue(self._actor, lane), topology.lane_key(self._actor, lane)
        async with self._channel() as channel:
            await channel.queue_unbind(queue, topology.LANES, routing_key=key)

    async def look(self, lane: str) -> Depth | None:
        """How full the lane is; None where it has no queue."""
        try:
            async with self._channel() as channel:
                found = await channel.queue_declare(
                    topology.lane_queue(self._actor, lane), passive=True
                )
        except ChannelNotFoundEntity:
            return None
        return Depth(found.message_count or 0, found.consumer_count or 0)

    async def delete_deserted(self, lane: str) -> bool:
        """Deletes the lane's queue if it is empty and nobody reads it; whether it is gone.

        A classic queue is asked to refuse if it is not empty. A quorum queue knows no such
        condition: RabbitMQ answers by closing the whole connection.
        """
        depth = await self.look(lane)
        if depth is None:
            return True
        if depth.messages or depth.consumers:
            return False
        try:
            async with self._channel() as channel:
                queue = topology.lane_queue(self._actor, lane)
                await channel.queue_delete(queue, if_empty=self._kind == "classic")
        except ChannelPreconditionFailed:
            return False
        return True

    async def peek(self, lane: str) -> bytes | None:
        """The body of the oldest message, which stays where it is; None where it can't be seen.

        Only in a classic queue: a quorum queue would count the look as a failed delivery.
        """
        if self._kind != "classic":
            return None
        async with self._channel() as channel:
            found = await channel.basic_get(topology.lane_queue(self._actor, lane))
            if found.delivery_tag is None:
                return None
            await channel.basic_nack(found.delivery_tag, requeue=True)
            return found.body

    @asynccontextmanager
    async def _channel(self) -> AsyncGenerator[AbstractChannel]:
        """A channel for one thing at a time; one on which something failed is not used again."""
        channel = await self._slots.get()
        try:
            if channel is None or channel.is_closed:
                channel = await self._line.channel()
            yield channel
        except BaseException:
            if channel is not None:
                with suppress(Exception):
                    await channel.close()
            channel = None
            raise
        finally:
            self._slots.put_nowait(channel)
