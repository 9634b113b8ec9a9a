"""A process that runs one example room, and dies where it is told to.

It is served as `runner.py` serves the product's rooms. Nothing in the product knows of dying:
the function at whose door the process dies is wrapped here.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from typing import Any, Never
from zlib import crc32

from bus import logs
from bus.broker import Broker
from bus.caller import CallerRun
from bus.database import Pool
from bus.decider import DeciderRun
from bus.lanes import Lanes, Pace
from bus.lease import Lease, new_holder
from bus.process import Part, Shared, serve
from bus.shards import Balance, Dispatcher, Shards
from schema.messages.contract import Message
from schema.settings import Settings
from tests.bus.errands import errands
from tests.bus.rooms import COUNTER, VISITS, Add, catalogued, counter, tally

PROCESSES = get_context("forkserver")
"""Workers are forked from a process that has imported everything: importing costs two seconds."""

QUICK = Pace(beat_s=0.2, lease_s=1.0, compare_s=0.5, tell_s=0.2, stalled_after_s=1.0)

PROCESSES.set_forkserver_preload(["pytest", "tests.bus.worker"])


def run_worker(
    room: str, point: str, peer_url: str, environment: Mapping[str, str], at_work: Event
) -> None:
    """Serves one room until SIGTERM, or until it dies."""
    logs.configure(name=f"example-{room}")
    with catalogued():
        asyncio.run(_serve(room, point, peer_url, Settings.read(environment), at_work))


async def _serve(room: str, point: str, peer_url: str, settings: Settings, at_work: Event) -> None:
    shared = await Shared.open(settings, name=f"example-{room}")
    await serve(shared, room_of(shared, room, point, peer_url), (_Told(at_work),))


def die(*_: Any, **__: Any) -> Never:
    """Ends the process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("not reached")


def dies_after(work: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Works, then dies before anybody hears of it."""

    async def fatal(*args: Any, **kwargs: Any) -> Never:
        await work(*args, **kwargs)
        die()

    return fatal


class _Told:
    """Says that the room is at work: the last part to be started."""

    def __init__(self, at_work: Event) -> None:
        self._at_work = at_work

    async def start(self) -> None:
        self._at_work.set()

    async def stop(self) -> None:
        """Nothing to stop."""


def room_of(shared: Shared, name: str, point: str, peer_url: str) -> Sequence[Part]:
    """The parts of a room, one of whose functions may be fatal."""
    if name in ("counter", "tally"):
        room = counter if name == "counter" else tally
        steps = {f"before {step}": step for step in ("load", "decide", "save")}
        room = replace(room, **{steps[point]: die}) if point in steps else room
        _make_publishing_fatal(shared.broker, point)
        return (DeciderRun(room, pool=shared.pool, broker=shared.broker),)
    if name == "sole":
        return _sole_writer(shared)
    if name in ("dispatcher", "two shards"):
        _make_publishing_fatal(shared.broker, point)
        parts = sharded(Shards(COUNTER, 2, by_key), pool=shared.pool, broker=shared.broker)
        return parts[-1:] if name == "dispatcher" else parts
    return _caller_of(shared, name, point, peer_url)


def _sole_writer(shared: Shared) -> Sequence[Part]:
    """A counter that is slow, and the only one at its queue while it holds the lease."""
    lease = Lease("example.0", pool=shared.pool, holder=new_holder())
    slow = replace(counter, decide=slowly(counter.decide))
    return lease, DeciderRun(slow, pool=shared.pool, broker=shared.broker, lease=lease)


def sharded(shards: Shards, *, pool: Pool, broker: Broker) -> Sequence[Part]:
    """The counter, divided as the main switch divides a room."""
    leases = shards.leases(pool)
    writers = [
        DeciderRun(
            replace(counter, inlet=shards.inlet_of(shard)), pool=pool, broker=broker, lease=lease
        )
        for shard, lease in enumerate(leases)
    ]
    dispatcher = Dispatcher(shards, pool=pool, broker=broker)
    return (*leases, Balance(leases, pool=pool), *writers, dispatcher)


def by_key(message: Message) -> int:
    """Which shard counts a key."""
    assert isinstance(message, Add)
    return crc32(message.key.encode())


def slowly(decide: Callable[..., Any]) -> Callable[..., Any]:
    """Decides a hundred times a second: there is time to be interrupted."""

    def decide_slowly(*args: Any) -> Any:
        time.sleep(0.01)
        return decide(*args)

    return decide_slowly


def _caller_of(shared: Shared, name: str, point: str, peer_url: str) -> Sequence[Part]:
    caller = errands(peer_url, inlet=VISITS) if name == "lanes" else errands(peer_url)
    steps = {f"before {step}": step for step in ("open", "call", "record")}
    caller = replace(caller, **{steps[point]: die}) if point in steps else caller
    caller = replace(caller, call=dies_after(caller.call)) if point == "after call" else caller
    run = CallerRun(caller, pool=shared.pool, broker=shared.broker, lanes=name == "lanes")
    _make_publishing_fatal(shared.broker, point)
    if name == "errands":
        return (run,)
    lanes = Lanes(
        "example", run, broker=shared.broker, broadcasts=shared.broadcasts, pool=shared.pool,
        redis=shared.redis, pace=QUICK,
    )  # fmt: skip
    if point == "before opening a lane":
        lanes._lobby.open = die
    return run, lanes


def _make_publishing_fatal(broker: Any, point: str) -> None:
    if point == "before publish":
        broker.publish = die
    if point == "after publish":
        broker.publish = dies_after(broker.publish)
