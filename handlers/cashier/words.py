"""What the cashier's pages say, in Chinese and English."""

from __future__ import annotations

from typing import Literal

from schema.products import PayType

Language = Literal["zh", "en"]

WORDS: dict[str, tuple[str, str]] = {
    "choose": ("选择支付方式", "Choose how to pay"),
    "aggregate": (
        "请用微信、支付宝或云闪付扫码",
        "Scan with WeChat, Alipay or UnionPay",
    ),
    "scan": ("请打开钱包扫码支付", "Scan with your wallet"),
    "go": ("去支付", "Go and pay"),
    "asking": ("正在准备支付…", "Getting ready…"),
    "checking": ("正在确认支付结果…", "Checking the payment…"),
    "other": ("换一种支付方式", "Pay another way"),
    "left": ("剩余时间", "Time left"),
    "paid": ("支付成功", "Paid"),
    "refunded": ("已退款", "Refunded"),
    "late": ("订单已结束，款项将原路退回", "The order had ended; your money goes back to you"),
    "closed": ("订单已关闭", "The order is closed"),
    "expired": ("订单已过期", "The order has expired"),
    "failed": ("支付失败", "The payment failed"),
    "try_other": (
        "这种方式没有成功，请换一种。",
        "That did not work. Please choose another way.",
    ),
    "to_choices": ("返回选择支付方式", "Back to the ways to pay"),
    "nothing": (
        "这里没有可用的支付方式，请换一个应用打开。",
        "Nothing can be paid here. Please open this page elsewhere.",
    ),
    "back": ("返回商家", "Back to the merchant"),
    "no_order": ("没有这个订单", "No such order"),
    "slowly": ("操作太频繁，请稍后再试", "Too often: please wait a moment"),
    "again": ("系统繁忙，请重试", "Please try again"),
    "refresh": ("刷新", "Refresh"),
    "merchant": ("收款方", "To"),
    "amount": ("金额（元）", "Amount (yuan)"),
    "next": ("下一步", "Next"),
    "wrong_amount": (
        "请输入 0.01 到 50000 之间的金额",
        "An amount from 0.01 to 50000 is needed",
    ),
    "order_for_shop": ("扫码付款", "Payment at the shop"),
}

NAMES: dict[PayType, tuple[str, str]] = {
    "wechat_native": ("微信扫码", "WeChat Pay QR"),
    "wechat_h5": ("微信支付", "WeChat Pay"),
    "wechat_jsapi": ("微信支付", "WeChat Pay"),
    "alipay_qr": ("支付宝扫码", "Alipay QR"),
    "alipay_page": ("支付宝网页", "Alipay on the web"),
    "alipay_wap": ("支付宝", "Alipay"),
    "unionpay_qr": ("云闪付扫码", "UnionPay QR"),
    "bank_page": ("网银支付", "Online bank"),
}


def say(word: str, language: Language) -> str:
    """A word in one language."""
    return WORDS[word][language == "en"]


def name(pay_type: PayType, language: Language) -> str:
    """What payers call a way to pay."""
    return NAMES[pay_type][language == "en"]


def preferred(accept_language: str, wished: str | None) -> Language:
    """`?lang=` if it was given, or whichever of the two the browser names first."""
    if wished == "zh" or wished == "en":
        return wished
    for part in accept_language.lower().split(","):
        if part.strip().startswith("en"):
            return "en"
        if part.strip().startswith("zh"):
            return "zh"
    return "zh"
