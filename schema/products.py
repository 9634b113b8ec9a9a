"""Payment products 支付产品: what can be asked for, and what each needs to be asked."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

PayType = Literal[
    "wechat_native",
    "wechat_jsapi",
    "wechat_mini",
    "wechat_h5",
    "wechat_app",
    "wechat_barcode",
    "alipay_qr",
    "alipay_jsapi",
    "alipay_page",
    "alipay_wap",
    "alipay_app",
    "alipay_barcode",
    "unionpay_qr",
    "unionpay_jsapi",
    "unionpay_barcode",
    "bank_page",
    "balance",
]
"""The payment products that can be asked for."""

PayWay = Literal[PayType, "cashier"]
"""How an order is to be paid; `cashier` 收银台: the payer has yet to choose."""

OfferKind = Literal["qr_code", "redirect", "form", "client_call", "app_string", "at_the_till"]
"""What the payer's side is given so that they can pay."""


class Product(Struct, frozen=True, kw_only=True):
    """One product: in two languages, what its payer's side gets, and which fields it can't do
    without."""

    zh: str
    en: str
    gives: OfferKind
    needs: tuple[Literal["payer_id", "auth_code", "client_ip"], ...] = ()

    @property
    def is_called_for(self) -> bool:
        """Whether the channel is called to make the order. Else we sign what the payer takes there,
        and a channel that does not answer is not noticed by it."""
        return self.gives not in ("form", "app_string")


PRODUCTS: dict[PayType, Product] = {
    "wechat_native": Product(zh="微信扫码", en="WeChat Pay QR", gives="qr_code"),
    "wechat_jsapi": Product(
        zh="微信公众号", en="WeChat Pay JSAPI", gives="client_call", needs=("payer_id",)
    ),
    "wechat_mini": Product(
        zh="微信小程序", en="WeChat mini program", gives="client_call", needs=("payer_id",)
    ),
    "wechat_h5": Product(zh="微信 H5", en="WeChat Pay H5", gives="redirect", needs=("client_ip",)),
    "wechat_app": Product(zh="微信 APP", en="WeChat Pay in apps", gives="client_call"),
    "wechat_barcode": Product(
        zh="微信付款码", en="WeChat Pay barcode", gives="at_the_till", needs=("auth_code",)
    ),
    "alipay_qr": Product(zh="支付宝扫码", en="Alipay QR", gives="qr_code"),
    "alipay_jsapi": Product(
        zh="支付宝生活号/小程序", en="Alipay JSAPI", gives="client_call", needs=("payer_id",)
    ),
    "alipay_page": Product(zh="支付宝电脑网站", en="Alipay PC page", gives="form"),
    "alipay_wap": Product(zh="支付宝手机网站", en="Alipay WAP", gives="form"),
    "alipay_app": Product(zh="支付宝 APP", en="Alipay in apps", gives="app_string"),
    "alipay_barcode": Product(
        zh="支付宝付款码", en="Alipay barcode", gives="at_the_till", needs=("auth_code",)
    ),
    "unionpay_qr": Product(zh="云闪付扫码", en="UnionPay QR", gives="qr_code"),
    "unionpay_jsapi": Product(
        zh="云闪付 JS", en="UnionPay JSAPI", gives="client_call", needs=("payer_id",)
    ),
    "unionpay_barcode": Product(
        zh="云闪付付款码", en="UnionPay barcode", gives="at_the_till", needs=("auth_code",)
    ),
    "bank_page": Product(zh="网银", en="Online bank", gives="redirect"),
    "balance": Product(zh="账户支付", en="Balance", gives="at_the_till", needs=("payer_id",)),
}
