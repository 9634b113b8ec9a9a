"""Both ends of one merchant at UnionPay, talking to each other without a network."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from handlers.simulator.unionpay.accounts import generate_unionpay_account
from schema.channels import HttpAnswer, Order, Question, Refund, Stamp
from schema.channels.unionpay import UnionpayLanguage, UnionpaySimulatorKeys
from schema.channels.unionpay.platform import OrderStands, RefundStands, answer
from schema.channels.unionpay.signing import Fields, read_fields

NOW = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
LATER = NOW + timedelta(seconds=90)
STAMP = Stamp(now=NOW, nonce="0" * 32)
ORDER_NO = "01jx3k5m7n9p2q4r6s8t0v2w01"
REFUND_NO = "01jx3k5m7n9p2q4r6s8t0v2w77"
TRANS_INDEX = "202603011205060000000077"
PROVIDER, MERCHANT = "T00000000000001", "898000000000001"


class UnionpayPair:
    """Our end and the platform's. Everything is said at NOW."""

    def __init__(self, mer_id: str = MERCHANT) -> None:
        ours, theirs = generate_unionpay_account(
            PROVIDER, mer_id, "https://unionpay.test", "https://tomato.test/notices/u1"
        )
        self.account = ours
        self.ours = UnionpayLanguage.of(ours)
        self.theirs = UnionpaySimulatorKeys.of(theirs)

    def said(self, fields: Fields) -> HttpAnswer:
        """The platform's signed answer."""
        return answer(self.theirs, fields)


def asked(question: Any) -> Question[Any]:
    """The question, where one was expected."""
    assert isinstance(question, Question)
    return question


def sent(question: Any) -> Fields:
    """What a question says on the wire."""
    return read_fields(asked(question).request.body)


def an_order(**changed: Any) -> Order:
    """Two pounds of tomatoes, paid by a code that is scanned."""
    order = Order(
        number=ORDER_NO,
        pay_type="unionpay_qr",
        subject="两斤番茄",
        amount_fen=1999,
        opened_at=NOW,
        expires_at=NOW + timedelta(minutes=5),
        client_ip="203.0.113.7",
        return_url="https://shop.test/thanks",
    )
    return msgspec.structs.replace(order, **changed)


def a_refund(**changed: Any) -> Refund:
    """Five yuan of them go back."""
    refund = Refund(
        number=REFUND_NO,
        order_number=ORDER_NO,
        channel_payment_id=TRANS_INDEX,
        refund_fen=500,
        paid_fen=1999,
        opened_at=NOW + timedelta(minutes=1),
        order_opened_at=NOW,
    )
    return msgspec.structs.replace(refund, **changed)


def a_paid_order(**changed: Any) -> OrderStands:
    """The order as the platform tells of it, paid."""
    stands = OrderStands(
        number=ORDER_NO,
        opened_at=NOW,
        amount_fen=1999,
        state="paid",
        trans_index=TRANS_INDEX,
        paid_at=LATER,
        payer="pingguo",
    )
    return msgspec.structs.replace(stands, **changed)


def a_done_refund(**changed: Any) -> RefundStands:
    """The refund as the platform tells of it, done."""
    stands = RefundStands(
        number=REFUND_NO,
        order_number=ORDER_NO,
        refund_fen=500,
        state="done",
        trans_index="202603011206060000000078",
        finished_at=LATER,
    )
    return msgspec.structs.replace(stands, **changed)
