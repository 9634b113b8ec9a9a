"""Our programs, which die at a beat of their work when that is ordered, and are born again at once.

    python -m tests.faults.mortal FOLDER run ordering        runs what `runner.py run ordering` runs

Nothing in the product knows of dying: the kernel's beats are wrapped here. A keeper has imported
everything and forks the program, as often as SIGKILL ends it: that takes no second of importing.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Never

import msgspec

import handlers.edge  # noqa: F401 - the doors import it when they open
from actors.monitoring.listener import Listener
from bus.broker import Broker
from bus.caller import Caller, CallerRun
from bus.decider import Desk
from bus.duty import Duty
from bus.effects import Delivery
from bus.jobs import Job
from handlers.outlet import Outlet
from runner import cli
from tests.faults.deaths import Deaths

SILENT = ("routing.learning", "notification.lanes")
"""Those whose work has no effects: all others count as passing only where they have some."""

PR_SET_PDEATHSIG = 1

Beat = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who is at work in this task, and on what."""

    name: str
    jobs: Sequence[Job] = ()

    def in_hand(self) -> list[bytes]:
        return [msgspec.json.encode(job.event) for job in self.jobs]


SPEAKER: ContextVar[Speaker | None] = ContextVar("speaker", default=None)


WHO: Sequence[tuple[type[Any], str, Callable[..., Speaker]]] = (
    (Desk, "_publish", lambda desk, jobs, _: Speaker(desk._queue, jobs)),
    (CallerRun, "_call", lambda run, job, _: Speaker(run._queue, [job])),
    (CallerRun, "_publish", lambda run, said: Speaker(run._queue, [job for job, _ in said])),
    (Outlet, "_publish", lambda outlet, _: Speaker(f"edge.{outlet._name}")),
    (Duty, "_run_safely", lambda duty: Speaker(duty._name)),
)
"""Whose work it is, so that it is known who asks and speaks inside."""


def make_mortal(deaths: Deaths) -> None:
    """Wraps every beat of deciders, callers, doors, duties and the ear of monitoring."""
    for kind, name, who in WHO:
        _change(kind, name, partial(_named, who))
    _change(Broker, "publish", partial(_speaking, deaths))
    _change(Desk, "_change", partial(_deciding, deaths))
    _change(Desk, "_decide", partial(_deciding, deaths))
    _change(CallerRun, "_opened", partial(_opening, deaths))
    _change(CallerRun, "__init__", partial(_calling, deaths))
    _change(Listener, "_count", partial(_counting, deaths, "before its commit"))
    _change(Listener, "_settle", partial(_counting, deaths, "before it acknowledges"))


def _change(kind: type[Any], name: str, wrapped: Callable[[Beat], Beat]) -> None:
    setattr(kind, name, wrapped(getattr(kind, name)))


def _named(who: Callable[..., Speaker], work: Beat) -> Beat:
    async def named(*args: Any) -> Any:
        token = SPEAKER.set(who(*args))
        try:
            return await work(*args)
        finally:
            SPEAKER.reset(token)

    return named


def _speaking(deaths: Deaths, publish: Beat) -> Beat:
    """Before the publish, after the commit; and after it, before anybody hears that it is done."""

    async def speak(broker: Broker, deliveries: Sequence[Delivery]) -> None:
        speaker = SPEAKER.get()
        if speaker is None or not (deliveries or speaker.name in SILENT):
            await publish(broker, deliveries)
            return

        def in_hand() -> list[bytes]:
            return [*speaker.in_hand(), *(delivery.body for delivery in deliveries)]

        deaths.passes(f"{speaker.name} before it speaks", in_hand)
        await publish(broker, deliveries)
        deaths.passes(f"{speaker.name} before it acknowledges", in_hand)

    return speak


def _deciding(deaths: Deaths, decide: Beat) -> Beat:
    """Loaded, decided and saved, and not committed."""

    async def decided(desk: Any, connection: Any, jobs: Sequence[Job]) -> Any:
        outcome = await decide(desk, connection, jobs)
        deaths.passes(f"{desk._queue} before its commit", Speaker(desk._queue, jobs).in_hand)
        return outcome

    return decided


def _opening(deaths: Deaths, opened: Beat) -> Beat:
    """What is about to be asked is committed, and nobody was asked."""

    async def begin(run: Any, jobs: Sequence[Job], found: Any) -> None:
        asking = [job for job, ticket in found.tickets if _asks(ticket)]
        if asking:
            deaths.passes(f"{run._queue} before the call", Speaker(run._queue, asking).in_hand)
        await opened(run, jobs, found)

    return begin


def _asks(ticket: Any) -> bool:
    """Whether somebody outside is to be asked; tickets of channels may be for nobody."""
    return ticket is not None and getattr(ticket, "asks", ticket) is not None


def _calling(deaths: Deaths, init: Beat) -> Beat:
    """Somebody outside was asked and has answered, and nobody here knows."""

    def made(run: CallerRun, caller: Caller[Any, Any], **options: Any) -> None:
        async def call(ticket: Any) -> Any:
            outcome, speaker = await caller.call(ticket), SPEAKER.get()
            assert speaker is not None
            if getattr(outcome, "calls", True):
                deaths.passes(f"{speaker.name} before the record", speaker.in_hand)
            return outcome

        init(run, replace(caller, call=call), **options)

    return made


def _counting(deaths: Deaths, beat: str, count: Beat) -> Beat:
    async def counted(listener: Any, jobs: Sequence[Job], other: Any) -> Any:
        deaths.passes(f"monitoring {beat}", Speaker("monitoring", jobs).in_hand)
        return await count(listener, jobs, other)

    return counted


# The keeper.


def keep(deaths: Deaths, words: Sequence[str]) -> Never:
    """Has the program live until it ends by itself, or is asked to."""
    while True:
        child = os.fork()
        if child == 0:
            _live(words)
        signal.signal(signal.SIGTERM, lambda *_, pid=child: os.kill(pid, signal.SIGTERM))
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code != -signal.SIGKILL:
            sys.exit(code)
        deaths.confirm(child)


def _live(words: Sequence[str]) -> Never:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform == "linux":  # as in `programs.py`: nobody is left behind
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    cli(list(words))
    raise SystemExit(0)


if __name__ == "__main__":
    all_deaths = Deaths(Path(sys.argv[1]))
    make_mortal(all_deaths)
    keep(all_deaths, sys.argv[2:])
