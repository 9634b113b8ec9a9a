"""`make soak`: everything that can go wrong does, for minutes, and not a fen may be missing after.

The seed is printed and its plan kept: the same seed deals the same blows to the same orders.
"""

from __future__ import annotations

import asyncio
import fcntl
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct

from deploy.local import services as local
from deploy.local.folders import profile_folder
from deploy.local.services import Services
from handlers.simulator.world import FaultOrder
from schema.channels.language import Protocols
from tests.faults.bills import against_bills
from tests.faults.blows import Blow, Kill, Plan, Restart, Trouble, plan
from tests.faults.evidence import Evidence
from tests.faults.orders import Order
from tests.faults.settling import evidence_of, nothing_is_left_over, settled
from tests.faults.town import ACTORS, SHOPS, WALLETS, Town, a_town, who_pays
from tests.sites import a_site, remember_the_queues

PROTOCOLS: tuple[Protocols, ...] = tuple(WALLETS)
SETTLED_WITHIN_S = 240.0
HURRIED_EVERY_S = 3.0
SECONDS = 600

HURRY = (
    "UPDATE bus.timer SET due_at = now() WHERE due_at > now()",
    "UPDATE channels.attempt SET query_at = now()"
    " WHERE query_at > now() AND state IN ('opened', 'pending', 'unknown', 'closing', 'closed')",
    "UPDATE channels.repayment SET query_at = now()"
    " WHERE query_at > now() AND state IN ('opened', 'pending', 'unknown')",
    "UPDATE notification.notification SET due_at = now() WHERE due_at > now()",
)
"""The time of all that is waited for has come: nobody wants to wait for an hourly ladder."""

LIFE_S = 400
"""Longer than orders live, and than channels may come to know them after that."""

OVER = (
    "UPDATE ordering.payment SET expires_at = now(), close_at = now()"
    " WHERE state IN ('placed', 'screening', 'routing', 'pending', 'unknown')",
    "UPDATE channels.attempt SET terms = jsonb_set("
    "terms::jsonb, '{expires_at}', to_jsonb(now() - interval '1 hour'))::text"
    " WHERE state IN ('opened', 'pending', 'unknown', 'closing')",
)
"""No order lives any longer; the simulator's clock is moved as far."""


class Verdict(Struct, frozen=True, kw_only=True):
    """How a soak ended."""

    seed: int
    orders: int
    blows: int
    payments: dict[str, int]
    refunds: dict[str, int]
    webhooks: int
    bill_lines: int
    lies_taken_back: int
    """Bookings of other money than was asked for, which the channel then took back."""
    settled_s: float
    differences: list[str]


async def soak(services: Services, folder: Path, wanted: Plan) -> Verdict:
    """Orders and blows at once; then everything settles, and everybody is asked."""
    async with (
        a_site(services, "soak") as site,
        a_town(services, site, folder, PROTOCOLS) as town,
    ):
        await asyncio.to_thread(remember_the_queues, services)
        orders = list(_orders(town, wanted))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_place(orders, wanted))
            tasks.create_task(_deal(town, wanted.blows))
        return await _judged(town, wanted, orders)


async def _judged(town: Town, wanted: Plan, orders: list[Order]) -> Verdict:
    began = time.monotonic()
    await _is_well_again(town)
    wrong = await _settled(town, orders)
    if not wrong:
        await nothing_is_left_over(town)
    settled_s = round(time.monotonic() - began, 1)
    evidence = await evidence_of(town)
    lines, against = await against_bills(town, evidence)
    return Verdict(
        seed=wanted.seed,
        orders=len(orders),
        blows=len(wanted.blows),
        payments=dict(Counter(each.state for each in evidence.payments)),
        refunds=dict(Counter(f"{each.kind} {each.state}" for each in evidence.refunds)),
        webhooks=len(evidence.heard),
        bill_lines=lines,
        lies_taken_back=sum(
            row.booking_key.startswith("unexplained_retracted:") for row in evidence.bookings
        ),
        settled_s=settled_s,
        differences=[*wrong, *against],
    )


def _orders(town: Town, wanted: Plan) -> Iterator[Order]:
    for number, wish in enumerate(wanted.wishes):
        shop = town.street.shops[SHOPS[number % len(SHOPS)]]
        yield Order(shop, f"soak-{number:05d}", wish.life, WALLETS[wish.protocol])


async def _place(orders: Iterable[Order], wanted: Plan) -> None:
    async with asyncio.TaskGroup() as tasks:
        for order, wish in zip(orders, wanted.wishes, strict=True):
            await asyncio.sleep(wish.pause_s)
            tasks.create_task(order.live())


async def _deal(town: Town, blows: Iterable[Blow]) -> None:
    """One after the other; a blow waits until what the last one broke works again."""
    began = time.monotonic()
    for blow in blows:
        await asyncio.sleep(max(0.0, began + blow.at_s - time.monotonic()))
        match blow:
            case Kill(actor=actor):
                town.programs[actor].kill()
                town.programs[actor].start()
                await town.programs[actor].is_ready()
            case Restart(service=service):
                await asyncio.to_thread(town.services.kill, service)
                await asyncio.to_thread(town.services.restart, service)
                await town.are_ready()
            case Trouble():
                await _tell(town, _wish(town, blow))


def _wish(town: Town, blow: Trouble) -> FaultOrder:
    return FaultOrder(
        account_no=town.accounts[blow.protocol], protocol=blow.protocol, api=blow.api,
        kind=blow.kind, value=blow.value, times=blow.times,
    )  # fmt: skip


async def _tell(town: Town, wish: FaultOrder) -> None:
    url = f"{town.programs['simulator'].url}/simulator/faults"
    headers = {"Content-Type": "application/json"}
    async with town.session.post(url, data=msgspec.json.encode(wish), headers=headers) as answer:
        assert answer.status == 200, await answer.text()


async def _is_well_again(town: Town) -> None:
    """No trouble any more, but payers keep their manners; what nobody has paid has expired."""
    url = f"{town.programs['simulator'].url}/simulator/faults"
    async with town.session.delete(url) as answer:
        assert answer.status == 204
    for wish in who_pays(town):
        await _tell(town, wish)
    clock = f"{town.programs['simulator'].url}/simulator/clock"
    async with town.session.post(clock, json={"move_s": LIFE_S}) as answer:
        assert answer.status == 200, await answer.text()
    await town.are_ready()


async def _settled(town: Town, orders: list[Order]) -> list[str]:
    hurrying = asyncio.create_task(_hurry(town))
    try:
        return await settled(town, lambda e: _lost(e, orders), within_s=SETTLED_WITHIN_S)
    finally:
        hurrying.cancel()


async def _hurry(town: Town) -> None:
    await asyncio.sleep(HURRIED_EVERY_S)
    async with town.database() as connection:
        while True:
            for statement in (*OVER, *HURRY):
                await connection.execute(statement)
            await asyncio.sleep(HURRIED_EVERY_S)


def _lost(evidence: Evidence, orders: Iterable[Order]) -> Iterator[str]:
    """Orders that were accepted and are nowhere."""
    known = {payment.merchant_order_no for payment in evidence.payments}
    yield from (f"{order.number}: accepted and lost" for order in orders
                if order.number not in known)  # fmt: skip


def main(
    seconds: Annotated[int, typer.Option(min=5, help="How long things go wrong.")] = SECONDS,
    seed: Annotated[int | None, typer.Option(help="Of an earlier soak, to see it again.")] = None,
) -> None:
    """Random faults against random orders; ends with 1 where anybody disagrees."""
    wanted = plan(seed or random.randrange(1, 10**9), seconds, ACTORS, PROTOCOLS)
    folder = profile_folder("faults")
    kept = folder / f"soak-{wanted.seed}.json"
    kept.write_bytes(msgspec.json.format(msgspec.json.encode(wanted)))
    print(f"seed {wanted.seed}: {len(wanted.wishes)} orders, {len(wanted.blows)} blows in {kept}")
    sys.stdout.flush()
    with (folder / "tests.lock").open("w") as turn, tempfile.TemporaryDirectory() as place:
        fcntl.flock(turn, fcntl.LOCK_EX)
        verdict = asyncio.run(soak(local.start("faults"), Path(place), wanted))
        local.stop("faults")
    print(msgspec.json.format(msgspec.json.encode(verdict)).decode())
    raise typer.Exit(1 if verdict.differences else 0)


if __name__ == "__main__":
    typer.run(main)
