"""What WeChat Pay's codes and states prove, and whose doing they are. Everything not listed here is
unknown, never a failure.

Codes: pay.weixin.qq.com, documents v3, error tables of the calls named in the columns. The same
code comes with different statuses in different tables (MCH_NOT_EXISTS with 400 and 404), so the
code decides; only 429 and 5xx are unknown whatever they say.

A create that was refused made no order, and an order whose code was never handed out can't be paid
by anybody; hence a refusal is a proof even when an earlier try of the same number reached them. A
refused query or close proves nothing about the order, except where the code names the order's own
state. What refuses a refund, transfer or share was found after its number was looked up; so it is a
proof, if the caller asks how things stand before it repeats a try whose answer it does not know. A
signature is the exception, for it is looked at first: a clock that went wrong since must not give
back money that an earlier try sent. Of a payment code it is a proof for the first try only: whoever
repeats one takes no refusal for an answer.
Errors are not signed, and an unsigned word is never proof that money moved.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from schema.channels import Cause

Operation = Literal[
    "create", "codepay", "query", "close", "reverse", "refund", "query_refund", "transfer",
    "query_transfer", "share", "query_share",
]  # fmt: skip
OPERATIONS: tuple[Operation, ...] = (
    "create", "codepay", "query", "close", "reverse", "refund", "query_refund", "transfer",
    "query_transfer", "share", "query_share",
)  # fmt: skip

Proof = Literal["refused", "not_known", "unsettled"]
_PROOFS: dict[str, Proof] = {"R": "refused", "K": "not_known", "-": "unsettled"}


class Means(Struct, frozen=True):
    """What a code proves in one call, and whose doing it is."""

    proof: Proof
    cause: Cause


# R  refused: surely no money moved and none will      K  they know no such thing      -  unsettled
# create codepay | query close reverse | refund its query | transfer its query | share its query
_ROWS: dict[str, tuple[Cause, str]] = {
    "PARAM_ERROR":           ("platform", "RR --- R- R- R-"),
    "SIGN_ERROR":            ("platform", "RR --- -- -- --"),
    "NO_AUTH":               ("merchant", "RR --- R- R- R-"),
    "APPID_MCHID_NOT_MATCH": ("merchant", "RR --- R- R- R-"),
    "MCH_NOT_EXISTS":        ("merchant", "RR --- R- R- R-"),
    "RULE_LIMIT":            ("merchant", "RR --- R- R- R-"),
    "TRADE_ERROR":           ("payer",    "RR --- -- -- --"),
    "NOT_ENOUGH":            ("balance",  "RR --- R- R- R-"),
    "USER_ACCOUNT_ABNORMAL": ("payer",    "RR --- R- R- R-"),
    "ORDER_CLOSED":          ("payer",    "RR -RR -- -- --"),
    "ORDER_NOT_EXIST":       ("platform", "-- KKK -K -K -K"),
    "RESOURCE_NOT_EXISTS":   ("platform", "-- KKK -K -K -K"),
    "NOT_FOUND":             ("platform", "-- KKK -K -K -K"),
    # Another order of ours has this number with other content, so somebody may pay that one.
    "OUT_TRADE_NO_USED":     ("platform", "-- --- -- -- --"),
    "INVALID_REQUEST":       ("platform", "-- --- -- -- --"),
    # An unsigned word is never proof of a payment: the query will tell.
    "ORDERPAID":             ("platform", "-- --- -- -- --"),
    # They themselves do not know: repeat or ask later.
    "USERPAYING":            ("payer",    "-- --- -- -- --"),
    "FREQUENCY_LIMITED":     ("channel",  "-- --- -- -- --"),
    "SYSTEM_ERROR":          ("channel",  "-- --- -- -- --"),
    "BANK_ERROR":            ("channel",  "-- --- -- -- --"),
    "SERVICE_UNAVAILABLE":   ("channel",  "-- --- -- -- --"),
}  # fmt: skip

CODES: dict[str, dict[Operation, Means]] = {
    code: {
        operation: Means(_PROOFS[letter], cause)
        for operation, letter in zip(OPERATIONS, letters.replace(" ", ""), strict=True)
    }
    for code, (cause, letters) in _ROWS.items()
}
"""What each documented code proves in each call."""

BILL_CODES: dict[str, Literal["not_ready", "nothing"]] = {
    "STATEMENT_CREATING": "not_ready",
    "NO_STATEMENT_EXIST": "nothing",
}
"""Why there is no bill."""

Stand = Literal["paid", "pending", "ended"]

# Every trade_state of the query's documentation. REFUND includes partial refunds: money did come.
# PAYERROR and REVOKED belong to payment codes, where they end the order.
TRADE_STATES: dict[str, Stand] = {
    "SUCCESS":    "paid",
    "REFUND":     "paid",
    "NOTPAY":     "pending",
    "USERPAYING": "pending",
    "CLOSED":     "ended",
    "REVOKED":    "ended",
    "PAYERROR":   "ended",
}  # fmt: skip

# ABNORMAL: the money left the merchant and did not reach the payer, which is no failure to undo.
REFUND_STATES: dict[str, Literal["refunded", "pending", "abnormal", "refused"]] = {
    "SUCCESS":    "refunded",
    "PROCESSING": "pending",
    "ABNORMAL":   "abnormal",
    "CLOSED":     "refused",
}  # fmt: skip

# TRANSFERING is how they spell it; the right spelling is read as well.
TRANSFER_STATES: dict[str, Literal["transferred", "pending", "refused"]] = {
    "ACCEPTED":          "pending",
    "PROCESSING":        "pending",
    "WAIT_USER_CONFIRM": "pending",
    "TRANSFERING":       "pending",
    "TRANSFERRING":      "pending",
    "CANCELING":         "pending",
    "SUCCESS":           "transferred",
    "FAIL":              "refused",
    "CANCELLED":         "refused",
}  # fmt: skip

TRANSFER_REFUSALS: dict[str, Cause] = {
    "CANCELLED":                   "platform",
    "OVERDUE_CLOSE":               "payer",
    "ACCOUNT_FROZEN":              "payer",
    "ACCOUNT_NOT_EXIST":           "payer",
    "DAY_RECEIVED_COUNT_EXCEED":   "payer",
    "DAY_RECEIVED_QUOTA_EXCEED":   "payer",
    "REAL_NAME_CHECK_FAIL":        "payer",
    "NAME_NOT_CORRECT":            "payer",
    "RECEIVE_ACCOUNT_NOT_PERMMIT": "payer",
    "ID_CARD_NOT_CORRECT":         "payer",
    "TRANSFER_RISK":               "payer",
    "OPENID_INVALID":              "platform",
    "BLOCK_B2C_USERLIMITAMOUNT_BSRULE_MONTH": "payer",
    "BLOCK_B2C_USERLIMITAMOUNT_MONTH":        "payer",
    "PRODUCT_AUTH_CHECK_FAIL":     "merchant",
    "MERCHANT_REJECT":             "merchant",
    "TRANSFER_QUOTA_EXCEED":       "merchant",
    "PAYEE_ACCOUNT_ABNORMAL":      "payer",
}  # fmt: skip
"""Whose doing a failed transfer is; for a reason that is not listed it is the channel's."""

SHARE_STATES: dict[str, Literal["shared", "pending"]] = {
    "FINISHED": "shared",
    "PROCESSING": "pending",
}
RECEIPT_STATES: dict[str, Literal["pending", "shared", "refused"]] = {
    "PENDING": "pending",
    "SUCCESS": "shared",
    "CLOSED": "refused",
}
RETURN_STATES: dict[str, Literal["shared", "pending", "refused"]] = {
    "SUCCESS": "shared",
    "PROCESSING": "pending",
    "FAILED": "refused",
}
