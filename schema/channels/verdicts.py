"""What a channel's answer proves. Only two words of each kind allow acting on the money.

    Paid            the channel says so under its signature
    SurelyNotPaid   a proof: nobody has paid this attempt and nobody can any more
    Pending         the channel waits for the payer
    NotKnownThere   the channel has no such thing; no proof while a create may be on its way
    Unknown         anything else: ask again later, never treat as a failure

Refunds, transfers and profit shares have the same five; a refund also has `RefundAbnormal`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from schema.channels.offers import Offer

UnknownWhy = Literal[
    "no_answer",  # time-out, connection refused or cut: the caller builds this one
    "server_error",  # 5xx
    "rate_limited",  # 429
    "unparsable",  # the body is not what the status promises
    "bad_signature",  # a success that is not proven to be the channel's
    "other_order",  # a true answer, but about another order or merchant
    "unlisted",  # a code or state that our tables do not contain
    "ambiguous",  # a listed code that does not settle whether money moved
]

Cause = Literal[
    "channel",  # it is broken or unwell: the only cause that counts against it in routing
    "payer",  # walked away, wrong password, account closed
    "balance",  # the payer's (or for transfers our) money does not suffice
    "merchant",  # the contract with the channel: no such merchant, no right, rule limits
    "platform",  # our own mistake: parameters, signature, a number used twice
]
"""Whose doing it was."""


class Paid(Struct, frozen=True, kw_only=True, tag="paid"):
    """The channel received `amount_fen`; `is_refunded` when some or all of it went back since."""

    channel_payment_id: str
    amount_fen: int
    currency: str
    paid_at: datetime
    payer_id: str = ""
    is_refunded: bool = False
    is_all_back: bool = False
    """The channel says that all of it went back; where it says only that some did, False."""


class Pending(Struct, frozen=True, kw_only=True, tag="pending"):
    """The order exists and waits for the payer; `offer` only in the answer that made it."""

    offer: Offer | None = None
    code: str = ""
    message: str = ""


class SurelyNotPaid(Struct, frozen=True, kw_only=True, tag="surely_not_paid"):
    """No money moved and none can: the one verdict that allows trying the next channel."""

    code: str
    message: str = ""
    cause: Cause = "channel"


class NotKnownThere(Struct, frozen=True, kw_only=True, tag="not_known_there"):
    """The channel does not know this order, refund or transfer."""

    code: str
    message: str = ""


class Unknown(Struct, frozen=True, kw_only=True, tag="unknown"):
    """Whether money moved is not settled. `code` and `message` are the channel's, when it spoke."""

    why: UnknownWhy
    code: str = ""
    message: str = ""
    cause: Cause = "channel"


Verdict = Paid | Pending | SurelyNotPaid | NotKnownThere | Unknown


class Refunded(Struct, frozen=True, kw_only=True, tag="refunded"):
    """The payer has (or is certain to get) `refund_fen` back."""

    channel_refund_id: str
    refund_fen: int
    currency: str
    refunded_at: datetime
    received_by: str = ""
    """Where it went, in the channel's words, such as a bank card's last digits."""


class RefundPending(Struct, frozen=True, kw_only=True, tag="refund_pending"):
    """The channel has taken the refund and works on it."""

    channel_refund_id: str = ""
    code: str = ""
    message: str = ""


class RefundAbnormal(Struct, frozen=True, kw_only=True, tag="refund_abnormal"):
    """The money left the merchant and could not reach the payer: a person has to see to it. It is
    not a failure, and giving the money back to the merchant's balance would be wrong."""

    channel_refund_id: str
    code: str = ""
    message: str = ""


class SurelyNotRefunded(Struct, frozen=True, kw_only=True, tag="surely_not_refunded"):
    """No money went back under this refund number, and none will."""

    code: str
    message: str = ""
    cause: Cause = "channel"
    number_is_spent: bool = False
    """The channel keeps the dead refund under its number, so the money can go back under another
    one only. Where it kept nothing, the same number is good for another try.

    WeChat Pay: a refund that stands as CLOSED is asked for again under a new out_refund_no, one
    whose call was refused under the same (merchant and partner documents v3, refunds, development
    guide and call). Bank protocol: a number is looked up before anything else, and what it stands
    for comes back as it ended. UnionPay: a refund is an order with a number of its own, and a used
    one is a duplicate (12). Alipay keeps nothing that failed and wants its number again."""


RefundVerdict = (
    Refunded | RefundPending | RefundAbnormal | SurelyNotRefunded | NotKnownThere | Unknown
)


class Transferred(Struct, frozen=True, kw_only=True, tag="transferred"):
    """The payee has the money."""

    channel_transfer_id: str
    amount_fen: int
    currency: str
    transferred_at: datetime


class TransferPending(Struct, frozen=True, kw_only=True, tag="transfer_pending"):
    """Under way. With a `package`, the payee has to confirm it within a day, with exactly that."""

    channel_transfer_id: str = ""
    package: str = ""
    code: str = ""
    message: str = ""


class SurelyNotTransferred(Struct, frozen=True, kw_only=True, tag="surely_not_transferred"):
    """The payee got nothing under this number and will not."""

    code: str
    message: str = ""
    cause: Cause = "channel"


TransferVerdict = Transferred | TransferPending | SurelyNotTransferred | NotKnownThere | Unknown


class Receipt(Struct, frozen=True, kw_only=True):
    """What became of one receiver's part of a profit share."""

    account: str
    amount_fen: int
    state: Literal["pending", "shared", "refused"]
    code: str = ""


class Shared(Struct, frozen=True, kw_only=True, tag="shared"):
    """The profit share is finished; each receiver's part ended as its receipt says."""

    channel_share_id: str
    receipts: tuple[Receipt, ...]


class SharePending(Struct, frozen=True, kw_only=True, tag="share_pending"):
    """The channel has taken the profit share and works on it."""

    channel_share_id: str = ""
    receipts: tuple[Receipt, ...] = ()
    code: str = ""
    message: str = ""


class SurelyNotShared(Struct, frozen=True, kw_only=True, tag="surely_not_shared"):
    """Nobody got a part under this number and nobody will."""

    code: str
    message: str = ""
    cause: Cause = "channel"


ShareVerdict = Shared | SharePending | SurelyNotShared | NotKnownThere | Unknown
