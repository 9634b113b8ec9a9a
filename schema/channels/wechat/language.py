"""WeChat Pay API v3 in the words that all channels share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from schema.channels import (
    BillAt,
    BillPlace,
    BillRead,
    BillWish,
    HttpAnswer,
    Language,
    Notice,
    Order,
    Part,
    Question,
    Refund,
    RefundVerdict,
    Share,
    ShareVerdict,
    Stamp,
    Transfer,
    TransferVerdict,
    Verdict,
)
from schema.channels.wechat import (
    bills,
    callbacks,
    certificates,
    payments,
    refunds,
    shares,
    transfers,
)
from schema.channels.wechat.keys import WechatAccount, WechatKeys


class WechatLanguage:
    """One account's way to speak with WeChat Pay, as a direct merchant or as a service provider
    for one sub-merchant."""

    def __init__(self, keys: WechatKeys) -> None:
        self.keys = keys

    @classmethod
    def of(cls, account: WechatAccount) -> WechatLanguage:
        """Keys are parsed once per account and process; ValueError names the field at fault."""
        return cls(WechatKeys.of(account))

    @property
    def base_url(self) -> str:
        return self.keys.account.base_url

    def create(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        return payments.create(self.keys, order, stamp)

    def query(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        return payments.query(self.keys, order, stamp)

    def close(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        return payments.close(self.keys, order, stamp)

    def reverse(self, order: Order, stamp: Stamp) -> Question[Verdict] | Verdict:
        return payments.reverse(self.keys, order, stamp)

    def refund(self, refund: Refund, stamp: Stamp) -> Question[RefundVerdict] | RefundVerdict:
        return refunds.refund(self.keys, refund, stamp)

    def query_refund(self, refund: Refund, stamp: Stamp) -> Question[RefundVerdict] | RefundVerdict:
        return refunds.query_refund(self.keys, refund, stamp)

    def apply_abnormal_refund(
        self,
        refund: Refund,
        channel_refund_id: str,
        stamp: Stamp,
        *,
        to: Literal["payer", "merchant"],
        card: refunds.Card | None = None,
    ) -> Question[RefundVerdict] | RefundVerdict:
        """Sends money that could not reach the payer to their bank card, or to the merchant's."""
        return refunds.apply_abnormal_refund(
            self.keys, refund, channel_refund_id, stamp, to=to, card=card
        )

    def transfer(
        self, transfer: Transfer, stamp: Stamp
    ) -> Question[TransferVerdict] | TransferVerdict:
        return transfers.transfer(self.keys, transfer, stamp)

    def query_transfer(
        self, transfer: Transfer, stamp: Stamp
    ) -> Question[TransferVerdict] | TransferVerdict:
        return transfers.query_transfer(self.keys, transfer, stamp)

    def cancel_transfer(self, transfer: Transfer, stamp: Stamp) -> Question[TransferVerdict]:
        """Asks that a transfer which the payee has not confirmed is given up."""
        return transfers.cancel_transfer(self.keys, transfer, stamp)

    def share(self, share: Share, stamp: Stamp) -> Question[ShareVerdict] | ShareVerdict:
        return shares.share(self.keys, share, stamp)

    def query_share(self, share: Share, stamp: Stamp) -> Question[ShareVerdict] | ShareVerdict:
        return shares.query_share(self.keys, share, stamp)

    def return_share(
        self, share: Share, part: Part, return_number: str, stamp: Stamp
    ) -> Question[ShareVerdict]:
        """Takes a merchant's part of a share back, all of it or less."""
        return shares.return_share(self.keys, share, part, return_number, stamp)

    def query_return(
        self, share: Share, return_number: str, stamp: Stamp
    ) -> Question[ShareVerdict]:
        """Asks how such a return stands."""
        return shares.query_return(self.keys, share, return_number, stamp)

    def find_bill(self, wish: BillWish, stamp: Stamp) -> Question[BillPlace] | BillPlace:
        return bills.find_bill(self.keys, wish, stamp)

    def fetch_bill(self, wish: BillWish, place: BillAt, stamp: Stamp) -> Question[BillRead]:
        return bills.fetch_bill(self.keys, wish, place, stamp)

    def renew(self, stamp: Stamp) -> Question[Language | None] | None:
        if not self.keys.has_certificates:
            return None
        request = certificates.certificates_request(self.keys, stamp)
        return Question(request=request, read=self._renewed)

    def prove(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        return callbacks.prove(self.keys, headers, body, now)

    def read_notice(self, body: bytes) -> Notice:
        return callbacks.read_notice(self.keys, body)

    def thanks(self) -> HttpAnswer:
        return callbacks.THANKS

    def no_thanks(self, status: int, message: str) -> HttpAnswer:
        return callbacks.no_thanks(status, message)

    def _renewed(self, answer: HttpAnswer, now: datetime) -> Language | None:
        keys = certificates.renewed(self.keys, answer, now)
        return WechatLanguage(keys) if keys else None
