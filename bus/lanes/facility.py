"""The lanes of one actor in one process: served, held, limited, looked at."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext, suppress
from datetime import datetime

from redis.asyncio import Redis

from bus import topology
from bus.broadcasts import Broadcasts
from bus.broker import GRACEFUL_STOP_S, Broker
from bus.caller import CallerRun
from bus.database import Pool
from bus.duty import Duty
from bus.effects import Outgoing, deliveries
from bus.lanes.bell import Bell
from bus.lanes.closing import Closing
from bus.lanes.consumers import Consumers
from bus.lanes.holds import Hold, hold_lane
from bus.lanes.keeper import Keeper
from bus.lanes.line import Line
from bus.lanes.lobby import Lobby
from bus.lanes.look import Figures, LaneLook, SuccessRate, look
from bus.lanes.pace import Pace
from bus.lanes.queues import Queues
from bus.lanes.shares import Shares
from bus.lanes.watch import Watch
from bus.logs import log
from bus.origin import new_event
from schema.messages.bus import LaneHeld, LaneOpened, LaneWorkersChanged

SAY_TIMEOUT_S = 1.0
"""A last word that the broker does not take: the lease says it, too."""

DEFAULT_PACE = Pace()


class Lanes:
    """Opens an actor's lanes on demand and has the messages of our share read by its caller."""

    def __init__(
        self, actor: str, run: CallerRun, *, broker: Broker, broadcasts: Broadcasts, pool: Pool,
        redis: Redis, queue_type: str = "classic", pace: Pace = DEFAULT_PACE,
        success_rate: SuccessRate | None = None,
    ) -> None:  # fmt: skip
        self._actor = actor
        self._broker = broker
        self._pool = pool
        self._redis = redis
        self._pace = pace
        self._is_stopping = False
        self._line = Line(broker, f"{actor}.lanes")
        self._queues = Queues(self._line, actor, queue_type)
        self._shares = Shares(actor, redis, pace)
        self._bell = bell = Bell()
        self._consumers = Consumers(self._line, actor, run.intake.read, bell)
        self._lobby = Lobby(
            actor, line=self._line, queues=self._queues, broker=broker, pool=pool, bell=bell
        )
        self._keeper = Keeper(
            actor, consumers=self._consumers, queues=self._queues, lobby=self._lobby,
            shares=self._shares, pool=pool, pace=pace, bell=bell,
        )  # fmt: skip
        self._figures = Figures(actor, redis, self._shares, self._consumers, success_rate)
        self._duties = self._make_duties()
        for message in (LaneOpened, LaneHeld, LaneWorkersChanged):
            broadcasts.listen(message, self._hear)
        broker.on_pause(self.put_down)
        broker.on_reconnect(bell.ring)

    # What rooms and operators want.

    async def pause(self, lane: str, *, until: datetime | None, reason: str) -> None:
        """Serves a lane no more, here at once and soon everywhere; its messages stay in it.

        It ends by itself at `until`, or when somebody resumes it. A pause that ends by itself does
        not loosen what somebody has held until he says otherwise.
        """
        await self._hold(lane, Hold(kind="paused", reason=reason, until=until))

    async def drain(self, lane: str, *, reason: str = "drained") -> None:
        """Finishes what is in hand and begins nothing more until the lane is resumed."""
        await self._hold(lane, Hold(kind="draining", reason=reason))

    async def resume(self, lane: str) -> None:
        """Serves a lane again, whatever holds it: an operator's word, too."""
        await self._hold(lane, None)

    def limit(self, lane: str, concurrency: int) -> None:
        """How many messages of a lane may be under way at once in this process, 1 to 32."""
        self._consumers.limit(lane, concurrency)

    async def look(self) -> list[LaneLook]:
        """Every lane of the actor, whoever serves it."""
        return await look(self._actor, pool=self._pool, redis=self._redis, queues=self._queues)

    def served(self) -> set[str]:
        """The lanes that have a consumer in this process."""
        return {name for name, lane in self._consumers.lanes.items() if lane.is_attached}

    def is_ours(self, lane: str) -> bool:
        """Whether it is served here, or nobody knows of it yet; not one that is held."""
        here = self._consumers.lanes.get(lane)
        return (here is not None and here.is_attached) or not self._keeper.knows(lane)

    async def open(self, lane: str) -> None:
        """Makes a lane before its first message comes."""
        await self._lobby.open([lane])

    # From start to stop.

    async def start(self) -> None:
        """Serves our share of the lanes that are open and waits in the lobby for new ones."""
        await self._declare()
        await self._lobby.start()
        await self._shares.beat_once()
        await self._say(LaneWorkersChanged(actor=self._actor))
        await self._keeper.start()
        for duty in self._duties:
            await duty.start()

    async def put_down(self) -> None:
        """Takes nothing more, hands our share on and waits for what is in hand."""
        self._is_stopping = True
        for duty in self._duties:
            await duty.stop()
        await self._keeper.stop()
        await asyncio.gather(self._lobby.detach(), self._consumers.detach_all())
        await self._hand_on()
        try:
            async with asyncio.timeout(GRACEFUL_STOP_S):
                await self._lobby.finish()
                await self._consumers.finish()
        except TimeoutError:
            log.warning("lanes_left_in_hand", actor=self._actor)

    async def stop(self) -> None:
        """What is still in hand comes again, to another worker."""
        await self._lobby.stop()
        await self._consumers.stop()
        await self._line.close()

    # Duties and words.

    def _make_duties(self) -> tuple[Duty, ...]:
        pace, name = self._pace, f"{self._actor}.lanes"
        watch = Watch(
            self._consumers, self._queues, self._shares, pace,
            others=self._keeper.others, bell=self._bell,
        )  # fmt: skip
        closing = Closing(
            self._actor, consumers=self._consumers, queues=self._queues, pool=self._pool,
            shares=self._shares, lobby=self._lobby, pace=pace,
        )  # fmt: skip
        look_s = pace.stalled_after_s / 5
        close_s = min(pace.idle_close_s / 10, 30.0)
        return (
            Duty(f"{name}.beat", self._beat_once, every_s=pace.beat_s),
            Duty(f"{name}.watch", watch.watch_once, every_s=look_s),
            Duty(f"{name}.close", closing.close_once, every_s=close_s),
            Duty(f"{name}.figures", self._figures.tell_once, every_s=pace.tell_s),
        )

    async def _beat_once(self) -> int:
        """A worker that is cut off from the broker does not beat: its share is for the others."""
        if not self._line.is_up:
            return 0
        if await self._shares.beat_once():
            self._bell.ring()
        return 1

    async def _hold(self, lane: str, hold: Hold | None) -> None:
        here = self._consumers.lane(lane)
        async with nullcontext() if hold is None else self._consumers.holding(here):
            await hold_lane(self._pool, self._actor, lane, hold)
        self._bell.ring_for([lane])
        await self._say(LaneHeld(actor=self._actor, lane=lane))

    async def _hand_on(self) -> None:
        await self._shares.leave()
        with suppress(TimeoutError):
            async with asyncio.timeout(SAY_TIMEOUT_S):
                await self._say(LaneWorkersChanged(actor=self._actor))

    async def _say(self, message: LaneHeld | LaneWorkersChanged) -> None:
        await self._broker.publish(deliveries([Outgoing.of(message, new_event(message))]))

    async def _hear(self, message: LaneOpened | LaneHeld | LaneWorkersChanged) -> None:
        if message.actor != self._actor or self._is_stopping:
            return
        if isinstance(message, LaneWorkersChanged):
            await self._shares.beat_once()
            self._bell.ring()
        else:
            self._bell.ring_for([message.lane])

    async def _declare(self) -> None:
        channel = await self._broker.channel()
        try:
            await topology.declare_lanes(channel, self._actor)
        finally:
            await channel.close()
