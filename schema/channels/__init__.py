"""Each channel's language as pure functions, and the words that all channels share.

`wishes` is what we may want, `language` what every channel can say, `verdicts` what an answer
proves, `offers` what the payer gets, `bills` what was traded. A channel's folder turns wishes into
HTTP requests and answers into verdicts. It never connects, reads a clock or draws a random number.
"""

from schema.channels.bills import (
    Bill,
    BillAt,
    BillNotReady,
    BillPlace,
    BillRead,
    FundBill,
    FundLine,
    NoBill,
    TradeBill,
    TradeLine,
)
from schema.channels.http import HttpAnswer, HttpRequest, ProtocolError, Question, Stamp
from schema.channels.language import (
    Language,
    Notice,
    OtherNotice,
    PaymentNotice,
    RefundNotice,
    TransferNotice,
)
from schema.channels.offers import (
    AppString,
    AtTheTill,
    ClientCall,
    Form,
    Offer,
    QrCode,
    Redirect,
)
from schema.channels.verdicts import (
    Cause,
    NotKnownThere,
    Paid,
    Pending,
    Receipt,
    RefundAbnormal,
    Refunded,
    RefundPending,
    RefundVerdict,
    Shared,
    SharePending,
    ShareVerdict,
    SurelyNotPaid,
    SurelyNotRefunded,
    SurelyNotShared,
    SurelyNotTransferred,
    TransferPending,
    Transferred,
    TransferVerdict,
    Unknown,
    UnknownWhy,
    Verdict,
)
from schema.channels.wishes import BillWish, Order, Part, Payee, Refund, Share, Transfer

__all__ = [
    "AppString", "AtTheTill", "Bill", "BillAt", "BillNotReady", "BillPlace", "BillRead",
    "BillWish", "Cause", "ClientCall", "Form", "FundBill", "FundLine", "HttpAnswer",
    "HttpRequest", "Language", "NoBill", "NotKnownThere", "Notice", "Offer", "Order",
    "OtherNotice", "Paid", "Part", "Payee", "PaymentNotice", "Pending", "ProtocolError", "QrCode",
    "Question", "Receipt", "Redirect", "Refund", "RefundAbnormal", "RefundNotice",
    "RefundPending", "RefundVerdict", "Refunded", "Share", "SharePending", "ShareVerdict",
    "Shared", "Stamp", "SurelyNotPaid", "SurelyNotRefunded", "SurelyNotShared",
    "SurelyNotTransferred", "TradeBill", "TradeLine", "Transfer", "TransferNotice",
    "TransferPending", "TransferVerdict", "Transferred", "Unknown", "UnknownWhy", "Verdict",
]  # fmt: skip
