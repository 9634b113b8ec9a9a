"""The lanes of one actor in one process: served, held, limited, looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from aiormq.exceptions import ChannelNotFoundEntity
from redis.asyncio import Redis

from bus import topology
from bus.broadcasts import Broadcasts
from bus.broker import GRACEFUL_STOP_S, Broker
from bus.caller import CallerRun
from bus.database import Pool
from bus.duty import Duty
from bus.effects import Outgoing, deliveries
from bus.errors import is_broker_trouble, world_is_down
from bus.jobs import now_utc
from bus.lanes.closing import Closing
from bus.lanes.consumers import Consumers, Lane
from bus.lanes.holds import Hold, LaneRow, hold_lane, lanes_of
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

AWAY_WAIT_S = 1.0

COMPANY_S = 0.02
"""A wake-up waits so long for others: a thousand lanes that open together are a few comparisons."""

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
        self._rows: dict[str, LaneRow] = {}
        self._woken = asyncio.Event()
        self._is_stopping = False
        self._comparing: asyncio.Task[None] | None = None
        self._line = Line(broker, f"{actor}.lanes")
        self._queues = Queues(self._line, actor, queue_type)
        self._shares = Shares(actor, redis, pace)
        self._consumers = Consumers(self._line, actor, run.intake.read, self.wake)
        self._lobby = Lobby(
            actor, line=self._line, queues=self._queues, broker=broker, pool=pool, wake=self.wake
        )
        self._figures = Figures(actor, redis, self._shares, self._consumers, success_rate)
        self._duties = self._make_duties()
        for message in (LaneOpened, LaneHeld, LaneWorkersChanged):
            broadcasts.listen(message, self._hear)
        broker.on_pause(self.put_down)
        broker.on_reconnect(self.wake)

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
        await self._patiently(self.compare_once)
        self._comparing = asyncio.create_task(self._keep_comparing(), name=f"{self._actor}.lanes")
        for duty in self._duties:
            await duty.start()

    async def put_down(self) -> None:
        """Takes nothing more, hands our share on and waits for what is in hand."""
        self._is_stopping = True
        for duty in self._duties:
            await duty.stop()
        if self._comparing is not None:
            self._comparing.cancel()
            with suppress(asyncio.CancelledError):
                await self._comparing
        await asyncio.gather(self._lobby.detach(), self._consumers.detach_all())
        await self._hand_on()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACEFUL_STOP_S):
                await self._lobby.finish()
                await self._consumers.finish()

    async def stop(self) -> None:
        """What is still in hand comes again, to another worker."""
        await self._lobby.stop()
        await self._consumers.stop()
        await self._line.close()

    def wake(self) -> None:
        """Has what is compared with what should be, now."""
        self._woken.set()

    # Comparing what is with what should be.

    async def compare_once(self) -> None:
        """Attaches the lanes of our share, lets go of all others, mends what is missing."""
        await self._lobby.attach()
        rows = await lanes_of(self._pool, self._actor)
        self._rows = {row.lane: row for row in rows}
        now = now_utc()
        wanted = {row.lane: row for row in rows if self._is_to_serve(row, now)}
        lanes = self._consumers.lanes
        await _all(
            self._consumers.detach(lane)
            for name, lane in lanes.items()
            if name not in wanted and lane.is_attached
        )
        await _all(self._serve(row) for row in wanted.values() if self._differs(row))
        for name in [name for name in lanes if name not in self._rows]:
            self._consumers.forget(name)

    def _is_to_serve(self, row: LaneRow, now: datetime) -> bool:
        return _has_queue(row) and not row.is_held(now) and self._shares.is_mine(row.lane)

    def _differs(self, row: LaneRow) -> bool:
        lane = self._consumers.lane(row.lane)
        if lane.is_closing:
            return False
        return row.state == "closing" or not lane.is_attached or lane.prefetch != lane.concurrency

    async def _serve(self, row: LaneRow) -> None:
        lane = self._consumers.lane(row.lane)
        if row.state == "closing":  # its owner died or lost it while he closed it
            await self._lobby.open([row.lane])
        if lane.is_attached:
            await self._consumers.renew(lane)
        else:
            await self._attach(lane)

    async def _attach(self, lane: Lane) -> None:
        try:
            await self._consumers.attach(lane)
        except ChannelNotFoundEntity:
            # The broker has lost it, or another lane of the same channel: making it again is safe.
            await self._queues.make(lane.name)
            log.warning("lane_made_again", actor=self._actor, lane=lane.name)
            self.wake()

    async def _keep_comparing(self) -> None:
        while not self._is_stopping:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._until_next_s()):
                    await self._woken.wait()
            await asyncio.sleep(COMPANY_S)
            self._woken.clear()
            await self._patiently(self.compare_once)

    def _until_next_s(self) -> float:
        """Until the next comparison is due, or the next hold ends."""
        now = now_utc()
        ends = (row.held_until for row in self._rows.values() if row.held_until is not None)
        waits = [(end - now).total_seconds() for end in ends if end > now]
        return min([self._pace.compare_s, *waits])

    # Duties and words.

    def _make_duties(self) -> tuple[Duty, ...]:
        pace, name = self._pace, f"{self._actor}.lanes"
        watch = Watch(
            self._consumers, self._queues, self._shares, pace, others=self._others, wake=self.wake
        )
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
            self.wake()
        return 1

    def _others(self) -> Sequence[str]:
        """Lanes that should be served and are not ours."""
        now = now_utc()
        return [
            row.lane
            for row in self._rows.values()
            if _has_queue(row) and not row.is_held(now) and not self._shares.is_mine(row.lane)
        ]

    async def _hold(self, lane: str, hold: Hold | None) -> None:
        if hold is not None:
            await self._consumers.detach(self._consumers.lane(lane))
        await hold_lane(self._pool, self._actor, lane, hold)
        self.wake()
        await self._say(LaneHeld(actor=self._actor, lane=lane))

    async def _hand_on(self) -> None:
        await self._shares.leave()
        with suppress(TimeoutError):
            async with asyncio.timeout(AWAY_WAIT_S):
                await self._say(LaneWorkersChanged(actor=self._actor))

    async def _say(self, message: LaneHeld | LaneWorkersChanged) -> None:
        await self._broker.publish(deliveries([Outgoing.of(message, new_event(message))]))

    async def _hear(self, message: LaneOpened | LaneHeld | LaneWorkersChanged) -> None:
        if message.actor != self._actor or self._is_stopping:
            return
        if isinstance(message, LaneWorkersChanged):
            await self._shares.beat_once()
        self.wake()

    async def _declare(self) -> None:
        channel = await self._broker.channel()
        try:
            await topology.declare_lanes(channel, self._actor)
        finally:
            await channel.close()

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        """Works until it succeeds: a service that is away is no lane's fault."""
        while not self._is_stopping:
            try:
                await work()
                return
            except Exception as error:
                away = world_is_down(error) or is_broker_trouble(error)
                (log.warning if away else log.error)(
                    "lanes_compared_in_vain", actor=self._actor, error=repr(error)
                )
                await asyncio.sleep(AWAY_WAIT_S)


def _has_queue(row: LaneRow) -> bool:
    return row.state in ("open", "closing")


async def _all(work: Iterable[Awaitable[None]]) -> None:
    """Does all of it, then raises what was raised first: one lane's trouble is no other's."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
