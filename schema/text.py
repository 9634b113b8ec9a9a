"""Texts that cross our borders: bounded, printable, and safe to store, sign and log."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

PRINTABLE = r"^[^\x00-\x1f\x7f]*$(?!\n)"
"""No control characters: PostgreSQL can't store NUL, and line breaks forge log lines.

Every pattern here ends with a look-ahead: Python's `$` alone also matches before a last line break.
"""

MerchantNo = Annotated[
    str, Meta(pattern=r"^[0-9]{6,20}$(?!\n)", description="Merchant number 商户号.")
]
MerchantOrderNo = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_|*.\-]{1,64}$(?!\n)",
        description="The merchant's own order number 商户订单号: unique per merchant, for ever.",
    ),
]
PaymentId = Annotated[
    str, Meta(pattern=r"^pay_[0-9a-z]{24}$(?!\n)", description="Our payment number.")
]
RefundId = Annotated[
    str, Meta(pattern=r"^ref_[0-9a-z]{24}$(?!\n)", description="Our refund number.")
]
ChannelNo = Annotated[
    str, Meta(pattern=r"^[a-z0-9_]{2,32}$(?!\n)", description="Channel number 通道号.")
]
Subject = Annotated[
    str, Meta(min_length=1, max_length=127, pattern=PRINTABLE, description="What is paid for.")
]
WebUrl = Annotated[
    str,
    Meta(
        max_length=512,
        pattern=r"^https?://[^\x00-\x20\x7f\"<>\\^`{|}@#]+$(?!\n)",
        description="An http(s) address without user name and fragment.",
    ),
]
PayerId = Annotated[str, Meta(min_length=1, max_length=64, pattern=PRINTABLE)]
AuthCode = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{15,32}$(?!\n)",
        description="What the payer shows at the till 付款码: good once, for a minute.",
    ),
]
ClientIp = Annotated[str, Meta(min_length=2, max_length=45, pattern=r"^[0-9A-Fa-f:.]+$(?!\n)")]
LaneName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_\-]{1,64}(\.[A-Za-z0-9_\-]{1,64})?$(?!\n)",
        description="Ids only: it becomes a queue's name and a routing key.",
    ),
]
Metadata = Annotated[
    dict[
        Annotated[str, Meta(pattern=r"^[A-Za-z0-9_\-]{1,40}$(?!\n)")],
        Annotated[str, Meta(max_length=500, pattern=PRINTABLE)],
    ],
    Meta(max_length=20, description="The merchant's own values, handed back in every answer."),
]
