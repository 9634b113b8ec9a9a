"""When a channel is asked again 补单: about attempts and refunds whose word does not come. Pure.

Soon first, since most lost notices are lost within the payer's patience; later seldom, for as long
as it takes. Age alone decides nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from schema.products import PRODUCTS, PayType

LADDER_S = (5, 10, 20, 40, 80, 160, 300, 600, 1_800, 3_600)
"""When to ask for a notice that does not come 补单: soon first, since most lost notices are lost
within the payer's patience; later hourly, for as long as it takes. Age alone decides nothing."""

TILL_LADDER_S = (2, 2, 3, 3, 4, 5, 5, 5, 5, 5, 5, 5, 5, *LADDER_S[1:])
"""The same at the till, where somebody waits with the goods in hand."""

REFUND_LADDER_S = (5, 20, 60, 120, 300, 600, 1_800, 3_600)
"""For refunds, which nobody stands waiting for; WeChat Pay wants a minute between two of an order,
so one that came too early is asked for again after that."""


def is_at_the_till(pay_type: PayType) -> bool:
    """Whether the payer shows a code, confirms on their own phone, and is given nothing."""
    return PRODUCTS[pay_type].gives == "at_the_till"


def query_time(queries: int, now: datetime, pay_type: PayType) -> datetime:
    """When to ask the channel after it was asked `queries` times in vain."""
    ladder_s = TILL_LADDER_S if is_at_the_till(pay_type) else LADDER_S
    return now + timedelta(seconds=ladder_s[min(queries, len(ladder_s) - 1)])


def refund_query_time(queries: int, now: datetime) -> datetime:
    """When to ask about a refund after it was asked about `queries` times in vain."""
    return now + timedelta(seconds=REFUND_LADDER_S[min(queries, len(REFUND_LADDER_S) - 1)])
