"""Both ends of one app at Alipay, talking to each other without a network."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from handlers.simulator.alipay.accounts import (
    Accounts,
    generate_alipay_account,
    generate_certified_account,
)
from schema.channels import (
    HttpAnswer,
    Order,
    Payee,
    ProtocolError,
    Question,
    Refund,
    Stamp,
    Transfer,
)
from schema.channels.alipay import AlipayLanguage, AlipayPlatformKeys
from schema.channels.alipay.platform import (
    Asked,
    CallRefused,
    business_refusal,
    error_answer,
    gateway_refusal,
    read_request,
    request_parameters,
    signed_answer,
    signed_notice,
)

NOW = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
STAMP = Stamp(now=NOW, nonce="0" * 32)
ORDER_NO, REFUND_NO = "01jx3k5m7n9p2q4r6s8t0v2w01", "01jx3k5m7n9p2q4r6s8t0v2w77"
TRADE_NO = "2026030122001000000000000001"
APP_ID = "2021000000000001"

OURS, NOTIFY_URL = "https://alipay.test", "https://tomato.test/notices/a1"


class AlipayPair:
    """Our end and the platform's. Everything is said at NOW."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts
        self.ours = AlipayLanguage.of(accounts[0])
        self.theirs = AlipayPlatformKeys.of(accounts[1])

    def hear(self, question: Question[Any]) -> Asked | CallRefused:
        """What the platform understands of our question."""
        request = question.request
        query = request.path.partition("?")[2]
        return read_request(self.theirs, request_parameters(query, request.body))

    def done(self, method: str, document: Struct) -> HttpAnswer:
        """The platform's signed success."""
        return signed_answer(self.theirs, method, document)

    def refused(self, method: str, sub_code: str) -> HttpAnswer:
        """The business's signed refusal."""
        return error_answer(self.theirs, method, business_refusal(sub_code, "said no"))

    def turned_away(self, method: str, code: str) -> HttpAnswer:
        """The gateway's signed refusal."""
        return error_answer(self.theirs, method, gateway_refusal(code, "isv.said-no", "said no"))

    def notice(self, **changed: str) -> bytes:
        """A payment notice, signed."""
        return signed_notice(self.theirs, a_notice() | changed)


@cache
def by_keys() -> AlipayPair:
    """In key mode."""
    return AlipayPair(generate_alipay_account(APP_ID, OURS, NOTIFY_URL))


@cache
def by_certificates() -> AlipayPair:
    """In certificate mode."""
    return AlipayPair(generate_certified_account(APP_ID, OURS, NOTIFY_URL))


def an_order(**changed: Any) -> Order:
    """Two pounds of tomatoes, paid by a code that is scanned."""
    order = Order(
        number=ORDER_NO,
        pay_type="alipay_qr",
        subject="两斤番茄",
        amount_fen=1999,
        opened_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
    )
    return replace(order, **changed)


def a_refund(**changed: Any) -> Refund:
    """A part of it goes back."""
    refund = Refund(
        number=REFUND_NO,
        order_number=ORDER_NO,
        channel_payment_id=TRADE_NO,
        refund_fen=500,
        paid_fen=1999,
        reason="有一个坏了",
        opened_at=NOW,
        order_opened_at=NOW,
    )
    return replace(refund, **changed)


def a_transfer(**changed: Any) -> Transfer:
    """Money for the farmer."""
    transfer = Transfer(
        number=ORDER_NO,
        payee=Payee(kind="alipay_user_id", account="2088000000000002"),
        amount_fen=5000,
        title="番茄款",
        opened_at=NOW,
    )
    return replace(transfer, **changed)


def a_notice() -> dict[str, str]:
    """That order, paid; some parameters are empty, as they are there."""
    return {
        "notify_id": "2026030100222120506033341449276012",
        "notify_type": "trade_status_sync",
        "notify_time": "2026-03-01 12:05:07",
        "app_id": APP_ID,
        "auth_app_id": APP_ID,
        "seller_id": "2088000000000001",
        "charset": "utf-8",
        "version": "1.0",
        "trade_no": TRADE_NO,
        "out_trade_no": ORDER_NO,
        "out_biz_no": "",
        "body": "",
        "subject": "两斤番茄 & {半",
        "buyer_id": "2088000000000009",
        "trade_status": "TRADE_SUCCESS",
        "total_amount": "19.99",
        "gmt_create": "2026-03-01 12:05:00",
        "gmt_payment": "2026-03-01 12:05:06",
        "refund_fee": "",
    }


def asked(question: Any) -> Question[Any]:
    """The question, where one was expected."""
    assert isinstance(question, Question)
    return question


def biz(question: Any) -> dict[str, Any]:
    """What a question says to the business."""
    return msgspec.json.decode(sent(question)["biz_content"])


def sent(question: Any) -> dict[str, str]:
    """What a question says on the wire."""
    return dict(parse_qsl(asked(question).request.body.decode()))


def refuses(act: Any, *arguments: Any) -> bool:
    """Whether this raises a ProtocolError."""
    try:
        act(*arguments)
    except ProtocolError:
        return True
    return False
