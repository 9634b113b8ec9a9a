"""Through the real actor: everything is in its queue already when it starts, so that it is it that
is measured."""

from __future__ import annotations

import asyncio
import time

from bench.figures import Figure, Section
from bench.ledger.feed import a_feed, encoded
from bench.ledger.yard import Yard, cpu_figures
from bench.ledger.yardsticks import Yardsticks
from bench.programs import Program
from bench.reconcile import Check
from bench.usage import Usage, usage

AT_LEAST = 1.5
LOOK_EVERY_S = 0.02
DRAINED_WITHIN_S = 120.0
HEAD = 10
"""Per cent of the bookings that pass before the window opens: the program starts meanwhile."""


async def measure(
    yard: Yard, bookings: int, yardsticks: Yardsticks | None
) -> tuple[Section, list[Check]]:
    """Bookings a second from the queue, and what each component spends on one."""
    async with a_feed(yard.services.rabbitmq_url) as feed:
        await feed.publish(encoded(yard.register.lot(bookings)))
    begin = await yard.booked()
    program = start(yard, "accounting")
    opened = await _when(yard, begin + bookings * HEAD // 100, program)
    closed = await _when(yard, begin + bookings, program)
    await program.wait_until_ready()  # what is committed is being acknowledged
    ends = yard.crew.stop()
    count, used = closed[0] - opened[0], closed[1].since(opened[1])
    per_s = count / used.at_s
    section = Section(
        title="Through the real actor, from RabbitMQ",
        figures=[
            Figure(name="bookings", value=per_s, unit="1/s"),
            *(yardsticks.compared(per_s, AT_LEAST) if yardsticks else ()),
            *cpu_figures(used, count),
            *trouble(program),
        ],
    )  # fmt: skip
    return section, [Check(name="the actor ended well", compared=1, differences=ends)]


def start(yard: Yard, name: str) -> Program:
    """A process that runs accounting as it runs anywhere."""
    port = yard.crew.port(name)
    words = ["runner.py", "run", "accounting", f"--operations-port={port}"]
    return yard.crew.start(name, words, yard.environment)


def trouble(program: Program) -> list[Figure]:
    """Warnings and errors in its log, where there are any."""
    return [
        Figure(name=f"{what} in the log of {program.name}", value=count, unit="")
        for what, count in program.trouble().items()
    ]


async def wait_until_booked(yard: Yard, wanted: int, *programs: Program) -> int:
    """Returns as soon as so many bookings are committed, with how many there are by then."""
    give_up_at = time.monotonic() + DRAINED_WITHIN_S
    while (booked := await yard.booked()) < wanted:
        for program in programs:
            program.check_runs()
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{booked} bookings after {DRAINED_WITHIN_S:.0f} s, not {wanted}")
        await asyncio.sleep(LOOK_EVERY_S)
    return booked


async def _when(yard: Yard, wanted: int, program: Program) -> tuple[int, Usage]:
    booked = await wait_until_booked(yard, wanted, program)
    roots = yard.roots(accounting=program.process.pid)
    return booked, usage(roots, time.monotonic())
