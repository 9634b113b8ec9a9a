"""Leases: who may write the rows of a shard at present, among workers that die, pause and return.

A lease lasts two seconds by the database's clock and is renewed all the time. To know that one
holds it proves nothing: a process may be paused after it has looked. So each transaction begins
with the fence, which locks the lease's row as its holder and epoch. Whoever takes the lease has to
wait for that transaction, or ends it, and after that no fence of the old epoch passes.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from bus.database import Connection, Pool, queries
from bus.errors import Fenced, world_is_down
from bus.logs import log
from bus.tasks import Tasks

SQL = queries(__file__)

TTL_S = 2.0
EVERY_S = 0.5
REST_S = 2.0
"""A lease that was asked for is left alone for so long, so that whoever asked finds it free."""

IDLE_MAX_S = 3
"""A holder that is paused in the middle of a transaction keeps its rows locked no longer."""

STOP_TIMEOUT_S = 5.0

Listener = Callable[[], Awaitable[None]]


def new_holder() -> str:
    """A name for this process that no other ever had."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class Lease:
    """Takes a lease as soon as it is free, keeps it, and gives it back on `stop`.

    Listeners are awaited one after the other, in order; renewing does not wait for them.
    """

    def __init__(self, name: str, *, pool: Pool, holder: str) -> None:
        self.name = name
        self._pool = pool
        self.holder = holder
        self._session = f"lease {name}"
        self.epoch = 0
        """The last under which it was held; after a fence, the one of this transaction."""
        self._is_taken = False
        self._believed_until = 0.0
        self._rests_until = 0.0
        self._when_gained: list[Listener] = []
        self._when_lost: list[Listener] = []
        self._telling = Tasks(self._session)
        self._turn = asyncio.Lock()
        self._clock: Callable[[], float] = asyncio.get_running_loop().time
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def is_held(self) -> bool:
        """Whether nobody else can have it, as far as one can know without asking the database."""
        return self._is_taken and self._clock() < self._believed_until

    def on_gained(self, listener: Listener) -> None:
        """Has `listener` awaited when the lease is taken."""
        self._when_gained.append(listener)

    def on_lost(self, listener: Listener) -> None:
        """Has `listener` awaited when the lease is lost or given back."""
        self._when_lost.append(listener)

    async def fence(self, connection: Connection) -> None:
        """Locks the lease for the caller's transaction. Raises Fenced where it is ours no more."""
        assert connection.is_in_transaction(), "a fence holds until the end of a transaction"
        if not self.is_held:
            raise Fenced(f"{self.name}: not held")
        found = await connection.fetch(
            SQL.fence, self.name, self.holder, self.epoch, f"{IDLE_MAX_S}s", self._session
        )
        if not found:
            raise Fenced(f"{self.name}: taken after epoch {self.epoch}")

    def lose(self, reason: str) -> None:
        """Believes in it no longer: a fence has told, or time has passed."""
        if self._is_taken:
            log.warning("lease_lost", lease=self.name, epoch=self.epoch, reason=reason)
            self._is_taken = False
            self._telling.spawn(self._tell(self._when_lost))

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=self._session)

    async def stop(self) -> None:
        """Gives the lease back. Its work must have ended before, or is broken off."""
        self._is_stopping = True  # a cancellation can get lost: see `Duty.stop`
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._telling.finish()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._safely(self._release)

    async def _run(self) -> None:
        while not self._is_stopping:
            await self._safely(self._keep if self._is_taken else self._take)
            await asyncio.sleep(EVERY_S)

    async def _safely(self, work: Callable[[], Awaitable[None]]) -> None:
        """One bad round is outlived: a lease that can't be renewed ends by its time."""
        try:
            await work()
        except Exception as error:
            level = log.warning if world_is_down(error) else log.error
            level("lease_failed", lease=self.name, error=repr(error))

    async def _take(self) -> None:
        if self._clock() < self._rests_until:
            return
        if not await self._pool.fetchval(SQL.is_lease_free, self.name):
            return
        await self._pool.fetch(SQL.evict, self._session)
        epoch: int | None = await self._pool.fetchval(
            SQL.take_lease, self.name, self.holder, timedelta(seconds=TTL_S)
        )
        # To take it may have lasted longer than it is good for, while a transaction was waited for.
        if epoch is not None and await self._renew(epoch) is not None:
            self.epoch, self._is_taken = epoch, True
            log.info("lease_taken", lease=self.name, epoch=epoch)
            self._telling.spawn(self._tell(self._when_gained))

    async def _keep(self) -> None:
        is_wanted = await self._renew(self.epoch)
        if not self._is_taken:
            return  # the answer came too late
        if is_wanted is None:
            self.lose("taken by another")
        elif is_wanted:
            await self._release()
            self._rests_until = self._clock() + REST_S

    async def _renew(self, epoch: int) -> bool | None:
        """Whether someone asks for it; None: it is not ours. What counts is when we asked."""
        asked_at = self._clock()
        is_wanted: bool | None = await self._pool.fetchval(
            SQL.renew_lease, self.name, self.holder, epoch, timedelta(seconds=TTL_S)
        )
        if is_wanted is not None:
            self._believed_until = asked_at + TTL_S
            self._set_alarm()
        return is_wanted

    def _set_alarm(self) -> None:
        """Even while a renewal hangs, the end of the time is noticed."""
        if self._alarm is not None:
            self._alarm.cancel()
        loop = asyncio.get_running_loop()
        self._alarm = loop.call_at(self._believed_until, self.lose, "not renewed in time")

    async def _release(self) -> None:
        """The work ends first, so that the next holder need not wait for it."""
        self._is_taken = False
        if self._alarm is not None:
            self._alarm.cancel()
        await self._tell(self._when_lost)
        await self._pool.execute(SQL.release_lease, self.name, self.holder)
        log.info("lease_released", lease=self.name)

    async def _tell(self, listeners: list[Listener]) -> None:
        async with self._turn:
            for listener in listeners:
                await listener()
