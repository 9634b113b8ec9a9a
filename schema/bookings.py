"""What can be booked: one struct per kind of business, each with the number that makes it unique.

A wish names everybody whose accounts it touches, so that they can be locked before it is decided.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from schema.accounts import BusinessNo, Owner, PartyRole
from schema.messages.contract import Part
from schema.money import AmountFen, Currency, RatePpm
from schema.text import ChannelNo, MerchantNo, PaymentId

FundsFlow = Literal["platform", "direct"]
"""Who holds the money: the channel settles to us 二清, or to the merchant 合规直清."""

FeeFen = Annotated[int, Meta(ge=0, description="A fee in fen, from 0.")]
PayoutKey = Annotated[
    str,
    Meta(
        pattern=r"^(withdrawal|settlement):[A-Za-z0-9_.\-]{1,64}$(?!\n)",
        description="The booking key of the withdrawal or settlement that is spoken of.",
    ),
]


class Wish(Part, frozen=True, kw_only=True, tag_field="kind", omit_defaults=False):
    """Something to be booked once under its number. Nothing of it is left unsaid on the wire."""

    no: BusinessNo
    currency: Currency = "CNY"

    @property
    def kind(self) -> str:
        """What kind of business it is."""
        return str(self.__struct_config__.tag)

    @property
    def key(self) -> str:
        """The key that makes a second booking of the same thing impossible."""
        return f"{self.__struct_config__.tag}:{self.no}"


class PartyWish(Wish, frozen=True, kw_only=True):
    """A wish about one merchant's or agent's money."""

    role: PartyRole = "merchant"
    owner: Owner


class Trade(Wish, frozen=True, kw_only=True, tag="trade"):
    """A payer has paid 交易入账. Without a fee of its own, the account's rate for trades holds."""

    no: PaymentId
    merchant_no: MerchantNo
    channel_no: ChannelNo
    funds_flow: FundsFlow
    amount_fen: AmountFen
    fee_fen: FeeFen | None = None
    rate_ppm: RatePpm | None = None
    cost_fen: FeeFen = 0
    """What the channel keeps for itself of what it settles to us."""
    pay_type: str = ""


class Refund(Wish, frozen=True, kw_only=True, tag="refund"):
    """A part of a trade goes back to its payer 退款."""

    payment_id: PaymentId
    merchant_no: MerchantNo
    channel_no: ChannelNo
    funds_flow: FundsFlow
    amount_fen: AmountFen
    is_waiting: bool = False
    """The channel has yet to pay it back; until then the money is set aside 退款在途."""
    is_free: bool = False
    """It costs nothing and gives the trade's whole fee back: the order had ended before."""


class RefundEnd(Wish, frozen=True, kw_only=True):
    """How a refund ended that waited for its channel; it names the refund's own parties."""

    payment_id: PaymentId
    merchant_no: MerchantNo
    channel_no: ChannelNo
    funds_flow: FundsFlow


class RefundCompleted(RefundEnd, frozen=True, kw_only=True, tag="refund_completed"):
    """The channel has paid the refund back."""


class RefundReturned(RefundEnd, frozen=True, kw_only=True, tag="refund_returned"):
    """The channel has proved that it paid nothing back; the merchant has his money again, and what
    comes for this refund later is not booked any more."""


class Unexplained(Wish, frozen=True, kw_only=True, tag="unexplained"):
    """A channel has money of a payer that belongs to no order 待查: paid twice, or not what was
    asked for."""

    channel_no: ChannelNo
    amount_fen: AmountFen
    cost_fen: FeeFen = 0


class UnexplainedReturned(Wish, frozen=True, kw_only=True, tag="unexplained_returned"):
    """Such money went back to its payer."""

    channel_no: ChannelNo
    amount_fen: AmountFen


class UnexplainedRetracted(Wish, frozen=True, kw_only=True, tag="unexplained_retracted"):
    """There never was such money: the channel had said something wrong, and takes it back."""

    channel_no: ChannelNo
    amount_fen: AmountFen


class Withdrawal(PartyWish, frozen=True, kw_only=True, tag="withdrawal"):
    """An owner takes money out 提现; the fee comes on top. Never from what is in reserve."""

    amount_fen: AmountFen
    fee_fen: FeeFen | None = None
    """None: by the account's rate."""
    hold_no: BusinessNo | None = None
    """Take it from this hold instead, which must cover amount and fee."""


class Settlement(PartyWish, frozen=True, kw_only=True, tag="settlement"):
    """We pay an owner what is out of reserve 结算; the fee is taken from the amount."""

    amount_fen: AmountFen | None = None
    """None: all that is out of reserve."""
    fee_fen: FeeFen | None = None


class PayoutCompleted(PartyWish, frozen=True, kw_only=True, tag="payout_completed"):
    """The money of a withdrawal or settlement has arrived at the owner's bank."""

    no: PayoutKey


class PayoutReturned(PartyWish, frozen=True, kw_only=True, tag="payout_returned"):
    """The money of a withdrawal or settlement came back 退汇; its fee is given back with it."""

    no: PayoutKey


class Transfer(PartyWish, frozen=True, kw_only=True, tag="transfer"):
    """Money from one owner to another 转账."""

    to_role: PartyRole = "merchant"
    to_owner: Owner
    amount_fen: AmountFen


class Charge(PartyWish, frozen=True, kw_only=True, tag="charge"):
    """A fee for a service of ours 手续费."""

    amount_fen: AmountFen


class DepositTaken(PartyWish, frozen=True, kw_only=True, tag="deposit_taken"):
    """A part of an owner's balance becomes his guarantee 保证金."""

    amount_fen: AmountFen


class DepositGivenBack(PartyWish, frozen=True, kw_only=True, tag="deposit_given_back"):
    """A part of an owner's guarantee is his to spend again."""

    amount_fen: AmountFen


class Share(Part, frozen=True, kw_only=True):
    """One agent's part."""

    agent_no: Owner
    amount_fen: AmountFen


class ProfitShare(Wish, frozen=True, kw_only=True, tag="profit_share"):
    """Agents get their parts of our fee on a trade 分润."""

    payment_id: PaymentId
    shares: Annotated[tuple[Share, ...], Meta(min_length=1, max_length=16)]


class Receipt(Wish, frozen=True, kw_only=True, tag="receipt"):
    """A channel has paid us what it owed 通道到账; its own cost was booked with the trades."""

    channel_no: ChannelNo
    amount_fen: AmountFen


Booked = (
    Trade
    | Refund
    | Withdrawal
    | Settlement
    | PayoutCompleted
    | PayoutReturned
    | Transfer
    | Charge
    | DepositTaken
    | DepositGivenBack
    | ProfitShare
    | Receipt
    | RefundCompleted
    | RefundReturned
    | Unexplained
    | UnexplainedReturned
    | UnexplainedRetracted
)
"""Every kind that can be asked for by name; holds and adjustments have commands of their own."""
