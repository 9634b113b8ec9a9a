"""Refunds, transfers, profit shares and bills of the simulated world, with their faults."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from handlers.simulator.world import (
    FaultOrder,
    No,
    Part,
    PartState,
    Refund,
    RefundState,
    RefundTerms,
    Share,
    ShareTerms,
    Trade,
    TradeState,
    Transfer,
    TransferState,
    TransferTerms,
    World,
)
from handlers.simulator.world.transfers import CONFIRM_WITHIN_S
from tests.wire.world import ACCOUNT_NO, a_world, opened, the_merchant, told

pytestmark = pytest.mark.usefixtures("one_day")


@pytest.fixture
def world() -> World:
    return a_world()


def paid(world: World, **changed: Any) -> Trade:
    trade = opened(world, **changed)
    assert isinstance(trade, Trade) and world.pay(trade) is trade
    return trade


def refunded(world: World, trade: Trade, fen: int, number: str = "r1", **more: Any) -> Refund | No:
    return world.refund(trade, RefundTerms(number=number, amount_fen=fen, **more))


def sent(world: World, fen: int = 500, number: str = "t1", **more: Any) -> Transfer | No:
    terms = TransferTerms(number=number, amount_fen=fen, payee="oPayee", **more)
    return world.transfer(the_merchant(world), terms, fen)


def shared(world: World, trade: Trade, *fens: int, number: str = "s1") -> Share | No:
    parts = tuple(Part(kind="MERCHANT_ID", account="1", amount_fen=fen) for fen in fens)
    return world.share(trade, ShareTerms(number=number, parts=parts), fens)


def trouble(world: World, api: Any, kind: Any, **conditions: Any) -> None:
    wish = FaultOrder(account_no=ACCOUNT_NO, api=api, kind=kind, **conditions)
    assert world.faults.order(the_merchant(world), wish) is None


# Barcodes


async def test_a_small_amount_is_paid_when_the_code_is_scanned(world: World) -> None:
    trade = opened(world)
    assert isinstance(trade, Trade) and world.scan(trade) is trade
    assert trade.state is TradeState.PAID


async def test_a_large_amount_wants_a_password_and_scanning_again_changes_nothing(
    world: World,
) -> None:
    trade = opened(world, amount_fen=100_000)
    assert isinstance(trade, Trade)
    assert world.scan(trade) is trade and world.scan(trade) is trade
    assert trade.state is TradeState.CONFIRMING
    assert world.close(trade) is No.PAYER_IS_PAYING
    assert world.pay(trade) is trade and trade.state is TradeState.PAID


async def test_a_password_can_be_wanted_of_any_amount_and_the_payer_can_refuse(
    world: World,
) -> None:
    trouble(world, "pay", "needs_password")
    trade = opened(world)
    assert isinstance(trade, Trade)
    world.scan(trade)
    assert world.fail(trade, No.PAYER_REFUSED) is trade
    assert (trade.state, trade.failure) == (TradeState.FAILED, No.PAYER_REFUSED)
    assert world.pay(trade) is No.ALREADY_FAILED


async def test_a_scanned_code_without_money_behind_it_fails(world: World) -> None:
    trouble(world, "pay", "not_enough_money")
    trade = opened(world)
    assert isinstance(trade, Trade) and world.scan(trade) is trade
    assert (trade.state, trade.failure) == (TradeState.FAILED, No.NOT_ENOUGH_MONEY)


async def test_in_a_silent_outage_a_scanned_payer_never_ends(world: World) -> None:
    trouble(world, "pay", "silent_outage")
    trade = opened(world)
    assert isinstance(trade, Trade) and world.scan(trade) is trade
    assert trade.state is TradeState.CONFIRMING
    assert world.pay(trade) is No.OUTAGE and world.scan(trade) is trade


async def test_what_is_taken_back_at_the_till_goes_back_to_the_payer(world: World) -> None:
    trade = paid(world)
    assert world.reverse(trade) is trade and world.reverse(trade) is trade
    assert (trade.state, trade.refunded_fen) == (TradeState.REVERSED, 1999)
    assert len(the_merchant(world).refunds) == 1


async def test_money_can_arrive_late_after_a_close_or_a_reversal_but_not_twice(
    world: World,
) -> None:
    for number, end in (("order-1", world.close), ("order-2", world.reverse)):
        trade = opened(world, number=number)
        assert isinstance(trade, Trade)
        end(trade)
        assert world.pay_late(trade) is trade and trade.state is TradeState.PAID
        assert world.pay_late(trade) is No.ALREADY_PAID


# Refunds


async def test_refunds_add_up_to_what_was_paid_and_no_further(world: World) -> None:
    trade = paid(world)
    first, second = refunded(world, trade, 1000), refunded(world, trade, 999, "r2")
    assert isinstance(first, Refund) and first.state is RefundState.REFUNDED
    assert isinstance(second, Refund) and trade.refunded_fen == 1999
    assert refunded(world, trade, 1, "r3") is No.TOO_MUCH
    assert refunded(world, trade, 1000) is first
    assert refunded(world, trade, 1) is No.NUMBER_USED


async def test_an_order_that_nobody_paid_can_not_be_refunded(world: World) -> None:
    trade = opened(world)
    assert isinstance(trade, Trade)
    assert refunded(world, trade, 1) is No.NOT_PAID


async def test_a_refund_takes_its_time_and_is_told_when_it_ends(world: World) -> None:
    trade = paid(world)
    refund = refunded(world, trade, 5, takes_s=600, notify_url="http://shop.test/n")
    assert isinstance(refund, Refund) and refund.state is RefundState.PROCESSING
    assert refund not in told(world)
    await world_after(world, 600)
    assert refund.state is RefundState.REFUNDED and told(world)[-1] is refund


@pytest.mark.parametrize(
    ("kind", "state", "taken_fen"),
    [("ends_abnormal", RefundState.ABNORMAL, 5), ("ends_closed", RefundState.CLOSED, 0)],
)
async def test_a_refund_can_end_badly(
    world: World, kind: str, state: RefundState, taken_fen: int
) -> None:
    trade = paid(world)
    trouble(world, "refund", kind, times=1)
    refund = refunded(world, trade, 5)
    assert isinstance(refund, Refund) and refund.state is state
    assert trade.refunded_fen == taken_fen


# Transfers


async def test_a_transfer_arrives_and_a_repeat_of_it_sends_nothing(world: World) -> None:
    transfer = sent(world, notify_url="http://shop.test/n")
    assert isinstance(transfer, Transfer) and transfer.state is TransferState.TRANSFERRED
    assert sent(world, notify_url="http://shop.test/n") is transfer
    assert sent(world, 501) is No.NUMBER_USED
    assert told(world) == [transfer]


async def test_a_payee_confirms_with_the_package_once(world: World) -> None:
    transfer = sent(world, needs_confirmation=True)
    assert isinstance(transfer, Transfer) and transfer.state is TransferState.CONFIRMING
    assert world.packages[transfer.package] is transfer
    assert world.confirm_transfer(transfer) is transfer
    assert transfer.state is TransferState.TRANSFERRED and not world.packages
    assert world.confirm_transfer(transfer) is No.NOT_CONFIRMABLE


async def test_a_transfer_that_nobody_confirms_within_a_day_fails(world: World) -> None:
    transfer = sent(world, needs_confirmation=True)
    assert isinstance(transfer, Transfer)
    await world_after(world, CONFIRM_WITHIN_S)
    assert transfer.state is TransferState.FAILED and not world.packages


async def test_a_merchant_takes_back_what_nobody_has_confirmed(world: World) -> None:
    transfer, gone = sent(world, needs_confirmation=True), sent(world, number="t2")
    assert isinstance(transfer, Transfer) and isinstance(gone, Transfer)
    assert world.cancel_transfer(transfer) is transfer and world.cancel_transfer(transfer)
    assert transfer.state is TransferState.CANCELLED
    assert world.cancel_transfer(gone) is No.NOT_CONFIRMABLE


async def test_a_transfer_can_fail_with_the_platforms_own_code(world: World) -> None:
    trouble(world, "transfer", "ends_failed", value="NAME_NOT_CORRECT", times=1)
    transfer = sent(world)
    assert isinstance(transfer, Transfer)
    assert (transfer.state, transfer.failure_code) == (TransferState.FAILED, "NAME_NOT_CORRECT")


async def test_a_transfer_that_had_arrived_can_be_sent_back(world: World) -> None:
    trouble(world, "transfer", "returned", value=2_000)
    transfer = sent(world)
    assert isinstance(transfer, Transfer) and transfer.state is TransferState.TRANSFERRED
    await world_after(world, 2)
    assert transfer.state is TransferState.RETURNED
    moves = world.bills.funds(the_merchant(world), world.clock.today())
    assert [(each.kind, each.amount_fen, each.balance_fen) for each in moves] == [
        ("transfer", -500, -500),
        ("transfer_back", 500, 0),
    ]


# Profit shares


async def test_parts_of_an_order_are_shared_and_what_is_left_can_be_unfrozen(
    world: World,
) -> None:
    trade = paid(world, shares_profit=True)
    share = shared(world, trade, 100, 200)
    assert isinstance(share, Share) and share.states == (PartState.SHARED,) * 2
    assert shared(world, trade, 100, 200) is share
    assert shared(world, trade, 1) is No.NUMBER_USED
    assert shared(world, trade, 1700, number="s2") is No.TOO_MUCH
    assert world.unfreeze(trade) is trade
    assert shared(world, trade, 1, number="s3") is No.TOO_MUCH


async def test_only_an_order_that_was_made_for_it_is_shared(world: World) -> None:
    assert shared(world, paid(world), 1) is No.NOT_SHARED_PROFIT


async def test_a_share_can_be_refused(world: World) -> None:
    trade = paid(world, shares_profit=True)
    trouble(world, "share", "ends_failed", value="ACCOUNT_ABNORMAL", times=1)
    share = shared(world, trade, 100)
    assert isinstance(share, Share) and share.states == (PartState.REFUSED,)
    assert (share.failure_code, trade.shared_fen) == ("ACCOUNT_ABNORMAL", 0)


# Bills


def rows(world: World) -> list[tuple[str, int, int]]:
    day = world.clock.today()
    entries = world.bills.trades(the_merchant(world), day)
    return [(each.kind, each.amount_fen, each.fee_fen) for each in entries]


async def test_a_bill_has_what_happened_with_fees_and_what_refunds_brought_back(
    world: World,
) -> None:
    trade = paid(world)
    refunded(world, trade, 1000)
    refunded(world, trade, 999, "r2")
    opened(world, number="never-paid")
    assert rows(world) == [("payment", 1999, 12), ("refund", 1000, -6), ("refund", 999, -6)]


async def test_the_funds_of_a_day_end_where_the_next_day_begins(world: World) -> None:
    merchant, first_day = the_merchant(world), world.clock.today()
    trade = paid(world)
    assert world.clock.close_day() == first_day
    refunded(world, trade, 1999)
    moves = world.bills.funds(merchant, first_day)
    moves += world.bills.funds(merchant, world.clock.today())
    assert [(each.kind, each.amount_fen, each.balance_fen) for each in moves] == [
        ("payment", 1999, 1999),
        ("fee", -12, 1987),
        ("refund", -1999, -12),
        ("fee", 12, 0),
    ]
    assert len({each.number for each in moves}) == 4


async def test_a_bill_is_ready_when_its_day_is_closed(world: World) -> None:
    merchant, day = the_merchant(world), world.clock.today()
    paid(world)
    assert world.bills.state(merchant, day) == "not_ready"
    assert world.clock.close_day() == day
    assert world.bills.state(merchant, day) == "ready"
    assert world.bills.state(merchant, day - timedelta(days=1)) == "nothing"
    assert world.clock.today() == day + timedelta(days=1)


async def test_a_bill_can_be_late(world: World) -> None:
    merchant, day = the_merchant(world), world.clock.today()
    paid(world)
    world.clock.close_day()
    trouble(world, "bill", "not_ready", times=1)
    assert [world.bills.state(merchant, day) for _ in range(2)] == ["not_ready", "ready"]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("missing_rows", 1, [("payment", 1999, 12)]),
        ("missing_rows", 5, []),
        ("extra_rows", 1, [("payment", 1999, 12), ("payment", 5, 0), ("payment", 777, 5)]),
        ("wrong_amount", -9, [("payment", 1990, 12), ("payment", 5, 0)]),
        ("wrong_fee", 3, [("payment", 1999, 15), ("payment", 5, 0)]),
    ],
)
async def test_the_rows_of_a_bill_can_be_wrong(
    world: World, kind: str, value: int, expected: list[tuple[str, int, int]]
) -> None:
    paid(world)
    paid(world, number="order-2", amount_fen=5)
    trouble(world, "bill", kind, value=value, times=1)
    assert rows(world) == expected
    assert rows(world) == [("payment", 1999, 12), ("payment", 5, 0)]


async def test_a_row_that_nobody_ordered_has_numbers_of_its_own(world: World) -> None:
    trade = paid(world)
    trouble(world, "bill", "extra_rows", value=2)
    entries = world.bills.trades(the_merchant(world), world.clock.today())
    assert len({each.trade.number for each in entries}) == 3
    assert len({each.trade.channel_number for each in entries}) == 3
    assert the_merchant(world).trades == {trade.number: trade}


async def test_a_written_bill_can_be_fetched_for_as_long_as_was_said(world: World) -> None:
    word = world.bills.keep(b"rows", 300)
    assert (world.bills.kept(word), world.bills.kept("other")) == (b"rows", None)
    world.clock.move(timedelta(seconds=301))
    assert world.bills.kept(word) is None


async def world_after(world: World, seconds: int) -> None:
    """So much has been waited in the world, and what was due has happened."""
    world.clock.move(timedelta(seconds=seconds))
    world.clock.strike()
