"""What Alipay's codes and states prove, and whose doing they are. Everything not listed here is
unknown, never a failure.

An answer has two codes: `code` of the gateway and, where it is 40004, `sub_code` of the business.
    10000 done    10003 the payer has to confirm    20000 they do not know    40005 too often
    20001 40001 40002 40003 40006 refused by the gateway, before the business saw it
Codes: opendocs.alipay.com, "public error codes" and the business error codes of the calls named in
the columns.

A create that was refused made no trade. A refused query, close or cancel proves nothing about the
trade, except where the code names the trade's own state. Refunds, transfers and shares are alike:
what was refused did not move money. Where a number was used before with other content, that other
one may have moved money: unsettled. ACQ.TRADE_HAS_SUCCESS is unsettled as well, for it does not say
the amount: the query will tell.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from schema.channels.verdicts import Cause, UnknownWhy

Operation = Literal[
    "create", "pay", "query", "close", "cancel", "refund", "query_refund", "transfer",
    "query_transfer", "share", "query_share",
]  # fmt: skip
OPERATIONS: tuple[Operation, ...] = (
    "create", "pay", "query", "close", "cancel", "refund", "query_refund", "transfer",
    "query_transfer", "share", "query_share",
)  # fmt: skip

Proof = Literal["refused", "not_known", "unsettled"]
_PROOFS: dict[str, Proof] = {"R": "refused", "K": "not_known", "-": "unsettled"}

DONE = "10000"
WAITING = "10003"
BUSINESS = "40004"


class Means(Struct, frozen=True):
    """What a code proves in one call, and whose doing it is."""

    proof: Proof
    cause: Cause


def _means(rows: dict[str, tuple[Cause, str]]) -> dict[str, dict[Operation, Means]]:
    return {
        code: {
            operation: Means(_PROOFS[letter], cause)
            for operation, letter in zip(OPERATIONS, letters.replace(" ", ""), strict=True)
        }
        for code, (cause, letters) in rows.items()
    }


# R  refused: surely no money moved and none will      K  they know no such thing      -  unsettled
# create pay | query close cancel | refund its query | transfer its query | share its query
GATEWAY_CODES: dict[str, dict[Operation, Means]] = _means({
    "20001": ("merchant", "RR --- R- R- R-"),  # the right that the merchant gave us is void
    "40001": ("platform", "RR --- R- R- R-"),  # a parameter is missing
    "40002": ("platform", "RR --- R- R- R-"),  # a parameter is wrong, the signature among them
    "40003": ("platform", "RR --- R- R- R-"),  # the same, of conditions
    "40006": ("merchant", "RR --- R- R- R-"),  # no right to this call
    "40005": ("channel",  "-- --- -- -- --"),  # too many calls
    "20000": ("channel",  "-- --- -- -- --"),  # they do not know themselves
})  # fmt: skip
"""What the gateway's own codes prove. These may come unsigned."""

SUB_CODES: dict[str, dict[Operation, Means]] = _means({
    # of all trades
    "ACQ.SYSTEM_ERROR":                       ("channel",  "-- --- -- -- --"),
    "ACQ.INVALID_PARAMETER":                  ("platform", "RR --- R- -- R-"),
    "ACQ.ACCESS_FORBIDDEN":                   ("merchant", "RR --- R- -- R-"),
    "ACQ.PARTNER_ERROR":                      ("merchant", "RR --- R- -- R-"),
    "ACQ.EXIST_FORBIDDEN_WORD":               ("platform", "RR --- -- -- --"),
    "ACQ.TOTAL_FEE_EXCEED":                   ("merchant", "RR --- -- -- --"),
    "ACQ.CURRENCY_NOT_SUPPORT":               ("platform", "RR --- -- -- --"),
    "ACQ.SELLER_BEEN_BLOCKED":                ("merchant", "RR --- -- -- --"),
    "ACQ.SELLER_NOT_EXIST":                   ("merchant", "RR --- -- -- --"),
    "ACQ.INVALID_STORE_ID":                   ("platform", "RR --- -- -- --"),
    "ACQ.SUB_GOODS_SIZE_MAX_COUNT":           ("platform", "RR --- -- -- --"),
    "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR":   ("platform", "RR --- -- -- --"),
    "ACQ.MERCHANT_STATUS_NOT_NORMAL":         ("merchant", "RR --- -- -- --"),
    "ACQ.BEYOND_PAY_RESTRICTION":             ("merchant", "RR --- -- -- --"),
    "ACQ.BEYOND_PER_RECEIPT_RESTRICTION":     ("merchant", "RR --- -- -- --"),
    "ACQ.BEYOND_PER_RECEIPT_DAY_RESTRICTION": ("merchant", "RR --- -- -- --"),
    "ACQ.BEYOND_PER_RECEIPT_SINGLE_RESTRICTION": ("merchant", "RR --- -- -- --"),
    "ACQ.MERCHANT_PERM_RECEIPT_DAY_LIMIT":    ("merchant", "RR --- -- -- --"),
    "ACQ.MERCHANT_PERM_RECEIPT_SINGLE_LIMIT": ("merchant", "RR --- -- -- --"),
    "ACQ.MERCHANT_PERM_RECEIPT_SUSPEND_LIMIT": ("merchant", "RR --- -- -- --"),
    "ACQ.SECONDARY_MERCHANT_ID_BLANK":        ("platform", "RR --- -- -- --"),
    "ACQ.SECONDARY_MERCHANT_ID_INVALID":      ("merchant", "RR --- -- -- --"),
    "ACQ.SECONDARY_MERCHANT_STATUS_ERROR":    ("merchant", "RR --- -- -- --"),
    "ACQ.RISK_MERCHANT_IP_NOT_EXIST":         ("platform", "RR --- -- -- --"),
    # of the payer
    "ACQ.PAYMENT_AUTH_CODE_INVALID":          ("payer",    "-R --- -- -- --"),
    "ACQ.BUYER_BALANCE_NOT_ENOUGH":           ("balance",  "RR --- -- -- --"),
    "ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH":  ("balance",  "RR --- -- -- --"),
    "ACQ.ERROR_BALANCE_PAYMENT_DISABLE":      ("payer",    "RR --- -- -- --"),
    "ACQ.BUYER_SELLER_EQUAL":                 ("payer",    "RR --- -- -- --"),
    "ACQ.BUYER_NOT_EXIST":                    ("payer",    "RR --- R- -- --"),
    "ACQ.BUYER_ENABLE_STATUS_FORBID":         ("payer",    "RR --- R- -- --"),
    "ACQ.PULL_MOBILE_CASHIER_FAIL":           ("payer",    "RR --- -- -- --"),
    "ACQ.MOBILE_PAYMENT_SWITCH_OFF":          ("payer",    "RR --- -- -- --"),
    "ACQ.USER_FACE_PAYMENT_SWITCH_OFF":       ("payer",    "RR --- -- -- --"),
    "ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE":   ("payer",    "RR --- -- -- --"),
    "ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR":   ("payer", "RR --- -- -- --"),
    "ACQ.BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR": ("payer", "RR --- -- -- --"),
    "ACQ.ERROR_BUYER_CERTIFY_LEVEL_LIMIT":    ("payer",    "RR --- -- -- --"),
    "ACQ.PAYMENT_REQUEST_HAS_RISK":           ("payer",    "RR --- -- -- --"),
    "ACQ.PAYMENT_FAIL":                       ("payer",    "-R --- -- -- --"),
    # of the trade itself: another order of ours may have the number
    "ACQ.CONTEXT_INCONSISTENT":               ("platform", "-- --- -- -- --"),
    "ACQ.TRADE_BUYER_NOT_MATCH":              ("platform", "-- --- -- -- --"),
    "ACQ.TRADE_HAS_SUCCESS":                  ("platform", "-- --- -- -- --"),
    "ACQ.TRADE_HAS_CLOSE":                    ("payer",    "RR -RR R- -- R-"),
    "ACQ.TRADE_HAS_FINISHED":                 ("platform", "-- --- R- -- R-"),
    "ACQ.TRADE_NOT_EXIST":                    ("platform", "-- KKK KK -- KK"),
    "ACQ.TRADE_STATUS_ERROR":                 ("platform", "-- --- R- -- R-"),
    "ACQ.REASON_ILLEGAL_STATUS":              ("platform", "-- --- R- -- R-"),
    "ACQ.REASON_TRADE_STATUS_INVALID":        ("platform", "-- --- R- -- R-"),
    # of refunds and of taking back
    "ACQ.SELLER_BALANCE_NOT_ENOUGH":          ("balance",  "-- --- R- -- R-"),
    "ACQ.REASON_TRADE_BEEN_FREEZEN":          ("merchant", "-- --- R- -- R-"),
    "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL":         ("platform", "-- --- R- -- --"),
    "ACQ.REASON_TRADE_REFUND_FEE_ERR":        ("platform", "-- --- R- -- --"),
    "ACQ.REFUND_FEE_ERROR":                   ("platform", "-- --- R- -- --"),
    "ACQ.REFUND_CHARGE_ERROR":                ("merchant", "-- --- R- -- --"),
    "ACQ.REFUND_ACCOUNT_NOT_EXIST":           ("payer",    "-- --- R- -- --"),
    "ACQ.TRADE_NOT_ALLOW_REFUND":             ("merchant", "-- --- R- -- --"),
    "ACQ.NOT_ALLOW_PARTIAL_REFUND":           ("merchant", "-- --- R- -- --"),
    "ACQ.ONLINE_TRADE_VOUCHER_NOT_ALLOW_REFUND": ("merchant", "-- --- R- -- --"),
    "ACQ.REFUNDALLOC_UNAUTH_LIMIT":           ("merchant", "-- --- R- -- --"),
    "ACQ.REFUND_ROYALTY_PAYEE_ACCOUNT_NOT_EXIST": ("merchant", "-- --- R- -- --"),
    "ACQ.DISCORDANT_REPEAT_REQUEST":          ("platform", "-- --- -- -- --"),
    # of profit shares
    "ACQ.ALLOC_AMOUNT_VALIDATE_ERROR":        ("platform", "-- --- -- -- R-"),
    "ACQ.ROYALTY_RECEIVER_INVALID":           ("platform", "-- --- -- -- R-"),
    "ACQ.INVALID_RECEIVE_ACCOUNT":            ("platform", "-- --- -- -- R-"),
    "ACQ.USER_NOT_MATCH_ERR":                 ("platform", "-- --- -- -- R-"),
    "ACQ.TRADE_SETTLE_ERROR":                 ("channel",  "-- --- -- -- --"),
    # of transfers
    "SYSTEM_ERROR":                           ("channel",  "-- --- -- -- --"),
    "REQUEST_PROCESSING":                     ("channel",  "-- --- -- -- --"),
    "RESOURCE_LIMIT_EXCEED":                  ("channel",  "-- --- -- -- --"),
    "PAYMENT_INFO_INCONSISTENCY":             ("platform", "-- --- -- -- --"),
    "MONEY_PAY_CLOSED":                       ("channel",  "-- --- -- -- --"),
    # "May still be in progress", they say, so it is no proof that nothing will move.
    "ORDER_NOT_EXIST":                        ("platform", "-- --- -- -K --"),
    "INVALID_PARAMETER":                      ("platform", "-- --- -- R- --"),
    "PAYER_BALANCE_NOT_ENOUGH":               ("balance",  "-- --- -- R- --"),
    "BALANCE_IS_NOT_ENOUGH":                  ("balance",  "-- --- -- R- --"),
    "PAYEE_NOT_EXIST":                        ("payer",    "-- --- -- R- --"),
    "PAYEE_USER_INFO_ERROR":                  ("payer",    "-- --- -- R- --"),
    "PAYEE_ACC_OCUPIED":                      ("payer",    "-- --- -- R- --"),
    "ACCOUNT_NOT_EXIST":                      ("payer",    "-- --- -- R- --"),
    "PERM_AML_NOT_REALNAME_REV":              ("payer",    "-- --- -- R- --"),
    "PERMIT_NON_BANK_LIMIT_PAYEE":            ("payer",    "-- --- -- R- --"),
    "EXCEED_LIMIT_DC_RECEIVED":               ("payer",    "-- --- -- R- --"),
    "EXCEED_LIMIT_UNRN_DM_AMOUNT":            ("payer",    "-- --- -- R- --"),
    "EXCEED_LIMIT_DM_MAX_AMOUNT":             ("merchant", "-- --- -- R- --"),
    "EXCEED_LIMIT_SM_MIN_AMOUNT":             ("merchant", "-- --- -- R- --"),
    "EXCEED_LIMIT_PERSONAL_SM_AMOUNT":        ("merchant", "-- --- -- R- --"),
    "EXCEED_LIMIT_ENT_SM_AMOUNT":             ("merchant", "-- --- -- R- --"),
    "PAYCARD_UNABLE_PAYMENT":                 ("merchant", "-- --- -- R- --"),
    "PAYER_STATUS_ERROR":                     ("merchant", "-- --- -- R- --"),
    "PAYER_CERT_EXPIRED":                     ("merchant", "-- --- -- R- --"),
    "PAYER_DATA_INCOMPLETE":                  ("merchant", "-- --- -- R- --"),
    "PAYER_PAYEE_CANNOT_SAME":                ("platform", "-- --- -- R- --"),
    "PAYER_USER_INFO_ERROR":                  ("merchant", "-- --- -- R- --"),
    "PAYER_PERMLIMIT_CHECK_FAILURE":          ("merchant", "-- --- -- R- --"),
    "INVALID_PAYER_ACCOUNT":                  ("merchant", "-- --- -- R- --"),
    "PERMIT_CHECK_PERM_LIMITED":              ("merchant", "-- --- -- R- --"),
    "PERMIT_PAYER_LOWEST_FORBIDDEN":          ("merchant", "-- --- -- R- --"),
    "PERMIT_PAYER_FORBIDDEN":                 ("merchant", "-- --- -- R- --"),
    "CERT_MISS_TRANS_LIMIT":                  ("merchant", "-- --- -- R- --"),
    "MEMO_REQUIRED_IN_TRANSFER_ERROR":        ("platform", "-- --- -- R- --"),
    "REMARK_HAS_SENSITIVE_WORD":              ("platform", "-- --- -- R- --"),
})  # fmt: skip
"""What each documented business code proves in each call."""

UNWELL: dict[str, UnknownWhy] = {
    "20000": "server_error",
    "ACQ.SYSTEM_ERROR": "server_error",
    "SYSTEM_ERROR": "server_error",
    "40005": "rate_limited",
    "RESOURCE_LIMIT_EXCEED": "rate_limited",
}
"""The unsettled ones by which the channel says that it is not well."""

BILL_CODES: dict[str, Literal["absent", "nothing"]] = {
    "isp.bill_not_exist": "absent",
    "BILL_NOT_EXIST": "absent",
    "NO_BILL_DATA": "nothing",
    "BILL_DATE_BEFORE_REGISTRATION": "nothing",
}
"""Why there is no bill. An absent one is not written yet, or never will be: the hour tells."""

Stand = Literal["paid", "pending", "ended"]

# TRADE_CLOSED says that it was never paid, or that all of it went back. TRADE_FINISHED is paid, and
# too old for a refund.
TRADE_STATES: dict[str, Stand] = {
    "WAIT_BUYER_PAY": "pending",
    "TRADE_SUCCESS":  "paid",
    "TRADE_FINISHED": "paid",
    "TRADE_CLOSED":   "ended",
}  # fmt: skip

# REFUND is a transfer whose payee's bank sent it back: the payee has nothing, and we have it again.
TRANSFER_STATES: dict[str, Literal["transferred", "pending", "refused"]] = {
    "SUCCESS":        "transferred",
    "DEALING":        "pending",
    "INIT":           "pending",
    "WAIT_PAY":       "pending",
    "FAIL":           "refused",
    "REFUND":         "refused",
    "CLOSED":         "refused",
}  # fmt: skip

TRANSFER_REFUSALS: dict[str, Cause] = {
    code: means["transfer"].cause
    for code, means in SUB_CODES.items()
    if means["transfer"].proof == "refused"
}
"""Whose doing a failed transfer is; for a reason that is not listed it is the channel's."""

RECEIPT_STATES: dict[str, Literal["pending", "shared", "refused"]] = {
    "PROCESSING": "pending",
    "SUCCESS": "shared",
    "FAIL": "refused",
}
