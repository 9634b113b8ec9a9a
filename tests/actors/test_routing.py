"""Routing on a real directory: bindings, rules, limits that are counted, and what was learnt."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from actors.merchants import routing_rules
from actors.routing.actor import fold_taken, learning, routing
from actors.routing.record import again
from actors.routing.rules import Board, decide
from bus.database import Pool
from bus.directory import Directory
from bus.effects import Publish
from bus.jobs import now_utc
from schema import ids
from schema.messages.channels import AttemptClosed, AttemptFailed, ChannelCalled
from schema.messages.contract import Message
from schema.messages.merchants import ProfileChanged
from schema.messages.risk import PaymentCleared
from schema.messages.routing import PaymentRouted, PaymentUnroutable
from schema.payments import Refusal, RoutingDecision
from schema.products import PayType
from schema.profiles import Binding, ChannelProfile, MerchantProfile
from schema.routing import ChannelLimits, RuleBinding
from tests.actors.profiles import new_channel_no, new_merchant_no, register
from tests.examples import PASSED, a_channel, a_merchant, failed, some_terms, succeeded

pytestmark = pytest.mark.usefixtures("one_day")

ALL_AT_ONCE = 50


class House:
    """Routing and learning as two processes have them: each with Redis connections of its own."""

    def __init__(self, pool: Pool, directory: Directory, redis: Redis) -> None:
        self.pool = pool
        self.redis = redis
        self._routing = routing(directory, redis)
        self._learning = learning(directory, redis)

    async def board(self, *cleared: PaymentCleared) -> Board:
        """What routing looks into for these payments."""
        async with self.pool.acquire() as connection:
            return await self._routing.load(connection, cleared)

    async def route(self, *cleared: PaymentCleared) -> list[RoutingDecision]:
        """The records of one batch; each of them leads to itself."""
        board, records = await self.board(*cleared), []
        for message in cleared:
            (effect,) = decide(board, message, now_utc()).effects
            assert isinstance(effect, Publish)
            assert isinstance(effect.message, PaymentRouted | PaymentUnroutable)
            records.append(effect.message.routing)
        assert [again(record) for record in records] == records
        return records

    async def hear(self, *messages: Message) -> None:
        """Outcomes arrive, in one batch."""
        async with self.pool.acquire() as connection:
            await self._learning.load(connection, messages)


@pytest.fixture
def house(pool: Pool, directory: Directory, redis: Redis) -> House:
    return House(pool, directory, redis)


def payment_no(number: int, merchant_no: str) -> str:
    return ids.payment_id(merchant_no, str(number), now_utc())


def cleared(merchant: MerchantProfile, number: int = 1, **terms: Any) -> PaymentCleared:
    usual: dict[str, Any] = {"payment_id": payment_no(number, merchant.merchant_no)}
    usual["merchant_no"] = merchant.merchant_no
    return PaymentCleared(terms=some_terms(**usual | terms), risk=PASSED)


def bound(channel_no: str, **binding: Any) -> Binding:
    return Binding(pay_type="wechat_native", channel_no=channel_no, **binding)


async def open_shop(
    pool: Pool, *limits: ChannelLimits
) -> tuple[MerchantProfile, list[ChannelProfile]]:
    """A merchant with a channel for each of these limits, the first one first."""
    channels = [a_channel(channel_no=new_channel_no(), limits=each) for each in limits]
    bindings = tuple(bound(c.channel_no, priority=i) for i, c in enumerate(channels))
    merchant = a_merchant(merchant_no=new_merchant_no(), bindings=bindings)
    await register(pool, *channels, merchant)
    return merchant, channels


def firsts(records: list[RoutingDecision]) -> list[str | None]:
    return [record.ranked[0] if record.ranked else None for record in records]


async def test_routing_sees_every_bound_channel_and_no_other(pool: Pool, house: House) -> None:
    channels = [a_channel(channel_no=new_channel_no()) for _ in range(3)]
    numbers = [channel.channel_no for channel in channels]
    both = a_merchant(merchant_no=new_merchant_no(), bindings=tuple(map(bound, numbers[:2])))
    one = a_merchant(merchant_no=new_merchant_no(), bindings=(bound(numbers[1]),))
    await register(pool, *channels, both, one)
    board = await house.board(cleared(both), cleared(one))
    assert board.merchants == {both.merchant_no: both, one.merchant_no: one}
    assert board.channels == dict(zip(numbers[:2], channels[:2], strict=True))


async def test_a_binding_to_a_channel_that_is_not_registered_is_no_obstacle(
    pool: Pool, house: House
) -> None:
    merchant = a_merchant(merchant_no=new_merchant_no(), bindings=(bound(new_channel_no()),))
    await register(pool, merchant)
    board = await house.board(cleared(merchant))
    assert (board.merchants, board.channels) == ({merchant.merchant_no: merchant}, {})


async def test_a_merchant_that_nobody_knows_leaves_an_empty_board(house: House) -> None:
    board = await house.board(cleared(a_merchant(merchant_no=new_merchant_no())))
    assert (board.merchants, board.channels) == ({}, {})


# Limits that are counted.


async def test_fifty_at_once_take_exactly_what_the_limit_allows(pool: Pool, house: House) -> None:
    merchant, (limited, other) = await open_shop(
        pool, ChannelLimits(daily_fen_max=20_000), ChannelLimits()
    )
    await house.board(cleared(merchant, amount_fen=20_001))  # the profiles are known then
    payments = [cleared(merchant, n, amount_fen=1_000) for n in range(ALL_AT_ONCE)]
    records = await asyncio.gather(*(house.route(payment) for payment in payments))
    chosen = firsts([record for (record,) in records])
    assert chosen.count(limited.channel_no) == 20
    assert chosen.count(other.channel_no) == 30


async def test_one_batch_counts_its_own_payments(pool: Pool, house: House) -> None:
    merchant, (limited,) = await open_shop(pool, ChannelLimits(daily_count_max=2))
    records = await house.route(*(cleared(merchant, n) for n in range(3)))
    assert firsts(records) == [limited.channel_no, limited.channel_no, None]
    assert records[2].candidates[0].passed_over == "daily count: 2 + 1 is above 2"


async def test_a_repeat_changes_nothing(pool: Pool, house: House) -> None:
    merchant, (limited,) = await open_shop(pool, ChannelLimits(total_fen_max=1_000))
    payment = cleared(merchant, amount_fen=1_000)
    for _ in range(3):
        assert firsts(await house.route(payment, payment)) == [limited.channel_no] * 2
    assert firsts(await house.route(cleared(merchant, 2, amount_fen=1))) == [None]


async def test_what_fails_is_given_back_once(pool: Pool, house: House) -> None:
    merchant, (limited,) = await open_shop(pool, ChannelLimits(daily_count_max=2))
    payments = [cleared(merchant, n) for n in range(5)]
    await house.route(*payments[:2])
    lost = failure(payments[0], limited.channel_no)
    await house.hear(lost)
    await house.hear(lost)
    records = await house.route(*payments[2:4])
    assert firsts(records) == [limited.channel_no, None]


@pytest.mark.parametrize("was_asked", [True, False])
async def test_an_order_that_was_closed_is_given_back_even_where_no_channel_was_asked(
    pool: Pool, house: House, was_asked: bool
) -> None:
    merchant, (limited,) = await open_shop(pool, ChannelLimits(daily_count_max=1))
    one, two = cleared(merchant, 1), cleared(merchant, 2)
    await house.route(one)
    channel_no = limited.channel_no if was_asked else None
    await house.hear(AttemptClosed(payment_id=one.terms.payment_id, channel_no=channel_no))
    assert firsts(await house.route(two)) == [limited.channel_no]


async def test_a_channel_that_is_walked_past_gets_its_room_back(pool: Pool, house: House) -> None:
    merchant, (first, second) = await open_shop(
        pool, ChannelLimits(daily_count_max=1), ChannelLimits(daily_count_max=1)
    )
    one, two, three = (cleared(merchant, n) for n in range(3))
    await house.route(one)
    await house.hear(called(one, second.channel_no, attempt=2))
    assert firsts(await house.route(two, three)) == [first.channel_no, None]


async def test_money_that_comes_after_all_counts_again(pool: Pool, house: House) -> None:
    merchant, (limited,) = await open_shop(pool, ChannelLimits(daily_count_max=1))
    one, two = cleared(merchant, 1), cleared(merchant, 2)
    await house.route(one)
    await house.hear(failure(one, limited.channel_no))
    await house.hear(success(one, limited.channel_no))
    assert firsts(await house.route(two)) == [None]


@pytest.mark.parametrize("settled", [True, False])
async def test_a_flush_of_redis_loses_no_reservation(
    pool: Pool, house: House, settled: bool
) -> None:
    merchant, (limited,) = await open_shop(pool, ChannelLimits(daily_count_max=3))
    payments = [cleared(merchant, n) for n in range(6)]
    await house.route(*payments[:2])
    await house.redis.flushdb()
    if settled:
        await house.hear(success(payments[0], limited.channel_no))
    assert firsts(await house.route(*payments[2:4])) == [limited.channel_no, None]
    await house.redis.flushdb()
    await house.hear(failure(payments[1], limited.channel_no))
    assert firsts(await house.route(*payments[4:6])) == [limited.channel_no, None]


async def test_without_redis_the_rows_are_asked(
    pool: Pool, house: House, directory: Directory
) -> None:
    merchant, (limited,) = await open_shop(pool, ChannelLimits(daily_count_max=2))
    await house.route(cleared(merchant, 1))
    nowhere = Redis(port=1, socket_connect_timeout=0.1)
    records = await House(pool, directory, nowhere).route(
        cleared(merchant, 2), cleared(merchant, 3)
    )
    assert firsts(records) == [limited.channel_no, None]


async def test_what_is_folded_still_counts(pool: Pool, house: House) -> None:
    merchant, (limited,) = await open_shop(pool, ChannelLimits(total_fen_max=2_000))
    await house.route(cleared(merchant, 1, amount_fen=1_500))
    await pool.execute(
        "UPDATE routing.taken SET day = day - 30 WHERE channel_no = $1", limited.channel_no
    )
    assert await fold_taken(pool)._run_once() >= 1
    await house.redis.flushdb()
    assert firsts(await house.route(cleared(merchant, 2, amount_fen=501))) == [None]
    assert firsts(await house.route(cleared(merchant, 3, amount_fen=500))) == [limited.channel_no]


# Rules.


async def test_a_rule_is_in_force_as_soon_as_its_change_is_heard(
    pool: Pool, house: House, directory: Directory
) -> None:
    merchant, (one, two) = await open_shop(pool, ChannelLimits(), ChannelLimits())
    rule = {"rule_no": f"r_{two.channel_no[-8:]}", "pay_type": "wechat_native"}
    rule |= {"strategy": "weight", "channels": [{"channel_no": two.channel_no}]}
    saved = await routing_rules.save_rule(pool, rule)
    assert not isinstance(saved, Refusal)
    bound_to = await routing_rules.bind_rule(
        pool, merchant.merchant_no, rule_no=saved.rule_no, pay_type="wechat_native"
    )
    assert not isinstance(bound_to, Refusal)
    (record,) = await house.route(cleared(merchant))
    assert record.ranked == (two.channel_no,)
    assert record.choices[0].rule_version == 1

    rule["channels"] = [{"channel_no": one.channel_no}]
    await routing_rules.save_rule(pool, rule)
    await directory.hear(ProfileChanged(kind="rule", number=saved.rule_no, version=2))
    (record,) = await house.route(cleared(merchant))
    assert (record.ranked, record.choices[0].rule_version) == ((one.channel_no,), 2)


async def test_a_rule_with_a_mistake_is_refused_with_its_place(pool: Pool) -> None:
    rule = {"rule_no": "r_wrong", "pay_type": "wechat_native", "strategy": "expressions"}
    rule |= {"branches": [{"when": "amount_fen > x", "channels": [{"channel_no": "nobody"}]}]}
    refusal = await routing_rules.save_rule(pool, rule)
    assert isinstance(refusal, Refusal)
    assert "branches[0].when: at character 14" in refusal.reason
    assert "there is no channel 'nobody'" in refusal.reason


# What is learnt.


async def test_a_channel_that_answers_no_more_is_left_but_for_a_probe(
    pool: Pool, house: House
) -> None:
    merchant, (sick, well) = await open_dynamic_shop(pool)
    await house.hear(*(called(cleared(merchant, n), well) for n in range(20)))
    await house.hear(*(called(cleared(merchant, n), sick, "no_answer") for n in range(20, 30)))
    records = await house.route(*(cleared(merchant, n) for n in range(30, 80)))
    chosen = firsts(records)
    assert chosen.count(sick) == 1
    (probe,) = [record for record in records if record.ranked[0] == sick]
    assert probe.choices[0].reason == "probe"
    assert all(record.ranked[-1] == sick for record in records if record is not probe)


async def test_calls_under_way_for_too_long_open_the_breaker_before_any_answer(
    pool: Pool, house: House
) -> None:
    merchant, (sick, _) = await open_dynamic_shop(pool)
    long_ago = int(now_utc().timestamp() * 1000) - 60_000
    key = f"tomato:routing:under_way:{sick}:wechat_native"
    await house.redis.zadd(key, {f"pay_{n}": long_ago for n in range(8)})
    records = await house.route(*(cleared(merchant, n) for n in range(50)))
    assert firsts(records).count(sick) == 1


async def test_a_payment_that_was_asked_after_is_not_missed_any_more(
    pool: Pool, house: House
) -> None:
    merchant, _ = await open_dynamic_shop(pool)
    payment = cleared(merchant)
    ((first, *_),) = [record.ranked for record in await house.route(payment)]
    key = f"tomato:routing:under_way:{first}:wechat_native"
    assert await house.redis.zcard(key) == 1
    await house.hear(replace(called(payment, first), operation="query"))
    assert await house.redis.zcard(key) == 0


async def test_payments_that_need_no_call_are_not_missed(pool: Pool, house: House) -> None:
    merchant, _ = await open_dynamic_shop(pool, "alipay_page")
    payments = [cleared(merchant, n, pay_type="alipay_page") for n in range(20)]
    chosen = firsts(await house.route(*payments))
    assert None not in chosen
    assert await house.redis.keys("tomato:routing:under_way:*") == []


async def test_what_two_learn_at_the_same_time_is_all_learnt(
    pool: Pool, house: House, directory: Directory
) -> None:
    merchant, (one, _) = await open_dynamic_shop(pool)
    batches = [[called(cleared(merchant, 10 * b + n), one) for n in range(5)] for b in range(4)]
    await asyncio.gather(*(House(pool, directory, house.redis).hear(*batch) for batch in batches))
    record = (await house.route(cleared(merchant, 99)))[0]
    (score,) = [c.score for c in record.candidates if c.channel_no == one]
    assert score is not None
    assert score.good_milli > 20_000


async def test_a_flush_leaves_channels_as_newcomers(pool: Pool, house: House) -> None:
    merchant, (sick, _) = await open_dynamic_shop(pool)
    await house.hear(*(called(cleared(merchant, n), sick, "no_answer") for n in range(20)))
    await house.redis.flushdb()
    records = await house.route(*(cleared(merchant, n) for n in range(20, 70)))
    assert 10 <= firsts(records).count(sick) <= 40


async def open_dynamic_shop(
    pool: Pool, pay_type: PayType = "wechat_native"
) -> tuple[MerchantProfile, tuple[str, str]]:
    """A merchant with a success-rate rule over two channels of which nothing is known."""
    channels = [a_channel(channel_no=new_channel_no(), pay_types=(pay_type,)) for _ in range(2)]
    await register(pool, *channels)
    one, two = (channel.channel_no for channel in channels)
    rule = await routing_rules.save_rule(
        pool,
        {
            "rule_no": f"r_{one[-8:]}",
            "pay_type": pay_type,
            "strategy": "success_rate",
            "channels": [{"channel_no": one}, {"channel_no": two}],
        },
    )
    assert not isinstance(rule, Refusal), rule
    follows = RuleBinding(pay_type=pay_type, rule_no=rule.rule_no)
    merchant = a_merchant(merchant_no=new_merchant_no(), rule_bindings=(follows,))
    await register(pool, merchant)
    return merchant, (one, two)


def called(
    payment: PaymentCleared, channel_no: str, outcome: Any = "ok", attempt: int = 1
) -> ChannelCalled:
    return ChannelCalled(
        channel_no=channel_no,
        pay_type="wechat_native",
        operation="create",
        outcome=outcome,
        cost_ms=80,
        called_at=now_utc(),
        payment_id=payment.terms.payment_id,
        attempt_id=ids.attempt_id(payment.terms.payment_id, attempt),
    )


def failure(payment: PaymentCleared, channel_no: str) -> AttemptFailed:
    payment_id = payment.terms.payment_id
    return AttemptFailed(
        payment_id=payment_id,
        attempt_id=ids.attempt_id(payment_id, 1),
        channel_no=channel_no,
        refusal=failed().refusal,
        risk=PASSED,
    )


def success(payment: PaymentCleared, channel_no: str) -> Message:
    payment_id = payment.terms.payment_id
    attempt_id = ids.attempt_id(payment_id, 1)
    return succeeded(payment_id, attempt_id=attempt_id, channel_no=channel_no)
