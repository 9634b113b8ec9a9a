"""The bench's own promises: its comparisons find what is wrong, and its meters count what was used.

That the whole works is shown by `make bench SMOKE=1`, which `.ci/run` does after the tests.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pytest
from msgspec.structs import replace

from bench.figures import percentile
from bench.orders import Hook, Order
from bench.reconcile import Terms, reconcile
from bench.traffic import Report
from bench.truths import (
    AccountRow,
    AttemptRow,
    BookingRow,
    NotificationRow,
    PaymentRow,
    Truths,
)
from bench.usage import usage
from handlers.simulator.desk.views import TradeView

TERMS = Terms(rate_ppm=6_000, channel_no="wechat_bench")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
AMOUNT_FEN, FEE_FEN = 1_250, 8  # 0.6 % of 12.50 yuan is 7.5 fen, which rounds up

PAYMENT = PaymentRow(
    payment_id="pay_1",
    merchant_no="100001",
    merchant_order_no="o1",
    state="succeeded",
    amount_fen=AMOUNT_FEN,
    fee_fen=FEE_FEN,
)
BOOKING = BookingRow(booking_key="pay:pay_1", payment_id="pay_1", sum_fen=0, gross_fen=AMOUNT_FEN)
ATTEMPT = AttemptRow(attempt_id="1", payment_id="pay_1", state="succeeded", paid_fen=AMOUNT_FEN)
NOTIFICATION = NotificationRow(
    notification_id="evt_1", payment_id="pay_1", type="payment.succeeded", state="delivered"
)
TRADE = TradeView(
    protocol="wechat",
    account_no="1900000001",
    number="1",
    channel_number="42",
    product="NATIVE",
    state="paid",
    amount_fen=AMOUNT_FEN,
    refunded_fen=0,
    notified_count=1,
    is_acknowledged=True,
    opened_at=NOW,
    paid_at=NOW,
)


def report() -> Report:
    hook = Hook("evt_1", "payment.succeeded", "pay_1", AMOUNT_FEN, 2.0)
    order = Order("100001", "o1", AMOUNT_FEN, 1.0, 1.5, 201, "pay_1", "pending", [hook])
    return Report(orders=[order], dropped=0, strangers=[], verified=1, forged=[])


def truths() -> Truths:
    return Truths(
        payments=[PAYMENT],
        bookings=[BOOKING],
        accounts=[
            account("channel.clearing", "wechat_bench", -AMOUNT_FEN),
            account("merchant.payable", "100001", AMOUNT_FEN - FEE_FEN),
            account("platform.fee_income", "platform", FEE_FEN),
        ],
        attempts=[ATTEMPT],
        notifications=[NOTIFICATION],
        trades=[TRADE],
    )


def account(kind: str, owner: str, fen: int) -> AccountRow:
    return AccountRow(kind=kind, owner=owner, balance_fen=fen, posted_fen=fen)


def differing(seen: Report, believed: Truths) -> set[str]:
    return {check.name for check in reconcile(seen, believed, TERMS) if check.differences}


def test_a_run_in_which_all_agree_has_no_difference() -> None:
    assert differing(report(), truths()) == set()


@pytest.mark.parametrize(
    ("rows", "change", "noticed_by"),
    [
        ("payments", {"state": "pending"}, "what clients ordered is paid"),
        ("payments", {"amount_fen": 1}, "what clients ordered is paid"),
        ("payments", {"payment_id": "pay_2"}, "what clients ordered is paid"),
        ("payments", {"merchant_order_no": "o2"}, "what clients ordered is paid"),
        ("payments", {"fee_fen": 7}, "fees are right"),
        ("bookings", {"sum_fen": 1}, "each payment is booked once"),
        ("bookings", {"gross_fen": 1}, "each payment is booked once"),
        ("bookings", {"payment_id": "pay_2"}, "each payment is booked once"),
        ("accounts", {"balance_fen": 0}, "accounts add up"),
        ("accounts", {"posted_fen": 0}, "accounts add up"),
        ("accounts", {"owner": "somebody"}, "accounts add up"),
        ("attempts", {"state": "pending"}, "the channel agrees"),
        ("attempts", {"paid_fen": 1}, "the channel agrees"),
        ("trades", {"amount_fen": 1}, "the channel agrees"),
        ("trades", {"state": "waiting"}, "the channel agrees"),
        ("trades", {"number": "2"}, "the channel agrees"),
        ("notifications", {"state": "waiting"}, "merchants were told once"),
        ("notifications", {"payment_id": "pay_2"}, "merchants were told once"),
        ("notifications", {"notification_id": "evt_2"}, "merchants were told once"),
    ],
)
def test_a_belief_that_differs_is_noticed(
    rows: str, change: dict[str, object], noticed_by: str
) -> None:
    first, *others = getattr(truths(), rows)
    believed = replace(truths(), **{rows: [replace(first, **change), *others]})
    assert noticed_by in differing(report(), believed)


@pytest.mark.parametrize("rows", ["payments", "bookings", "accounts", "notifications", "trades"])
def test_what_is_missing_is_noticed(rows: str) -> None:
    assert differing(report(), replace(truths(), **{rows: []}))


@pytest.mark.parametrize("rows", ["bookings", "trades"])
def test_what_happened_twice_is_noticed(rows: str) -> None:
    twice = getattr(truths(), rows) * 2
    assert differing(report(), replace(truths(), **{rows: twice}))


def order_but(**change: object) -> Callable[[Report], Report]:
    return lambda seen: replace(seen, orders=[replace(seen.orders[0], **change)])


@pytest.mark.parametrize(
    "saw",
    [
        order_but(amount_fen=1),
        order_but(state="failed"),
        order_but(payment_id="pay_2"),
        order_but(hooks=[]),
        lambda seen: replace(seen, orders=[*seen.orders, Order("100001", "o2", 5, 1.0, 1.5, 202)]),
        lambda seen: replace(seen, orders=[]),
        lambda seen: replace(seen, strangers=["evt_9"]),
        lambda seen: replace(seen, forged=["evt_1"]),
        lambda seen: replace(seen, verified=0),
    ],
)
def test_what_clients_saw_and_nobody_stored_is_noticed(saw: Callable[[Report], Report]) -> None:
    assert differing(saw(report()), truths())


def test_an_order_that_got_no_answer_may_be_stored_or_not() -> None:
    silent = Order("100001", "o2", 5, 1.0)
    seen = replace(report(), orders=[*report().orders, silent])
    assert differing(seen, truths()) == set()


def test_a_report_survives_its_way_to_the_bench() -> None:
    assert msgspec.json.decode(msgspec.json.encode(report()), type=Report) == report()


def test_a_percentile_is_a_value_that_was_seen() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert (percentile(values, 50), percentile(values, 99), percentile([], 50)) == (50, 99, None)


def test_cpu_of_children_that_have_ended_is_counted() -> None:
    before = usage({"us": os.getpid()}, 0.0)
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", busy], check=True)
    used = usage({"us": os.getpid()}, 1.0).since(before)
    assert 0.25 <= used.by_component["us"] <= 5.0
