"""What a run has booked: trades by number, so that both sides know what each of them must be. Pure.

From its number follows everything about a trade, so that nothing has to be kept of it: whoever
books, and whoever compares afterwards, works it out anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Literal, NamedTuple
from zlib import crc32

from msgspec import Struct

from schema.messages.ordering import PaymentSucceeded
from schema.money import fee_fen
from schema.payments import PaymentState, PaymentView

MERCHANTS = 1_000
CHANNELS = 5
RATE_PPM = 6_000
COST_PPM = 3_800
AMOUNT_FEN_MIN, AMOUNT_FEN_MAX = 1_000, 20_000
"""From ten yuan: below it, fee or cost may round to nothing, and the booking has fewer entries."""

GOLDEN = 0x9E3779B97F4A7C15
"""Times this (Knuth's multiplicative hashing), neighbours fall far apart."""

FeeTo = Literal["platform", "merchants"]
"""Whose account takes the fee: the platform's one hot account, or one account per merchant."""

Owner = tuple[str, str]
"""An account's kind, such as `channel.cost`, and its owner."""


class Lot(Struct, frozen=True, kw_only=True):
    """Trades with rising numbers, all of one shard's merchants."""

    first: int
    count: int
    shard: int = 0
    shards: int = 1
    fee_to: FeeTo = "platform"


class Paid(NamedTuple):
    """One trade."""

    payment_id: str
    merchant_no: str
    channel_no: str
    amount_fen: int

    @property
    def fee_fen(self) -> int:
        return fee_fen(self.amount_fen, RATE_PPM)

    @property
    def cost_fen(self) -> int:
        return fee_fen(self.amount_fen, COST_PPM)


class Register:
    """Hands out lots whose numbers never meet, and remembers them."""

    def __init__(self) -> None:
        self.lots: list[Lot] = []

    def lot(
        self, count: int, *, shard: int = 0, shards: int = 1, fee_to: FeeTo = "platform"
    ) -> Lot:
        """So many further trades."""
        lot = Lot(first=self.count, count=count, shard=shard, shards=shards, fee_to=fee_to)
        self.lots.append(lot)
        return lot

    @property
    def count(self) -> int:
        """How many trades there are in all."""
        return sum(lot.count for lot in self.lots)


def trades(lot: Lot) -> Iterator[Paid]:
    """The trades of a lot, in order."""
    merchants = merchants_of(lot.shard, lot.shards)
    for number in range(lot.first, lot.first + lot.count):
        drawn = number * GOLDEN % 2**64 >> 24
        merchant_no = merchants[drawn % len(merchants)]
        yield Paid(
            f"pay_{number:018d}{merchant_no[-6:]}",
            merchant_no,
            f"bench_{number % CHANNELS}",
            AMOUNT_FEN_MIN + drawn // 7 % (AMOUNT_FEN_MAX - AMOUNT_FEN_MIN),
        )


@cache
def merchants_of(shard: int, shards: int) -> Sequence[str]:
    """The merchants whose messages a shard gets, by the rule of the actor itself."""
    everybody = (f"1025112{number:06d}" for number in range(MERCHANTS))
    return [no for no in everybody if crc32(no.encode()) % shards == shard]


def messages(lot: Lot, now: datetime) -> list[PaymentSucceeded]:
    """What ordering would say of each trade."""
    return [message_of(paid, now) for paid in trades(lot)]


def message_of(paid: Paid, now: datetime) -> PaymentSucceeded:
    """What ordering says once a payer has paid, through a channel that settles to us."""
    view = PaymentView(
        id=paid.payment_id,
        merchant_no=paid.merchant_no,
        merchant_order_no=paid.payment_id[4:],
        state=PaymentState.SUCCEEDED,
        amount_fen=paid.amount_fen,
        currency="CNY",
        pay_type="wechat_native",
        subject="两斤番茄",
        metadata={},
        created_at=now,
        expires_at=now + timedelta(minutes=5),
        channel_no=paid.channel_no,
        channel_trade_no=paid.payment_id[4:],
        paid_at=now,
        fee_fen=paid.fee_fen,
    )
    return PaymentSucceeded(
        payment=view,
        channel_no=paid.channel_no,
        channel_trade_no=paid.payment_id[4:],
        funds_flow="platform",
        amount_fen=paid.amount_fen,
        fee_fen=paid.fee_fen,
        fee_rate_ppm=RATE_PPM,
        paid_at=now,
        cost_fen=paid.cost_fen,
    )


def amounts(lots: Iterable[Lot]) -> dict[str, int]:
    """What must be booked once, by booking key, and its gross amount."""
    return {f"trade:{paid.payment_id}": paid.amount_fen for lot in lots for paid in trades(lot)}


def balances(lots: Iterable[Lot]) -> Mapping[Owner, int]:
    """What every account must stand at."""
    stands: Counter[Owner] = Counter()
    for lot in lots:
        for paid in trades(lot):
            fee, cost, merchant_no = paid.fee_fen, paid.cost_fen, paid.merchant_no
            stands["channel.clearing", paid.channel_no] -= paid.amount_fen - cost
            stands["channel.cost", paid.channel_no] -= cost
            stands["merchant.payable", merchant_no] += paid.amount_fen - fee
            if lot.fee_to == "platform":
                stands["platform.fee_income", "platform"] += fee
            else:
                stands["merchant.deposit", merchant_no] += fee
    return stands
