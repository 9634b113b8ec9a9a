"""Holds, payouts, refunds, rates, adjustments and orders: what one batch leaves, the next finds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from actors.accounting.mispaid import alarm_of
from bus.database import Pool
from schema import ids
from schema.accounts import RatePlan, Tier
from schema.bookings import (
    PayoutCompleted,
    PayoutReturned,
    ProfitShare,
    Refund,
    Settlement,
    Share,
    Withdrawal,
)
from schema.messages.accounting import (
    ChangeAccount,
    ClearAlarm,
    ConfigureAccount,
    DecideAdjustment,
    LedgerBroken,
    OpenAccount,
    PlaceHold,
    ProposeAdjustment,
    ReleaseHold,
    SetRate,
)
from schema.messages.channels import AttemptMispaid, AttemptMispaidRetracted
from schema.messages.ordering import PaymentSucceeded
from tests.actors.books import Books
from tests.examples import NOW

SIGNED = {"operator": "lin", "reason": "asked for"}


@pytest.fixture
async def books(pool: Pool) -> Books:
    """The merchant has 99.40 yuan of ten payments."""
    made = Books(pool)
    await made.hear(made.paid(10))
    return made


def a_no(books: Books, name: str) -> str:
    """A business number that no other test uses."""
    return f"{name}.{books.merchant_no}"


async def code(books: Books, *messages: Any) -> str | None:
    """With what the last of these is refused."""
    refusal = (await books.hear(messages))[-1].refusal
    return refusal and refusal.code


def a_refund(books: Books, paid: PaymentSucceeded, name: str, amount_fen: int) -> Refund:
    return Refund(
        no=a_no(books, name),
        payment_id=paid.payment.id,
        merchant_no=books.merchant_no,
        channel_no=books.channel_no,
        funds_flow="platform",
        amount_fen=amount_fen,
    )


async def test_refunds_of_later_batches_see_what_went_before(books: Books) -> None:
    (paid,) = books.paid()
    await books.hear([paid])
    assert (await books.book(a_refund(books, paid, "r1", 600))).booking is not None
    refused = (await books.book(a_refund(books, paid, "r2", 600))).refusal
    assert refused is not None and refused.code == "refund_above_payment"
    assert (await books.book(a_refund(books, paid, "r3", 400))).booking is not None
    row = await books.pool.fetchrow(
        "SELECT refunded_fen, amount_fen FROM accounting.trade_use WHERE payment_id = $1",
        paid.payment.id,
    )
    assert tuple(row) == (1_000, 1_000)


async def test_a_trade_and_its_refund_may_come_in_one_batch(books: Books) -> None:
    from schema.messages.accounting import PostBooking

    (paid,) = books.paid()
    (answer,) = await books.hear([paid, PostBooking(wish=a_refund(books, paid, "r1", 1_000))])
    assert answer.booking is not None
    assert (await books.account())["balance_fen"] == 9_940 - 6


async def test_agents_shares_are_remembered_with_the_trade(books: Books) -> None:
    (paid,) = books.paid()
    await books.hear([paid])
    agent = f"agent_{books.merchant_no}"[-20:]
    share = ProfitShare(
        no=a_no(books, "p1"),
        payment_id=paid.payment.id,
        shares=(Share(agent_no=agent, amount_fen=4),),
    )
    assert (await books.book(share)).booking is not None
    more = ProfitShare(
        no=a_no(books, "p2"),
        payment_id=paid.payment.id,
        shares=(Share(agent_no=agent, amount_fen=3),),
    )
    refusal = (await books.book(more)).refusal
    assert refusal is not None and refusal.code == "share_above_fee"


async def test_a_withdrawal_travels_over_batches_and_ends_once(books: Books) -> None:
    wish = Withdrawal(no=a_no(books, "w"), owner=books.merchant_no, amount_fen=5_000, fee_fen=100)
    first = await books.book(wish)
    assert first.booking is not None and first.booking.fee_fen == 100
    assert await books.book(wish, now=NOW + timedelta(hours=1)) == first
    assert (await books.balances())["in_transit"] == (5_000, 1)
    done = PayoutCompleted(no=wish.key, owner=books.merchant_no)
    assert (await books.book(done)).booking is not None
    assert (await books.balances())["in_transit"] == (0, 2)
    back = PayoutReturned(no=wish.key, owner=books.merchant_no)
    assert (await books.book(back)).booking is not None
    assert (await books.account())["balance_fen"] == 9_940
    refusal = (await books.book(PayoutCompleted(no=wish.key, owner=books.merchant_no))).refusal
    assert refusal is None  # a repeat of what was booked before
    state = await books.pool.fetchval(
        "SELECT state FROM accounting.payout WHERE payout_no = $1", wish.key
    )
    assert state == "returned"


async def test_a_hold_lasts_until_it_is_spent_or_released(books: Books) -> None:
    owner, number = books.merchant_no, a_no(books, "h")
    await books.hear([PlaceHold(hold_no=number, owner=owner, amount_fen=9_000, **SIGNED)])
    assert (await books.balances())["frozen"] == (9_000, 1)
    too_much = Withdrawal(no=a_no(books, "w1"), owner=owner, amount_fen=1_000)
    refusal = (await books.book(too_much)).refusal
    assert refusal is not None and refusal.code == "insufficient_balance"
    spend = Withdrawal(no=a_no(books, "w2"), owner=owner, amount_fen=6_000, hold_no=number)
    assert (await books.book(spend)).booking is not None
    release = ReleaseHold(release_no=a_no(books, "l"), hold_no=number, owner=owner, **SIGNED)
    (answer,) = await books.hear([release])
    assert answer.booking is not None and answer.booking.amount_fen == 3_000
    assert await books.hear([release]) == [answer]
    assert (await books.account())["balance_fen"] == 3_940


async def test_a_hold_with_an_end_is_released_by_the_clock(books: Books) -> None:
    from bus.effects import Later

    number, end = a_no(books, "h"), NOW + timedelta(minutes=5)
    hold = PlaceHold(
        hold_no=number, owner=books.merchant_no, amount_fen=100, expires_at=end, **SIGNED
    )
    await books.hear([hold])
    (later,) = (effect for effect in books.effects if isinstance(effect, Later))
    assert later.due_at == end
    await books.hear([later.message], now=end)
    assert (await books.balances())["frozen"] == (0, 2)


async def test_an_account_is_frozen_unfrozen_and_its_history_tells(books: Books) -> None:
    number = (await books.account())["account_no"]
    freeze = ChangeAccount(change_no=a_no(books, "c1"), account_no=number, order="freeze", **SIGNED)
    assert await code(books, freeze) is None
    assert await code(books, freeze) is None
    assert (await books.account())["state"] == "frozen"
    wish = Withdrawal(no=a_no(books, "w"), owner=books.merchant_no, amount_fen=1)
    refusal = (await books.book(wish)).refusal
    assert refusal is not None and refusal.code == "account_frozen"
    await books.hear(books.paid())
    assert (await books.balances())["suspense"] == (994, 1)
    thaw = ChangeAccount(change_no=a_no(books, "c2"), account_no=number, order="unfreeze", **SIGNED)
    assert await code(books, thaw) is None
    rows = await books.pool.fetch(
        "SELECT before, after, operator, reason FROM accounting.account_change"
        " WHERE account_id = $1 ORDER BY change_no",
        (await books.account())["account_id"],
    )
    assert [tuple(row) for row in rows] == [
        ("available", "frozen", "lin", "asked for"),
        ("frozen", "available", "lin", "asked for"),
    ]


async def test_an_account_is_cancelled_when_everything_of_its_owner_is_paid_out(
    books: Books,
) -> None:
    number = (await books.account())["account_no"]
    wish = Settlement(no=a_no(books, "s"), owner=books.merchant_no)
    await books.book(wish)

    def cancel(no: str) -> ChangeAccount:
        return ChangeAccount(change_no=a_no(books, no), account_no=number, order="cancel", **SIGNED)

    assert await code(books, cancel("c1")) == "balance_not_zero"
    await books.book(PayoutCompleted(no=wish.key, owner=books.merchant_no))
    assert await code(books, cancel("c2")) is None
    assert (await books.account())["state"] == "cancelled"


async def test_rates_are_initialised_at_opening_and_kept_with_their_history(books: Books) -> None:
    await books.hear([OpenAccount(owner=books.merchant_no)])
    account = await books.account()
    kinds = "SELECT kind FROM accounting.rate WHERE account_id = $1 ORDER BY kind"
    rows = await books.pool.fetch(kinds, account["account_id"])
    assert [row["kind"] for row in rows] == ["refund", "settlement", "trade", "withdrawal"]


async def test_a_new_rate_holds_from_its_time_on_and_entries_keep_theirs(books: Books) -> None:
    account, tomorrow = await books.account(), NOW + timedelta(days=1)

    def rate(no: str, ppm: int, at: Any) -> SetRate:
        return SetRate(
            rate_no=a_no(books, no),
            account_no=account["account_no"],
            kind="withdrawal",
            plan=RatePlan(percent_ppm=ppm),
            effective_at=at,
            **SIGNED,
        )

    assert await code(books, rate("r1", 10_000, None), rate("r2", 20_000, tomorrow)) is None
    fees: list[int] = []
    for number, now in enumerate((NOW, tomorrow)):
        wish = Withdrawal(no=a_no(books, f"w{number}"), owner=books.merchant_no, amount_fen=1_000)
        answer = await books.book(wish, now=now)
        assert answer.booking is not None
        fees.append(answer.booking.fee_fen)
    assert fees == [10, 20]
    rows = await books.pool.fetch(
        "SELECT rate_ppm, rate_no FROM accounting.entry"
        " WHERE account_id = $1 AND kind = 'withdrawal' ORDER BY serial",
        account["account_id"],
    )
    expected = [(10_000, a_no(books, "r1")), (20_000, a_no(books, "r2"))]
    assert [tuple(row) for row in rows] == expected


async def test_tiers_count_the_volume_of_this_month(books: Books, one_day: None) -> None:
    from bus.jobs import now_utc

    account, now = await books.account(), now_utc()
    tiers = (Tier(from_volume_fen=3_000, percent_ppm=5_000),)
    rate = SetRate(
        rate_no=a_no(books, "r"),
        account_no=account["account_no"],
        kind="withdrawal",
        plan=RatePlan(percent_ppm=10_000, tiers=tiers),
        **SIGNED,
    )
    await books.hear([rate], now=now)
    fees: list[int] = []
    for number in range(3):
        wish = Withdrawal(no=a_no(books, f"w{number}"), owner=books.merchant_no, amount_fen=2_000)
        answer = await books.book(wish, now=now)
        assert answer.booking is not None, answer.refusal
        fees.append(answer.booking.fee_fen)
    assert fees == [20, 20, 10]


async def test_an_adjustment_waits_for_a_second_person_over_batches(books: Books) -> None:
    debit, credit = await books.account(), await books.account("suspense")
    await books.hear([OpenAccount(owner=books.merchant_no)])
    assert credit is None
    numbers = await books.pool.fetchrow(
        "SELECT account_no FROM accounting.account WHERE kind = 'fee_income' AND bucket = 0"
    )
    proposal = ProposeAdjustment(
        adjustment_no=a_no(books, "a"),
        debit_account_no=debit["account_no"],
        credit_account_no=numbers["account_no"],
        amount_fen=940,
        **SIGNED,
    )
    assert await code(books, proposal) is None
    alone = DecideAdjustment(adjustment_no=a_no(books, "a"), verdict="approve", operator="lin")
    assert await code(books, alone) == "maker_is_checker"
    agreed = DecideAdjustment(adjustment_no=a_no(books, "a"), verdict="approve", operator="wang")
    assert await code(books, agreed) is None
    assert (await books.account())["balance_fen"] == 9_000
    assert await code(books, agreed) is None
    assert (await books.account())["balance_fen"] == 9_000


async def test_an_alarm_outlasts_the_batch_and_ends_with_a_name(books: Books) -> None:
    account = await books.account()
    broken = LedgerBroken(
        alarm_no=a_no(books, "alm"),
        check_name="balance",
        role="merchant",
        owner=books.merchant_no,
        account_no=account["account_no"],
        detail="one fen is missing",
    )
    await books.hear([broken])
    await books.hear([broken])
    wish = Settlement(no=a_no(books, "s"), owner=books.merchant_no)
    refusal = (await books.book(wish)).refusal
    assert refusal is not None and refusal.code == "payouts_stopped"
    await books.hear([ClearAlarm(alarm_no=broken.alarm_no, **SIGNED)])
    assert (await books.book(wish)).booking is not None


async def test_what_a_channel_takes_back_leaves_nothing_in_whatever_order_it_is_heard(
    books: Books,
) -> None:
    attempt_id = ids.attempt_id(books.paid()[0].payment.id, 1)
    fields: dict[str, Any] = {
        "payment_id": "pay_1", "attempt_id": attempt_id, "merchant_no": books.merchant_no,
        "channel_no": books.channel_no, "funds_flow": "platform", "asked_fen": 1_000,
        "asked_currency": "CNY", "paid_fen": 999, "paid_currency": "CNY",
    }  # fmt: skip
    said = AttemptMispaid(**fields, channel_trade_no="42", paid_at=NOW)
    taken_back = AttemptMispaidRetracted(**fields)
    before, serial = (await books.balances())["clearing"]
    await books.hear([taken_back, taken_back])
    assert (await books.balances())["clearing"] == (before + 999, serial + 1)
    await books.hear([said])
    await books.hear([taken_back, alarm_of(said)])
    assert (await books.balances())["clearing"] == (before, serial + 2)
    alarm = await books.pool.fetchrow(
        "SELECT * FROM accounting.alarm WHERE alarm_no = $1", f"mispaid.{attempt_id}"
    )
    assert alarm["cleared_by"] == "system"


async def test_settings_are_kept_and_what_is_left_out_stays(books: Books) -> None:
    account = await books.account()
    order = ConfigureAccount(
        change_no=a_no(books, "c"),
        account_no=account["account_no"],
        refund_fee_policy="proportional",
        reserve_days=2,
        **SIGNED,
    )
    assert await code(books, order) is None
    after = await books.account()
    assert after["refund_fee_policy"] == "proportional"
    assert (after["reserve_days"], after["booking_mode"], after["floor_fen"]) == (2, "sync", 0)
    assert after["balance_fen"] == account["balance_fen"]
