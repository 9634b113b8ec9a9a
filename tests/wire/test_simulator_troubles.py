"""What a merchant meets when things go wrong on order: at calls, at the payer, and in notices."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from handlers.simulator import SimulatorConfig, simulator_app
from handlers.simulator.world import FaultOrder
from schema.channels import NotKnownThere, Paid, Pending, SurelyNotPaid, Unknown
from tests.wire.street import Accounts, Street, a_street, total_fen
from tests.wire.wechat_pair import MCHID, ORDER_NO


async def test_a_lost_request_leaves_nothing_made(street: Street) -> None:
    await street.order_fault("create", "lost_request")
    with pytest.raises(aiohttp.ClientConnectionError):
        await street.create()
    assert isinstance(await street.query(), NotKnownThere)


async def test_a_platform_that_hangs_holds_every_call_and_does_nothing(street: Street) -> None:
    await street.order_fault("calls", "hang", times=None, value=200)
    started = asyncio.get_running_loop().time()
    hung = await street.create()
    assert isinstance(hung, Unknown) and hung.why == "server_error"
    assert asyncio.get_running_loop().time() - started >= 0.2
    assert (await street.look("/simulator/trades"))["trades"] == []


async def test_a_call_that_hangs_does_not_hold_up_the_end_of_the_simulator(
    accounts: Accounts,
) -> None:
    async with a_street(accounts) as street:
        await street.order_fault("create", "hang")
        call = asyncio.create_task(street.create())
        while (await street.look("/simulator/faults"))["faults"]:
            await asyncio.sleep(0.01)
        started = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - started < 5
    await asyncio.gather(call, return_exceptions=True)


async def test_a_rate_limit_is_unknown_and_leaves_nothing_made(street: Street) -> None:
    await street.order_fault("create", "rate_limit")
    limited = await street.create()
    assert isinstance(limited, Unknown) and limited.why == "rate_limited"
    assert isinstance(await street.query(), NotKnownThere)


async def test_a_brown_out_fails_its_share_of_the_calls_in_every_way(street: Street) -> None:
    await street.order_fault("create", "brown_out", times=None, value=50, seed=7)
    endings: Counter[str] = Counter()
    for each in range(60):
        number = f"brown-out-{each:02d}"
        try:
            created = await street.create(number=number)
            endings["made" if isinstance(created, Pending) else "broken"] += 1
        except aiohttp.ClientConnectionError:
            known = isinstance(await street.query(number), Pending)
            endings["answer lost" if known else "request lost"] += 1
    assert set(endings) == {"made", "broken", "answer lost", "request lost"}
    assert 18 <= endings["made"] <= 42


async def test_a_fault_strikes_the_amounts_and_numbers_that_were_named(street: Street) -> None:
    await street.order_fault("create", "http_500", times=None, amount_modulus=100)
    await street.order_fault("query", "http_500", times=None, number="vip-*")
    first, second = await street.create(number="order-1", amount_fen=500), await street.create()
    assert isinstance(first, Unknown) and isinstance(second, Pending)
    assert isinstance(await street.create(number="vip-order-1"), Pending)
    third, fourth = await street.query("vip-order-1"), await street.query()
    assert isinstance(third, Unknown) and isinstance(fourth, Pending)


async def test_a_query_suffers_by_the_amount_of_its_order(street: Street) -> None:
    await street.order_fault("query", "http_500", times=None, amount_min_fen=2_000)
    await street.create(number="large-order", amount_fen=2_000)
    await street.create()
    assert isinstance(await street.query("large-order"), Unknown)
    assert isinstance(await street.query(), Pending)


async def test_a_notice_can_arrive_before_the_answer_to_the_create_call(street: Street) -> None:
    await street.order_fault("create", "notify_before_answer")
    created = await street.create()
    (received,) = street.received
    assert isinstance(created, Pending) and total_fen(street.opened(received)) == 1999


async def test_money_can_arrive_after_a_close_that_was_confirmed(street: Street) -> None:
    await street.create()
    await street.order_fault("close", "late_success", value=50)
    assert isinstance(await street.close(), SurelyNotPaid)
    assert isinstance(await street.query(), SurelyNotPaid)
    (received,) = await street.callbacks(1)
    assert total_fen(street.opened(received)) == 1999
    assert isinstance(await street.query(), Paid)


async def test_in_a_silent_outage_orders_are_made_and_nobody_can_pay(street: Street) -> None:
    await street.order_fault("pay", "silent_outage", times=None)
    assert isinstance(await street.create(), Pending)
    assert await street.pay() == 409
    assert isinstance(await street.query(), Pending)
    await street.order_fault("pay", "silent_outage", times=0)
    assert await street.pay() == 200


async def test_in_a_silent_outage_payers_who_come_by_themselves_do_not_pay(
    accounts: Accounts,
) -> None:
    async with a_street(accounts, auto_pay_after_ms=0) as street:
        await street.order_fault("pay", "silent_outage", times=1)
        await street.create()
        await street.create(number="the-next-order")
        await street.callbacks(1)
        assert isinstance(await street.query(), Pending)
        assert isinstance(await street.query("the-next-order"), Paid)


@pytest.mark.parametrize(
    ("kind", "code"), [("payer_refuses", "payer_refused"), ("not_enough_money", "not_enough_money")]
)
async def test_a_payer_who_does_not_pay_ends_the_order(
    street: Street, kind: str, code: str
) -> None:
    await street.create()
    await street.order_fault("pay", kind)
    status, told = await street.tell("/simulator/pay", {"number": ORDER_NO})
    assert (status, told["code"]) == (409, code)
    assert (await street.look("/simulator/trades"))["trades"][0]["state"] == "failed"


async def test_a_late_notice_comes_late(street: Street) -> None:
    await street.order_fault("notify", "slow", value=200)
    await street.create()
    await street.pay()
    started = asyncio.get_running_loop().time()
    await street.callbacks(1)
    assert asyncio.get_running_loop().time() - started >= 0.15


async def test_a_lost_notice_comes_with_the_next_try(street: Street) -> None:
    await street.order_fault("notify", "lost_notify")
    await street.create()
    await street.pay()
    await asyncio.sleep(0.1)
    assert street.received == []
    await street.tell("/simulator/clock", {"move_s": 15})
    await street.callbacks(1)
    assert (await street.settled())["notified_count"] == 2


async def test_a_notice_is_overtaken_by_the_next_one(street: Street) -> None:
    await street.order_fault("notify", "reordered_notify", value=5_000)
    for number in ("the-first-order", "the-second-order"):
        await street.create(number=number)
        await street.pay(number)
    told = [street.opened(each).out_trade_no for each in await street.callbacks(2)]
    assert told == ["the-second-order", "the-first-order"]


async def test_a_notice_that_nothing_overtakes_comes_in_the_end(street: Street) -> None:
    await street.order_fault("notify", "reordered_notify", value=50)
    await street.create()
    await street.pay()
    assert len(await street.callbacks(1)) == 1


async def test_a_notice_in_a_wrong_currency_is_signed_all_the_same(street: Street) -> None:
    await street.order_fault("notify", "wrong_currency_notify", value="JPY")
    await street.create()
    await street.pay()
    amount = street.opened((await street.callbacks(1))[0]).amount
    assert amount and (amount.total, amount.currency) == (1999, "JPY")


async def test_what_is_in_force_is_shown_and_can_be_ended(street: Street) -> None:
    await street.order_fault("create", "slow", times=3, value=1)
    await street.create()
    (shown,) = (await street.look("/simulator/faults"))["faults"]
    assert shown == {
        "fault": {
            "account_no": MCHID,
            "api": "create",
            "kind": "slow",
            "value": 1,
            "times": 3,
        },
        "times_left": 2,
        "suffered_count": 1,
    }
    url = f"{street.origin}/simulator/faults?account_no={MCHID}"
    async with street.session.delete(url) as answer:
        assert answer.status == 204
    assert (await street.look("/simulator/faults"))["faults"] == []


@pytest.mark.parametrize(
    ("changed", "param", "status"),
    [
        ({"kind": "earthquake"}, "kind", 400),
        ({"api": "somewhere"}, "api", 400),
        ({"api": "notify"}, "api", 400),
        ({"times": -1}, "times", 400),
        ({"share_percent": 0}, "share_percent", 400),
        ({"value": "long"}, "value", 400),
        ({"amount_min_fen": 5, "amount_max_fen": 4}, "amount_max_fen", 400),
        ({"color": "red"}, "color", 400),
        ({"account_no": "nobody"}, "account_no", 404),
    ],
)
async def test_a_fault_order_with_a_mistake_names_the_field(
    street: Street, changed: dict[str, Any], param: str, status: int
) -> None:
    wish: dict[str, Any] = {"account_no": MCHID, "api": "create", "kind": "hang"}
    answered, told = await street.tell("/simulator/faults", wish | changed)
    assert (answered, told["param"]) == (status, param)


async def test_faults_can_be_in_the_file_that_it_starts_with(
    accounts: Accounts, tmp_path: Path
) -> None:
    wish = FaultOrder(account_no=MCHID, api="create", kind="http_500", times=1)
    config = SimulatorConfig(accounts=(accounts[1],), faults=(wish,))
    assert msgspec.json.decode(msgspec.json.encode(config), type=SimulatorConfig) == config
    async with a_street(accounts, faults=(wish,)) as street:
        assert isinstance(await street.create(), Unknown)
        assert isinstance(await street.create(), Pending)


def test_a_file_with_a_wrong_fault_does_not_start(accounts: Accounts) -> None:
    wrong = FaultOrder(account_no=MCHID, api="notify", kind="hang")
    with pytest.raises(ValueError, match="faults: api: hang does not happen at notify"):
        simulator_app(SimulatorConfig(accounts=(accounts[1],), faults=(wrong,)))
