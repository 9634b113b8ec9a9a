"""WeChat Pay API v3: pure functions, our role and the platform's.

`language` is all that we can say. It turns wishes into requests and answers into verdicts by
`payments`, `refunds`, `transfers`, `shares` and `bills`, whose codes are in `tables`; `callbacks`
and `certificates` are what comes by itself and what proves it. `platform` and `platform_bills` are
their side, for the simulator. `signing`, `documents`, `money_documents` and `sheets` are the wire.
"""

from schema.channels.wechat.documents import Transaction
from schema.channels.wechat.keys import (
    PlatformCertificate,
    SceneReport,
    SimulatorAccount,
    SimulatorKeys,
    WechatAccount,
    WechatKeys,
)
from schema.channels.wechat.language import WechatLanguage
from schema.channels.wechat.refunds import Card

__all__ = [
    "Card",
    "PlatformCertificate",
    "SceneReport",
    "SimulatorAccount",
    "SimulatorKeys",
    "Transaction",
    "WechatAccount",
    "WechatKeys",
    "WechatLanguage",
]
