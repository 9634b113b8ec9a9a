"""Commands at random, from a small world so that they meet: few owners, few numbers, any amount."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from schema import bookings as wish
from schema.accounts import RatePlan, Tier
from schema.days import day_of
from schema.messages import accounting as order
from schema.messages.contract import Message
from schema.money import AMOUNT_FEN_MAX
from tests.actors.ledger_model import Key
from tests.actors.ledger_world import AGENT, CHANNEL, DAWN, KEYS, MERCHANTS, NUMBER_OF
from tests.examples import a_paid_payment

Commands = st.SearchStrategy[Message]

amounts = st.one_of(
    st.just(1),
    st.integers(2, 20),
    st.integers(21, 5_000),
    st.sampled_from([500, 1_000, 10_000]),
    st.integers(AMOUNT_FEN_MAX - 3, AMOUNT_FEN_MAX),
)
fees = st.one_of(st.none(), st.none(), st.integers(0, 30), st.just(AMOUNT_FEN_MAX))
nos = st.sampled_from("abcde")
owners = st.sampled_from([*(("merchant", number) for number in MERCHANTS), ("agent", AGENT)])
signed = {"operator": st.just("alice"), "reason": st.just("because")}
days = st.integers(0, 4).map(lambda number: day_of(DAWN) + timedelta(days=number))

ADJUSTABLE = ("payable", "suspense", "deposit", "fee_income", "loss")
"""What holds and payouts stand for, nobody adjusts by hand."""

frozen_ones = st.sampled_from([k for k in KEYS if k[0] in ("merchant", "agent")]).map(NUMBER_OF.get)
payables = st.sampled_from([k for k in KEYS if k[1] == "payable"]).map(NUMBER_OF.get)
adjustables = st.sampled_from([k for k in KEYS if k[1] in ADJUSTABLE]).map(NUMBER_OF.get)
platforms_too = st.sampled_from(KEYS).map(NUMBER_OF.get)


def booking(kind: type[wish.Wish], **fields: st.SearchStrategy[Any]) -> Commands:
    """A wish; who it is about is added where it needs somebody."""
    fields = {"no": nos} | fields
    if not issubclass(kind, wish.PartyWish):
        return st.builds(order.PostBooking, wish=st.builds(kind, **fields))
    whose = owners.flatmap(
        lambda o: st.builds(kind, role=st.just(o[0]), owner=st.just(o[1]), **fields)
    )
    return st.builds(order.PostBooking, wish=whose)


def party_order(kind: type[Message], **fields: st.SearchStrategy[Any]) -> Commands:
    """An operator's order about somebody's money."""
    return owners.flatmap(
        lambda o: st.builds(kind, role=st.just(o[0]), owner=st.just(o[1]), **fields, **signed)
    )


def a_fact(number: int) -> Message:
    """A payment that is always told in the same words."""
    return a_paid_payment(
        f"pay_{number:024d}", MERCHANTS[number % 3], channel_no=CHANNEL, cost_fen=2
    )


def of_payment(number: int) -> dict[str, Any]:
    """Whose money a payment is; every fourth goes to the merchant without us."""
    return {
        "merchant_no": MERCHANTS[number % 3],
        "channel_no": CHANNEL,
        "funds_flow": "direct" if number % 4 == 3 else "platform",
    }


@st.composite
def trade_wishes(draw: st.DrawFn) -> Message:
    """A payer's money; one in ten under a number that another merchant's payment has."""
    number = draw(st.integers(0, 11))
    whose = of_payment(number if draw(st.integers(0, 9)) else number + 1)
    trade = wish.Trade(
        no=f"pay_{number:024d}", amount_fen=draw(amounts), cost_fen=draw(st.sampled_from([0, 1])),
        fee_fen=draw(st.one_of(st.none(), st.integers(0, 30), st.just(100))), **whose,
    )  # fmt: skip
    return order.PostBooking(wish=trade)


@st.composite
def refund_wishes(draw: st.DrawFn) -> Message:
    """Something back; one in ten from a merchant whose payment it never was."""
    number = draw(st.one_of(st.integers(0, 11), st.integers(100, 105)))
    whose = of_payment(number if draw(st.integers(0, 9)) else number + 1)
    if number >= 100:
        whose["funds_flow"] = "platform"
    refund = wish.Refund(
        no=draw(nos), payment_id=f"pay_{number:024d}", amount_fen=draw(amounts), **whose
    )
    return order.PostBooking(wish=refund)


facts = st.integers(100, 105).map(a_fact)
trades, refunds = trade_wishes(), refund_wishes()
payment_ids = st.integers(0, 11).map("pay_{:024d}".format)
payout_keys = st.builds("{}:{}".format, st.sampled_from(["withdrawal", "settlement"]), nos)
moves = st.one_of(
    booking(wish.Withdrawal, amount_fen=amounts, fee_fen=fees),
    booking(wish.Withdrawal, amount_fen=amounts, fee_fen=fees, hold_no=nos),
    booking(wish.Settlement, amount_fen=st.one_of(st.none(), amounts), fee_fen=fees),
    booking(wish.PayoutCompleted, no=payout_keys),
    booking(wish.PayoutReturned, no=payout_keys),
    owners.flatmap(
        lambda to: booking(
            wish.Transfer, to_role=st.just(to[0]), to_owner=st.just(to[1]), amount_fen=amounts
        )
    ),
    booking(wish.Charge, amount_fen=amounts),
    booking(wish.DepositTaken, amount_fen=amounts),
    booking(wish.DepositGivenBack, amount_fen=amounts),
    booking(wish.Receipt, channel_no=st.just(CHANNEL), amount_fen=amounts),
    booking(
        wish.ProfitShare,
        payment_id=payment_ids,
        shares=st.lists(
            st.builds(wish.Share, agent_no=st.just(AGENT), amount_fen=st.integers(1, 30)),
            min_size=1,
            max_size=3,
        ).map(tuple),
    ),
)
holds = st.one_of(
    party_order(order.PlaceHold, hold_no=nos, amount_fen=amounts),
    party_order(
        order.ReleaseHold, release_no=nos, hold_no=nos, amount_fen=st.one_of(st.none(), amounts)
    ),
)
plans = st.builds(
    RatePlan,
    percent_ppm=st.sampled_from([0, 3_800, 500_000]),
    fixed_fen=st.sampled_from([0, 1]),
    min_fen=st.sampled_from([0, 5]),
    max_fen=st.sampled_from([None, 500]),
    tiers=st.sampled_from([(), (Tier(from_volume_fen=1_000, percent_ppm=1_000),)]),
)
orders = st.one_of(
    st.builds(
        order.ChangeAccount, change_no=nos, account_no=frozen_ones, **signed,
        order=st.sampled_from(["freeze_credit", "freeze_debit", "freeze", "unfreeze", "cancel"]),
    ),
    st.builds(
        order.ConfigureAccount, change_no=nos, account_no=payables, **signed,
        reserve_days=st.sampled_from([None, 0, 1, 2]),
        refund_fee_policy=st.sampled_from([None, "keep", "proportional"]),
        floor_fen=st.sampled_from([None, None, -500, 0, 100]),
    ),
    st.builds(
        order.ConfigureAccount, change_no=nos, account_no=platforms_too, **signed,
        booking_mode=st.sampled_from(["async", "sync"]),
    ),
    st.builds(
        order.SetRate, rate_no=nos, account_no=payables, plan=plans, **signed,
        kind=st.sampled_from(["trade", "refund", "withdrawal", "settlement"]),
    ),
    st.builds(
        order.ProposeAdjustment, adjustment_no=nos, debit_account_no=adjustables,
        credit_account_no=adjustables, amount_fen=amounts, **signed,
    ),
    st.builds(
        order.DecideAdjustment, adjustment_no=nos, operator=st.sampled_from(["alice", "bob"]),
        verdict=st.sampled_from(["approve", "reject"]),
    ),
    owners.flatmap(
        lambda o: st.builds(
            order.LedgerBroken, alarm_no=nos, check_name=st.just("fold"), role=st.just(o[0]),
            owner=st.just(o[1]), account_no=st.just("0" * 21), detail=st.just("a fen is missing"),
        )
    ),
    st.builds(order.ClearAlarm, alarm_no=nos, **signed),
    st.builds(order.ReckonReserve, day=days),
    st.just(order.ApplyPending()),
)  # fmt: skip

commands: Commands = st.one_of(trades, facts, refunds, refunds, moves, moves, holds, holds, orders)
mostly_new = st.one_of(commands, commands, commands, st.none())


FUNDS = [
    order.PostBooking(
        wish=wish.Trade(
            no=f"pay_{place:024d}", merchant_no=merchant_no, channel_no=CHANNEL,
            funds_flow="platform", amount_fen=10_000 * 10**place, fee_fen=100,
        )
    )
    for place, merchant_no in enumerate(MERCHANTS)
]  # fmt: skip
"""Where nobody has anything, all that comes after is refused."""


def kept(key: Key, no: str, **settings: Any) -> Message:
    """How an account is to be kept."""
    return order.ConfigureAccount(
        change_no=no, account_no=NUMBER_OF[key], operator="alice", reason="because", **settings
    )


ONE, EMPTY = ("merchant", "payable", MERCHANTS[0]), ("agent", "payable", AGENT)
TIERED = order.SetRate(
    rate_no="a", account_no=NUMBER_OF[ONE], kind="trade", operator="alice", reason="because",
    plan=RatePlan(percent_ppm=6_000, tiers=(Tier(from_volume_fen=12_000, percent_ppm=1_000),)),
)  # fmt: skip
PRICED = [
    order.PostBooking(
        wish=wish.Trade(
            no=f"pay_{place:024d}", merchant_no=MERCHANTS[0], channel_no=CHANNEL,
            funds_flow="platform", amount_fen=5_000,
        )
    )
    for place in (3, 4, 5)
]  # fmt: skip
CHARGED = order.PostBooking(wish=wish.Charge(no="a", owner=MERCHANTS[0], amount_fen=10_300))
TODAY = day_of(DAWN)

TOGETHER: list[list[Message]] = [
    FUNDS,
    [TIERED, *PRICED],
    [kept(ONE, "a", reserve_days=1)],
    [
        order.PostBooking(wish=wish.Trade(**of_payment(0), no=f"pay_{6:024d}", amount_fen=700)),
        order.ReckonReserve(day=TODAY),
        order.CloseDay(day=TODAY),
    ],
    [kept(ONE, "b", floor_fen=-20_000), CHARGED, order.ApplyPending()],
    [
        kept(EMPTY, "c", floor_fen=-500),
        order.ChangeAccount(
            change_no="d", account_no=NUMBER_OF[EMPTY], order="cancel", operator="alice",
            reason="because",
        ),
        order.PlaceHold(
            hold_no="a", role="agent", owner=AGENT, amount_fen=1, operator="alice", reason="because"
        ),
    ],
]  # fmt: skip
"""What bears on what comes after it in the same batch: a tier on the next fee, a trade on today's
reserve, one of a day's duties on the other, a lower floor on the debit that needs it, the end of an
account on what would be set aside of its credit."""


@st.composite
def sequences(draw: st.DrawFn) -> list[Message]:
    """Commands in order, some of which come again, as old as they may be."""
    heard: list[Message] = list(FUNDS)
    for fresh in draw(st.lists(mostly_new, min_size=40, max_size=120)):
        heard.append(draw(st.sampled_from(heard)) if fresh is None else fresh)
    return heard


@st.composite
def batches(draw: st.DrawFn, messages: list[Message]) -> list[list[Message]]:
    """The same messages, cut into batches of random sizes."""
    cut: list[list[Message]] = [[]]
    size = draw(sizes)
    for message in messages:
        reckons = isinstance(message, order.ReckonReserve)
        if len(cut[-1]) >= size or (reckons and any(map(is_about_reserve, cut[-1]))):
            cut, size = [*cut, []], draw(sizes)
        cut[-1].append(message)
    return cut


sizes = st.sampled_from([1, 2, 3, 5, 8, 13, 60])


def is_about_reserve(message: Message) -> bool:
    """Such an order counts for the next day's reckoning; within one batch it comes after it."""
    return isinstance(message, order.ConfigureAccount) and message.reserve_days is not None
