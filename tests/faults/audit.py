"""The audit: what shops were promised and told, beside what rooms and channel have stored."""

from __future__ import annotations

from typing import Any

from aio_pika import connect
from standardwebhooks import Webhook

from bus.topology import dead_queue
from runner import INLETS
from tests.faults.orders import Flow
from tests.faults.town import Town
from tests.waiting import at_last

SETTLED_WITHIN_S = 90.0

HOW_ORDERS_STAND = """
SELECT p.merchant_order_no, p.payment_id, p.state,
       (SELECT count(*) FROM accounting.booking AS b WHERE b.subject = p.payment_id) AS bookings,
       (SELECT count(*) FROM channels.attempt AS a WHERE a.payment_id = p.payment_id) AS attempts,
       (SELECT array_agg(n.state) FROM notification.notification AS n
        WHERE n.subject = p.payment_id) AS notifications
FROM ordering.payment AS p WHERE p.merchant_order_no = ANY($1::text[]) ORDER BY 1
"""

UNBALANCED = """
SELECT booking_id FROM accounting.entry GROUP BY booking_id HAVING sum(amount_fen) <> 0
"""

WRONG_BALANCES = """
SELECT a.account_id FROM accounting.account AS a LEFT JOIN accounting.entry AS e USING (account_id)
GROUP BY a.account_id HAVING a.balance_fen <> coalesce(sum(e.amount_fen), 0)
    OR a.serial <> count(e.serial)
"""

WELL = {"state": "succeeded", "bookings": 1, "attempts": 1, "notifications": ["delivered"]}


async def all_ends_well(town: Town, flow: Flow) -> None:
    """Every accepted order is paid, booked and told once; nothing lies about anywhere."""
    assert flow.accepted == set(flow.order_nos)
    try:
        await at_last(lambda: _is_settled(town, flow), within_s=SETTLED_WITHIN_S)
    except TimeoutError:
        raise AssertionError(f"{await _unwell(town, flow)}\n{town.logs()}") from None
    await _books_balance(town)
    await _channel_has_one_paid_order_each(town, flow)
    _webhooks_are_genuine_and_repeated_under_one_id(town, flow)
    await _nothing_is_left_over(town)


async def _is_settled(town: Town, flow: Flow) -> bool:
    return not await _unwell(town, flow) and set(flow.order_nos) <= set(_webhooks(town))


async def _unwell(town: Town, flow: Flow) -> list[dict[str, Any]]:
    """Orders that are not (yet) as they should be, and how they are."""
    async with town.database() as connection:
        rows = [dict(row) for row in await connection.fetch(HOW_ORDERS_STAND, flow.order_nos)]
    missing = set(flow.order_nos) - {row["merchant_order_no"] for row in rows}
    return [row for row in rows if row | WELL != row] + [{"missing": no} for no in sorted(missing)]


async def _books_balance(town: Town) -> None:
    async with town.database() as connection:
        assert await connection.fetch(UNBALANCED) == []
        assert await connection.fetch(WRONG_BALANCES) == []


async def _channel_has_one_paid_order_each(town: Town, flow: Flow) -> None:
    url = f"{town.programs['simulator'].url}/simulator/trades?limit=10000"
    async with town.session.get(url) as answer:
        trades = (await answer.json())["trades"]
    async with town.database() as connection:
        rows = await connection.fetch(HOW_ORDERS_STAND, flow.order_nos)
    ours = {row["payment_id"].removeprefix("pay_") for row in rows}
    paid = [t["number"][:-2] for t in trades if t["state"] == "paid"]
    assert sorted(number for number in paid if number in ours) == sorted(ours)


def _webhooks_are_genuine_and_repeated_under_one_id(town: Town, flow: Flow) -> None:
    arrived = _webhooks(town)
    assert {no: len(set(arrived[no])) for no in flow.order_nos} == dict.fromkeys(flow.order_nos, 1)
    for shop in town.street.shops.values():
        secret = Webhook(shop.created.webhook_secret)
        for hook in shop.hooks:
            secret.verify(hook.body, hook.headers)


def _webhooks(town: Town) -> dict[str, list[str]]:
    """The ids of all webhooks that arrived, by the number of the order that they are about."""
    arrived: dict[str, list[str]] = {}
    for shop in town.street.shops.values():
        for hook in shop.hooks:
            order_no = hook.document["data"]["merchant_order_no"]
            arrived.setdefault(order_no, []).append(hook.id)
    return arrived


async def _nothing_is_left_over(town: Town) -> None:
    """No dead letter, no message that waits, none in anybody's hands."""
    await at_last(lambda: _hands_are_empty(town))
    async with await connect(town.site.rabbitmq_url) as connection:
        channel = await connection.channel()
        for inlet in INLETS:
            for name in (inlet.queue, dead_queue(inlet.queue)):
                if name == "notification.lanes":  # not a queue: each lane has its own
                    continue
                queue = await channel.declare_queue(name, passive=True)
                assert queue.declaration_result.message_count == 0, name


async def _hands_are_empty(town: Town) -> bool:
    return await town.counted("tomato_events_in_hand") == 0
