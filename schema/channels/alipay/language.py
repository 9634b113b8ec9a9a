"""Our side of Alipay: every wish as a signed question, or its verdict where none is needed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from schema.channels.alipay import billing, notices, refunding, sharing, trading, transferring
from schema.channels.alipay.keys import AlipayAccount, AlipayKeys
from schema.channels.bills import BillAt, BillPlace, BillRead
from schema.channels.http import HttpAnswer, Question, Stamp
from schema.channels.language import Language, Notice
from schema.channels.verdicts import RefundVerdict, ShareVerdict, TransferVerdict, Verdict
from schema.channels.wishes import BillWish, Order, Refund, Share, Transfer


class AlipayLanguage(Struct, frozen=True, kw_only=True):
    """One app's way to speak with Alipay."""

    keys: AlipayKeys

    @classmethod
    def of(cls, account: AlipayAccount) -> AlipayLanguage:
        """Ready to speak; ValueError names the field of the account that is wrong."""
        return cls(keys=AlipayKeys.of(account))

    @property
    def base_url(self) -> str:
        return self.keys.account.base_url

    def create(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        return trading.create(self.keys, order, stamp)

    def query(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        return trading.query(self.keys, order, stamp)

    def close(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        return trading.close(self.keys, order, stamp)

    def reverse(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        return trading.cancel(self.keys, order, stamp)

    def refund(self, refund: Refund, stamp: Stamp) -> Question[RefundVerdict] | RefundVerdict:
        return refunding.refund(self.keys, refund, stamp)

    def query_refund(self, refund: Refund, stamp: Stamp) -> Question[RefundVerdict] | RefundVerdict:
        return refunding.query_refund(self.keys, refund, stamp)

    def transfer(
        self, transfer: Transfer, stamp: Stamp
    ) -> Question[TransferVerdict] | TransferVerdict:
        return transferring.transfer(self.keys, transfer, stamp)

    def query_transfer(
        self, transfer: Transfer, stamp: Stamp
    ) -> Question[TransferVerdict] | TransferVerdict:
        return transferring.query_transfer(self.keys, transfer, stamp)

    def share(self, share: Share, stamp: Stamp) -> Question[ShareVerdict] | ShareVerdict:
        return sharing.share(self.keys, share, stamp)

    def query_share(self, share: Share, stamp: Stamp) -> Question[ShareVerdict] | ShareVerdict:
        return sharing.query_share(self.keys, share, stamp)

    def find_bill(self, wish: BillWish, stamp: Stamp) -> Question[BillPlace] | BillPlace:
        return billing.find_bill(self.keys, wish, stamp)

    def fetch_bill(self, wish: BillWish, place: BillAt, stamp: Stamp) -> Question[BillRead]:
        return billing.fetch_bill(wish, place)

    def renew(self, stamp: Stamp) -> Question[Language | None] | None:
        """There is nothing to ask: a certificate is fetched by its serial number, which first an
        answer signed with it would name, and that answer can't be believed to name it. The account
        holds the next certificate beside the present one before Alipay changes over."""
        return None

    def prove(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        return notices.prove(self.keys, body)

    def read_notice(self, body: bytes) -> Notice:
        return notices.read_notice(body)

    def thanks(self) -> HttpAnswer:
        return notices.thanks()

    def no_thanks(self, status: int, message: str) -> HttpAnswer:
        return notices.no_thanks(status)
