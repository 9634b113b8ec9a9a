"""The scenario `refunds`: paid orders go back in part, from the merchant's wish to his webhook."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import asyncpg
import msgspec
import typer
from msgspec import Struct

from bench.figures import Figure, Section, latency_figures
from bench.generator import ClosedLoop
from bench.machine import machine
from bench.orders import Merchant, Order
from bench.payments import SMOKE_AGREE_WITHIN_S, agreed, stopped
from bench.reconcile import Check
from bench.result import Result
from bench.stage import Cast, Stage, set_up
from bench.usage import Usage, usage
from bus.database import queries
from deploy.local.services import Services
from handlers.merchant_api.signing import hmac_authorization
from handlers.simulator.desk.views import RefundView

NAME = "refunds"
SQL = queries(__file__)
PATH = "/v1/refunds"
SHARE_PERCENT = 60
"""More than half: a second one of the same order would have to be refused."""

SETTLED_WITHIN_S = 120.0
SUCCEEDED = "refund.succeeded"


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """What a run can be asked for."""

    cast: Cast
    refunds: int
    in_flight: int


def knobs(
    refunds: Annotated[int, typer.Option(min=10, max=100_000)] = 2_000,
    in_flight: Annotated[int, typer.Option(min=1, max=1_000, help="Wishes at once.")] = 50,
) -> Knobs:
    """What a refund costs and how many there can be in a second."""
    return Knobs(cast=Cast(), refunds=refunds, in_flight=in_flight)


class Wish(Struct, frozen=True, kw_only=True):
    """One refund as its merchant knows it."""

    order: Order
    refund_fen: int
    asked_at: float
    answered_at: float
    status: int


async def smoke(services: Services) -> Result:
    """A few refunds and every comparison; nothing about speed."""
    cast = Cast(merchants=3, verify_every=1)
    return await run(services, Knobs(cast=cast, refunds=40, in_flight=10))


async def run(services: Services, knobs: Knobs) -> Result:
    """Payments first; then a refund of each is wished, and all are waited for."""
    async with set_up(services, knobs.cast) as stage:
        await stage.traffic.begin(ClosedLoop(knobs.in_flight, knobs.refunds))
        await stage.traffic.finished()
        report, checks = await agreed(stage, SMOKE_AGREE_WITHIN_S)
        before = usage(stage.roots, time.monotonic())
        wishes = await _wished(stage, report.orders, knobs.in_flight)
        asked = usage(stage.roots, time.monotonic())
        await _settled(stage, len(wishes))
        used = usage(stage.roots, time.monotonic()).since(before)
        checks += [await _refunded_once(stage, wishes), await _told_once(stage, wishes)]
        figures = _figures(stage, wishes, asked.since(before), used)
        checks.append(stopped(stage))
        return Result(
            scenario=NAME,
            machine=await machine(services),
            sections=[Section(title=f"{knobs.in_flight} wishes at once", figures=figures)],
            checks=checks,
        )


def _figures(stage: Stage, wishes: Sequence[Wish], asked: Usage, used: Usage) -> list[Figure]:
    """CPU is that of the whole platform until the last webhook, over the refunds made."""
    per_refund = {
        name: used.by_component[name] * 1000 / len(wishes) for name in stage.platform_roots
    }
    answered = [wish.answered_at - wish.asked_at for wish in wishes]
    return [
        Figure(name="refunds", value=len(wishes), unit=""),
        Figure(name="refunds per second, wished and set aside", value=len(wishes) / asked.at_s,
               unit="1/s"),
        Figure(name="refunds per second, to the last webhook", value=len(wishes) / used.at_s,
               unit="1/s", note="the channel works three seconds on each"),
        Figure(name="CPU of the platform per refund", value=sum(per_refund.values()), unit="ms"),
        *(Figure(name=f"  {name}", value=cpu, unit="ms") for name, cpu in per_refund.items()),
        *latency_figures("POST /v1/refunds", answered),
    ]  # fmt: skip


async def _wished(stage: Stage, orders: Sequence[Order], in_flight: int) -> list[Wish]:
    """A refund of each order, so many at once."""
    merchants = {each.merchant_no: each for each in stage.merchants}
    waiting, wishes = iter(orders), list[Wish]()

    async def one_after_another() -> None:
        for order in waiting:
            wishes.append(await _wish(stage, merchants[order.merchant_no], order))

    await asyncio.gather(*(one_after_another() for _ in range(in_flight)))
    return wishes


async def _wish(stage: Stage, merchant: Merchant, order: Order) -> Wish:
    refund_fen = max(order.amount_fen * SHARE_PERCENT // 100, 1)
    form = {
        "merchant_refund_no": f"r-{order.order_no}", "merchant_order_no": order.order_no,
        "amount_fen": refund_fen,
    }  # fmt: skip
    body, asked_at = msgspec.json.encode(form), time.monotonic()
    authorization = hmac_authorization(
        merchant.merchant_no, merchant.key_id, merchant.hmac_secret.encode(), "POST", PATH, body,
        int(time.time()), secrets.token_urlsafe(16),
    )  # fmt: skip
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    url = stage.crew.url("edge") + PATH
    async with stage.session.post(url, data=body, headers=headers) as answer:
        await answer.read()
        return Wish(
            order=order, refund_fen=refund_fen, asked_at=asked_at, status=answer.status,
            answered_at=time.monotonic(),
        )  # fmt: skip


async def _settled(stage: Stage, wanted: int) -> None:
    """Returns when all have gone back and been told, or nobody can hope for it any more."""
    give_up_at = time.monotonic() + SETTLED_WITHIN_S
    connection = await asyncpg.connect(stage.database_url)
    try:
        while time.monotonic() < give_up_at:
            if await connection.fetchval(SQL.refunds_told, SUCCEEDED) >= wanted:
                return
            await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def _refunded_once(stage: Stage, wishes: Sequence[Wish]) -> Check:
    """Wish, order, books and channel say the same of each refund."""
    connection = await asyncpg.connect(stage.database_url)
    try:
        rows = await connection.fetch(SQL.refunds)
        balances = await connection.fetch(SQL.refund_balances)
    finally:
        await connection.close()
    async with stage.session.get(f"{stage.simulator.url}/simulator/refunds") as answer:
        theirs = msgspec.json.decode(await answer.read(), type=list[RefundView])
    there = {f"ref_{each.number}": (each.state, each.amount_fen) for each in theirs}
    differences = [
        *_unlike(rows, wishes, there),
        *(f"{row['owner']}: {row['fen']} fen still set aside" for row in balances),
    ]
    return Check(name="each refund went back once", compared=len(rows), differences=differences)


def _unlike(
    rows: Sequence[asyncpg.Record], wishes: Sequence[Wish], there: dict[str, tuple[str, int]]
) -> Iterator[str]:
    wanted = {f"r-{wish.order.order_no}": wish for wish in wishes}
    for row in rows:
        wish, number = wanted.pop(row["merchant_refund_no"], None), row["refund_id"]
        if wish is None or row["amount_fen"] != wish.refund_fen:
            yield f"{number}: {row['amount_fen']} fen, which nobody wished"
        if (row["state"], row["bookings"]) != ("succeeded", 2):
            yield f"{number}: {row['state']}, booked {row['bookings']} times"
        if there.pop(number, None) != ("refunded", row["amount_fen"]):
            yield f"{number}: the channel knows it otherwise"
    yield from (f"{no}: answered {wish.status}, and not stored" for no, wish in wanted.items())
    yield from (f"{number}: only the channel knows it" for number in there)


async def _told_once(stage: Stage, wishes: Sequence[Wish]) -> Check:
    report = await stage.traffic.report()
    hooks = [hook for order in report.orders for hook in order.hooks if hook.type == SUCCEEDED]
    told = Counter(id for id, _ in {(hook.payment_id, hook.webhook_id) for hook in hooks})
    differences = [f"{id}: told as {count} events" for id, count in told.items() if count != 1]
    if len(told) != len(wishes):
        differences.append(f"{len(wishes)} refunds wished, {len(told)} told")
    return Check(name="merchants were told of each refund", compared=len(told),
                 differences=differences)  # fmt: skip
