"""Alipay's open platform, by keys or by certificates: pure functions, both roles.

`language` is our side; it asks through `trading`, `refunding`, `transferring`, `sharing` and
`billing`, and hears through `notices`. `platform` and `bill_files` are their side, for the
simulator. `signing`, `scanning`, `texts` and the documents are the language itself, and `tables`
says what codes prove.
"""

from schema.channels.alipay.keys import AlipayAccount, AlipayPlatformAccount, AlipayPlatformKeys
from schema.channels.alipay.language import AlipayLanguage

__all__ = ["AlipayAccount", "AlipayLanguage", "AlipayPlatformAccount", "AlipayPlatformKeys"]
