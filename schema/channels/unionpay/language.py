"""Our side of the UnionPay cloud pass 云闪付: every wish as a signed question.

UnionPay asks for the order's time in each later call, and knows no reversal, transfers, profit
shares or bill files among its public calls: those wishes are answered at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from msgspec import Struct

from schema.channels.bills import BillAt, BillPlace, BillRead
from schema.channels.http import HttpAnswer, HttpRequest, Question, Stamp
from schema.channels.language import Language, Notice
from schema.channels.unionpay import notices, verdicts
from schema.channels.unionpay.account import UnionpayAccount, UnionpayKeys
from schema.channels.unionpay.documents import CURRENCY, ORDER_TYPE, time_text
from schema.channels.unionpay.signing import Fields, signed, written
from schema.channels.unionpay.tables import Call
from schema.channels.verdicts import (
    RefundVerdict,
    ShareVerdict,
    SurelyNotPaid,
    SurelyNotShared,
    SurelyNotTransferred,
    TransferVerdict,
    Unknown,
    Verdict,
)
from schema.channels.wishes import BillWish, Order, Refund, Share, Transfer

PATH = "/gateway/api/pay/"
JSON = {"Content-Type": "application/json; charset=UTF-8", "Accept": "application/json"}

NOT_OFFERED = "not_offered"
NO_ADDRESS = "127.0.0.1"
"""What public clients say where the payer's address is not known; the calls can't do without."""

W = TypeVar("W")
V = TypeVar("V")


class UnionpayLanguage(Struct, frozen=True, kw_only=True):
    """One merchant's way to speak with UnionPay."""

    keys: UnionpayKeys

    @classmethod
    def of(cls, account: UnionpayAccount) -> UnionpayLanguage:
        """Ready to speak; ValueError names the field of the account that is wrong."""
        return cls(keys=UnionpayKeys.of(account))

    @property
    def base_url(self) -> str:
        return self.keys.account.base_url

    def create(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        """A repeat is answered `12`, and then the query tells."""
        call_fields = _CREATES.get(order.pay_type)
        if call_fields is None or order.currency != "CNY":
            return SurelyNotPaid(code=NOT_OFFERED, cause="platform")
        call, fields = call_fields[0], call_fields[1](self.keys.account, order)
        return self._question(call, _asked(order) | fields, verdicts.read_create, order)

    def query(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        return self._question("queryOrder", _named(order), verdicts.read_query, order)

    def close(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        return self._question("closeOrder", _named(order), verdicts.read_close, order)

    def reverse(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        """There is no call for it: what is unpaid is closed, what is paid has to be refunded."""
        return self.close(order, stamp)

    def refund(self, refund: Refund, stamp: Stamp) -> Question[RefundVerdict] | RefundVerdict:
        fields = {"origTxnAmt": str(refund.paid_fen), "txnAmt": str(refund.refund_fen)}
        return self._question("refund", _returned(refund) | fields, verdicts.read_refund, refund)

    def query_refund(self, refund: Refund, stamp: Stamp) -> Question[RefundVerdict] | RefundVerdict:
        return self._question("refundQuery", _returned(refund), verdicts.read_refund_query, refund)

    def transfer(
        self, transfer: Transfer, stamp: Stamp
    ) -> Question[TransferVerdict] | TransferVerdict:
        return SurelyNotTransferred(code=NOT_OFFERED, cause="platform")

    def query_transfer(
        self, transfer: Transfer, stamp: Stamp
    ) -> Question[TransferVerdict] | TransferVerdict:
        return SurelyNotTransferred(code=NOT_OFFERED, cause="platform")

    def share(self, share: Share, stamp: Stamp) -> Question[ShareVerdict] | ShareVerdict:
        return SurelyNotShared(code=NOT_OFFERED, cause="platform")

    def query_share(self, share: Share, stamp: Stamp) -> Question[ShareVerdict] | ShareVerdict:
        return SurelyNotShared(code=NOT_OFFERED, cause="platform")

    def find_bill(self, wish: BillWish, stamp: Stamp) -> Question[BillPlace] | BillPlace:
        """Never "there was nothing": trades there were, we only can't get the file."""
        return Unknown(why="unlisted", code=NOT_OFFERED, cause="platform")

    def fetch_bill(self, wish: BillWish, place: BillAt, stamp: Stamp) -> Question[BillRead]:
        request = HttpRequest(method="GET", path=place.url, headers={}, body=b"")
        return Question(request=request, read=_unreadable_bill)

    def renew(self, stamp: Stamp) -> Question[Language | None] | None:
        return None

    def prove(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        return notices.prove(self.keys, body)

    def read_notice(self, body: bytes) -> Notice:
        return notices.read_notice(body)

    def thanks(self) -> HttpAnswer:
        return HttpAnswer(status=200, headers={"Content-Type": "text/plain"}, body=b"success")

    def no_thanks(self, status: int, message: str) -> HttpAnswer:
        return HttpAnswer(status=status, headers={"Content-Type": "text/plain"}, body=b"fail")

    def _question(
        self,
        call: Call,
        fields: Fields,
        reading: Callable[[UnionpayKeys, W, HttpAnswer, datetime], V],
        wish: W,
    ) -> Question[V]:
        """The call in our name, and its answer read for what was wished."""
        keys = self.keys
        whose = {"serProvId": keys.account.ser_prov_id, "merId": keys.account.mer_id}
        body = written(signed(keys.private_key, fields | whose))
        request = HttpRequest(method="POST", path=PATH + call, headers=JSON, body=body)
        return Question(request=request, read=lambda answer, now: reading(keys, wish, answer, now))


def _code_order(account: UnionpayAccount, order: Order) -> Fields:
    urls = {"backUrl": account.notify_url, "frontUrl": order.return_url}
    return urls | {"orderType": ORDER_TYPE, "acqCode": account.acq_code, "termId": account.term_id}


def _script_order(account: UnionpayAccount, order: Order) -> Fields:
    """`upJs` is the page inside the wallet; only there the payer is known beforehand."""
    return _code_order(account, order) | {"orderType": "upJs", "userId": order.payer_id}


def _till_order(account: UnionpayAccount, order: Order) -> Fields:
    fields = {"orderType": ORDER_TYPE, "backUrl": account.notify_url, "authCode": order.auth_code}
    return fields | {"acqCode": account.acq_code, "termId": account.term_id}


_CREATES: dict[str, tuple[Call, Callable[[UnionpayAccount, Order], Fields]]] = {
    "unionpay_qr": ("unifiedorder", _code_order),
    "unionpay_jsapi": ("unifiedorder", _script_order),
    "unionpay_barcode": ("micropay", _till_order),
}


def _asked(order: Order) -> Fields:
    """What every new order says. The subject's & becomes a wide one, for & joins what is signed."""
    address = order.client_ip or NO_ADDRESS
    return {
        "orderNo": order.number,
        "orderTime": time_text(order.opened_at),
        "txnAmt": str(order.amount_fen),
        "currencyCode": CURRENCY,
        "orderInfo": order.subject.replace("&", "＆"),
        "customerIp": address,
        "termInfo": f'{{"ip": "{address}"}}',
    }


def _named(order: Order) -> Fields:
    """Which order is meant: its number, and the time that it was opened with."""
    time = time_text(order.opened_at)
    return {"orderNo": order.number, "orderTime": time, "orderType": ORDER_TYPE}


def _returned(refund: Refund) -> Fields:
    """Which refund of which order is meant."""
    return {
        "orderNo": refund.number,
        "orderTime": time_text(refund.opened_at),
        "origOrderNo": refund.order_number,
        "orderType": ORDER_TYPE,
    }


def _unreadable_bill(answer: HttpAnswer, now: datetime) -> BillRead:
    return Unknown(why="unlisted", code=NOT_OFFERED, cause="platform")
