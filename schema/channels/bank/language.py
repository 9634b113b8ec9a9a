"""Our side of the bank protocol: every wish as a signed question (docs/bank_protocol.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Literal, TypeVar
from urllib.parse import urlencode

from msgspec import Struct

from schema.channels.bank import bills, documents, notices, verdicts
from schema.channels.bank.account import BankAccount
from schema.channels.bank.documents import (
    OrderAsk,
    PayeeWords,
    RefundAsk,
    TransferAsk,
    written,
)
from schema.channels.bank.signing import signed_headers
from schema.channels.bank.tables import Call
from schema.channels.bank.verdicts import Asked
from schema.channels.bills import BillAt, BillPlace, BillRead
from schema.channels.http import HttpAnswer, HttpRequest, ProtocolError, Question, Stamp
from schema.channels.language import Language, Notice
from schema.channels.reading import plain
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

ROOT = "/bank/v1"
NOT_OFFERED = "not_offered"
JSON = {"Content-Type": "application/json"}
PRODUCTS: dict[str, Literal["page", "balance"]] = {"bank_page": "page", "balance": "balance"}

V = TypeVar("V")


class BankLanguage(Struct, frozen=True, kw_only=True):
    """One account's way to speak with the bank."""

    account: BankAccount

    @classmethod
    def of(cls, account: BankAccount) -> BankLanguage:
        """Ready to speak; ValueError names the field of the account that is wrong."""
        account.check()
        return cls(account=account)

    @property
    def base_url(self) -> str:
        return self.account.base_url

    def create(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        product = PRODUCTS.get(order.pay_type)
        if product is None:
            return SurelyNotPaid(code=NOT_OFFERED, cause="platform")
        ask = OrderAsk(
            number=order.number,
            product=product,
            subject=order.subject,
            amount_fen=order.amount_fen,
            currency=order.currency,
            expires_at=order.expires_at,
            notify_url=self.account.notify_url,
            return_url=order.return_url or None,
            payer_account=order.payer_id,
        )
        return self._order("create", "POST", "/orders", written(ask), order, stamp)

    def query(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        return self._order("ask", "GET", f"/orders/{order.number}", b"", order, stamp)

    def close(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        return self._order("close", "POST", f"/orders/{order.number}/close", b"", order, stamp)

    def reverse(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        return self._order("close", "POST", f"/orders/{order.number}/reverse", b"", order, stamp)

    def refund(self, refund: Refund, stamp: Stamp) -> Question[RefundVerdict] | RefundVerdict:
        ask = RefundAsk(
            number=refund.number,
            order_number=refund.order_number,
            refund_fen=refund.refund_fen,
            currency=refund.currency,
            notify_url=self.account.notify_url,
            reason=refund.reason,
        )
        asked = self._asked("refund", refund.number, stamp)
        request = self._request("POST", "/refunds", written(ask), stamp)
        return _question(request, verdicts.read_refund, asked)

    def query_refund(self, refund: Refund, stamp: Stamp) -> Question[RefundVerdict] | RefundVerdict:
        asked = self._asked("ask", refund.number, stamp)
        request = self._request("GET", f"/refunds/{refund.number}", b"", stamp)
        return _question(request, verdicts.read_refund, asked)

    def transfer(
        self, transfer: Transfer, stamp: Stamp
    ) -> Question[TransferVerdict] | TransferVerdict:
        if transfer.payee.kind != "bank_card":
            return SurelyNotTransferred(code=NOT_OFFERED, cause="platform")
        asked = self._asked("transfer", transfer.number, stamp)
        request = self._request("POST", "/transfers", written(self._transfer(transfer)), stamp)
        return _question(request, verdicts.read_transfer, asked)

    def query_transfer(
        self, transfer: Transfer, stamp: Stamp
    ) -> Question[TransferVerdict] | TransferVerdict:
        asked = self._asked("ask", transfer.number, stamp)
        request = self._request("GET", f"/transfers/{transfer.number}", b"", stamp)
        return _question(request, verdicts.read_transfer, asked)

    def share(self, share: Share, stamp: Stamp) -> Question[ShareVerdict] | ShareVerdict:
        return SurelyNotShared(code=NOT_OFFERED, cause="platform")

    def query_share(self, share: Share, stamp: Stamp) -> Question[ShareVerdict] | ShareVerdict:
        return SurelyNotShared(code=NOT_OFFERED, cause="platform")

    def find_bill(self, wish: BillWish, stamp: Stamp) -> Question[BillPlace] | BillPlace:
        path = "/bills?" + urlencode({"day": wish.day.isoformat(), "kind": wish.kind})
        asked = self._asked("ask", "", stamp)
        return Question(
            request=self._request("GET", path, b"", stamp),
            read=lambda answer, now: verdicts.read_bill_place(asked, wish, answer, now),
        )

    def fetch_bill(self, wish: BillWish, place: BillAt, stamp: Stamp) -> Question[BillRead]:
        """The file is proved by the digest, which came under the bank's signature."""
        origin, path = _split(place.url)
        headers = self._headers("GET", path, b"", stamp)
        request = HttpRequest(method="GET", path=path, headers=headers, body=b"", origin=origin)
        return Question(request=request, read=lambda answer, now: _bill(wish, place, answer))

    def renew(self, stamp: Stamp) -> Question[Language | None] | None:
        return None

    def prove(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        return notices.prove(self.account, headers, body, now)

    def read_notice(self, body: bytes) -> Notice:
        return notices.read_notice(body)

    def thanks(self) -> HttpAnswer:
        return HttpAnswer(status=200, headers=JSON, body=b'{"code":"OK"}')

    def no_thanks(self, status: int, message: str) -> HttpAnswer:
        body = written(documents.ErrorDocument(code="AGAIN", message=message))
        return HttpAnswer(status=status, headers=JSON, body=body)

    def _order(
        self, call: Call, method: str, path: str, body: bytes, order: Order, stamp: Stamp
    ) -> Question[Verdict]:
        asked = self._asked(call, order.number, stamp)
        return _question(self._request(method, path, body, stamp), verdicts.read_order, asked)

    def _asked(self, call: Call, number: str, stamp: Stamp) -> Asked:
        return Asked(account=self.account, call=call, nonce=stamp.nonce, number=number)

    def _request(self, method: str, path: str, body: bytes, stamp: Stamp) -> HttpRequest:
        full = ROOT + path
        headers = self._headers(method, full, body, stamp)
        return HttpRequest(method=method, path=full, headers=headers, body=body)

    def _headers(self, method: str, path: str, body: bytes, stamp: Stamp) -> dict[str, str]:
        account = self.account
        return JSON | signed_headers(
            account.secret,
            account.merchant,
            speech="request",
            lines=(method, path),
            body=body,
            now=stamp.now,
            nonce=stamp.nonce,
        )

    def _transfer(self, transfer: Transfer) -> TransferAsk:
        payee = transfer.payee
        return TransferAsk(
            number=transfer.number,
            payee=PayeeWords(
                account=payee.account,
                name=payee.name,
                bank_code=payee.bank_code,
                bank_name=payee.bank_name,
                is_company=payee.is_company,
            ),
            amount_fen=transfer.amount_fen,
            currency=transfer.currency,
            title=transfer.title,
            notify_url=self.account.notify_url,
            remark=transfer.remark,
        )


def _question(
    request: HttpRequest, reading: Callable[[Asked, HttpAnswer, datetime], V], asked: Asked
) -> Question[V]:
    return Question(request=request, read=lambda answer, now: reading(asked, answer, now))


def _split(url: str) -> tuple[str, str]:
    """Origin and path of an address that begins with http."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}", slash + path or "/"


def _bill(wish: BillWish, place: BillAt, answer: HttpAnswer) -> BillRead:
    if answer.status != 200:
        why = "server_error" if answer.status >= 500 else "unparsable"
        return Unknown(why=why, message=f"status {answer.status}")
    if sha256(answer.body).hexdigest() != place.digest:
        return Unknown(why="bad_signature", message="the file does not fit its digest")
    try:
        if wish.kind == "trades":
            return bills.read_trades(wish.day, answer.body)
        return bills.read_funds(wish.day, answer.body)
    except ProtocolError as error:
        return Unknown(why="unparsable", message=plain(str(error)))
