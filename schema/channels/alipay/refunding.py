"""Our side of refunds: what is asked, and what the answers prove.

Two traps. A refund's answer says `fund_change` N when this very call moved no money, which a repeat
of a finished refund says as well; and a query's answer has the code 10000 even where nothing was
refunded. Only `fund_change` Y and `refund_status` REFUND_SUCCESS are proofs.

Alipay gives a refund no number of its own: it is known by the trade's number and ours.
"""

from __future__ import annotations

from datetime import datetime

from schema.channels.alipay.asking import done, other, question, signed_parameters, unlisted
from schema.channels.alipay.keys import AlipayKeys
from schema.channels.alipay.money_documents import (
    REFUND_QUERIED,
    REFUNDED,
    RefundDocument,
    RefundQueryDocument,
)
from schema.channels.alipay.texts import moment, paid_fen, yuan
from schema.channels.alipay.trading import CURRENCY
from schema.channels.http import Question, Stamp
from schema.channels.reading import plain, read
from schema.channels.verdicts import (
    NotKnownThere,
    Refunded,
    RefundPending,
    RefundVerdict,
    SurelyNotRefunded,
    Unknown,
)
from schema.channels.wishes import Refund

REFUND, QUERY = "alipay.trade.refund", "alipay.trade.fastpay.refund.query"
SUCCESS = "REFUND_SUCCESS"


def refund(keys: AlipayKeys, wish: Refund, stamp: Stamp) -> Question[RefundVerdict]:
    """Gives money back; a repeat under the same number moves none."""
    document = RefundDocument(
        out_trade_no=wish.order_number,
        trade_no=wish.channel_payment_id,
        refund_amount=yuan(wish.refund_fen),
        out_request_no=wish.number,
        refund_reason=wish.reason[:256],
    )
    parameters = signed_parameters(keys, REFUND, document, stamp)
    understood = done(lambda node, now: _refunded(wish, node, now))
    return question(keys, "refund", REFUND, parameters, SurelyNotRefunded, understood)


def query_refund(keys: AlipayKeys, wish: Refund, stamp: Stamp) -> Question[RefundVerdict]:
    """Asks how the refund stands."""
    document = RefundQueryDocument(
        out_trade_no=wish.order_number,
        trade_no=wish.channel_payment_id,
        out_request_no=wish.number,
        query_options=["gmt_refund_pay"],
    )
    parameters = signed_parameters(keys, QUERY, document, stamp)
    understood = done(lambda node, now: _stands(wish, node, now))
    return question(keys, "query_refund", QUERY, parameters, SurelyNotRefunded, understood)


def _refunded(wish: Refund, node: bytes, now: datetime) -> RefundVerdict:
    answer = read(REFUNDED, node)
    if answer.out_trade_no != wish.order_number:
        return other("the answer is about another order")
    if answer.fund_change != "Y":
        code = f"fund_change={plain(answer.fund_change)}"
        return RefundPending(channel_refund_id=plain(answer.trade_no), code=code)
    return Refunded(
        channel_refund_id=plain(answer.trade_no),
        refund_fen=wish.refund_fen,
        currency=CURRENCY,
        refunded_at=moment(answer.gmt_refund_pay) if answer.gmt_refund_pay else now,
        received_by=plain(answer.buyer_logon_id),
    )


def _stands(wish: Refund, node: bytes, now: datetime) -> RefundVerdict:
    answer = read(REFUND_QUERIED, node)
    status, amount = answer.refund_status, answer.refund_amount
    if not status and not amount:
        return NotKnownThere(code="no refund_status", message="not received, or failed")
    if not status:
        return Unknown(why="ambiguous", code="no refund_status", message="only an amount")
    if (answer.out_trade_no, answer.out_request_no) != (wish.order_number, wish.number):
        return other("the answer is about another refund")
    if status != SUCCESS:
        return unlisted(status)
    return Refunded(
        channel_refund_id=plain(answer.trade_no),
        refund_fen=paid_fen(amount),
        currency=CURRENCY,
        refunded_at=moment(answer.gmt_refund_pay) if answer.gmt_refund_pay else now,
    )
