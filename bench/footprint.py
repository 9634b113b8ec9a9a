"""The footprint of payments: messages, statements and bytes; and the memory of idle processes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from bench.counters import Database, count_database, count_messages, stored_bytes
from bench.figures import Figure, Section
from bench.stage import Stage
from bench.usage import Memory, memory, usage

MEGABYTE = 1_000_000
REST_S = 5.0
SETTLED_AFTER_S = 3.0
"""A process that has just started still makes its pools and caches."""

DELIVERIES_TAKEN = "tomato_deliveries_in_total"
MESSAGES = {
    "events published": "tomato_events_out_total",
    "events taken from queues": "tomato_events_in_total",
    "AMQP deliveries published": "tomato_deliveries_out_total",
    "batches settled": "tomato_batches_total",
    "AMQP deliveries taken": DELIVERIES_TAKEN,
}


class Counts(Struct, frozen=True, kw_only=True):
    """Everything that is counted, up to now or between two moments when nothing was on its way."""

    messages: dict[str, int]
    database: Database
    bytes_by_table: dict[str, int]

    def since(self, earlier: Counts) -> Counts:
        """What came in between."""
        return Counts(
            messages=dict(Counter(self.messages) - Counter(earlier.messages)),
            database=self.database.since(earlier.database),
            bytes_by_table=dict(Counter(self.bytes_by_table) - Counter(earlier.bytes_by_table)),
        )

    def section(self, payments: int) -> Section:
        """Per payment, idle polling of the same minute included."""

        def per_payment(name: str, count: int | None, unit: str = "", note: str = "") -> Figure:
            value = None if count is None or not payments else count / payments
            return Figure(name=name, value=value, unit=unit, note=note)

        counted = [per_payment(name, self.messages.get(key, 0)) for name, key in MESSAGES.items()]
        by_queue = [
            per_payment(f"  from {key.rpartition('/')[2]}", deliveries)
            for key, deliveries in sorted(self.messages.items())
            if key.startswith(f"{DELIVERIES_TAKEN}/")
        ]
        return Section(
            title="Footprint of one payment (closed loop)",
            figures=[
                *counted,
                *by_queue,
                per_payment("SQL statements", self.database.calls, note="without BEGIN and COMMIT"),
                per_payment("SQL transactions", self.database.commits),
                per_payment("stored, tables and indexes", sum(self.bytes_by_table.values()), "B"),
                per_payment("written to the write-ahead log", self.database.wal_bytes, "B"),
                Figure(name="payments counted", value=payments, unit=""),
            ],
        )


async def counts_before(stage: Stage) -> Counts:
    """Counts up to now. Cleaning up and writing out comes first: it is not the payments' doing."""
    sizes = await stored_bytes(stage.database_url)
    return await _counts(stage, sizes)


async def counts_after(stage: Stage) -> Counts:
    """Counts up to now. Cleaning up and writing out comes last."""
    so_far = await _counts(stage, {})
    return msgspec.structs.replace(so_far, bytes_by_table=await stored_bytes(stage.database_url))


async def _counts(stage: Stage, bytes_by_table: dict[str, int]) -> Counts:
    return Counts(
        messages=await count_messages(stage.session, [each.url for each in stage.platform]),
        database=await count_database(stage.observer, stage.database),
        bytes_by_table=bytes_by_table,
    )


def memory_section(title: str, stage: Stage) -> Section:
    """What each component holds now."""
    return Section(title=title, figures=_held(memory(stage.platform_roots)))


async def rest_section(stage: Stage) -> Section:
    """What waiting costs: pollers and heartbeats, when nobody pays."""
    await asyncio.sleep(SETTLED_AFTER_S)
    before = usage(stage.platform_roots, time.monotonic())
    await asyncio.sleep(REST_S)
    used = usage(stage.platform_roots, time.monotonic()).since(before)
    cores = {name: cpu_s / used.at_s for name, cpu_s in used.by_component.items()}
    figures = [Figure(name="all, CPU", value=sum(cores.values()) * 100, unit="% of a core")]
    figures += [
        Figure(name=f"  {name}, CPU", value=share * 100, unit="% of a core")
        for name, share in cores.items()
    ]
    return Section(title="At rest", figures=[*figures, *_held(memory(stage.platform_roots))])


async def everything_in_one(stage: Stage) -> Section:
    """What a laptop's platform holds: one process for everything, and nobody pays."""
    stage.crew.stop()
    port = {"TOMATO_HTTP_PORT": str(stage.crew.port("tomato"))}
    together = stage.crew.start("tomato", ["runner.py", "all"], {**stage.environment, **port})
    await together.wait_until_ready()
    await asyncio.sleep(SETTLED_AFTER_S)
    held = memory({"tomato": together.process.pid})
    return Section(title="`runner.py all`, at rest", figures=_held(held))


def _held(held: Mapping[str, Memory]) -> list[Figure]:
    total = Figure(name="all, PSS", value=_mb(sum(m.pss_bytes for m in held.values())), unit="MB")
    parts = [
        Figure(
            name=f"  {name}, PSS",
            value=_mb(component.pss_bytes),
            unit="MB",
            note=f"RSS {_mb(component.rss_bytes):.0f}",
        )
        for name, component in held.items()
    ]
    return [total, *parts]


def _mb(count: int) -> float:
    return count / MEGABYTE
