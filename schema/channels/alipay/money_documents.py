"""The JSON documents of Alipay's calls about money that leaves a merchant: refunds, transfers and
profit shares. Read as those of payments are.

Source: opendocs.alipay.com, alipay.trade.refund, .fastpay.refund.query, .order.settle and
.order.settle.query, alipay.fund.trans.uni.transfer and .common.query, and the messages
alipay.fund.trans.order.changed and alipay.trade.order.settle.notify.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from schema.channels.alipay.documents import ExtendParams, Yuan

RequestNo = Annotated[str, Meta(min_length=1, max_length=64)]


class RefundDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Part of a trade goes back; a repeat is known by `out_request_no`, or is the only one."""

    out_trade_no: str = ""
    trade_no: str = ""
    refund_amount: Yuan
    out_request_no: str = ""
    refund_reason: Annotated[str, Meta(max_length=256)] = ""


class RefundAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A refund, taken. `refund_fee` is all that went back of this trade so far."""

    trade_no: str = ""
    out_trade_no: str = ""
    buyer_logon_id: str = ""
    fund_change: str = ""
    """Y: money moved by this very call. N: not by this one, be it that it did before."""
    refund_fee: str = ""
    gmt_refund_pay: str = ""


class RefundQueryDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which refund is asked about; the time is only told when it is asked for."""

    out_trade_no: str = ""
    trade_no: str = ""
    out_request_no: RequestNo
    query_options: list[str] = []


class RefundQueryAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A refund, or nothing at all: the code is 10000 even where nothing was refunded."""

    trade_no: str = ""
    out_trade_no: str = ""
    out_request_no: str = ""
    total_amount: str = ""
    refund_amount: str = ""
    refund_status: str = ""
    gmt_refund_pay: str = ""


class BankcardDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The bank of a card; `account_type` is 1 for a company and 2 for a person."""

    inst_name: str = ""
    account_type: str = ""
    bank_code: str = ""


class PayeeDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who gets a transfer."""

    identity: Annotated[str, Meta(min_length=1, max_length=64)]
    identity_type: str
    name: str | None = None
    bankcard_ext_info: BankcardDocument | None = None


class TransferDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Money of ours goes to a payee; a repeat is known by `out_biz_no`."""

    out_biz_no: RequestNo
    trans_amount: Yuan
    product_code: str
    biz_scene: str = ""
    order_title: str = ""
    remark: str = ""
    business_params: str = ""
    payee_info: PayeeDocument


class TransferQueryDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which transfer is asked about."""

    out_biz_no: str = ""
    order_id: str = ""
    product_code: str = ""
    biz_scene: str = ""


class TransferAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A transfer as the call, its query and the message tell of it."""

    out_biz_no: str = ""
    order_id: str = ""
    pay_fund_order_id: str = ""
    status: str = ""
    trans_amount: str = ""
    trans_date: str = ""
    """When, in the call's answer."""
    pay_date: str = ""
    """When, in the query's answer and in the message."""
    error_code: str = ""
    fail_reason: str = ""
    product_code: str = ""
    biz_scene: str = ""


class RoyaltyDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One receiver's part."""

    royalty_type: str = ""
    trans_in_type: str = ""
    trans_in: Annotated[str, Meta(min_length=1, max_length=64)]
    amount: Raw
    """In yuan, as a text or as a number: some write the one, some the other."""
    desc: str = ""


class SettleDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Parts of a paid trade go to others."""

    out_request_no: RequestNo
    trade_no: RequestNo
    royalty_parameters: list[RoyaltyDocument] = []
    royalty_mode: str = ""
    extend_params: ExtendParams | None = None


class SettleAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A profit share, taken."""

    trade_no: str = ""
    settle_no: str = ""


class SettleQueryDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which profit share is asked about."""

    settle_no: str = ""
    out_request_no: str = ""
    trade_no: str = ""


class RoyaltyDetail(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one receiver's part."""

    operation_type: str = ""
    execute_dt: str = ""
    trans_in: str = ""
    trans_in_type: str = ""
    amount: Raw = Raw(b'""')
    state: str = ""
    detail_id: str = ""
    error_code: str = ""
    error_desc: str = ""


class SettleQueryAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a profit share."""

    out_request_no: str = ""
    settle_no: str = ""
    operation_dt: str = ""
    royalty_detail_list: list[RoyaltyDetail] = []


REFUND = msgspec.json.Decoder(RefundDocument)
REFUNDED = msgspec.json.Decoder(RefundAnswer)
REFUND_QUERY = msgspec.json.Decoder(RefundQueryDocument)
REFUND_QUERIED = msgspec.json.Decoder(RefundQueryAnswer)
TRANSFER = msgspec.json.Decoder(TransferDocument)
TRANSFER_QUERY = msgspec.json.Decoder(TransferQueryDocument)
TRANSFERRED = msgspec.json.Decoder(TransferAnswer)
SETTLE = msgspec.json.Decoder(SettleDocument)
SETTLED = msgspec.json.Decoder(SettleAnswer)
SETTLE_QUERY = msgspec.json.Decoder(SettleQueryDocument)
SETTLE_QUERIED = msgspec.json.Decoder(SettleQueryAnswer)
