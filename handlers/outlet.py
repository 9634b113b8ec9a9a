"""How doors speak: many requests' messages leave as one delivery, and each hears of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec

from bus.broker import Broker
from bus.effects import Outgoing, deliveries
from bus.errors import TryLater
from bus.gather import Gather
from bus.logs import log
from schema.events import Event
from schema.messages.contract import Message

WAITING_MAX = 10_000
"""More than can be waited for within any door's limit; beyond it the broker is surely away."""


@dataclass(frozen=True, slots=True, eq=False)
class Word:
    """One message on its way out."""

    outgoing: Outgoing
    confirmed: asyncio.Future[None]


class Outlet:
    """Publishes what doors say, in batches, until the broker has confirmed it."""

    def __init__(self, broker: Broker, *, linger_ms: int, batch_max: int, name: str) -> None:
        self._broker = broker
        self._name = name
        self._gather = Gather(self._publish, size_max=batch_max, linger_ms=linger_ms, name=name)

    async def start(self) -> None:
        await self._gather.start()

    async def stop(self) -> None:
        """Whoever still waits for a confirm does so in vain: stop the site first."""
        await self._gather.stop()

    def say(self, message: Message, event: Event) -> asyncio.Future[None]:
        """A future that is done once the broker has the message. TryLater when too many wait.

        Cancelling it takes the message back if it has not been sent yet. Facts are mandatory here
        like commands: outside, somebody will be told that we have it, so a queue must have it.
        """
        if len(self._gather) >= WAITING_MAX:
            raise TryLater(f"{self._name}: the broker confirms nothing")
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        outgoing = msgspec.structs.replace(Outgoing.of(message, event), mandatory=True)
        self._gather.put(Word(outgoing, confirmed))
        return confirmed

    async def _publish(self, words: list[Word]) -> None:
        wanted = [word for word in words if not word.confirmed.cancelled()]
        try:
            await self._broker.publish(deliveries(word.outgoing for word in wanted))
        except Exception as error:  # whatever it is, the next batch must not suffer for it
            log.error("not_said", outlet=self._name, words=len(wanted), exc_info=error)
            return
        for word in wanted:
            if not word.confirmed.done():
                word.confirmed.set_result(None)
