"""The cashier 收银台: the addresses of its pages, and what a payer can choose there. Pure.

An address is all that a payer needs, so it holds a proof that nobody can make up: knowing an
order's number is not enough to see its page.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest
from typing import Literal

from msgspec import Struct

from schema.products import PayType

PATH = "/cashier"

Page = Literal["order", "shop"]

CHOICES: tuple[PayType, ...] = (
    "wechat_native",
    "wechat_h5",
    "wechat_jsapi",
    "alipay_qr",
    "alipay_page",
    "alipay_wap",
    "unionpay_qr",
    "bank_page",
)
"""What can be paid on a web page."""


class Links(Struct, frozen=True, kw_only=True):
    """Makes and reads addresses of pages."""

    base_url: str
    key: bytes

    def order_url(self, payment_id: str) -> str:
        """The page of an order."""
        return f"{self.base_url}{self.order_path(payment_id)}"

    def order_path(self, payment_id: str) -> str:
        """The same within our own site."""
        return f"{PATH}/{self.token('order', payment_id)}"

    def shop_url(self, merchant_no: str) -> str:
        """The page on which a merchant's payers type what they are to pay."""
        return f"{self.base_url}{PATH}/shop/{self.token('shop', merchant_no)}"

    def token(self, page: Page, number: str) -> str:
        """The number with the proof that we have given it out for this kind of page."""
        return f"{number}.{self._proof(page, number)}"

    def number(self, page: Page, token: str) -> str | None:
        """The number in a token of ours; None for anything else."""
        number, _, proof = token.rpartition(".")
        return (
            number if compare_digest(proof.encode(), self._proof(page, number).encode()) else None
        )

    def _proof(self, page: Page, number: str) -> str:
        text = f"{page}\n{number}".encode()
        return urlsafe_b64encode(blake2b(text, key=self.key, digest_size=15).digest()).decode()
