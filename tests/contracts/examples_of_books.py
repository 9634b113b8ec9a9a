"""One example of each message about the books."""

from __future__ import annotations

from datetime import UTC, date, datetime

from msgspec.structs import replace

from schema.accounts import AccountState, RatePlan, Tier
from schema.bookings import Withdrawal
from schema.messages.accounting import (
    AccountingAnswered,
    AccountView,
    ApplyPending,
    BookingView,
    ChangeAccount,
    ClearAlarm,
    CloseDay,
    ConfigureAccount,
    DecideAdjustment,
    LedgerBroken,
    OpenAccount,
    PayoutHasArrived,
    PayoutHasReturned,
    PayoutView,
    PlaceHold,
    PostBooking,
    ProposeAdjustment,
    ReckonReserve,
    ReleaseHold,
    SetRate,
)
from schema.messages.contract import Message
from schema.payments import Refusal

MERCHANT_NO = "10202607010000001"
PAYMENT_ID = "pay_01k2x4m8qv7h3dp1ra9e0000"
ATTEMPT_ID = "01k2x4m8qv7h3dp1ra9e000001"
PLACED_AT = datetime(2026, 7, 1, 4, 30, 0, tzinfo=UTC)
PAID_AT = datetime(2026, 7, 1, 4, 30, 12, tzinfo=UTC)
EXPIRES_AT = datetime(2026, 7, 1, 4, 35, 0, tzinfo=UTC)

OVER_LIMIT = Refusal(
    code="single_limit", reason="amount_fen 128000 is above 100000", param="amount_fen"
)

ACCOUNT_NO = "102026070100000100019"
OTHER_ACCOUNT_NO = "402026070100000200001"
SIGNED = {"operator": "lin", "reason": "asked for by telephone"}

PAYOUT = PayoutView(
    payout_no="withdrawal:wd-1",
    kind="withdrawal",
    role="merchant",
    owner=MERCHANT_NO,
    currency="CNY",
    amount_fen=50_000,
    ended_at=PAID_AT,
)

BOOKS: tuple[Message, ...] = (
    PostBooking(
        wish=Withdrawal(
            no="wd-1",
            currency="CNY",
            role="merchant",
            owner=MERCHANT_NO,
            amount_fen=50_000,
            fee_fen=200,
            hold_no="hold-1",
        )
    ),
    OpenAccount(role="agent", owner="agent_7", currency="CNY"),
    ChangeAccount(change_no="chg-1", account_no=ACCOUNT_NO, order="freeze_debit", **SIGNED),
    ConfigureAccount(
        change_no="chg-2",
        account_no=ACCOUNT_NO,
        booking_mode="async",
        reserve_days=1,
        refund_fee_policy="proportional",
        floor_fen=-10_000,
        **SIGNED,
    ),
    PlaceHold(
        hold_no="hold-1",
        role="merchant",
        owner=MERCHANT_NO,
        currency="CNY",
        amount_fen=60_000,
        expires_at=EXPIRES_AT,
        **SIGNED,
    ),
    ReleaseHold(
        release_no="rel-1",
        hold_no="hold-1",
        role="merchant",
        owner=MERCHANT_NO,
        currency="CNY",
        amount_fen=9_800,
        **SIGNED,
    ),
    SetRate(
        rate_no="rate-1",
        account_no=ACCOUNT_NO,
        kind="withdrawal",
        pay_type="wechat_native",
        plan=RatePlan(
            percent_ppm=1_000,
            fixed_fen=100,
            min_fen=200,
            max_fen=2_000,
            tiers=(Tier(from_volume_fen=10_000_000, percent_ppm=500),),
        ),
        effective_at=EXPIRES_AT,
        **SIGNED,
    ),
    ProposeAdjustment(
        adjustment_no="adj-1",
        debit_account_no=OTHER_ACCOUNT_NO,
        credit_account_no=ACCOUNT_NO,
        amount_fen=768,
        **SIGNED,
    ),
    DecideAdjustment(adjustment_no="adj-1", verdict="approve", operator="wang"),
    ClearAlarm(alarm_no="alm-1", **SIGNED),
    ApplyPending(),
    ReckonReserve(day=date(2026, 7, 1), after_account_id=200),
    CloseDay(day=date(2026, 7, 1), after_account_id=200),
    LedgerBroken(
        alarm_no="alm-1",
        check_name="balance",
        role="merchant",
        owner=MERCHANT_NO,
        account_no=ACCOUNT_NO,
        detail="balance_fen is 1, its entries add up to 2",
    ),
    PayoutHasArrived(payout=PAYOUT),
    PayoutHasReturned(payout=replace(PAYOUT, returned_fee_fen=200)),
    AccountingAnswered(
        refusal=OVER_LIMIT,
        booking=BookingView(
            booking_id=65_536,
            booking_key="withdrawal:wd-1",
            kind="withdrawal",
            amount_fen=50_000,
            fee_fen=200,
            booked_at=PAID_AT,
        ),
        account=AccountView(
            account_no=ACCOUNT_NO,
            role="merchant",
            kind="payable",
            owner=MERCHANT_NO,
            currency="CNY",
            state=AccountState.AVAILABLE,
            balance_fen=77_032,
            out_of_reserve_fen=70_000,
        ),
    ),
)
