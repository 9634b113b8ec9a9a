"""Figures: a number with its unit, percentiles without interpolation, and the table of a run."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from msgspec import Struct

NAME_WIDTH, VALUE_WIDTH = 52, 12


class Figure(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One measured number. `None` means that it could not be measured here; `note` says why."""

    name: str
    value: float | None
    unit: str
    note: str = ""
    at_least: float | None = None
    """A goal. A run that misses it is told so, and is no less sound."""
    at_most: float | None = None

    @property
    def verdict(self) -> str:
        """How the figure stands to its goal, if it has one."""
        if self.value is None:
            return ""
        if self.at_least is not None:
            return f"goal >= {self.at_least:g}: {_told(self.value >= self.at_least)}"
        if self.at_most is not None:
            return f"goal <= {self.at_most:g}: {_told(self.value <= self.at_most)}"
        return ""


class Section(Struct, frozen=True, kw_only=True):
    """The figures of one phase of a scenario."""

    title: str
    figures: list[Figure]


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The nearest-rank percentile: a value that was really seen; None where none was."""
    if not values:
        return None
    return sorted(values)[max(ceil(len(values) * percent / 100), 1) - 1]


def latency_figures(name: str, seconds: Sequence[float], note: str = "") -> list[Figure]:
    """p50 and p99 in milliseconds of latencies in seconds."""
    return [
        Figure(name=f"{name}, p{percent}", value=_ms(percentile(seconds, percent)), unit="ms",
               note=note if percent == 50 else "")
        for percent in (50, 99)
    ]  # fmt: skip


def ratio(figure: float | None, reference: float | None) -> float | None:
    """How many references a figure is worth."""
    return figure / reference if figure is not None and reference else None


def show(section: Section) -> str:
    """A section as aligned text."""
    lines = [section.title, "-" * len(section.title)]
    lines += [_line(figure) for figure in section.figures]
    return "\n".join(lines) + "\n"


def number(value: float | None) -> str:
    """Three digits, which is more than a shared machine can promise; whole numbers stay whole."""
    if value is None:
        return "-"
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.1f}"


def _line(figure: Figure) -> str:
    said = ", ".join(filter(None, (figure.verdict, figure.note)))
    note = f"  ({said})" if said else ""
    value = number(figure.value)
    return f"  {figure.name:<{NAME_WIDTH}}{value:>{VALUE_WIDTH}} {figure.unit}{note}"


def _told(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
