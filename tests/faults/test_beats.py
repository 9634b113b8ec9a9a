"""Everybody dies at each beat of their work while payments are in flight: kill -9, by themselves.

A round is one beat. All actors are told to die there, each once, while two hundred orders of every
life are on their way; each is born again at once. That each death happened is asserted. Then
everything settles, and everybody must say the same; a difference names those who died with that
payment in hand.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import pytest

from deploy.local.services import Services
from tests.faults.deaths import Death, Deaths
from tests.faults.evidence import Evidence
from tests.faults.orders import AMOUNTS_FEN, WITH_CASHIER, Flow, Life
from tests.faults.settling import SETTLED_WITHIN_S, SHOWN, nothing_is_left_over, settled
from tests.faults.town import Town, a_town
from tests.sites import a_site

pytestmark = pytest.mark.faults

ALL_LIVES: tuple[Life, ...] = (*WITH_CASHIER, "expire", "unheard")
IN_FLIGHT = 200
MORE = 40
"""Further orders while somebody has not died yet: a place may be passed by few."""

DONE_WITHIN_S = 60.0

NUMBER = 24
"""So many characters the numbers of a payment, its attempts and its refunds begin with."""

CALLS_IN_FLIGHT_MAX = 3
"""So few that what a channel has no room for waits in its lane."""

DECIDERS = ("ordering", "risk", "routing", "channels.notices", "accounting", "notification")
COUNTERS = ("routing.learning", "monitoring")
"""They say nothing."""
CALLERS = ("channels.calls", "channels.lanes", "channels.refunds", "notification.lanes")
DUTIES = ("ordering.see_to_ends", "channels.ask_again", "channels.ask_refunds_again")
DOORS = ("edge.orders", "edge.notices", "edge.wishes")
SPEAKERS = (*DECIDERS, *CALLERS, *DUTIES, *DOORS)

ROUNDS: dict[str, Sequence[str]] = {
    "before the commit": [f"{name} before its commit" for name in (*DECIDERS, *COUNTERS)],
    "before and after the call": [
        f"{name} {beat}" for name in CALLERS for beat in ("before the call", "before the record")
    ],
    "before the publish": [f"{name} before it speaks" for name in SPEAKERS],
    "before the acknowledgement": [
        f"{name} before it acknowledges" for name in (*SPEAKERS, *COUNTERS)
    ],
}


TIME_PASSES: dict[Life, str] = {
    "expire": """
UPDATE ordering.payment SET expires_at = now(), close_at = now() WHERE payment_id IN (
    SELECT payment_id FROM ordering.payment
    WHERE amount_fen = $1 AND expires_at > now() AND state IN ('routing', 'pending', 'unknown')
    FOR UPDATE SKIP LOCKED
)""",
    "unheard": """
WITH about AS (SELECT payment_id FROM ordering.payment WHERE amount_fen = $1), attempts AS (
    UPDATE channels.attempt SET query_at = now() WHERE attempt_id IN (
        SELECT attempt_id FROM channels.attempt JOIN about USING (payment_id)
        WHERE query_at > now() FOR UPDATE OF attempt SKIP LOCKED
    )
)
UPDATE channels.repayment SET query_at = now() WHERE refund_id IN (
    SELECT refund_id FROM channels.repayment JOIN about USING (payment_id)
    WHERE query_at > now() FOR UPDATE OF repayment SKIP LOCKED
)""",
}
"""Nobody wants to wait for minutes: what nobody pays expires, and what nobody has heard of is asked
about every second."""


@dataclass
class Round:
    """Two hundred orders on their way, and who is to die meanwhile."""

    town: Town
    deaths: Deaths
    places: Sequence[str]
    flows: list[Flow] = field(default_factory=list)
    dead: list[Death] = field(default_factory=list)

    async def run(self) -> None:
        """Orders come in until everybody has died who was to; each shop does what it wanted to."""
        try:
            async with asyncio.timeout(DONE_WITHIN_S), asyncio.TaskGroup() as tasks:
                await self._run(tasks)
        except TimeoutError:
            await self.all_ends_well(within_s=0.1)
            raise

    async def all_ends_well(self, *, within_s: float = SETTLED_WITHIN_S) -> None:
        """Everybody agrees; where not, it is told who died with that payment in hand."""
        self._are_dead()
        clock = asyncio.create_task(self._time_passes())
        await self.town.are_ready()
        wrong = await settled(self.town, self._disappointments, within_s=within_s)
        clock.cancel()
        assert not wrong, "\n".join([*map(self._blamed, wrong[:SHOWN]), self.town.logs()])
        await nothing_is_left_over(self.town)

    async def _run(self, tasks: asyncio.TaskGroup) -> None:
        selling = tasks.create_task(self._sell(IN_FLIGHT))
        await asyncio.sleep(0)
        await self.flows[0].is_running()
        self.deaths.order(self.places)
        while not (selling.done() and len(self.dead) == len(self.places)):
            await self._some_time_passes()
            self.dead = [each for each in self.deaths.confirmed() if each.place in self.places]
            if selling.done() and len(self.dead) < len(self.places):
                selling = tasks.create_task(self._sell(MORE))

    def _are_dead(self) -> None:
        assert sorted(death.place for death in self.dead) == sorted(self.places)

    async def _sell(self, count: int) -> None:
        self.flows.append(Flow(self.town.street, count, ALL_LIVES))
        await self.flows[-1].run()

    async def _time_passes(self) -> None:
        while True:
            await self._some_time_passes()

    async def _some_time_passes(self) -> None:
        async with self.town.database() as connection:
            for life, statement in TIME_PASSES.items():
                await connection.execute(statement, AMOUNTS_FEN[life])
        await asyncio.sleep(0.5)

    def _disappointments(self, evidence: Evidence) -> Iterator[str]:
        return chain.from_iterable(flow.disappointments(evidence) for flow in self.flows)

    def _blamed(self, difference: str) -> str:
        numbers = [found[:NUMBER] for found in re.findall(r"[0-9a-z-]{12,}", difference)]
        there = [d.place for d in self.dead if any(d.had_in_hand(number) for number in numbers)]
        return f"{difference} (died with it in hand: {', '.join(there) or 'nobody'})"


@dataclass
class MortalTown:
    """A town, and the deaths of whoever works there."""

    town: Town
    deaths: Deaths


@pytest.fixture(scope="module")
async def mortals(
    breakable: Services, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[MortalTown]:
    """One town for all beats."""
    folder, deaths = tmp_path_factory.mktemp("town"), Deaths(tmp_path_factory.mktemp("deaths"))
    launcher = ("-m", "tests.faults.mortal", str(deaths.folder))
    bears = CALLS_IN_FLIGHT_MAX
    async with (
        a_site(breakable, "mortals") as site,
        a_town(breakable, site, folder, launcher=launcher, calls_in_flight_max=bears) as town,
    ):
        yield MortalTown(town, deaths)


@pytest.mark.parametrize("places", ROUNDS.values(), ids=ROUNDS)
async def test_no_payment_is_lost_or_doubled_when_everybody_dies(
    mortals: MortalTown, places: Sequence[str]
) -> None:
    this = Round(mortals.town, mortals.deaths, places)
    await this.run()
    await this.all_ends_well()
