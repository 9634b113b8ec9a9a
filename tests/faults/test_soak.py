"""A short soak, so that the long one works when it is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.services import Services
from tests.faults.blows import Kill, Restart, Trouble, plan
from tests.faults.soak import PROTOCOLS, soak
from tests.faults.town import ACTORS

SEED, SECONDS = 6, 12


def test_a_seed_deals_the_same_blows_to_the_same_orders() -> None:
    drawn = [plan(SEED, 600, ACTORS, PROTOCOLS) for _ in range(2)]
    assert drawn[0] == drawn[1] != plan(SEED + 1, 600, ACTORS, PROTOCOLS)
    assert {type(blow) for blow in drawn[0].blows} == {Kill, Restart, Trouble}


@pytest.mark.faults
async def test_nobody_disagrees_after_a_short_soak(breakable: Services, tmp_path: Path) -> None:
    verdict = await soak(breakable, tmp_path, plan(SEED, SECONDS, ACTORS, PROTOCOLS))
    assert verdict.differences == []
    assert verdict.bill_lines > 0
