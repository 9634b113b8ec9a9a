"""The bench's hand on its traffic processes: begin a load, end it, and fetch what they saw."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
import msgspec

from bench.generator import ClosedLoop, Load, OpenLoop
from bench.orders import Order
from bench.programs import Program
from bench.traffic import Report, Rested

DRAIN_WITHIN_S = 60.0


@dataclass(frozen=True)
class Traffic:
    """All traffic processes as one."""

    programs: Sequence[Program]
    session: aiohttp.ClientSession

    async def begin(self, load: Load) -> None:
        """Each process takes its share."""
        shares = _shares(load, len(self.programs))
        await asyncio.gather(
            *(
                self._ask("POST", program, "load", msgspec.json.encode(share))
                for program, share in zip(self.programs, shares, strict=True)
            )
        )

    async def rest(self) -> int:
        """No more orders; returns how many payments did not end within a minute."""
        return await self._ended(f"rest?within_s={DRAIN_WITHIN_S}")

    async def finished(self) -> int:
        """Waits for the end of a load that has one; returns how many payments did not end."""
        return await self._ended(f"finished?within_s={DRAIN_WITHIN_S}")

    async def report(self) -> Report:
        """Everything that all processes have seen so far."""
        answers = await asyncio.gather(
            *(self._ask("GET", each, "report") for each in self.programs)
        )
        reports = [msgspec.json.decode(answer, type=Report) for answer in answers]
        orders: list[Order] = [order for report in reports for order in report.orders]
        return Report(
            orders=orders,
            dropped=sum(report.dropped for report in reports),
            strangers=[each for report in reports for each in report.strangers],
            verified=sum(report.verified for report in reports),
            forged=[each for report in reports for each in report.forged],
        )

    async def _ended(self, what: str) -> int:
        answers = await asyncio.gather(*(self._ask("POST", each, what) for each in self.programs))
        return sum(msgspec.json.decode(answer, type=Rested).unfinished for answer in answers)

    async def _ask(self, method: str, program: Program, path: str, body: bytes = b"") -> bytes:
        timeout = aiohttp.ClientTimeout(total=DRAIN_WITHIN_S + 30)
        url = f"{program.url}/{path}"
        async with self.session.request(method, url, data=body, timeout=timeout) as answer:
            answer.raise_for_status()
            return await answer.read()


def _shares(load: Load, count: int) -> list[Load]:
    """A load in `count` parts; what does not divide goes to the first ones."""
    if isinstance(load, OpenLoop):
        return [OpenLoop(load.rate_per_s / count)] * count
    parts = [_part(load.in_flight, count, index) for index in range(count)]
    if load.payments_max is None:
        return [ClosedLoop(part) for part in parts]
    limits = [_part(load.payments_max, count, index) for index in range(count)]
    return [ClosedLoop(part, limit) for part, limit in zip(parts, limits, strict=True)]


def _part(whole: int, count: int, index: int) -> int:
    return whole // count + (index < whole % count)
