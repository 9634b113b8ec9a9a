"""Payers at the cashier: orders that leave the choice to them, and their pages over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from actors.merchants import store
from deploy.local.enrolment import pay_types
from schema.channels.language import Protocols
from schema.ids import round_attempt_id
from schema.products import PayType
from tests.journeys.channel import Channel
from tests.journeys.platform import Platform
from tests.journeys.shop import Shop
from tests.registry import RATE_PPM, made
from tests.waiting import at_last

PHONE = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36"
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"
IN_WECHAT = f"{PHONE} MicroMessenger/8.0.50"
IN_ALIPAY = f"{PHONE} AlipayClient/10.6.0"
IN_UNIONPAY = f"{PHONE} UnionPay/1.0 CloudPay"


@dataclass
class Counter:
    """A shop whose payers choose, with a channel of each wallet."""

    platform: Platform
    shop: Shop
    channels: dict[Protocols, Channel]

    async def order(self, **differences: Any) -> tuple[dict[str, Any], str]:
        """A payment that nobody has chosen a way for, and the address of its page."""
        answer = await self.shop.order(pay_type="cashier", **differences)
        assert answer.status == 201, answer
        url = answer.document["cashier_url"]
        return answer.document, self.platform.edge.url + urlsplit(url).path

    async def pay(self, payment: dict[str, Any], wallet: Protocols, number: int = 0) -> None:
        """The payer pays a round at its wallet."""
        await self.channels[wallet].pay(round_attempt_id(payment["id"], number, 1))

    async def look(self, url: str, *, agent: str = DESKTOP, **headers: str) -> tuple[int, str]:
        """A page as a browser gets it."""
        heads = {"User-Agent": agent, "Accept-Language": "zh-CN"} | headers
        async with self.platform.session.get(url, headers=heads) as answer:
            return answer.status, await answer.text()

    async def choose(
        self, url: str, pay_type: PayType, *, agent: str = DESKTOP, **headers: str
    ) -> tuple[int, str]:
        """The payer's choice, and the page that comes after it."""
        heads = {"User-Agent": agent, "Accept-Language": "zh-CN"} | headers
        form = aiohttp.FormData({"pay_type": pay_type})
        async with self.platform.session.post(url, data=form, headers=heads) as answer:
            return answer.status, await answer.text()

    async def sees(self, url: str, *words: str) -> str:
        """The page, once it says so."""

        async def there() -> str | None:
            page = (await self.look(url))[1]
            return page if all(word in page for word in words) else None

        return await at_last(there)


MORE: dict[PayType, Protocols] = {
    "wechat_h5": "wechat", "wechat_jsapi": "wechat",
    "alipay_qr": "alipay", "alipay_page": "alipay", "alipay_wap": "alipay",
    "unionpay_qr": "unionpay", "bank_page": "bank",
}  # fmt: skip
"""What can be paid on a page beside WeChat's QR code, and whose it is."""


async def open_counter(platform: Platform, *wallets: Protocols) -> Counter:
    """A shop that takes WeChat Pay and these wallets, or else Alipay, in every way a page can."""
    channels = {"wechat": await platform.open_channel(pay_types=pay_types("wechat"))}
    for wallet in wallets or ("alipay",):
        channels[wallet] = await platform.open_wallet(wallet)
    shop = await platform.open_shop(channels["wechat"])
    for pay_type, wallet in MORE.items():
        if wallet not in channels:
            continue
        pool, number = platform.shared.pool, shop.merchant_no
        made(await store.set_rate(pool, number, pay_type, RATE_PPM))
        channel_no = channels[wallet].channel_no
        made(await store.bind(pool, number, pay_type=pay_type, channel_no=channel_no))
    return Counter(platform, shop, channels)
