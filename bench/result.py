"""The result of a run: the table that is printed and the file that is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from bench.counters import Statement
from bench.figures import Figure, Section, ratio, show
from bench.phases import PAYMENTS_PER_S, PLATFORM_CPU
from bench.reconcile import Check, duplicates
from bench.references import Reference
from bench.stage import Stage
from bench.traffic import Report

DIFFERENCES_SHOWN_MAX = 10


class Result(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that a run has found out."""

    scenario: str
    machine: dict[str, str | int]
    sections: list[Section]
    checks: list[Check]
    settings: dict[str, str] = {}
    references: list[Reference] = []
    busiest_statements: list[Statement] = []
    bytes_by_table: dict[str, int] = {}

    @property
    def is_sound(self) -> bool:
        """Whether everybody agrees. Without that, the figures are of a broken platform."""
        return not any(check.differences for check in self.checks)


def text(result: Result) -> str:
    """The result as people read it."""
    where = ", ".join(f"{name} {value}" for name, value in result.machine.items())
    sections = [show(section) for section in result.sections]
    settings = [f"{name}={value}" for name, value in result.settings.items()]
    head = [f"{result.scenario}: {where}", *settings, ""]
    return "\n".join([*head, *sections, _reconciliation(result.checks)])


def write(result: Result, path: Path) -> None:
    """The result as programs read it."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")


def answers_section(stage: Stage, report: Report, unfinished: int) -> Section:
    """What clients met: answers by status, errors, and how much load was really made."""
    orders = report.orders
    statuses = sorted(Counter(order.status for order in orders).items())
    counted = [
        *((f"answered {status}" if status else "no answer", count) for status, count in statuses),
        ("no webhook within the drain", unfinished),
        ("arrivals dropped by the generator", report.dropped),
        ("webhooks that came again", duplicates(orders)),
        ("webhook signatures checked", report.verified),
        *(
            (f"{name} in the log of {program.name}", count)
            for program in stage.programs
            for name, count in program.trouble().items()
        ),
    ]
    figures = [Figure(name=name, value=count, unit="") for name, count in counted]
    return Section(title="Orders of all phases", figures=figures)


def references_section(references: Sequence[Reference], closed: Section) -> Section:
    """Our figures as multiples of the loops, which is what can be compared between machines."""
    values = {figure.name: figure.value for figure in closed.figures}
    figures: list[Figure] = []
    for each in references:
        per_s, cpu = (
            ratio(values[PAYMENTS_PER_S], each.per_s),
            ratio(values[PLATFORM_CPU], each.cpu_ms),
        )
        figures += [
            Figure(name=each.name, value=each.per_s, unit="1/s"),
            Figure(name="  CPU of one, everybody together", value=each.cpu_ms, unit="ms"),
            Figure(name="  payments for each of them, by rate", value=per_s, unit="x"),
            Figure(name="  of them for each payment, by CPU", value=cpu, unit="x"),
        ]
    return Section(title="Reference loops of the same run", figures=figures)


def _reconciliation(checks: Sequence[Check]) -> str:
    lines = ["Reconciliation", "--------------"]
    for check in checks:
        verdict = f"{len(check.differences)} DIFFERENCES" if check.differences else "agrees"
        lines.append(f"  {check.name:<52}{check.compared:>12,} {verdict}")
        shown = check.differences[:DIFFERENCES_SHOWN_MAX]
        lines += [f"      {difference}" for difference in shown]
        if len(check.differences) > len(shown):
            lines.append(f"      and {len(check.differences) - len(shown)} more")
    return "\n".join(lines)
