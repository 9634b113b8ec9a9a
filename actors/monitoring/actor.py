"""The wiring of monitoring: an ear, an eye, and what is kept for later."""

from __future__ import annotations

from collections.abc import Sequence

from redis.asyncio import Redis

from actors.monitoring.archive import Archive
from actors.monitoring.counters import Counters
from actors.monitoring.figures import Figures
from actors.monitoring.listener import Listener
from actors.monitoring.watch import EVERY_S, Watch
from bus.broker import Broker
from bus.database import Pool
from bus.duty import Duty
from bus.process import Part
from bus.topology import Inlet
from schema.messages.channels import ChannelCalled
from schema.messages.ordering import PaymentSucceeded

MONITORING = Inlet("monitoring", hears=(ChannelCalled, PaymentSucceeded))
INLETS = (MONITORING,)


def monitoring(
    pool: Pool, redis: Redis, broker: Broker, *, linger_ms: int, batch_max: int, prefetch: int
) -> Sequence[Part]:
    """The room; any number of workers have all of it."""
    archive = Archive(pool, redis)
    listener = Listener(
        MONITORING, Counters(redis), broker,
        linger_ms=linger_ms, batch_max=batch_max, prefetch=prefetch,
    )  # fmt: skip
    return (
        listener,
        Duty("monitoring.watch", Watch(pool, redis).run_once, every_s=EVERY_S),
        Duty("monitoring.minutes", archive.keep_minutes, every_s=20.0),
        Duty("monitoring.hours", archive.keep_hours, every_s=300.0),
        Duty("monitoring.figures", Figures(pool).refresh, every_s=15.0),
    )
