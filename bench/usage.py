"""What processes cost, as the operating system counts it: CPU seconds and memory, per component.

A component is a process with all its descendants. Time of children that have ended and were waited
for stays in their parent's `cutime` (proc(5)), so PostgreSQL backends that come and go are counted
once and none is lost. The kernel counts in ticks of 10 ms: fine for windows of seconds.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
LOOKS_MAX = 10
"""A child that ends after its parent was read and before it is read itself would be missed: two
looks in a row must see the same processes. Where some always come and go, the last look counts."""

Roots = Mapping[str, int]
"""The main process of each component, by the component's name."""


class Usage(Struct, frozen=True):
    """CPU seconds so far, by component, and of the whole machine; the difference of two counts."""

    at_s: float
    by_component: dict[str, float]
    machine_s: float

    def since(self, earlier: Usage) -> Usage:
        """What was used in between."""
        used = {
            name: cpu_s - earlier.by_component.get(name, 0.0)
            for name, cpu_s in self.by_component.items()
        }
        return Usage(self.at_s - earlier.at_s, used, self.machine_s - earlier.machine_s)

    @property
    def foreign_cores(self) -> float:
        """Cores that strangers kept busy meanwhile: how far a figure can be trusted."""
        return max(self.machine_s - sum(self.by_component.values()), 0.0) / self.at_s


class Memory(Struct, frozen=True):
    """Memory of one component, in bytes. PSS shares out common pages; RSS counts them each time."""

    pss_bytes: int
    rss_bytes: int


class _Process(Struct, frozen=True):
    parent: int
    cpu_s: float


def usage(roots: Roots, at_s: float) -> Usage:
    """CPU seconds up to now; `at_s` is the caller's monotonic clock."""
    families = _families(roots)
    for _ in range(LOOKS_MAX):
        before, families = families, _families(roots)
        if all(families[name].keys() == before[name].keys() for name in roots):
            break
    cpu_s = {name: sum(family.values()) for name, family in families.items()}
    return Usage(at_s, cpu_s, _machine_cpu_s())


def memory(roots: Roots) -> dict[str, Memory]:
    """Memory held now, by component; zero where the kernel does not let us look."""
    return {name: _memory_of(family) for name, family in _families(roots).items()}


def _families(roots: Roots) -> dict[str, dict[int, float]]:
    """CPU seconds of each component's process and descendants; empty if it has ended."""
    processes = dict(_processes())
    return {name: _family(root, processes) for name, root in roots.items()}


def _family(root: int, processes: Mapping[int, _Process]) -> dict[int, float]:
    members = [root] if root in processes else []
    for member in members:
        members += [pid for pid, process in processes.items() if process.parent == member]
    return {pid: processes[pid].cpu_s for pid in members}


def _processes() -> Iterator[tuple[int, _Process]]:
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                yield int(entry), _parsed(Path("/proc", entry, "stat").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked


def _parsed(stat: str) -> _Process:
    # The second field is the program's name and may hold spaces and brackets.
    fields = stat.rpartition(")")[2].split()
    own_and_waited_for = sum(int(ticks) for ticks in fields[11:15])
    return _Process(parent=int(fields[1]), cpu_s=own_and_waited_for / TICKS_PER_S)


def _machine_cpu_s() -> float:
    user, nice, system, _idle, _iowait, irq, softirq, *_ = (
        int(ticks) for ticks in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / TICKS_PER_S


def _memory_of(family: Iterable[int]) -> Memory:
    pss_bytes = rss_bytes = 0
    for pid in family:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        held = {
            name: rest.split()[0] for name, _, rest in (line.partition(":") for line in lines[1:])
        }
        pss_bytes += int(held.get("Pss", 0)) * 1024
        rss_bytes += int(held.get("Rss", 0)) * 1024
    return Memory(pss_bytes, rss_bytes)
