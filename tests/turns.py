"""Which tests run beside which, where `pytest -n 2` has two processes.

Most tests wait: for a lease to run out, for a broker to come back. So two processes take half the
time of one, on two cores as well. A folder stays together, since its tests share what was dear to
start, and so does whatever kills services, since one session at a time may do that.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from xdist.scheduler import LoadScopeScheduling

BREAKING = ("tests/faults/", "tests/bus/test_outages.py", "tests/bus/test_lane_outages.py")
"""Who uses the fixture `breakable`. Whoever is missing here waits until all of these have ended."""

LONGEST_FIRST = ("breaking", "bus", "journeys", "actors", "doors", "house", "wire")
"""So that both processes end at about the same time."""


def company(nodeid: str) -> str:
    """Whom a test stays with: those who break things, else its folder."""
    return "breaking" if nodeid.startswith(BREAKING) else nodeid.split("/")[1]


def in_order(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Tests of one company one after the other, long companies first."""
    return sorted(items, key=lambda item: _place(company(item.nodeid)))


class Companies(LoadScopeScheduling):
    """A process takes the next company when it has come to the last tests of its own."""

    def _split_scope(self, nodeid: str) -> str:
        return company(nodeid)


class OneCompany(LoadScopeScheduling):
    """One process has everything to do."""

    def _split_scope(self, nodeid: str) -> str:
        return "all"


def _place(name: str) -> tuple[int, str]:
    known = name in LONGEST_FIRST
    return (LONGEST_FIRST.index(name) if known else len(LONGEST_FIRST), name)
