"""What the ledger is measured by: pgbench, and the ledger that everybody writes at first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.figures import Figure, Section, ratio
from bench.ledger.hands import Hand
from bench.ledger.tasks import LockRows
from bench.ledger.yard import Yard, run_window
from bench.pgbench import PgBench, pgbench

CLIENTS = (1, 4, 8, 16, 32)
Rates = Mapping[int, float]
"""A second, by the number of clients."""


@dataclass(frozen=True)
class Yardsticks:
    """Transactions a second of all of them."""

    pgbench: Rates
    prepared: Rates
    """pgbench with its statements prepared once, as ours are. It is not its default."""
    row_locks: Rates

    def section(self) -> Section:
        """Each client count, and which of them is best."""
        figures = [
            *_figures("pgbench's default transaction", self.pgbench),
            *_figures("the same, prepared", self.prepared),
            *_figures("a transaction a booking, rows locked", self.row_locks),
        ]
        return Section(title="Yardsticks of the same run", figures=figures)

    def compared(self, per_s: float, at_least: float) -> list[Figure]:
        """A rate of ours as multiples of the best of each."""
        return [
            Figure(name="for each of pgbench's, at its best", unit="x", at_least=at_least,
                   value=ratio(per_s, best(self.pgbench))),
            Figure(name="for each of pgbench's prepared, at its best", unit="x", at_least=at_least,
                   value=ratio(per_s, best(self.prepared))),
            Figure(name="for each with rows locked, at its best", unit="x",
                   value=ratio(per_s, best(self.row_locks))),
        ]  # fmt: skip


def best(rates: Rates) -> float | None:
    """That of the best number of clients."""
    return max(rates.values(), default=None)


async def measure(yard: Yard, hand: Hand, seconds: float) -> Yardsticks:
    """All at every client count, some seconds each, one after the other."""
    async with pgbench(yard.services.postgres_url, max(CLIENTS)) as bench:
        simple = await _pgbench(bench, seconds, "simple")
        prepared = await _pgbench(bench, seconds, "prepared")
    locked: dict[int, float] = {}
    for clients in CLIENTS:
        window = await run_window(yard, {hand: LockRows(clients=clients, seconds=seconds)})
        locked[clients] = window.per_s
    return Yardsticks(simple, prepared, locked)


async def _pgbench(bench: PgBench | None, seconds: float, protocol: str) -> Rates:
    if bench is None:
        return {}
    runs = {
        clients: await bench.run(clients=clients, seconds=seconds, protocol=protocol)
        for clients in CLIENTS
    }
    return {clients: per_s for clients, (_, per_s) in runs.items()}


def _figures(name: str, rates: Rates) -> list[Figure]:
    return [
        Figure(
            name=f"{name}, {clients} clients",
            value=per_s,
            unit="1/s",
            note="best" if per_s == best(rates) else "",
        )
        for clients, per_s in rates.items()
    ]
