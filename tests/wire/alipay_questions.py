"""Every question that can be asked of Alipay, and how its answer is heard."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec

from schema.channels import Paid, Part, Payee, Share
from schema.channels.alipay.documents import TradeAnswer
from schema.channels.alipay.tables import Operation
from tests.wire.alipay_pair import (
    NOW,
    ORDER_NO,
    REFUND_NO,
    STAMP,
    TRADE_NO,
    a_refund,
    a_transfer,
    an_order,
    asked,
    by_certificates,
)

PAID_AT = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
PAID = Paid(
    channel_payment_id=TRADE_NO,
    amount_fen=1999,
    currency="CNY",
    paid_at=PAID_AT,
    payer_id="2088000000000009",
)
TRADE = TradeAnswer(
    trade_no=TRADE_NO,
    out_trade_no=ORDER_NO,
    trade_status="TRADE_SUCCESS",
    total_amount="19.99",
    buyer_user_id="2088000000000009",
    send_pay_date="2026-03-01 12:05:06",
)
SHARE = Share(
    number=REFUND_NO,
    order_number=ORDER_NO,
    channel_payment_id=TRADE_NO,
    parts=(
        Part(
            payee=Payee(kind="alipay_user_id", account="2088000000000002"),
            amount_fen=300,
            description="分给农民",
        ),
    ),
    is_last=True,
    opened_at=NOW,
)

METHOD: dict[Operation, str] = {
    "create": "alipay.trade.precreate",
    "pay": "alipay.trade.pay",
    "query": "alipay.trade.query",
    "close": "alipay.trade.close",
    "cancel": "alipay.trade.cancel",
    "refund": "alipay.trade.refund",
    "query_refund": "alipay.trade.fastpay.refund.query",
    "transfer": "alipay.fund.trans.uni.transfer",
    "query_transfer": "alipay.fund.trans.common.query",
    "share": "alipay.trade.order.settle",
    "query_share": "alipay.trade.order.settle.query",
}


@cache
def question(operation: Operation) -> Any:
    ours, barcode = by_certificates().ours, an_order(pay_type="alipay_barcode", auth_code="28" * 9)
    match operation:
        case "create":
            return ours.create(an_order(), STAMP)
        case "pay":
            return ours.create(barcode, STAMP)
        case "query":
            return ours.query(barcode, STAMP)
        case "close":
            return ours.close(barcode, STAMP)
        case "cancel":
            return ours.reverse(barcode, STAMP)
        case "refund":
            return ours.refund(a_refund(), STAMP)
        case "query_refund":
            return ours.query_refund(a_refund(), STAMP)
        case "transfer":
            return ours.transfer(a_transfer(), STAMP)
        case "query_transfer":
            return ours.query_transfer(a_transfer(), STAMP)
        case "share":
            return ours.share(SHARE, STAMP)
        case "query_share":
            return ours.query_share(SHARE, STAMP)


def heard(operation: Operation, document: msgspec.Struct, now: datetime = NOW) -> Any:
    answer = by_certificates().done(METHOD[operation], document)
    return asked(question(operation)).read(answer, now)
