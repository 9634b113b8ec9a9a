"""The ear of the room: sums up what channels rooms say, a batch at a time, into the counters."""

from __future__ import annotations

from collections.abc import Sequence

from actors.monitoring import measures
from actors.monitoring.counters import Counters
from actors.monitoring.metrics import Ticks
from bus.broker import PREFETCH_DEFAULT, Broker
from bus.dead import Graveyard
from bus.intake import Intake
from bus.jobs import Job, now_utc
from bus.patience import Patience
from bus.topology import Inlet


class Listener:
    """Counts each message of an inlet. Without Redis it waits: the messages stay in the queue."""

    def __init__(
        self,
        inlet: Inlet,
        counters: Counters,
        broker: Broker,
        *,
        linger_ms: int,
        batch_max: int,
        prefetch: int = PREFETCH_DEFAULT,
    ) -> None:
        self._counters = counters
        self._ticks = Ticks()
        graveyard = Graveyard(broker)
        patience = Patience(inlet.queue, self._count, self._settle, graveyard.bury_job)
        self._intake = Intake(
            inlet, graveyard, patience.settle, size_max=batch_max, linger_ms=linger_ms
        )
        broker.subscribe(inlet, self._intake.read, prefetch=prefetch)

    async def start(self) -> None:
        await self._intake.start()

    async def stop(self) -> None:
        await self._intake.stop()

    async def _count(self, jobs: Sequence[Job], _: bool) -> None:
        counted = measures.count((job.message for job in jobs), now_utc())
        if counted.seconds:
            await self._counters.add(counted)

    async def _settle(self, jobs: Sequence[Job], _: None) -> None:
        self._ticks.count(job.message for job in jobs)
        for job in jobs:
            job.settle()
