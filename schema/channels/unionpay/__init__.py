"""UnionPay cloud pass 云闪付, service-provider API: pure functions, our role and the platform's.

`language` asks, `verdicts` reads the answers, `notices` the callbacks, by the words in `tables`:
our side. `platform` is their side, for the simulator. `signing` and `documents` are the language
itself.
"""

from schema.channels.unionpay.account import (
    UnionpayAccount,
    UnionpayKeys,
    UnionpaySimulatorAccount,
    UnionpaySimulatorKeys,
)
from schema.channels.unionpay.language import UnionpayLanguage

__all__ = [
    "UnionpayAccount",
    "UnionpayKeys",
    "UnionpayLanguage",
    "UnionpaySimulatorAccount",
    "UnionpaySimulatorKeys",
]
