"""What every channel's language can say: one account's way to speak, ready with its keys.

All of it is pure. A method makes a question (a request, and how its answer is read), or knows the
verdict without asking, such as that this channel does not offer what is wished (`not_offered`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Protocol

from msgspec import Struct

from schema.channels.bills import BillAt, BillPlace, BillRead
from schema.channels.http import HttpAnswer, Question, Stamp
from schema.channels.verdicts import RefundVerdict, ShareVerdict, TransferVerdict, Verdict
from schema.channels.wishes import BillWish, Order, Refund, Share, Transfer

Protocols = Literal["wechat", "alipay", "unionpay", "bank"]


class PaymentNotice(Struct, frozen=True, kw_only=True, tag="payment"):
    """How the order with our number stands, said by the channel on its own."""

    number: str
    verdict: Verdict


class RefundNotice(Struct, frozen=True, kw_only=True, tag="refund"):
    """How the refund with our number stands; `order_number` is our number of what was paid."""

    number: str
    order_number: str
    verdict: RefundVerdict


class TransferNotice(Struct, frozen=True, kw_only=True, tag="transfer"):
    """How the transfer with our number stands."""

    number: str
    verdict: TransferVerdict


class OtherNotice(Struct, frozen=True, kw_only=True, tag="other"):
    """A true notice about something that we do not follow."""

    what: str


Notice = PaymentNotice | RefundNotice | TransferNotice | OtherNotice


class Language(Protocol):
    """One account's way to speak with its channel."""

    @property
    def base_url(self) -> str:
        """The origin that questions go to, without a path at its end."""
        ...

    def create(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        """Has a payer asked for money. Repeating it with the same order is safe."""
        ...

    def query(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        """Asks how the order stands."""
        ...

    def close(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        """Asks that the order can't be paid any more."""
        ...

    def reverse(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        """Takes back a barcode payment, paid or not 撤销."""
        ...

    def refund(self, refund: Refund, stamp: Stamp) -> Question[RefundVerdict] | RefundVerdict:
        """Gives money back. Repeating it under the same number is safe."""
        ...

    def query_refund(self, refund: Refund, stamp: Stamp) -> Question[RefundVerdict] | RefundVerdict:
        """Asks how the refund stands."""
        ...

    def transfer(
        self, transfer: Transfer, stamp: Stamp
    ) -> Question[TransferVerdict] | TransferVerdict:
        """Sends money to a payee. Repeating it under the same number is safe."""
        ...

    def query_transfer(
        self, transfer: Transfer, stamp: Stamp
    ) -> Question[TransferVerdict] | TransferVerdict:
        """Asks how the transfer stands."""
        ...

    def share(self, share: Share, stamp: Stamp) -> Question[ShareVerdict] | ShareVerdict:
        """Shares the money of a paid order."""
        ...

    def query_share(self, share: Share, stamp: Stamp) -> Question[ShareVerdict] | ShareVerdict:
        """Asks how the profit share stands."""
        ...

    def find_bill(self, wish: BillWish, stamp: Stamp) -> Question[BillPlace] | BillPlace:
        """Asks where a day's bill can be fetched."""
        ...

    def fetch_bill(self, wish: BillWish, place: BillAt, stamp: Stamp) -> Question[BillRead]:
        """Fetches and reads a bill; what does not fit its own footer or digest is unknown."""
        ...

    def renew(self, stamp: Stamp) -> Question[Language | None] | None:
        """Asks for the channel's newest keys; the answer is the same language, knowing them, or
        None where it can't be believed. No question where this account's keys do not rotate."""
        ...

    def prove(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """The id of a notice that the channel signed for us just now: repeated when it is sent
        again. Raises ProtocolError otherwise."""
        ...

    def read_notice(self, body: bytes) -> Notice:
        """What a notice says whose signature was good when it arrived. Raises ProtocolError."""
        ...

    def thanks(self) -> HttpAnswer:
        """The one answer that ends the channel's repeating of a notice."""
        ...

    def no_thanks(self, status: int, message: str) -> HttpAnswer:
        """An answer that makes the channel send the notice again."""
        ...
