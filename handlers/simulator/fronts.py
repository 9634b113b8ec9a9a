"""All platforms that are simulated, and the accounts of their merchants."""

from __future__ import annotations

import msgspec

from handlers.simulator.alipay.front import ALIPAY
from handlers.simulator.bank.front import BANK
from handlers.simulator.unionpay.front import UNIONPAY
from handlers.simulator.wechat.front import WECHAT
from handlers.simulator.world import Front
from handlers.simulator.world.merchants import MerchantKey
from schema.channels.alipay import AlipayPlatformAccount
from schema.channels.bank import BankSimulatorAccount
from schema.channels.unionpay import UnionpaySimulatorAccount
from schema.channels.wechat import SimulatorAccount as WechatAccount

FRONTS: tuple[Front, ...] = (WECHAT, ALIPAY, UNIONPAY, BANK)

Account = WechatAccount | AlipayPlatformAccount | UnionpaySimulatorAccount | BankSimulatorAccount
"""The platform's end of a merchant's account, at any platform: a union told apart by `protocol`."""
ACCOUNT: msgspec.json.Decoder[Account] = msgspec.json.Decoder(Account)


def merchant_key(account: Account) -> MerchantKey:
    """At which platform it is, and under which number."""
    front = next(front for front in FRONTS if front.account_type is type(account))
    return front.protocol, front.number_of(account)
