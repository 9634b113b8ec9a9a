"""What the desk's pages say, in Chinese and English."""

from __future__ import annotations

from typing import Literal

from handlers.simulator.world import No, TradeState, TransferState
from schema.channels.language import Protocols

Language = Literal["zh", "en"]

PLATFORMS: dict[Protocols, tuple[str, str]] = {
    "wechat": ("微信支付（模拟）", "WeChat Pay, simulated"),
    "alipay": ("支付宝（模拟）", "Alipay, simulated"),
    "unionpay": ("云闪付（模拟）", "UnionPay, simulated"),
    "bank": ("网银（模拟）", "Online bank, simulated"),
}

STATES: dict[TradeState, tuple[str, str]] = {
    TradeState.WAITING: ("待付款", "Waiting"),
    TradeState.CONFIRMING: ("待输入密码", "Password wanted"),
    TradeState.PAID: ("支付成功", "Paid"),
    TradeState.FAILED: ("支付失败", "Failed"),
    TradeState.CLOSED: ("已关闭", "Closed"),
    TradeState.REVERSED: ("已撤销", "Taken back"),
}

TRANSFER_STATES: dict[TransferState, tuple[str, str]] = {
    TransferState.CONFIRMING: ("待收款人确认", "To be confirmed"),
    TransferState.PROCESSING: ("处理中", "Under way"),
    TransferState.TRANSFERRED: ("已到账", "Arrived"),
    TransferState.FAILED: ("失败", "Failed"),
    TransferState.CANCELLED: ("已撤回", "Taken back"),
    TransferState.RETURNED: ("已退回", "Sent back"),
}

REFUSALS: dict[No, tuple[str, str]] = {
    No.ALREADY_PAID: ("订单已支付", No.ALREADY_PAID.value),
    No.ALREADY_CLOSED: ("订单已关闭", No.ALREADY_CLOSED.value),
    No.ALREADY_REVERSED: ("订单已撤销", No.ALREADY_REVERSED.value),
    No.ALREADY_FAILED: ("支付已失败", No.ALREADY_FAILED.value),
    No.EXPIRED: ("已过付款时间", No.EXPIRED.value),
    No.NOT_ENOUGH_MONEY: ("余额不足", No.NOT_ENOUGH_MONEY.value),
    No.PAYER_REFUSED: ("用户取消支付", No.PAYER_REFUSED.value),
    No.NOT_CONFIRMABLE: ("没有待确认的转账", No.NOT_CONFIRMABLE.value),
    No.OUTAGE: ("支付网络无响应", No.OUTAGE.value),
}

WORDS: dict[str, tuple[str, str]] = {
    "pay": ("付款", "Pay"),
    "confirm": ("输入密码并付款", "Type the password and pay"),
    "refuse": ("取消支付", "Refuse"),
    "poor": ("余额不足", "Not enough money"),
    "take": ("确认收款", "Take the money"),
    "back": ("返回商家", "Back to the merchant"),
    "desk": ("模拟柜台", "Simulator"),
    "scanned": ("扫到的内容或付款链接", "What was scanned or clicked"),
    "go": ("打开", "Open"),
    "merchant": ("商户", "Merchant"),
    "order": ("订单号", "Order"),
    "transfer": ("转账单号", "Transfer"),
    "payee": ("收款人", "Payee"),
    "amount": ("金额", "Amount"),
    "state": ("状态", "State"),
    "told": ("通知", "Notices"),
    "platform": ("平台", "Platform"),
    "older": ("更早", "Older"),
    "nothing": ("还没有订单。", "No orders yet."),
    "no_code": ("没有这个码对应的订单。", "No order waits under this code."),
    "no_order": ("没有这个订单。", "No such order."),
    "which": ("多个商户使用此订单号，请指明商户。", "Two merchants use this number: name one."),
    "faults": ("生效中的故障", "Faults in force"),
    "footer": ("模拟器，不涉及真实资金。", "A simulator: no money moves."),
}


def say(words: tuple[str, str], language: Language) -> str:
    """The words in one language."""
    return words[0] if language == "zh" else words[1]


def preferred(accept_language: str, wished: str | None) -> Language:
    """`?lang=` if it was given, or whichever of the two the browser names first."""
    if wished in ("zh", "en"):
        return wished
    for part in accept_language.lower().split(","):
        for language in ("zh", "en"):
            if part.strip().startswith(language):
                return language
    return "zh"
