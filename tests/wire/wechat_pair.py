"""Both ends of one simulated merchant account, talking to each other without a network."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from schema.channels import (
    HttpAnswer,
    HttpRequest,
    Order,
    Part,
    Payee,
    Question,
    Refund,
    Share,
    Stamp,
    Transfer,
)
from schema.channels.wechat import SimulatorKeys, WechatKeys, WechatLanguage
from schema.channels.wechat.documents import (
    Payer,
    Transaction,
    TransactionAmount,
    china_time,
)
from schema.channels.wechat.money_documents import (
    ReceiverStanding,
    RefundedAmount,
    RefundStanding,
    ShareStanding,
    TransferStanding,
)
from schema.channels.wechat.platform import (
    JSON,
    CallRefused,
    authorization_fault,
    sealed_notice,
    signed_answer,
    signed_headers,
)
from schema.channels.wechat.signing import read_authorization
from schema.channels.wechat.tables import Operation

NOW = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
NONCE = "593BEC0C930BF1AFEB40B4A08C8FB242"
STAMP = Stamp(now=NOW, nonce=NONCE)
ORDER_NO = "01jx3k5m7n9p2q4r6s8t0v2w01"
REFUND_NO, TRANSFER_NO, SHARE_NO = (ORDER_NO.replace("01jx", other) for other in ("rf", "tr", "sh"))
MCHID, APPID = "1900000001", "wx1234567890abcdef"
SUB_MCHID, SUB_APPID = "1900000009", "wx1234567890abcde9"
TRANSACTION_ID = "4200002026030100001234567890"
OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"


class Pair:
    """Our end and the platform's. Everything is said at NOW unless told otherwise."""

    def __init__(self, ours: WechatKeys, theirs: SimulatorKeys) -> None:
        self.ours, self.theirs = ours, theirs
        self.language = WechatLanguage(ours)
        self.questions = everything_that_can_be_asked(self.language)
        """One question of each kind, about the usual order, refund, transfer and share."""

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

    def answer(self, document: Struct | None, now: datetime = NOW, **named: Any) -> HttpAnswer:
        """The platform's signed success."""
        return signed_answer(self.theirs, document, now=now, nonce=NONCE, **named)

    def signed(self, status: int, body: bytes, now: datetime = NOW) -> HttpAnswer:
        """Any bytes under the platform's signature."""
        headers = signed_headers(self.theirs, body, now=now, nonce=NONCE)
        return HttpAnswer(status=status, headers=headers, body=body)

    def notice(
        self, document: Struct, event: str = "TRANSACTION.SUCCESS"
    ) -> tuple[Mapping[str, str], bytes]:
        """A callback: headers and body."""
        body = sealed_notice(
            self.theirs,
            document,
            event=event,
            notice_id="EV-2018022511223320873",
            created_at=NOW,
            seal_nonce="fdasflkja484",
        )
        return JSON | signed_headers(self.theirs, body, now=NOW, nonce=NONCE), body


def asked(question: object) -> Question[Any]:
    """What really is a question."""
    assert isinstance(question, Question), question
    return question


def everything_that_can_be_asked(language: WechatLanguage) -> dict[Operation, Question[Any]]:
    """One question of each kind."""
    till = an_order(pay_type="wechat_barcode", auth_code="130612345678901234")
    asking: dict[Operation, object] = {
        "create": language.create(an_order(), STAMP),
        "codepay": language.create(till, STAMP),
        "query": language.query(an_order(), STAMP),
        "close": language.close(an_order(), STAMP),
        "reverse": language.reverse(till, STAMP),
        "refund": language.refund(a_refund(), STAMP),
        "query_refund": language.query_refund(a_refund(), STAMP),
        "transfer": language.transfer(a_transfer(), STAMP),
        "query_transfer": language.query_transfer(a_transfer(), STAMP),
        "share": language.share(a_share(), STAMP),
        "query_share": language.query_share(a_share(), STAMP),
    }
    return {operation: asked(question) for operation, question in asking.items()}


def an_order(**changed: Any) -> Order:
    """What a payer is asked for."""
    order = Order(
        number=ORDER_NO,
        pay_type="wechat_native",
        subject="两斤番茄",
        amount_fen=1999,
        opened_at=NOW,
        expires_at=NOW + timedelta(minutes=5),
    )
    return replace(order, **changed)


def a_refund(**changed: Any) -> Refund:
    """Some of it goes back."""
    refund = Refund(
        number=REFUND_NO,
        order_number=ORDER_NO,
        channel_payment_id=TRANSACTION_ID,
        refund_fen=500,
        paid_fen=1999,
        reason="一斤烂了",
        opened_at=NOW,
        order_opened_at=NOW,
    )
    return replace(refund, **changed)


def a_transfer(**changed: Any) -> Transfer:
    """Money for a person."""
    transfer = Transfer(
        number=TRANSFER_NO,
        payee=Payee(kind="wechat_openid", account=OPENID),
        amount_fen=100_000,
        title="新会员奖励",
        remark="三月",
        opened_at=NOW,
    )
    return replace(transfer, **changed)


def a_share(**changed: Any) -> Share:
    """Parts of it for a farmer and a driver."""
    share = Share(
        number=SHARE_NO,
        order_number=ORDER_NO,
        channel_payment_id=TRANSACTION_ID,
        parts=(
            Part(
                payee=Payee(kind="merchant", account="1900000008", name="番茄农场"),
                amount_fen=300,
                description="种的",
            ),
            Part(
                payee=Payee(kind="wechat_openid", account=OPENID),
                amount_fen=100,
                description="送的",
            ),
        ),
        is_last=True,
        opened_at=NOW,
    )
    return replace(share, **changed)


def a_transaction(**changed: Any) -> Transaction:
    """That order, paid."""
    paid = Transaction(
        appid=APPID,
        mchid=MCHID,
        out_trade_no=ORDER_NO,
        trade_state="SUCCESS",
        trade_state_desc="支付成功",
        transaction_id=TRANSACTION_ID,
        trade_type="NATIVE",
        bank_type="OTHERS",
        success_time=china_time(NOW),
        payer=Payer(openid=OPENID),
        amount=TransactionAmount(total=1999, payer_total=1999),
    )
    return replace(paid, **changed)


def a_refund_standing(**changed: Any) -> RefundStanding:
    """That refund, done."""
    standing = RefundStanding(
        refund_id="50300002026030100001234567890",
        out_refund_no=REFUND_NO,
        transaction_id=TRANSACTION_ID,
        out_trade_no=ORDER_NO,
        channel="ORIGINAL",
        user_received_account="招商银行信用卡0403",
        success_time=china_time(NOW),
        create_time=china_time(NOW),
        status="SUCCESS",
        amount=RefundedAmount(total=1999, refund=500, payer_total=1999, payer_refund=500),
    )
    return replace(standing, **changed)


def a_transfer_standing(**changed: Any) -> TransferStanding:
    """That transfer, taken."""
    standing = TransferStanding(
        mch_id=MCHID,
        out_bill_no=TRANSFER_NO,
        transfer_bill_no="1330000071100999991182020050700019480001",
        appid=APPID,
        state="SUCCESS",
        transfer_amount=100_000,
        openid=OPENID,
        create_time=china_time(NOW),
        update_time=china_time(NOW),
    )
    return replace(standing, **changed)


def a_share_standing(**changed: Any) -> ShareStanding:
    """That profit share, finished."""
    standing = ShareStanding(
        transaction_id=TRANSACTION_ID,
        out_order_no=SHARE_NO,
        order_id="3008450740201411110007820472",
        state="FINISHED",
        receivers=[
            ReceiverStanding(
                type="MERCHANT_ID", account="1900000008", amount=300, result="SUCCESS"
            ),
            ReceiverStanding(
                type="PERSONAL_OPENID",
                account=OPENID,
                amount=100,
                result="CLOSED",
                fail_reason="NO_RELATION",
            ),
        ],
    )
    return replace(standing, **changed)
