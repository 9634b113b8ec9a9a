"""The languages that we speak: of each protocol its account document and how one is opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from schema.channels.alipay import AlipayAccount, AlipayLanguage
from schema.channels.bank import BankAccount, BankLanguage
from schema.channels.language import Language, Protocols
from schema.channels.unionpay import UnionpayAccount, UnionpayLanguage
from schema.channels.wechat import WechatAccount, WechatLanguage

A = TypeVar("A", bound=Struct)


class Spoken(Struct, Generic[A], frozen=True, kw_only=True):
    """One protocol: the document that is sealed in a channel's profile, and its language."""

    account: type[A]
    open: Callable[[A], Language]
    """ValueError names the field that is wrong and never quotes it."""

    def read(self, document: bytes) -> A:
        """The account in a document. Raises msgspec.DecodeError, which names the field."""
        return msgspec.json.decode(document, type=self.account)


LANGUAGES: dict[Protocols, Spoken[Any]] = {
    "wechat": Spoken(account=WechatAccount, open=WechatLanguage.of),
    "alipay": Spoken(account=AlipayAccount, open=AlipayLanguage.of),
    "unionpay": Spoken(account=UnionpayAccount, open=UnionpayLanguage.of),
    "bank": Spoken(account=BankAccount, open=BankLanguage.of),
}


def language_in(protocol: Protocols, document: bytes) -> Language:
    """The language of the account in a document."""
    spoken = LANGUAGES[protocol]
    return spoken.open(spoken.read(document))
