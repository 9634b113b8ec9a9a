"""Both ends of one simulated merchant account, talking to each other without a network."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from schema.channels import HttpAnswer, HttpRequest
from schema.channels.wechat import NativeOrder, SimulatorKeys, Transaction, WechatKeys
from schema.channels.wechat.documents import Payer, TransactionAmount, china_time
from schema.channels.wechat.platform import (
    JSON,
    CallRefused,
    authorization_fault,
    sealed_notice,
    signed_answer,
    signed_headers,
)
from schema.channels.wechat.signing import read_authorization

NOW = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
NONCE = "593BEC0C930BF1AFEB40B4A08C8FB242"
ORDER_NO = "01jx3k5m7n9p2q4r6s8t0v2w01"
MCHID, APPID = "1900000001", "wx1234567890abcdef"


class Pair:
    """Our end and the platform's. Everything is said at NOW unless told otherwise."""

    def __init__(self, ours: WechatKeys, theirs: SimulatorKeys) -> None:
        self.ours, self.theirs = ours, theirs

    def fault(self, request: HttpRequest, **changed: Any) -> CallRefused | None:
        """What the platform finds wrong with our request, parts of it changed on the way."""
        words = read_authorization(request.headers["Authorization"])
        inside = {name: changed.pop(name) for name in list(changed) if hasattr(words, name)}
        sent: dict[str, Any] = {
            "method": request.method,
            "path": request.path,
            "body": request.body,
            "now": NOW,
        }
        return authorization_fault(
            self.theirs, msgspec.structs.replace(words, **inside), **(sent | changed)
        )

    def answer(self, document: Struct | None, now: datetime = NOW) -> HttpAnswer:
        """The platform's signed success."""
        return signed_answer(self.theirs, document, now=now, nonce=NONCE)

    def signed(self, status: int, body: bytes, now: datetime = NOW) -> HttpAnswer:
        """Any bytes under the platform's signature."""
        headers = signed_headers(self.theirs, body, now=now, nonce=NONCE)
        return HttpAnswer(status=status, headers=headers, body=body)

    def notice(self, transaction: Transaction) -> tuple[Mapping[str, str], bytes]:
        """A payment callback: headers and body."""
        body = sealed_notice(
            self.theirs,
            transaction,
            notice_id="EV-2018022511223320873",
            created_at=NOW,
            seal_nonce="fdasflkja484",
        )
        return JSON | signed_headers(self.theirs, body, now=NOW, nonce=NONCE), body


def an_order(**changed: Any) -> NativeOrder:
    """What a payer is asked for."""
    order = NativeOrder(out_trade_no=ORDER_NO, description="两斤番茄", amount_fen=1999)
    return msgspec.structs.replace(order, **changed)


def a_transaction(**changed: Any) -> Transaction:
    """That order, paid."""
    paid = Transaction(
        appid=APPID,
        mchid=MCHID,
        out_trade_no=ORDER_NO,
        trade_state="SUCCESS",
        trade_state_desc="支付成功",
        transaction_id="4200002026030100001234567890",
        trade_type="NATIVE",
        bank_type="OTHERS",
        success_time=china_time(NOW),
        payer=Payer(openid="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"),
        amount=TransactionAmount(total=1999, payer_total=1999),
    )
    return msgspec.structs.replace(paid, **changed)
