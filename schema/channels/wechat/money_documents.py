"""The JSON documents of WeChat Pay API v3 about money that leaves a merchant: refunds, transfers
and profit shares. Read as those of payments are.

Source: pay.weixin.qq.com, merchant and partner documents v3: refunds, transfer to users (transfer
bills), profit sharing, and their notices.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from schema.channels.wechat.documents import NotifyUrl, Number, OutNo, Text
from schema.channels.wechat.keys import SceneReport
from schema.events import Moment
from schema.money import AmountFen


class RefundAmount(Struct, frozen=True, kw_only=True):
    """How much goes back, and how much was paid."""

    refund: AmountFen
    total: AmountFen
    currency: Literal["CNY"] = "CNY"


class RefundDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /v3/refund/domestic/refunds`; the order by either number."""

    sub_mchid: str = ""
    transaction_id: str = ""
    out_trade_no: str = ""
    out_refund_no: OutNo
    reason: Annotated[str, Meta(max_length=80)] = ""
    notify_url: NotifyUrl | None = None
    amount: RefundAmount


class RefundedAmount(Struct, frozen=True, kw_only=True):
    """The same with what the payer's side had of it."""

    total: int
    refund: int
    payer_total: int = 0
    payer_refund: int = 0
    currency: str = "CNY"


class RefundStanding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A refund as its call and its query answer it (`status`) and as a notice carries it
    (`refund_status`, and whose it is)."""

    mchid: str = ""
    sp_mchid: str = ""
    sub_mchid: str = ""
    refund_id: Number
    out_refund_no: str
    transaction_id: str
    out_trade_no: str
    channel: str = ""
    user_received_account: str = ""
    success_time: Moment | None = None
    create_time: Moment | None = None
    status: str = ""
    refund_status: str = ""
    amount: RefundedAmount | None = None

    @property
    def state(self) -> str:
        """The state, under whichever name it came."""
        return self.status or self.refund_status


class AbnormalDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST …/refunds/{refund_id}/apply-abnormal-refund`."""

    sub_mchid: str = ""
    out_refund_no: OutNo
    type: Literal["USER_BANK_CARD", "MERCHANT_BANK_CARD"]
    bank_type: str = ""
    bank_account: str = ""
    """Encrypted, like the name."""
    real_name: str = ""


class TransferDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /v3/fund-app/mch-transfer/transfer-bills`."""

    appid: Number
    out_bill_no: Annotated[str, Meta(pattern=r"^[0-9A-Za-z]{1,32}\Z")]
    transfer_scene_id: Annotated[str, Meta(min_length=1, max_length=36)]
    openid: Annotated[str, Meta(min_length=1, max_length=64)]
    user_name: str = ""
    """Encrypted."""
    transfer_amount: AmountFen
    transfer_remark: Annotated[str, Meta(min_length=1, max_length=32)]
    notify_url: NotifyUrl | None = None
    user_recv_perception: str = ""
    transfer_scene_report_infos: list[SceneReport] = []


class TransferAccepted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of that call; the payee confirms with `package_info`."""

    out_bill_no: str
    transfer_bill_no: Number
    create_time: Moment
    state: str
    fail_reason: str = ""
    package_info: Annotated[str, Meta(max_length=2048)] = ""


class TransferStanding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A transfer as its query answers it and as a notice carries it."""

    mch_id: str
    out_bill_no: str
    transfer_bill_no: Number
    appid: str = ""
    state: str
    transfer_amount: int
    transfer_remark: str = ""
    fail_reason: str = ""
    openid: str = ""
    create_time: Moment
    update_time: Moment


class TransferCancelled(Struct, frozen=True, kw_only=True):
    """The answer of `POST …/transfer-bills/out-bill-no/{out_bill_no}/cancel`."""

    out_bill_no: str
    transfer_bill_no: Number
    state: str
    update_time: Moment


class ReceiverDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who gets a part, and how much."""

    type: Literal["MERCHANT_ID", "PERSONAL_OPENID", "PERSONAL_SUB_OPENID"]
    account: Annotated[str, Meta(min_length=1, max_length=64)]
    name: str = ""
    """Encrypted."""
    amount: AmountFen
    description: Annotated[str, Meta(min_length=1, max_length=80)]


class ShareDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /v3/profitsharing/orders`."""

    sub_mchid: str = ""
    appid: str = ""
    sub_appid: str = ""
    transaction_id: Number
    out_order_no: OutNo
    receivers: Annotated[list[ReceiverDocument], Meta(min_length=1, max_length=50)]
    unfreeze_unsplit: bool


class KnownReceiver(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body and the answer of `POST /v3/profitsharing/receivers/add` and `…/delete`."""

    sub_mchid: str = ""
    appid: str = ""
    sub_appid: str = ""
    type: Literal["MERCHANT_ID", "PERSONAL_OPENID", "PERSONAL_SUB_OPENID"]
    account: Annotated[str, Meta(min_length=1, max_length=64)]
    name: str = ""
    """Encrypted."""
    relation_type: str = ""
    custom_relation: str = ""


class UnfreezeDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /v3/profitsharing/orders/unfreeze`."""

    sub_mchid: str = ""
    transaction_id: Number
    out_order_no: OutNo
    description: Text


class ReceiverStanding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one part."""

    type: str
    account: str
    amount: int
    description: str = ""
    result: str
    detail_id: str = ""
    fail_reason: str = ""
    create_time: Moment | None = None
    finish_time: Moment | None = None


class ShareStanding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A profit share as its calls and its query answer it."""

    sub_mchid: str = ""
    transaction_id: str
    out_order_no: str
    order_id: Number
    state: str
    receivers: list[ReceiverStanding] = []


class ReturnDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /v3/profitsharing/return-orders`: a receiver gives its part back."""

    sub_mchid: str = ""
    order_id: str = ""
    out_order_no: str = ""
    out_return_no: OutNo
    return_mchid: Number
    amount: AmountFen
    description: Annotated[str, Meta(min_length=1, max_length=80)]


class ReturnStanding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a return stands."""

    sub_mchid: str = ""
    order_id: str
    out_order_no: str
    out_return_no: str
    return_id: str
    return_mchid: str
    amount: int
    description: str = ""
    result: str
    fail_reason: str = ""
    create_time: Moment | None = None
    finish_time: Moment | None = None


REFUND = msgspec.json.Decoder(RefundDocument)
REFUND_STANDING = msgspec.json.Decoder(RefundStanding)
ABNORMAL = msgspec.json.Decoder(AbnormalDocument)
TRANSFER = msgspec.json.Decoder(TransferDocument)
TRANSFER_ACCEPTED = msgspec.json.Decoder(TransferAccepted)
TRANSFER_STANDING = msgspec.json.Decoder(TransferStanding)
TRANSFER_CANCELLED = msgspec.json.Decoder(TransferCancelled)
SHARE = msgspec.json.Decoder(ShareDocument)
KNOWN_RECEIVER = msgspec.json.Decoder(KnownReceiver)
UNFREEZE = msgspec.json.Decoder(UnfreezeDocument)
SHARE_STANDING = msgspec.json.Decoder(ShareStanding)
RETURN = msgspec.json.Decoder(ReturnDocument)
RETURN_STANDING = msgspec.json.Decoder(ReturnStanding)
