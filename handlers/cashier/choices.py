"""What a payer is offered: by what they hold in their hands, and by what the merchant can take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from schema.products import PRODUCTS, PayType
from schema.profiles import ChannelProfile, MerchantProfile

Device = Literal["wechat", "alipay", "unionpay", "phone", "desktop"]

SIGNS: tuple[tuple[str, Device], ...] = (
    ("MicroMessenger", "wechat"),
    ("AlipayClient", "alipay"),
    ("UnionPay", "unionpay"),
    ("CloudPay", "unionpay"),
    ("Mobile", "phone"),
    ("Android", "phone"),
)
"""What user agents call themselves; the first one that fits counts."""

OFFERS: dict[Device, tuple[PayType, ...]] = {
    "wechat": ("wechat_jsapi", "wechat_h5", "wechat_native"),
    "alipay": ("alipay_wap", "alipay_qr"),
    "unionpay": ("unionpay_qr",),
    "phone": ("wechat_h5", "alipay_wap", "wechat_native", "alipay_qr", "unionpay_qr", "bank_page"),
    "desktop": ("wechat_native", "alipay_qr", "unionpay_qr", "alipay_page", "bank_page"),
}
"""What can be paid there, the handiest first. A wallet opens nothing but its own."""


def device_of(user_agent: str) -> Device:
    """What the page is looked at with."""
    for sign, device in SIGNS:
        if sign in user_agent:
            return device
    return "desktop"


def offered(
    device: Device,
    merchant: MerchantProfile,
    channels: Mapping[str, ChannelProfile],
    payer_id: str | None,
) -> list[PayType]:
    """The ways to pay that have a rate and a channel. Whether one of the channels takes this very
    payment is routing's to say; if none does, the payer chooses again."""
    bound = {
        b.pay_type for b in merchant.bindings if _takes(channels.get(b.channel_no), b.pay_type)
    }
    bound |= {b.pay_type for b in merchant.rule_bindings}
    return [
        pay_type
        for pay_type in OFFERS[device]
        if pay_type in merchant.rates_ppm and pay_type in bound
        if payer_id is not None or "payer_id" not in PRODUCTS[pay_type].needs
    ]


def _takes(channel: ChannelProfile | None, pay_type: PayType) -> bool:
    return channel is not None and channel.status == "active" and pay_type in channel.pay_types
