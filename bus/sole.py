"""The sole reader: a queue that is consumed only while a lease is held.

Each time the lease is gained, a term begins: a channel and a desk of its own. When the lease is
lost the term is broken off and its channel closed, so that whatever it has not acknowledged goes
back to the queue and comes to the next holder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from bus import topology
from bus.broker import CANCEL_TIMEOUT_S, GRACEFUL_STOP_S, Arrived, Broker, end_consuming
from bus.errors import is_broker_trouble
from bus.lease import Lease
from bus.logs import log
from bus.tasks import Tasks
from bus.topology import Inlet

AWAY_WAIT_S = 0.5


class Desk(Protocol):
    """Where deliveries are worked on; a stop breaks the work off."""

    async def read(self, arrived: Arrived) -> None: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class SoleReader:
    """Has an inlet read at one desk a term, while a lease is held."""

    def __init__(
        self,
        inlet: Inlet,
        new_desk: Callable[[], Desk],
        *,
        lease: Lease,
        broker: Broker,
        prefetch: int,
    ) -> None:
        self._inlet = inlet
        self._new_desk = new_desk
        self._broker = broker
        self._prefetch = prefetch
        self._term: Term | None = None
        self._is_closing = False
        broker.expect(inlet)
        broker.on_pause(self.pause)
        lease.on_gained(self._begin)
        lease.on_lost(self._end)

    async def start(self) -> None:
        """Nothing to do before the lease is gained."""

    async def pause(self) -> None:
        """No further deliveries, and no further terms; what is in hand is finished."""
        self._is_closing = True
        if self._term is not None:
            await self._term.finish()

    async def stop(self) -> None:
        self._is_closing = True
        await self._end()

    async def _begin(self) -> None:
        if not self._is_closing:
            self._term = Term(self._inlet, self._new_desk(), self._broker, self._prefetch)
            await self._term.start()

    async def _end(self) -> None:
        term, self._term = self._term, None
        if term is not None:
            await term.break_off()


class Term:
    """One time of holding the lease."""

    def __init__(self, inlet: Inlet, desk: Desk, broker: Broker, prefetch: int) -> None:
        self._inlet = inlet
        self._desk = desk
        self._broker = broker
        self._prefetch = prefetch
        self._channel: Any = None
        self._consumers: list[tuple[Any, str]] = []
        self._opening = Tasks(inlet.source)
        self._reading = Tasks(inlet.source)

    async def start(self) -> None:
        await self._desk.start()
        self._opening.spawn(self._open())

    async def finish(self) -> None:
        """Ends consuming and waits for what is in hand, which is then acknowledged."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CANCEL_TIMEOUT_S):
                await self._opening.finish()
        await self._opening.cancel()
        await end_consuming(self._consumers)
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACEFUL_STOP_S):
                await self._reading.finish()

    async def break_off(self) -> None:
        """Rolls back the batch in hand and gives back what is not acknowledged, all at once."""
        await asyncio.gather(
            self._opening.cancel(), self._desk.stop(), self._reading.cancel(), self._close()
        )
        await self._close()  # one that was about to be opened

    async def _open(self) -> None:
        """Consumes, as soon as the broker lets us; after a reconnect aio-pika does it again."""
        while True:
            try:
                await self._consume()
                return
            except Exception as error:
                if not is_broker_trouble(error):
                    raise
                log.warning("away", queue=self._inlet.source, error=repr(error))
            await self._close()
            await asyncio.sleep(AWAY_WAIT_S)

    async def _consume(self) -> None:
        await self._broker.declare((self._inlet,))
        self._channel = await self._broker.channel(prefetch=self._prefetch)
        queue = await self._channel.declare_queue(
            self._inlet.source,
            durable=True,
            arguments=topology.queue_arguments(self._inlet.queue),
        )
        self._consumers = [(queue, await queue.consume(self._take))]

    async def _take(self, delivery: AbstractIncomingMessage) -> None:
        self._reading.spawn(self._settle(delivery))

    async def _settle(self, delivery: AbstractIncomingMessage) -> None:
        await self._desk.read(Arrived.of(delivery, self._inlet.source))
        with suppress(*CONNECTION_EXCEPTIONS):  # then it comes again
            await delivery.ack()

    async def _close(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            with suppress(*CONNECTION_EXCEPTIONS, TimeoutError):
                async with asyncio.timeout(CANCEL_TIMEOUT_S):
                    await channel.close()
