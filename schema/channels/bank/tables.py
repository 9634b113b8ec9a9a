"""What the bank's words prove, as data to be reviewed; a word that is not here is unknown.

The protocol promises that a number is looked up before anything else is checked. So a refusal of a
new order, refund or transfer proves that nothing was ever done under its number.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from schema.channels.verdicts import Cause

Call = Literal["create", "ask", "close", "refund", "transfer"]
"""`ask` is every query; `close` also takes back."""

Meaning = Literal["refused", "not_known", "unknown"]


class Code(Struct, frozen=True, kw_only=True):
    """An error's code: the status it comes with, whose doing it is, and what it proves."""

    status: int
    cause: Cause
    refuses: tuple[Call, ...] = ()
    """After these calls it proves that nothing was done."""
    knows_not: tuple[Call, ...] = ()
    """After these calls it says that there is no such number."""

    def means(self, call: Call) -> Meaning:
        """What it proves after this call; nothing, where it is not listed."""
        if call in self.refuses:
            return "refused"
        return "not_known" if call in self.knows_not else "unknown"


_MAKING: tuple[Call, ...] = ("create", "refund", "transfer")

ERROR_MEANS: dict[str, Code] = {
    "MALFORMED":        Code(status=400, cause="platform", refuses=_MAKING),
    "NO_RIGHT":         Code(status=403, cause="merchant", refuses=_MAKING),
    "LIMIT":            Code(status=403, cause="merchant", refuses=_MAKING),
    "PAYER_UNKNOWN":    Code(status=403, cause="payer", refuses=("create",)),
    "PAYER_REFUSED":    Code(status=403, cause="payer", refuses=("create",)),
    "BALANCE_SHORT":    Code(status=403, cause="balance", refuses=("create",)),
    "ORDER_UNKNOWN":    Code(status=404, cause="platform", refuses=("refund",),
                             knows_not=("ask", "close")),
    "ORDER_NOT_PAID":   Code(status=409, cause="platform", refuses=("refund",)),
    "REFUND_EXCEEDS":   Code(status=403, cause="platform", refuses=("refund",)),
    "REFUND_UNKNOWN":   Code(status=404, cause="platform", knows_not=("ask",)),
    "FUNDS_SHORT":      Code(status=403, cause="balance", refuses=("refund", "transfer")),
    "PAYEE_REFUSED":    Code(status=403, cause="payer", refuses=("transfer",)),
    "TRANSFER_UNKNOWN": Code(status=404, cause="platform", knows_not=("ask",)),
    # It can't be closed any more; the query tells the payment.
    "ORDER_PAID":       Code(status=409, cause="payer"),
    # The payer is confirming just now.
    "ORDER_PAYING":     Code(status=409, cause="payer"),
    "BILL_UNKNOWN":     Code(status=404, cause="platform"),
    # The number stands for other content of ours; the first one may be carried out.
    "NUMBER_USED":      Code(status=409, cause="platform"),
    # Said before the number is looked up, and unsigned where the bank does not know who asks.
    "UNSIGNED":         Code(status=401, cause="platform"),
    "TOO_MANY":         Code(status=429, cause="channel"),
    "BUSY":             Code(status=503, cause="channel"),
}  # fmt: skip

OrderState = Literal["paid", "pending", "not_paid"]
ORDER_STATES: dict[str, OrderState] = {
    "WAITING": "pending",
    "PAID": "paid",
    "CLOSED": "not_paid",
    "FAILED": "not_paid",
    "REVERSED": "not_paid",
}

RefundState = Literal["refunded", "pending", "abnormal", "not_refunded"]
REFUND_STATES: dict[str, RefundState] = {
    "WORKING": "pending",
    "DONE": "refunded",
    "STUCK": "abnormal",
    "FAILED": "not_refunded",
}

TransferState = Literal["transferred", "pending", "not_transferred"]
# RETURNED 退汇 comes after DONE: the payee's bank sent the money back, days later at worst.
TRANSFER_STATES: dict[str, TransferState] = {
    "ACCEPTED": "pending",
    "WORKING": "pending",
    "DONE": "transferred",
    "REFUSED": "not_transferred",
    "RETURNED": "not_transferred",
}

BillState = Literal["ready", "later", "none"]
BILL_STATES: dict[str, BillState] = {"READY": "ready", "CREATING": "later", "EMPTY": "none"}

REASON_CAUSES: dict[str, Cause] = {
    "CLOSED": "payer",
    "EXPIRED": "payer",
    "PAYER_REFUSED": "payer",
    "BALANCE_SHORT": "balance",
    "ACCOUNT_CLOSED": "payer",
    "ACCOUNT_UNKNOWN": "payer",
    "NAME_MISMATCH": "payer",
    "LIMIT": "merchant",
    "FUNDS_SHORT": "balance",
    "BANK_UNREACHABLE": "channel",
}
"""Whose doing it was that something ended without money; another reason is the channel's."""


def reason_cause(reason: str) -> Cause:
    """Whose doing a `reason` is."""
    return REASON_CAUSES.get(reason, "channel")
