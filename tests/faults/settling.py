"""After the trouble everything settles by itself, and nothing is lost, doubled or lied about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from aio_pika import connect

from actors.accounting.proof.proving import looking, prove_all
from bus.topology import dead_queue
from runner import INLETS
from tests.faults.audit import differences
from tests.faults.evidence import Evidence, collect
from tests.faults.orders import Flow
from tests.faults.town import Town
from tests.waiting import at_last

SETTLED_WITHIN_S = 90.0
SHOWN = 40

Promises = Callable[[Evidence], Iterable[str]]


async def all_ends_well(town: Town, flow: Flow) -> None:
    """Every order ends as was promised, everybody agrees, and nothing lies about anywhere."""
    assert all(order.is_accepted for order in flow.orders)
    wrong = await settled(town, flow.disappointments)
    assert not wrong, "\n".join([*wrong[:SHOWN], town.logs()])
    await nothing_is_left_over(town)


async def settled(
    town: Town, promises: Promises, *, within_s: float = SETTLED_WITHIN_S
) -> list[str]:
    """What is still wrong when everything had its time; the books are proved as a whole, too."""
    wrong: list[str] = []

    async def is_well() -> bool:
        evidence = await evidence_of(town)
        wrong[:] = [*promises(evidence), *differences(evidence)]
        return not wrong

    with suppress(TimeoutError):
        await at_last(is_well, within_s=within_s, every_s=0.5)
    async with looking(town.site.postgres_url) as connection:
        proof = await prove_all(connection)
    return [*wrong, *(str(each) for each in proof.breaks)]


async def evidence_of(town: Town) -> Evidence:
    """What everybody believes now."""
    shops = list(town.street.shops.values())
    simulator_url = town.programs["simulator"].url
    return await collect(town.site.postgres_url, simulator_url, town.session, shops)


async def nothing_is_left_over(town: Town) -> None:
    """No dead letter, no message that waits, none in anybody's hands."""
    await at_last(lambda: _hands_are_empty(town))
    async with await connect(town.site.rabbitmq_url) as connection:
        channel = await connection.channel()
        for inlet in INLETS:
            for name in (inlet.queue, dead_queue(inlet.queue)):
                if name.endswith(".lanes"):  # not a queue: each lane has its own
                    continue
                queue = await channel.declare_queue(name, passive=True)
                assert queue.declaration_result.message_count == 0, name


async def _hands_are_empty(town: Town) -> bool:
    return await town.counted("tomato_events_in_hand") == 0
