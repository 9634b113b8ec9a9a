"""`runner.py ledger check`: the platform's own proof of its books, timed from the outside."""

from __future__ import annotations

import asyncio
import sys
import time

from bench.figures import Figure, Section
from bench.ledger.yard import Yard
from bench.reconcile import Check
from deploy.local.folders import CHECKOUT
from deploy.local.processes import inherited_environment

AT_MOST_S = 20.0
MILLION = 1_000_000


async def prove(yard: Yard) -> tuple[Section, list[Check]]:
    """How long the proof takes, reckoned for a million entries; what it finds fails the run."""
    entries = 4 * await yard.booked()
    began_at = time.monotonic()
    code, printed = await _run(yard, "ledger", "check")
    took_s = time.monotonic() - began_at
    differences = [] if code == 0 else [f"ended with {code}: {line}" for line in printed[-10:]]
    section = Section(
        title=f"`ledger check` over {entries:,} entries",
        figures=[
            Figure(name="start to end", value=took_s, unit="s"),
            Figure(name="for a million entries", value=took_s * MILLION / entries, unit="s",
                   at_most=AT_MOST_S),
        ],
    )  # fmt: skip
    return section, [
        Check(name="the ledger's own proof", compared=entries, differences=differences)
    ]


async def _run(yard: Yard, *words: str) -> tuple[int, list[str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "runner.py", *words,
        env={**inherited_environment(), **yard.environment},
        cwd=CHECKOUT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode(errors="replace").splitlines()
