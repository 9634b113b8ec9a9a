"""WeChat Pay API v3, Native payments, public-key mode: pure functions, our role and the platform's.

`requests` asks, `verdicts` reads the answers, `notices` reads the callbacks: our side.
`platform` is their side, for the simulator. `signing` and `documents` are the language itself.
"""

from schema.channels.wechat.documents import Notice, Transaction
from schema.channels.wechat.keys import SimulatorAccount, SimulatorKeys, WechatAccount, WechatKeys
from schema.channels.wechat.language import WechatLanguage
from schema.channels.wechat.notices import (
    NOTICE_TAKEN,
    NoticeRefused,
    decrypt_notice,
    notice_not_taken,
    read_notice,
    verify_notice,
)
from schema.channels.wechat.requests import NativeOrder, close, create_native, query
from schema.channels.wechat.verdicts import decode_close, decode_create, decode_query, verdict_of

__all__ = [
    "NOTICE_TAKEN",
    "NativeOrder",
    "Notice",
    "NoticeRefused",
    "SimulatorAccount",
    "SimulatorKeys",
    "Transaction",
    "WechatAccount",
    "WechatKeys",
    "WechatLanguage",
    "close",
    "create_native",
    "decode_close",
    "decode_create",
    "decode_query",
    "decrypt_notice",
    "notice_not_taken",
    "query",
    "read_notice",
    "verdict_of",
    "verify_notice",
]
