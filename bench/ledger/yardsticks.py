"""What the ledger is measured by: pgbench, and the ledger that everybody writes at first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.figures import Figure, Section
from bench.ledger.hands import Hand
from bench.ledger.tasks import LockRows
from bench.ledger.yard import Yard, run_window
from bench.pgbench import pgbench

CLIENTS = (1, 4, 8, 16, 32)
PROTOCOL = "prepared"
"""pgbench at its best: as our own statements are, its are prepared once. It is not its default."""


@dataclass(frozen=True)
class Yardsticks:
    """Transactions a second of both, by the number of clients."""

    pgbench: Mapping[int, float]
    row_locks: Mapping[int, float]

    @property
    def pgbench_best(self) -> float | None:
        return max(self.pgbench.values(), default=None)

    @property
    def row_locks_best(self) -> float | None:
        return max(self.row_locks.values(), default=None)

    def section(self) -> Section:
        """Each client count, and which of them is best."""
        return Section(
            title="Yardsticks of the same run",
            figures=[
                *_figures("pgbench's default transaction", self.pgbench),
                *_figures("one transaction a booking, rows locked", self.row_locks),
            ],
        )


async def measure(yard: Yard, hand: Hand, seconds: float) -> Yardsticks:
    """Both at every client count, some seconds each, one after the other."""
    rates: dict[int, float] = {}
    async with pgbench(yard.services.postgres_url, max(CLIENTS)) as bench:
        for clients in CLIENTS if bench else ():
            assert bench is not None
            _, rates[clients] = await bench.run(clients=clients, seconds=seconds, protocol=PROTOCOL)
    locked: dict[int, float] = {}
    for clients in CLIENTS:
        window = await run_window(yard, {hand: LockRows(clients=clients, seconds=seconds)})
        locked[clients] = window.per_s
    return Yardsticks(rates, locked)


def _figures(name: str, rates: Mapping[int, float]) -> list[Figure]:
    best = max(rates, key=lambda clients: rates[clients], default=None)
    return [
        Figure(
            name=f"{name}, {clients} clients",
            value=per_s,
            unit="1/s",
            note="best" if clients == best else "",
        )
        for clients, per_s in rates.items()
    ]
